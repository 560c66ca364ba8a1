//! Changes from outside: refs that a person or a program wrote into a local copy with git's own
//! commands. They stand in files of their own and hide what the copy shows.
//!
//! A change that goes on from what is here comes in by the same verb as a push, as the forge's
//! own. Anything else contradicts the database, which is right: the file is removed, and a report
//! says so.

use crate::cache::{self, Pinned, blocking};
use crate::clock::Clock;
use crate::pushes::accept::accept;
use crate::pushes::{Ground, Proposal};
use crate::repositories::Repository;
use crate::{Error, Forge};
use plue_contract::{Caller, Problem, RepoId};
use plue_git::cache::LooseRef;
use plue_git::connectivity::is_ancestor;
use plue_git::oid::Oid;
use plue_git::quarantine::QuarantineLimits;
use plue_git::refname::RefName;
use plue_git::wire::receive::RefUpdate;
use plue_store::repositories as rows;
use std::collections::HashMap;

/// What became of a ref that somebody wrote into a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The repository.
    pub repository: RepoId,
    /// The ref.
    pub name: RefName,
    /// The object that it was set to.
    pub oid: Oid,
    /// Why it was removed; none where it was taken in.
    pub removed: Option<String>,
}

/// Looks through all copies on this machine, and settles what it finds.
pub async fn scan(forge: &Forge, now_ms: i64) -> Result<Vec<Report>, Error> {
    cache::bind(forge).await?;
    let mut reports = Vec::new();
    for id in forge.caches().ids()? {
        let dir = forge.caches().dir(id);
        let found = blocking(move || plue_git::Bare::open(&dir)?.loose_refs()).await;
        // A copy that cannot be read has no changes to offer; the next reader makes it anew.
        if found.is_ok_and(|found| !found.is_empty()) {
            let mut conn = forge.store().read().await?;
            let row = rows::by_id(&mut conn, id, None).await?;
            drop(conn);
            if let Some(row) = row {
                let repository = Repository::try_from(row.repository)?;
                reports.extend(settle(forge, &repository, now_ms).await?);
            }
        }
    }
    Ok(reports)
}

/// Takes in or removes what others wrote into the copy of one repository.
pub(crate) async fn settle(
    forge: &Forge,
    repository: &Repository,
    now_ms: i64,
) -> Result<Vec<Report>, Error> {
    let (pinned, packed) = cache::open_with_refs(forge, repository).await?;
    let bare = pinned.bare().clone();
    let loose = blocking(move || bare.loose_refs()).await?;
    if loose.is_empty() {
        return Ok(Vec::new());
    }
    let bare = pinned.bare().clone();
    let shown: HashMap<RefName, Oid> = packed.into_iter().map(|each| (each.name, each.oid)).collect();
    let reports = take_in(forge, repository, pinned, &loose, &shown, now_ms).await?;
    // Under git's own locks, and only what still says the same: what changed again is the next
    // scan's.
    blocking(move || bare.take_loose(&loose)).await?;
    for report in &reports {
        let removed = report.removed.as_deref();
        tracing::warn!(repository = %report.repository, name = %report.name, removed, "a ref was changed from outside");
    }
    Ok(reports)
}

async fn take_in(
    forge: &Forge,
    repository: &Repository,
    pinned: Pinned,
    loose: &[LooseRef],
    shown: &HashMap<RefName, Oid>,
    now_ms: i64,
) -> Result<Vec<Report>, Error> {
    let report = |each: &LooseRef, removed: Option<String>| Report {
        repository: repository.id,
        name: each.name.clone(),
        oid: each.oid,
        removed,
    };
    let changed: Vec<&LooseRef> = loose
        .iter()
        .filter(|each| shown.get(&each.name) != Some(&each.oid))
        .collect();
    let dir = pinned.bare().dir().to_owned();
    let tips: Vec<Oid> = shown.values().copied().collect();
    let ground = Ground::existing(repository.clone(), pinned, tips.clone());
    let mut reports = Vec::new();
    // One by one: what is wrong with one ref is no reason to lose another.
    for each in changed {
        let taken = take_one(forge, &ground, &dir, &tips, each, shown.get(&each.name), now_ms).await;
        reports.push(match taken {
            Ok(refused) => report(each, refused),
            Err(error) if error.is_internal() || error.is_outcome_unknown() => return Err(error),
            Err(error) => report(each, Some(Problem::from(&error).detail)),
        });
    }
    Ok(reports)
}

/// Takes one ref in; says why not, if not.
async fn take_one(
    forge: &Forge,
    ground: &Ground,
    dir: &std::path::Path,
    tips: &[Oid],
    loose: &LooseRef,
    shown: Option<&Oid>,
    now_ms: i64,
) -> Result<Option<String>, Error> {
    let mut quarantine = ground.quarantine(forge).await?;
    let limits = QuarantineLimits::default();
    quarantine
        .gather(forge.git(), dir, &[loose.oid], tips, &limits)
        .await?;
    if let Some(shown) = shown {
        let goes_on = is_ancestor(forge.git(), &quarantine, *shown, loose.oid).await;
        if !goes_on.is_ok_and(|goes_on| goes_on) {
            return Ok(Some("it does not go on from what is here".to_owned()));
        }
    }
    let proposal = Proposal {
        updates: vec![RefUpdate {
            name: loose.name.clone(),
            old: shown.copied().unwrap_or(Oid::zero(loose.oid.format())),
            new: loose.oid,
        }],
        atomic: true,
        options: Vec::new(),
        shallow: false,
    };
    let caller = Caller::system("watcher");
    let clock = Clock::set(now_ms);
    let accepted = accept(forge, &caller, ground, &quarantine, &proposal, &clock).await?;
    Ok(accepted.refs.into_iter().find_map(|(_, outcome)| outcome.err()))
}
