//! Step 6 of a push, and the same for packs that maintenance makes: a pack goes into the blob store.

use super::took_too_long;
use crate::clock::Clock;
use crate::failpoints::hit;
use crate::{Error, Forge};
use plue_blobs::{BlobKey, PackPart};
use plue_contract::{PackId, RepoId, causes};
use plue_git::cache::PackFiles;
use plue_store::packs::{self as pack_rows, PackRow};

/// The size of a pack with what belongs to it, in bytes.
pub(crate) fn total_bytes(files: &PackFiles) -> u64 {
    files.pack_bytes + files.idx_bytes + files.rev_bytes
}

/// Step 6: a row, so that the sweeper knows of it, and then the files. Of a pack of what nothing
/// refers to, since when that is so.
pub(crate) async fn upload(
    forge: &Forge,
    id: RepoId,
    files: &PackFiles,
    unreachable_since_ms: Option<i64>,
    clock: &Clock,
) -> Result<PackId, Error> {
    let now_ms = clock.now_ms();
    let pack = PackId(forge.ulid(now_ms));
    let checksum = files.checksum.to_string();
    let row = PackRow {
        id: pack.0.clone(),
        repository_id: id.0,
        checksum: checksum.clone(),
        size_bytes: i64::try_from(total_bytes(files)).unwrap_or(i64::MAX),
        object_count: i64::try_from(files.objects).unwrap_or(i64::MAX),
        unreachable_since_ms,
    };
    let lease_until_ms = now_ms.saturating_add(forge.settings().upload_grace_ms);
    let row = &row;
    let begun = forge
        .store()
        .in_tx("packs.begin_upload", |tx| {
            Box::pin(async move {
                Ok::<_, Error>(pack_rows::insert_uploading(tx, row, lease_until_ms, now_ms).await?)
            })
        })
        .await;
    begun.map_err(|error| match error {
        // Nothing of the push can have happened: at worst there is a row that the sweeper ends.
        error if error.is_outcome_unknown() => Error::Busy { retry_after_s: 5 },
        error => error,
    })?;
    hit("push-6-row")?;
    // The index last, as everywhere: it is what makes a pack known.
    let parts = [
        (PackPart::Pack, Some(&files.pack)),
        (PackPart::Reverse, files.rev.as_ref()),
        (PackPart::Index, Some(&files.idx)),
    ];
    for (part, file) in parts {
        let Some(file) = file else { continue };
        let key = BlobKey::pack(id, &pack, &checksum, part)?;
        let left = clock.left(forge.settings().deadline_ms);
        // What is left in mid-way may yet arrive: the row stays, until the sweeper finds both.
        let stored = tokio::time::timeout(left, forge.blobs().put_file(&key, file))
            .await
            .map_err(|_| took_too_long(forge))?;
        if let Err(error) = stored {
            abandon(forge, &pack).await;
            return Err(error.into());
        }
    }
    hit("push-6-uploaded")?;
    Ok(pack)
}

/// Gives an upload up, so that the sweeper need not wait for its lease to end.
pub(crate) async fn abandon(forge: &Forge, pack: &PackId) {
    let outcome = forge
        .store()
        .in_tx("packs.abandon", |tx| {
            Box::pin(async move { Ok::<_, Error>(pack_rows::abandon(tx, pack).await?) })
        })
        .await;
    if let Err(error) = outcome {
        tracing::warn!(%pack, error = %causes(&error), "an upload could not be given up; the sweeper will");
    }
}
