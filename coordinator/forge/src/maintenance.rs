//! What keeps a repository quick to serve after many pushes: few packs, and bitmaps over them.
//!
//! Packs are rolled up a while after a push, or at once where there are many. A push that would
//! make them too many waits until they are fewer: that holds however fast pushes come in.

use crate::cache::Pinned;
use crate::clock::Clock;
use crate::pushes::upload::{abandon, total_bytes, upload};
use crate::repositories::Repository;
use crate::{Error, Forge, cache};
use plue_contract::{PackId, RepoId};
use plue_git::maintenance::{bitmaps, geometric, roll_up};
use plue_git::oid::Oid;
use plue_git::quarantine::Quarantine;
use plue_store::packs::{self as pack_rows, PackRow};
use plue_store::repositories as rows;

/// The most live packs of a repository.
pub(crate) const MOST_PACKS: i64 = 50;
/// From this many on they are rolled up without delay.
pub(crate) const MANY_PACKS: i64 = 20;

/// Rolls small packs up into larger ones. A repository that is gone meanwhile needs nothing.
pub(crate) async fn maintain(forge: &Forge, id: RepoId, now_ms: i64) -> Result<(), Error> {
    let clock = Clock::set(now_ms);
    let Some(repository) = find(forge, id).await? else {
        return Ok(());
    };
    let rolled_up = {
        let _alone = forge.caches().rolling_up(id).await;
        roll_packs_up(forge, &repository, &clock).await?
    };
    if rolled_up {
        // The copy that was pinned before shows the packs that were replaced.
        let Some(repository) = find(forge, id).await? else {
            return Ok(());
        };
        cover(forge, id, &cache::open(forge, &repository).await?).await?;
    }
    Ok(())
}

/// Writes bitmaps over the packs of a copy, where it is large and has none that are any good.
pub(crate) async fn cover(forge: &Forge, id: RepoId, pinned: &Pinned) -> Result<(), Error> {
    let _alone = forge.caches().rolling_up(id).await;
    bitmaps(forge.git(), pinned.bare(), pinned.packs())
        .await
        .map(drop)
        .map_err(|error| Error::Internal(format!("bitmaps: {error}")))
}

/// Rolls packs up in a repository that has as many as it may, for a push that waits.
pub(crate) async fn make_room(forge: &Forge, id: RepoId, clock: &Clock) -> Result<(), Error> {
    let _alone = forge.caches().rolling_up(id).await;
    // Of several pushes that wait, the first has made room for all.
    let live = pack_rows::count(&mut forge.store().read().await?, id, "live").await?;
    if live < MOST_PACKS {
        return Ok(());
    }
    let repository = find(forge, id).await?.ok_or(Error::NotFound)?;
    roll_packs_up(forge, &repository, clock).await.map(drop)
}

/// A repository by its number, unless it is deleted.
pub(crate) async fn find(forge: &Forge, id: RepoId) -> Result<Option<Repository>, Error> {
    let found = rows::by_id(&mut forge.store().read().await?, id, None).await?;
    found
        .filter(|found| found.repository.deleted_at_ms.is_none())
        .map(|found| found.repository.try_into())
        .transpose()
}

/// A quarantine that sees every pack of a copy.
pub(crate) async fn quarantine(forge: &Forge, pinned: &Pinned) -> Result<Quarantine, Error> {
    let (bare, packs) = (pinned.bare().clone(), pinned.packs().to_vec());
    let scratch = forge.caches().scratch();
    let opened = tokio::task::spawn_blocking(move || Quarantine::open(&bare, &packs, &scratch)).await;
    Ok(opened.map_err(|died| Error::Internal(format!("opening a quarantine: {died}")))??)
}

/// Until when packs can be read that are replaced now: twice as long as a clone may take, in
/// milliseconds since 1970.
pub(crate) fn readable_until_ms(forge: &Forge, now_ms: i64) -> i64 {
    let deadline_ms = i64::try_from(forge.settings().deadline_ms).unwrap_or(i64::MAX / 4);
    now_ms.saturating_add(deadline_ms.saturating_mul(2))
}

/// Makes one pack of those that are small beside the others; whether there were any. The packs
/// that it replaces stay readable for twice as long as a clone may take.
async fn roll_packs_up(forge: &Forge, repository: &Repository, clock: &Clock) -> Result<bool, Error> {
    let pinned = cache::open(forge, repository).await?;
    let live = pack_rows::live(&mut forge.store().read().await?, repository.id).await?;
    // A push may have come in since the copy was pinned: its pack is the next time's.
    let live: Vec<(Oid, PackRow)> = live
        .into_iter()
        .filter_map(|row| Some((Oid::parse(&row.checksum, repository.object_format).ok()?, row)))
        .filter(|(checksum, row)| pinned.packs().contains(checksum) && row.unreachable_since_ms.is_none())
        .collect();
    let counts: Vec<u64> = live
        .iter()
        .map(|(_, row)| row.object_count.unsigned_abs())
        .collect();
    let chosen = geometric(&counts);
    if chosen.is_empty() {
        return Ok(false);
    }
    let small: Vec<Oid> = chosen.iter().map(|&at| live[at].0).collect();
    let mut quarantine = quarantine(forge, &pinned).await?;
    roll_up(forge.git(), &mut quarantine, &small).await?;
    let new = match quarantine.pack() {
        Some(files) => Some((
            upload(forge, repository.id, files, None, clock).await?,
            total_bytes(files),
        )),
        None => None,
    };
    let old: Vec<&PackRow> = chosen.iter().map(|&at| &live[at].1).collect();
    let swapped = swap(forge, repository.id, new.as_ref(), &old, clock.now_ms()).await;
    let unsure = matches!(&swapped, Err(error) if error.is_outcome_unknown());
    if let Some((pack, _)) = &new
        && !matches!(swapped, Ok(true))
        && !unsure
    {
        abandon(forge, pack).await;
    }
    let swapped = swapped?;
    if swapped {
        let files = quarantine.pack().cloned();
        cache::materialise(forge, repository.id, repository.object_format, files).await?;
        metrics::counter!("plue_packs_rolled_up_total").increment(old.len() as u64);
    }
    Ok(swapped)
}

/// Puts the new pack in the place of the old ones, in one transaction; not where one of those is
/// not live any more.
async fn swap(
    forge: &Forge,
    id: RepoId,
    new: Option<&(PackId, u64)>,
    old: &[&PackRow],
    now_ms: i64,
) -> Result<bool, Error> {
    let lease_until_ms = readable_until_ms(forge, now_ms);
    let outcome = forge
        .store()
        .in_tx("packs.swap", |tx| {
            Box::pin(async move {
                rows::lock(tx, id).await?;
                let mut bytes = 0;
                for row in old {
                    let pack = PackId(row.id.clone());
                    if !pack_rows::set_replaced(tx, &pack, lease_until_ms).await? {
                        return Err(Error::Busy { retry_after_s: 1 });
                    }
                    bytes -= row.size_bytes;
                }
                if let Some((pack, size_bytes)) = new {
                    if !pack_rows::set_live(tx, pack).await? {
                        return Err(Error::Busy { retry_after_s: 1 });
                    }
                    bytes += i64::try_from(*size_bytes).unwrap_or(i64::MAX);
                }
                rows::repacked(tx, id, bytes).await?;
                Ok(true)
            })
        })
        .await;
    match outcome {
        // Somebody else was here first; the next time will see what is left to do.
        Err(Error::Busy { .. }) => Ok(false),
        outcome => outcome,
    }
}
