//! Steps 5 to 8 of a push, and the wait of step 9: what it brings is checked, stored, committed and
//! shown, and no edge shows what was before.

use super::land::{LandError, Landed, Landing, land};
use super::upload::{abandon, total_bytes, upload};
use super::{Accepted, Ground, Proposal, Soil, took_too_long};
use crate::clock::Clock;
use crate::edge::{self, Change};
use crate::failpoints::hit;
use crate::repositories::Repository;
use crate::{Error, Forge, cache, maintenance};
use plue_contract::{Caller, PushId, causes};
use plue_git::cache::PackFiles;
use plue_git::connectivity::{self, ConnectivityError, ObjectKind, Tip};
use plue_git::oid::Oid;
use plue_git::quarantine::Quarantine;
use plue_git::wire::receive::RefUpdate;
use std::collections::HashMap;

/// How often a push waits for a roll-up of packs before its pusher reads that the server is busy.
const ROLL_UPS: usize = 5;

/// Accepts the ref updates of one push, or says of each why not.
///
/// The quarantine holds what the push brought and sees what the ground has; the caller's permit
/// for the ground was taken before and is looked at again in the transaction. After that nothing
/// changes the answer: what fails in showing the push is logged, and the next reader mends it.
pub(crate) async fn accept(
    forge: &Forge,
    caller: &Caller,
    ground: &Ground,
    quarantine: &Quarantine,
    proposal: &Proposal,
    clock: &Clock,
) -> Result<Accepted, Error> {
    let left = clock.left(forge.settings().deadline_ms);
    let tips = tokio::time::timeout(left, connected(forge, ground, quarantine, proposal))
        .await
        .map_err(|_| took_too_long(forge))??;
    hit("push-5-connected")?;
    let refused: Vec<_> = proposal
        .updates
        .iter()
        .map(|update| broken_rule(update, ground, &tips))
        .collect();
    let hopeless =
        refused.iter().all(Option::is_some) || (proposal.atomic && refused.iter().any(Option::is_some));
    let pack = match quarantine.pack() {
        Some(files) if !hopeless => Some((upload(forge, ground.id, files, None, clock).await?, files)),
        _ => None,
    };
    let peeled: HashMap<Oid, Oid> = tips
        .values()
        .filter_map(|tip| tip.peeled.map(|peeled| (tip.oid, peeled)))
        .collect();
    let landing = Landing {
        push: PushId(forge.ulid(clock.now_ms())),
        id: ground.id,
        soil: &ground.soil,
        caller,
        proposal,
        refused,
        peeled: &peeled,
        pack: pack.as_ref().map(|(id, files)| (id.clone(), total_bytes(files))),
    };
    let landed = land_with_room(forge, &landing, clock).await;
    let given_up = match &landed {
        Ok(landed) => !landed.changed,
        Err(error) => !error.is_outcome_unknown(),
    };
    if given_up && let Some((pack, _)) = &pack {
        abandon(forge, pack).await;
    }
    let Landed {
        repository,
        outcomes,
        changed,
    } = landed?;
    if changed {
        let files = pack.map(|(_, files)| files.clone());
        show(forge, &repository, files).await;
        let change = match &ground.soil {
            Soil::Existing { .. } => Change::of(&repository),
            Soil::New(_) => Change::of_paths(&repository, [repository.path()]),
        };
        edge::settle(forge, change, clock).await;
    }
    let created = changed && matches!(ground.soil, Soil::New(_));
    Ok(Accepted {
        push: changed.then_some(landing.push),
        created: created.then_some(repository),
        refs: outcomes,
    })
}

/// Lands a push; where the repository has as many packs as it may, after they were rolled up.
async fn land_with_room(forge: &Forge, landing: &Landing<'_>, clock: &Clock) -> Result<Landed, Error> {
    for _ in 0..ROLL_UPS {
        match land(forge, landing, clock).await {
            Ok(landed) => return Ok(landed),
            Err(LandError::Nothing(landed)) => return Ok(*landed),
            Err(LandError::Forge(error)) => return Err(error),
            Err(LandError::Crowded) => {
                metrics::counter!("plue_pushes_crowded_total").increment(1);
                let left = clock.left(forge.settings().deadline_ms);
                tokio::time::timeout(left, maintenance::make_room(forge, landing.id, clock))
                    .await
                    .map_err(|_| took_too_long(forge))??;
            }
        }
    }
    Err(Error::Busy { retry_after_s: 5 })
}

/// Looks at the new objects of the refs, and whether everything that they lead to is there.
async fn connected(
    forge: &Forge,
    ground: &Ground,
    quarantine: &Quarantine,
    proposal: &Proposal,
) -> Result<HashMap<Oid, Tip>, Error> {
    let mut oids: Vec<Oid> = proposal
        .updates
        .iter()
        .map(|update| update.new)
        .filter(|new| !new.is_zero())
        .collect();
    oids.sort_unstable();
    oids.dedup();
    let lacks = |error: ConnectivityError| match error {
        ConnectivityError::Missing { oid } if proposal.shallow => Error::Refused(format!(
            "your clone is shallow, and the push leaves out what object {oid} stands for; run \
             `git fetch --unshallow`, then push again"
        )),
        ConnectivityError::Missing { oid } => Error::Refused(format!(
            "the push leaves out object {oid}, which it needs and the repository does not have; run \
             `git fsck` in your clone"
        )),
        other => Error::Internal(format!("connectivity: {}", causes(&other))),
    };
    let tips = connectivity::inspect(forge.git(), quarantine, &oids)
        .await
        .map_err(lacks)?;
    connectivity::check(forge.git(), quarantine, &oids, &ground.tips)
        .await
        .map_err(lacks)?;
    Ok(tips.into_iter().map(|tip| (tip.oid, tip)).collect())
}

/// The rule that an update breaks whatever else is true, if it breaks one.
fn broken_rule(update: &RefUpdate, ground: &Ground, tips: &HashMap<Oid, Tip>) -> Option<String> {
    let name = &update.name;
    if update.is_delete() {
        let default = ground.default_bookmark()?;
        return (name.is_branch() && name.short() == default).then(|| {
            format!(
                "{default} is the default bookmark and cannot be deleted; make another one the default first"
            )
        });
    }
    let kind = tips.get(&update.new)?.kind;
    (name.is_branch() && kind != ObjectKind::Commit)
        .then(|| "a branch can only be at a commit; push other objects as tags".to_owned())
}

/// Step 8. The push is committed: whatever happens here, the answer stays.
async fn show(forge: &Forge, repository: &Repository, files: Option<PackFiles>) {
    let shown = async {
        hit("push-7-committed")?;
        cache::materialise(forge, repository.id, repository.object_format, files).await
    };
    if let Err(error) = shown.await {
        tracing::warn!(repository = %repository.id, error = %causes(&error), "a push is committed and not shown yet");
    }
}
