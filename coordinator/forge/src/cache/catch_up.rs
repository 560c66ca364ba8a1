//! Making a copy show what the database says now.

use super::evict::put_away;
use super::{Copy, Entry, Folder, blocking};
use crate::repositories::Repository;
use crate::{Error, Forge};
use plue_blobs::{BlobKey, PackPart};
use plue_contract::{PackId, RepoId, causes};
use plue_git::browse::Reader;
use plue_git::bundle;
use plue_git::cache::{Bare, CacheError, Durability, PackFiles, PackedRef, Stamp, Transfer};
use plue_git::oid::{ObjectFormat, Oid};
use plue_git::refname::RefName;
use plue_store::packs::PackRow;
use plue_store::{Conn, packs as pack_rows, refs as ref_rows, repositories as rows};
use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

/// How often a snapshot of the rows is tried while pushes change them, before it is taken under
/// the repository's lock.
const SNAPSHOT_TRIES: usize = 3;

/// What the rows say of a repository at one moment.
struct Snapshot {
    stamp: Stamp,
    head: RefName,
    /// None where the copy shows them already.
    refs: Option<Vec<PackedRef>>,
    packs: Vec<(Oid, PackId)>,
    /// The last generation before objects were removed.
    expired: i64,
}

/// Makes the copy show what the rows say now. The entry's lock is held.
pub(super) async fn catch_up(
    forge: &Forge,
    entry: &Entry,
    id: RepoId,
    format: ObjectFormat,
) -> Result<Arc<Copy>, Error> {
    let dir = forge.caches().dir(id);
    let standing = {
        let dir = dir.clone();
        blocking(move || match Bare::open(&dir) {
            Ok(bare) => {
                let shown = bare.stamp()?.map(|stamp| (stamp, bare.head().ok()));
                Ok(Some((bare, shown)))
            }
            Err(CacheError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    };
    // Refs are many where a repository is large: those that the copy shows need not be read.
    let shown = match &standing {
        Ok(Some((bare, Some((stamp, Some(head)))))) if bare.format() == format => Some((*stamp, head)),
        _ => None,
    };
    let snapshot = snapshot(forge, id, shown).await?;
    // A copy that shows what the rows never said, or that cannot be read, is made anew.
    let usable = match &standing {
        Ok(None) => None,
        Ok(Some((bare, shown))) => Some(
            bare.format() == format
                && shown.as_ref().is_none_or(|(shown, _)| {
                    shown.epoch == snapshot.stamp.epoch && shown.generation <= snapshot.stamp.generation
                }),
        ),
        Err(_) => Some(false),
    };
    let folder = entry.current().map(|copy| copy.folder.clone());
    let (bare, folder) = match (usable, standing) {
        (Some(true), Ok(Some((bare, _)))) => (bare, folder.unwrap_or_default()),
        (usable, standing) => {
            if usable.is_some() {
                tracing::warn!(repository = %id, shown = ?standing, "a copy is made anew");
                put_away(forge, entry, folder, id, "damaged").await?;
            }
            let head = snapshot.head.clone();
            let made = blocking(move || Bare::create(&dir, format, &head, Durability::Lazy)).await?;
            (made, Arc::default())
        }
    };
    fetch_missing(forge, id, &bare, &snapshot.packs).await?;
    let expired = snapshot.expired;
    let copy = {
        let bare = bare.clone();
        let git = forge.git().clone();
        let watched = forge.settings().watched;
        blocking(move || {
            show(&bare, &snapshot, watched)?;
            Ok(Copy {
                packs: snapshot.packs.iter().map(|(checksum, _)| *checksum).collect(),
                stamp: snapshot.stamp,
                reader: Reader::new(&git, &bare),
                bare,
                folder,
            })
        })
        .await?
    };
    let copy = Arc::new(copy);
    entry.set(Some(copy.clone()));
    // From here on nobody is given the copy that stood before.
    let read = copy.folder.now_shows(&copy);
    let bare = copy.bare.clone();
    if let Err(error) = blocking(move || forget_replaced(&bare, &read, expired)).await {
        tracing::warn!(repository = %id, error = %causes(&error), "packs that were replaced could not be removed from a copy");
    }
    Ok(copy)
}

impl Folder {
    /// Notes what the folder shows now; the packs of that and of all that somebody still reads.
    fn now_shows(&self, copy: &Arc<Copy>) -> HashSet<Oid> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.push(Arc::downgrade(copy));
        shown.retain(|copy| copy.strong_count() > 0);
        let read = shown.iter().filter_map(std::sync::Weak::upgrade);
        read.flat_map(|copy| copy.packs.clone()).collect()
    }
}

/// Writes the refs. What others wrote into files of their own would hide them: the watcher settles
/// that at its next scan, and where there is none, such files are removed.
fn show(bare: &Bare, snapshot: &Snapshot, watched: bool) -> Result<(), CacheError> {
    let hiding = if watched { Vec::new() } else { bare.loose_refs()? };
    if !hiding.is_empty() {
        let removed = bare.take_loose(&hiding)?;
        tracing::warn!(dir = %bare.dir().display(), ?removed, "refs that somebody else wrote were removed");
    }
    match &snapshot.refs {
        Some(refs) => bare.write_refs(&snapshot.head, refs, snapshot.stamp, Durability::Lazy),
        None => Ok(()),
    }
}

/// Removes packs that were replaced and that nobody reads, and bundles of before objects were removed.
/// Git looks through every pack that it finds, so what is of no use costs each reader.
fn forget_replaced(bare: &Bare, read: &HashSet<Oid>, expired: i64) -> Result<(), CacheError> {
    if bundle::newest(bare)?.is_some_and(|generation| generation <= expired) {
        bundle::forget(bare)?;
    }
    let old: Vec<Oid> = bare
        .packs()?
        .into_iter()
        .filter(|pack| !read.contains(pack))
        .collect();
    bare.remove_packs(&old)
}

/// Brings the packs that the copy lacks from the blob store.
async fn fetch_missing(forge: &Forge, id: RepoId, bare: &Bare, packs: &[(Oid, PackId)]) -> Result<(), Error> {
    let there = {
        let bare = bare.clone();
        blocking(move || bare.packs()).await?
    };
    for (checksum, pack) in packs {
        if there.binary_search(checksum).is_ok() {
            continue;
        }
        // Somebody may have removed the whole folder of the copies under us.
        std::fs::create_dir_all(forge.caches().scratch()).map_err(CacheError::Io)?;
        let scratch = tempfile::Builder::new()
            .prefix("fetch-")
            .tempdir_in(forge.caches().scratch())
            .map_err(CacheError::Io)?;
        for part in PackPart::ALL {
            let key = BlobKey::pack(id, pack, &checksum.to_string(), part)?;
            let file = scratch
                .path()
                .join(format!("pack-{checksum}.{}", part.extension()));
            match forge.blobs().get_to_file(&key, &file).await {
                // Git makes do without a reverse index.
                Err(error) if error.is_not_found() && part == PackPart::Reverse => {}
                outcome => drop(outcome?),
            }
        }
        let (bare, checksum) = (bare.clone(), *checksum);
        blocking(move || {
            let files = PackFiles::at(scratch.path(), checksum)?;
            bare.install(&files, Transfer::Move, Durability::Lazy).map(drop)
        })
        .await?;
        metrics::counter!("plue_cache_packs_fetched_total").increment(1);
    }
    Ok(())
}

/// Reads what the rows say at one moment: the generation before and after must be the same; under a stream
/// of pushes the row is locked for it. The refs are left out where they are `shown`.
async fn snapshot(forge: &Forge, id: RepoId, shown: Option<(Stamp, &RefName)>) -> Result<Snapshot, Error> {
    for _ in 0..SNAPSHOT_TRIES {
        let mut conn = forge.store().read().await?;
        let snapshot = read_snapshot(&mut conn, id, shown).await?;
        let after = rows::stamp(&mut conn, id).await?.ok_or(Error::NotFound)?;
        if after == (snapshot.stamp.generation, snapshot.stamp.epoch) {
            return Ok(snapshot);
        }
    }
    forge
        .store()
        .in_tx("cache.snapshot", |tx| {
            Box::pin(async move {
                rows::lock(tx, id).await?;
                read_snapshot(tx, id, shown).await
            })
        })
        .await
}

async fn read_snapshot(
    conn: &mut Conn,
    id: RepoId,
    shown: Option<(Stamp, &RefName)>,
) -> Result<Snapshot, Error> {
    let row = rows::by_id(conn, id, None)
        .await?
        .ok_or(Error::NotFound)?
        .repository;
    let repository = Repository::try_from(row)?;
    let stamp = Stamp {
        generation: repository.generation,
        epoch: repository.restore_epoch,
    };
    let head = repository.head()?;
    let odd = |what: &str| Error::Internal(format!("repository {id} has {what} that is none"));
    let packed = |row: ref_rows::RefRow| {
        Ok(PackedRef {
            name: RefName::from_wire(&row.name).map_err(|_| odd("a ref name"))?,
            oid: Oid::from_bytes(&row.oid).map_err(|_| odd("an object"))?,
            peeled: row
                .peeled
                .map(|oid| Oid::from_bytes(&oid).map_err(|_| odd("an object")))
                .transpose()?,
        })
    };
    let refs = if shown == Some((stamp, &head)) {
        None
    } else {
        let rows = ref_rows::all(conn, id).await?;
        Some(rows.into_iter().map(packed).collect::<Result<_, Error>>()?)
    };
    let packs = pack_rows::live(conn, id).await?;
    let checksum =
        |pack: &PackRow| Oid::parse(&pack.checksum, repository.object_format).map_err(|_| odd("a pack"));
    Ok(Snapshot {
        stamp,
        head,
        refs,
        packs: packs
            .iter()
            .map(|pack| Ok((checksum(pack)?, PackId(pack.id.clone()))))
            .collect::<Result<_, Error>>()?,
        expired: repository.expired_generation,
    })
}
