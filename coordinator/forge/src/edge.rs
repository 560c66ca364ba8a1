//! What the edge may answer by itself, and how a change waits until it does not any more.
//!
//! The edge asks how a public repository stands and may hold on to the answer for some seconds
//! ([`lease`]). The grant is written down *before* the repository is read, so that every change
//! either is in the answer or finds the grant. After its commit, a change looks which grants are
//! alive: with none it is answered at once; else the edge is told, and the answer waits for its
//! acknowledgement or for the end of the grants.

use crate::access::repositories::read;
use crate::clock::Clock;
use crate::repositories::{Repository, Visibility};
use crate::{Error, Forge};
use plue_contract::edge::{DRIFT_MS, Event, LEASE_MS, MAX_NAMES_A_NOTICE, STALE_MS, granted_until_ms};
use plue_contract::{Caller, RepoId, RepoPath, causes};
use plue_store::grants as rows;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Tells the edge of an event; whether the edge has acknowledged it. It goes on trying for as long
/// as that makes sense, whether somebody still waits or not.
pub type Tell = Arc<dyn Fn(Event) -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// The repository that everybody may read under this path, as the edge may take it to stand from
/// now on; none where there is nothing for everybody.
///
/// From the return of this on every change of the repository, and of what the path leads to,
/// waits for the edge.
pub async fn lease(forge: &Forge, path: &RepoPath, now_ms: i64) -> Result<Option<Repository>, Error> {
    let Some(before) = public(forge, path, now_ms).await? else {
        return Ok(None);
    };
    let (id, name) = (before.id, &path.key());
    let until_ms = i64::try_from(granted_until_ms(now_ms.cast_unsigned())).unwrap_or(i64::MAX);
    forge
        .store()
        .in_tx("edge.lease", |tx| {
            Box::pin(async move { Ok::<_, Error>(rows::put(tx, id, name, until_ms).await?) })
        })
        .await?;
    let now = public(forge, path, now_ms).await?;
    // Another repository by now: the grant was for the one before.
    Ok(now.filter(|now| now.id == id))
}

/// The repository that everybody may read under this path, if there is one.
pub async fn public(forge: &Forge, path: &RepoPath, now_ms: i64) -> Result<Option<Repository>, Error> {
    let anybody = Caller::anonymous(None, "edge");
    match read(forge, &anybody, path, now_ms).await {
        Ok(permit) => Ok(Some(permit.on().clone())),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A change that was committed.
pub(crate) struct Change {
    /// What has changed.
    pub(crate) repository: RepoId,
    /// The paths that lead elsewhere than before, old and new.
    pub(crate) paths: Vec<RepoPath>,
    /// Whether there is nothing left for everybody.
    pub(crate) hidden: bool,
}

impl Change {
    /// A change of the repository itself, which is called as before.
    pub(crate) fn of(repository: &Repository) -> Self {
        Self {
            repository: repository.id,
            paths: Vec::new(),
            hidden: repository.visibility != Visibility::Public || repository.deleted_at_ms.is_some(),
        }
    }

    /// The same, and what these paths lead to has changed too.
    pub(crate) fn of_paths(repository: &Repository, paths: impl IntoIterator<Item = RepoPath>) -> Self {
        Self {
            paths: paths.into_iter().collect(),
            ..Self::of(repository)
        }
    }
}

/// Returns once no edge holds on to what was before the change, which is committed. Whatever
/// happens here, the change stays.
pub(crate) async fn settle(forge: &Forge, change: Change, clock: &Clock) {
    // What was hidden is not to be shown as stale either: whoever ever held it is told.
    let past_ms = if change.hidden { STALE_MS.cast_signed() } else { 0 };
    let names: Vec<String> = change.paths.iter().map(RepoPath::key).collect();
    let found = async {
        let mut conn = forge.store().read().await?;
        let now_ms = clock.now_ms();
        let found = rows::after(&mut conn, change.repository, &names, now_ms - past_ms).await?;
        Ok::<_, Error>((found, now_ms))
    };
    let (grants, now_ms) = match found.await {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(error = %causes(&error), "grants of the edge cannot be read: a change waits for the longest");
            return tokio::time::sleep(Duration::from_millis(LEASE_MS + DRIFT_MS)).await;
        }
    };
    if grants.is_empty() {
        return;
    }
    let ends_ms = grants.iter().map(|grant| grant.until_ms).max().unwrap_or(now_ms);
    let names: BTreeSet<String> = grants.into_iter().map(|grant| grant.name).collect();
    let telling = forge.tell_edge().map(|tell| {
        let names: Vec<String> = names.into_iter().collect();
        let hidden = change.hidden;
        // In a task of its own: it goes on where the grants end first.
        tokio::spawn(async move {
            for names in names.chunks(MAX_NAMES_A_NOTICE) {
                let names = names.to_vec();
                if !tell(Event::RepositoriesChanged { names, hidden }).await {
                    return false;
                }
            }
            true
        })
    });
    let Ok(left_ms) = u64::try_from(ends_ms - now_ms) else {
        return;
    };
    let over = tokio::time::sleep(Duration::from_millis(left_ms));
    let outcome = match telling {
        None => {
            over.await;
            "expired"
        }
        Some(telling) => {
            tokio::pin!(over);
            tokio::select! {
                told = telling => match told {
                    Ok(true) => "acknowledged",
                    _ => {
                        over.await;
                        "expired"
                    }
                },
                () = &mut over => "expired",
            }
        }
    };
    metrics::counter!("plue_edge_leases_ended_total", "how" => outcome).increment(1);
}

/// Forgets grants that nobody will ever wait for, nor be told of.
pub(crate) async fn sweep(forge: &Forge, now_ms: i64) -> Result<u64, Error> {
    let before_ms = now_ms.saturating_sub(STALE_MS.cast_signed());
    forge
        .store()
        .in_tx("edge.sweep", |tx| {
            Box::pin(async move { Ok::<_, Error>(rows::delete_ended(tx, before_ms).await?) })
        })
        .await
}
