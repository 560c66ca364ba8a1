//! Taking copies away. Any of them may go at any moment: the next reader makes it again.
//!
//! The copies of a node have a budget. What counts against it is what their removal would free: a
//! file that is a hard link to a pack of the blob store costs nothing more than that pack. When
//! they take more, those that were not used for the longest time go, except those that somebody
//! is reading.

use super::{Copy, Entry, Folder, bind, blocking};
use crate::{Error, Forge};
use plue_contract::{RepoId, causes};
use plue_git::Bare;
use plue_git::cache::CacheError;
use std::collections::HashSet;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// How often, and after which pauses, an eviction that must be looks whether the readers have left.
const POLLS: usize = 40;
const POLL: Duration = Duration::from_millis(50);
/// In what the system counts a file's room, in bytes.
const BLOCK: u64 = 512;

/// What the copies take after they were held to their budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// How many there are.
    pub copies: usize,
    /// What their removal would free, in bytes.
    pub bytes: u64,
    /// How many were taken away.
    pub evicted: usize,
}

/// One copy, as it was found on the disk.
struct Found {
    id: RepoId,
    bytes: u64,
    /// When this process used it last; none if it did not.
    used: Option<Instant>,
    /// When it was brought up to date last, by whichever process.
    shown: SystemTime,
}

/// Takes copies away until the rest fits into the budget, the one that was not used for the
/// longest time first. One that somebody reads, that is being changed, or that holds refs which
/// the watcher has not seen yet stays, even beyond the budget.
pub async fn keep_within_budget(forge: &Forge) -> Result<Kept, Error> {
    bind(forge).await?;
    let mut found = find(forge).await?;
    let mut kept = Kept {
        copies: found.len(),
        bytes: found.iter().map(|copy| copy.bytes).sum(),
        evicted: 0,
    };
    found.sort_unstable_by_key(|copy| (copy.used, copy.shown));
    for copy in found {
        if kept.bytes <= forge.settings().cache_bytes {
            break;
        }
        match evict_unused(forge, copy.id).await {
            Ok(false) => continue,
            Ok(true) => {}
            // What is wrong with one copy is no reason to keep the others.
            Err(error) => {
                tracing::warn!(repository = %copy.id, error = %causes(&error), "a copy could not be evicted");
                continue;
            }
        }
        kept.copies -= 1;
        kept.bytes -= copy.bytes;
        kept.evicted += 1;
    }
    metrics::gauge!("plue_cache_bytes").set(kept.bytes as f64);
    metrics::gauge!("plue_cache_copies").set(kept.copies as f64);
    Ok(kept)
}

/// Measures every copy on the disk.
async fn find(forge: &Forge) -> Result<Vec<Found>, Error> {
    let caches = forge.caches();
    let places: Vec<_> = match caches.ids() {
        Ok(ids) => ids.into_iter().map(|id| (id, caches.dir(id))).collect(),
        // Somebody removed the folder of the copies, and with it all of them.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(CacheError::Io(error).into()),
    };
    let measured = blocking(move || {
        let measure = |(id, dir): (RepoId, std::path::PathBuf)| {
            let shown = std::fs::metadata(dir.join("packed-refs")).and_then(|known| known.modified());
            (
                id,
                freed_by_removal(&dir),
                shown.unwrap_or(SystemTime::UNIX_EPOCH),
            )
        };
        Ok(places.into_iter().map(measure).collect::<Vec<_>>())
    })
    .await?;
    Ok(measured
        .into_iter()
        .map(|(id, bytes, shown)| Found {
            id,
            bytes,
            used: caches.used(id),
            shown,
        })
        .collect())
}

/// How many bytes the disk gets back when a folder goes: those of files that have no name outside
/// of it. What goes meanwhile counts for nothing.
fn freed_by_removal(folder: &Path) -> u64 {
    let mut freed = 0;
    let mut folders = vec![folder.to_owned()];
    // A file that has two names in this folder counts once.
    let mut seen = HashSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(known) = entry.metadata() else { continue };
            if known.is_dir() {
                freed += known.blocks() * BLOCK;
                folders.push(entry.path());
            } else if known.nlink() == 1 && seen.insert(known.ino()) {
                freed += known.blocks() * BLOCK;
            }
        }
    }
    freed
}

