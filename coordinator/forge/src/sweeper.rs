//! Ends what was left behind: uploads whose push never came to its end, the blobs of dead packs,
//! and repositories whose time to be restored is over.

use crate::clock::Clock;
use crate::edge::{self, Change};
use crate::jobs::{self, Job, NewJob};
use crate::{Error, Forge, cache};
use plue_blobs::{BlobKey, PackPart};
use plue_contract::{PackId, RepoId};
use plue_store::packs::{self as pack_rows, PackRow};
use plue_store::repositories as rows;

/// How many dead packs are looked at in one go.
const BATCH: i64 = 100;

/// Turns uploads dead whose lease has ended and deletes the blobs of dead packs; how many of
/// those there were. A pack is dead in the database before its first blob goes, and a push that
/// comes late finds that: nothing that was acknowledged can be removed.
pub(crate) async fn sweep_uploads(forge: &Forge, now_ms: i64) -> Result<usize, Error> {
    forge
        .store()
        .in_tx("packs.abandon_expired", |tx| {
            Box::pin(async move { Ok::<_, Error>(pack_rows::abandon_expired(tx, now_ms).await?) })
        })
        .await?;
    let mut swept = 0;
    loop {
        let dead = pack_rows::dead(&mut forge.store().read().await?, BATCH).await?;
        for pack in &dead {
            delete_blobs(forge, pack).await?;
            forge
                .store()
                .in_tx("packs.forget", |tx| {
                    Box::pin(async move { Ok::<_, Error>(pack_rows::forget(tx, &pack.id).await?) })
                })
                .await?;
        }
        swept += dead.len();
        if dead.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            break;
        }
    }
    let unfinished_before_ms = now_ms.saturating_sub(forge.settings().upload_grace_ms);
    forge.blobs().sweep_unfinished(unfinished_before_ms).await?;
    if swept > 0 {
        metrics::counter!("plue_packs_swept_total").increment(swept as u64);
    }
    Ok(swept)
}

async fn delete_blobs(forge: &Forge, pack: &PackRow) -> Result<(), Error> {
    let (repository, id) = (RepoId(pack.repository_id), PackId(pack.id.clone()));
    for part in PackPart::ALL {
        let key = BlobKey::pack(repository, &id, &pack.checksum, part)?;
        forge.blobs().delete(&key).await?;
    }
    Ok(())
}

/// Removes a repository for good, if it is still deleted and its grace period is over. One that
/// was restored and deleted again has a grace period of its own, and this is asked for again.
pub(crate) async fn purge_deleted(
    forge: &Forge,
    id: RepoId,
    request_id: &str,
    now_ms: i64,
) -> Result<(), Error> {
    let grace_ms = forge.settings().restore_grace_ms;
    let gone = forge
        .store()
        .in_tx("repositories.purge", |tx| {
            Box::pin(async move {
                rows::lock(tx, id).await?;
                let Some(found) = rows::by_id(tx, id, None).await? else {
                    return Ok(true);
                };
                let Some(deleted_at_ms) = found.repository.deleted_at_ms else {
                    return Ok(false);
                };
                let over_at_ms = deleted_at_ms.saturating_add(grace_ms);
                if over_at_ms > now_ms {
                    let again = NewJob {
                        job: Job::PurgeDeleted { repository: id },
                        run_after_ms: over_at_ms,
                    };
                    jobs::enqueue_in(tx, again, request_id, now_ms).await?;
                    return Ok(false);
                }
                Ok::<_, Error>(rows::purge(tx, id).await?)
            })
        })
        .await?;
    // Also where the rows went before and the process died: the job is done when all is gone.
    if gone {
        // It was hidden when it was deleted; whoever was not reached then is told again.
        let purged = Change {
            repository: id,
            paths: Vec::new(),
            hidden: true,
        };
        edge::settle(forge, purged, &Clock::set(now_ms)).await;
        cache::evict(forge, id).await?;
        sweep_uploads(forge, now_ms).await?;
    }
    Ok(())
}