/// Takes a copy away unless somebody uses it; whether it did.
async fn evict_unused(forge: &Forge, id: RepoId) -> Result<bool, Error> {
    let entry = forge.caches().entry(id);
    let Ok(changing) = entry.changing.try_lock() else {
        return Ok(false);
    };
    if forge.settings().watched {
        let dir = forge.caches().dir(id);
        let hiding = blocking(move || Bare::open(&dir)?.loose_refs()).await;
        if hiding.is_ok_and(|hiding| !hiding.is_empty()) {
            return Ok(false);
        }
    }
    if !entry.let_go() {
        return Ok(false);
    }
    let went = put_away(forge, &entry, None, id, "budget").await?;
    drop(changing);
    forge.caches().forget(id, entry);
    Ok(went)
}

/// Takes a copy away that must go. New readers wait until it is gone and then get another; those
/// that read it now get a moment to finish, and after that go on in a folder that has no name any
/// more.
pub(crate) async fn evict(forge: &Forge, id: RepoId) -> Result<(), Error> {
    let entry = forge.caches().entry(id);
    let changing = entry.changing.lock().await;
    let mut folder = None;
    if let Some(copy) = entry.current() {
        entry.set(None);
        let held = Arc::downgrade(&copy.folder);
        drop(copy);
        for _ in 0..POLLS {
            if held.strong_count() == 0 {
                break;
            }
            tokio::time::sleep(POLL).await;
        }
        folder = held.upgrade();
    }
    put_away(forge, &entry, folder, id, "must").await?;
    drop(changing);
    forge.caches().forget(id, entry);
    Ok(())
}

/// Moves a copy away; it is removed now, or with the last of its readers. Whether there was one.
/// The entry's lock is held.
pub(super) async fn put_away(
    forge: &Forge,
    entry: &Entry,
    folder: Option<Arc<Folder>>,
    id: RepoId,
    why: &'static str,
) -> Result<bool, Error> {
    entry.set(None);
    let (dir, attic) = (forge.caches().dir(id), forge.caches().attic());
    let moved = blocking(move || match plue_git::cache::evict(&dir, &attic) {
        Ok(moved) => Ok(Some(moved)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CacheError::Io(error)),
    })
    .await?;
    let went = moved.is_some();
    let folder = folder.unwrap_or_default();
    *folder.evicted_to.lock().unwrap_or_else(PoisonError::into_inner) = moved;
    if went {
        metrics::counter!("plue_cache_evictions_total", "why" => why).increment(1);
    }
    Ok(went)
}

impl Entry {
    /// Forgets the copy unless somebody reads it; whether nobody does. Nobody can begin to
    /// meanwhile: the entry's lock is held, and a copy is only ever handed out from here.
    fn let_go(&self) -> bool {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = |copy: &Arc<Copy>| Arc::strong_count(copy) == 1 && Arc::strong_count(&copy.folder) == 1;
        if !current.as_ref().is_none_or(unused) {
            return false;
        }
        *current = None;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_blob_store_holds_too_is_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        std::fs::create_dir_all(copy.join("objects/pack")).unwrap();
        let bare = freed_by_removal(&copy);
        std::fs::write(folder.path().join("blob"), vec![1; 100_000]).unwrap();
        let pack = copy.join("objects/pack/pack-1.pack");
        std::fs::hard_link(folder.path().join("blob"), &pack).unwrap();
        assert_eq!(freed_by_removal(&copy), bare);
        std::fs::write(copy.join("packed-refs"), vec![1; 50_000]).unwrap();
        let own = freed_by_removal(&copy) - bare;
        assert!((50_000..100_000).contains(&own), "{own}");
        // The blob goes, and the copy is all that is left of it.
        std::fs::remove_file(folder.path().join("blob")).unwrap();
        assert!(freed_by_removal(&copy) - bare - own >= 100_000);
        std::fs::remove_dir_all(&copy).unwrap();
        assert_eq!(freed_by_removal(&copy), 0);
    }
}
