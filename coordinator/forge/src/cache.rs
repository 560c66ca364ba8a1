//! The local copies of repositories: bare repositories on this machine's disk, made from the rows
//! of the database and the packs of the blob store, and made again whenever they are gone.
//!
//! A copy says in the header of its `packed-refs` which generation it shows. [`open`] brings it up
//! to the generation of the database and pins it: what a reader was given stays on the disk until
//! the reader lets go, even where the copy is evicted meanwhile.

use crate::failpoints::hit;
use crate::repositories::Repository;
use crate::{Error, Forge};
use plue_blobs::{BlobKey, PackPart};
use plue_contract::{PackId, RepoId};
use plue_git::browse::Reader;
use plue_git::cache::{Bare, CacheError, Durability, PackFiles, PackedRef, Stamp, Transfer};
use plue_git::oid::{ObjectFormat, Oid};
use plue_git::refname::RefName;
use plue_store::packs::PackRow;
use plue_store::{Conn, packs as pack_rows, refs as ref_rows, repositories as rows};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often a snapshot of the rows is tried while pushes change them, before it is taken under
/// the repository's lock.
const SNAPSHOT_TRIES: usize = 3;
/// How often, and after which pauses, an eviction looks whether the readers have left.
const EVICTION_POLLS: usize = 40;
const EVICTION_POLL: Duration = Duration::from_millis(50);

/// The copies on this machine.
pub(crate) struct Caches {
    root: PathBuf,
    entries: Mutex<HashMap<RepoId, Arc<Entry>>>,
    /// Set once the copies are known to be of this database.
    bound: tokio::sync::OnceCell<()>,
}

/// One repository's copy, if there is one.
#[derive(Default)]
struct Entry {
    /// Held while the copy is made or changed.
    changing: tokio::sync::Mutex<()>,
    current: Mutex<Option<Arc<Copy>>>,
}

/// A copy as it stood when it was brought up to a generation.
struct Copy {
    bare: Bare,
    /// Opened at most once for a generation, by whoever browses it first.
    reader: Reader,
    stamp: Stamp,
    packs: Vec<Oid>,
    /// Shared by all that read this folder, through every generation that it shows.
    folder: Arc<Folder>,
}

/// A folder that readers use; removed with the last of them once it was evicted.
#[derive(Default)]
struct Folder {
    evicted_to: Mutex<Option<PathBuf>>,
}

impl Drop for Folder {
    fn drop(&mut self) {
        let evicted = self
            .evicted_to
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(path) = evicted else { return };
        let remove = move || {
            if let Err(error) = std::fs::remove_dir_all(&path) {
                tracing::warn!(path = %path.display(), %error, "an evicted copy could not be removed");
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

/// A copy that stays where it is for as long as this lives.
pub(crate) struct Pinned {
    copy: Arc<Copy>,
}

impl Pinned {
    pub(crate) fn bare(&self) -> &Bare {
        &self.copy.bare
    }

    /// What reads this generation for people.
    pub(crate) fn reader(&self) -> &Reader {
        &self.copy.reader
    }

    /// The packs that count in the pinned generation.
    pub(crate) fn packs(&self) -> &[Oid] {
        &self.copy.packs
    }
}

impl Caches {
    /// The copies below `root`, which is made if it is not there. What an earlier process left
    /// half evicted is removed.
    pub(crate) fn open(root: &Path) -> Result<Self, CacheError> {
        let caches = Self {
            root: root.to_owned(),
            entries: Mutex::default(),
            bound: tokio::sync::OnceCell::new(),
        };
        for folder in [caches.attic(), caches.scratch()] {
            match std::fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => std::fs::create_dir_all(&folder)?,
            }
        }
        // Nobody but this process writes here: a lock that stands was left by one that died.
        for id in caches.ids()? {
            if let Ok(bare) = Bare::open(&caches.dir(id)) {
                bare.break_locks()?;
            }
        }
        Ok(caches)
    }

    /// Where pushes are unpacked before they count; on the same file system as the copies.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    fn attic(&self) -> PathBuf {
        self.root.join("evicted")
    }

    /// Where the copy of a repository is, if there is one.
    pub(crate) fn dir(&self, id: RepoId) -> PathBuf {
        self.root
            .join(format!("{:02x}", id.0 & 0xff))
            .join(format!("{id}.git"))
    }

    /// The repositories that have a copy here.
    pub(crate) fn ids(&self) -> std::io::Result<Vec<RepoId>> {
        let mut ids = Vec::new();
        for shard in std::fs::read_dir(&self.root)? {
            let shard = shard?;
            if shard.file_name().len() != 2 {
                continue;
            }
            for entry in std::fs::read_dir(shard.path())? {
                let name = entry?.file_name();
                let id = name.to_str().and_then(|name| name.strip_suffix(".git"));
                ids.extend(id.and_then(|id| id.parse::<RepoId>().ok()));
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    fn entry(&self, id: RepoId) -> Arc<Entry> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.entry(id).or_default().clone()
    }
}

impl Entry {
    fn current(&self) -> Option<Arc<Copy>> {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, copy: Option<Arc<Copy>>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = copy;
    }

    /// The copy, if it shows at least this generation and is all there.
    fn fresh(&self, repository: &Repository) -> Option<Arc<Copy>> {
        let copy = self.current()?;
        let new_enough =
            copy.stamp.epoch == repository.restore_epoch && copy.stamp.generation >= repository.generation;
        (new_enough && copy.is_whole()).then_some(copy)
    }
}

impl Copy {
    /// Whether the folder still shows what was put there: somebody may have removed it, or run
    /// git in it.
    fn is_whole(&self) -> bool {
        matches!(self.bare.stamp(), Ok(Some(stamp)) if stamp == self.stamp)
            && self.packs.iter().all(|checksum| {
                let packs = self.bare.dir().join("objects/pack");
                packs.join(format!("pack-{checksum}.idx")).exists()
                    && packs.join(format!("pack-{checksum}.pack")).exists()
            })
    }
}

/// Sees to it, once in a process, that the copies are of this database: another one numbers other
/// repositories alike, and what is in a copy can be read by whoever may read its repository.
pub(crate) async fn bind(forge: &Forge) -> Result<(), Error> {
    let caches = forge.caches();
    let bind = async || {
        let fresh = forge.uuid();
        let fresh = fresh.as_str();
        let database = forge
            .store()
            .in_tx("cache.bind", |tx| {
                Box::pin(async move { plue_store::instance::id(tx, fresh).await })
            })
            .await?;
        let file = caches.root.join("instance");
        if std::fs::read_to_string(&file).is_ok_and(|written| written == database) {
            return Ok(());
        }
        for id in caches.ids().map_err(CacheError::Io)? {
            put_away(forge, &caches.entry(id), None, id).await?;
        }
        // After the copies are gone: a process that dies in between begins again.
        std::fs::create_dir_all(&caches.root)?;
        std::fs::write(&file, database)?;
        Ok::<_, Error>(())
    };
    caches.bound.get_or_try_init(bind).await.copied()
}

/// Brings the copy of a repository up to its generation, and pins it.
pub(crate) async fn open(forge: &Forge, repository: &Repository) -> Result<Pinned, Error> {
    bind(forge).await?;
    let entry = forge.caches().entry(repository.id);
    if let Some(copy) = entry.fresh(repository) {
        metrics::counter!("plue_cache_total", "outcome" => "fresh").increment(1);
        return Ok(Pinned { copy });
    }
    let _changing = entry.changing.lock().await;
    if let Some(copy) = entry.fresh(repository) {
        return Ok(Pinned { copy });
    }
    let copy = catch_up(forge, &entry, repository.id, repository.object_format).await?;
    metrics::counter!("plue_cache_total", "outcome" => "caught_up").increment(1);
    Ok(Pinned { copy })
}

/// Puts the pack of an accepted push into the copy and shows the refs as they are now. What fails
/// here is mended by the next reader.
pub(crate) async fn materialise(
    forge: &Forge,
    id: RepoId,
    format: ObjectFormat,
    pack: Option<PackFiles>,
) -> Result<(), Error> {
    bind(forge).await?;
    let entry = forge.caches().entry(id);
    let _changing = entry.changing.lock().await;
    let dir = forge.caches().dir(id);
    if let Some(pack) = pack {
        blocking(move || match Bare::open(&dir) {
            Ok(bare) => bare.install(&pack, Transfer::Link, Durability::Lazy).map(drop),
            Err(_) => Ok(()),
        })
        .await?;
    }
    hit("push-8-installed")?;
    catch_up(forge, &entry, id, format).await?;
    hit("push-8-materialised")?;
    Ok(())
}

/// Takes a copy away. New readers wait until it is gone and then get another; those that read it
/// now get a moment to finish, and after that go on in a folder that has no name any more.
pub(crate) async fn evict(forge: &Forge, id: RepoId) -> Result<(), Error> {
    let entry = forge.caches().entry(id);
    let _changing = entry.changing.lock().await;
    if let Some(copy) = entry.current() {
        entry.set(None);
        let folder = Arc::downgrade(&copy.folder);
        drop(copy);
        for _ in 0..EVICTION_POLLS {
            if folder.strong_count() == 0 {
                break;
            }
            tokio::time::sleep(EVICTION_POLL).await;
        }
        return put_away(forge, &entry, folder.upgrade(), id).await;
    }
    put_away(forge, &entry, None, id).await
}

async fn put_away(
    forge: &Forge,
    entry: &Entry,
    folder: Option<Arc<Folder>>,
    id: RepoId,
) -> Result<(), Error> {
    entry.set(None);
    let (dir, attic) = (forge.caches().dir(id), forge.caches().attic());
    let moved = blocking(move || match plue_git::cache::evict(&dir, &attic) {
        Ok(moved) => Ok(Some(moved)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CacheError::Io(error)),
    })
    .await?;
    let folder = folder.unwrap_or_default();
    *folder.evicted_to.lock().unwrap_or_else(PoisonError::into_inner) = moved;
    metrics::counter!("plue_cache_evictions_total").increment(1);
    Ok(())
}

/// What the rows say of a repository at one moment.
struct Snapshot {
    stamp: Stamp,
    head: RefName,
    refs: Vec<PackedRef>,
    packs: Vec<(Oid, PackId)>,
    /// The packs whose files may be here: the live ones, and those that were replaced a short
    /// while ago, which somebody may still be reading.
    kept: HashSet<Oid>,
}

/// Makes the copy show what the rows say now. The entry's lock is held.
async fn catch_up(
    forge: &Forge,
    entry: &Entry,
    id: RepoId,
    format: ObjectFormat,
) -> Result<Arc<Copy>, Error> {
    let snapshot = snapshot(forge, id).await?;
    let dir = forge.caches().dir(id);
    let standing = {
        let dir = dir.clone();
        blocking(move || match Bare::open(&dir) {
            Ok(bare) => bare.stamp().map(|stamp| Some((bare, stamp))),
            Err(CacheError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    };
    // A copy that shows what the rows never said, or that cannot be read, is made anew.
    let usable = match &standing {
        Ok(None) => None,
        Ok(Some((bare, stamp))) => Some(
            bare.format() == format
                && stamp.is_none_or(|shown| {
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
                put_away(forge, entry, folder, id).await?;
            }
            let head = snapshot.head.clone();
            let made = blocking(move || Bare::create(&dir, format, &head, Durability::Lazy)).await?;
            (made, Arc::default())
        }
    };
    fetch_missing(forge, id, &bare, &snapshot.packs).await?;
    let copy = {
        let bare = bare.clone();
        let git = forge.git().clone();
        let watched = forge.settings().watched;
        blocking(move || {
            show(&bare, &snapshot, watched)?;
            forget_replaced(&bare, &snapshot.kept)?;
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
    Ok(copy)
}

/// Writes the refs. What others wrote into files of their own would hide them: the watcher settles
/// that at its next scan, and where there is none, such files are removed.
fn show(bare: &Bare, snapshot: &Snapshot, watched: bool) -> Result<(), CacheError> {
    let hiding = if watched { Vec::new() } else { bare.loose_refs()? };
    if !hiding.is_empty() {
        let removed = bare.take_loose(&hiding)?;
        tracing::warn!(dir = %bare.dir().display(), ?removed, "refs that somebody else wrote were removed");
    }
    bare.write_refs(&snapshot.head, &snapshot.refs, snapshot.stamp, Durability::Lazy)
}

/// Removes packs that were replaced, when nobody can be reading them any more.
fn forget_replaced(bare: &Bare, kept: &HashSet<Oid>) -> Result<(), CacheError> {
    let old: Vec<Oid> = bare
        .packs()?
        .into_iter()
        .filter(|pack| !kept.contains(pack))
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

/// Reads what the rows say at one moment: the generation before and after must be the same. Under
/// a stream of pushes the row is locked for it.
async fn snapshot(forge: &Forge, id: RepoId) -> Result<Snapshot, Error> {
    for _ in 0..SNAPSHOT_TRIES {
        let mut conn = forge.store().read().await?;
        let snapshot = read_snapshot(&mut conn, id).await?;
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
                read_snapshot(tx, id).await
            })
        })
        .await
}

async fn read_snapshot(conn: &mut Conn, id: RepoId) -> Result<Snapshot, Error> {
    let row = rows::by_id(conn, id, None)
        .await?
        .ok_or(Error::NotFound)?
        .repository;
    let repository = Repository::try_from(row)?;
    let refs = ref_rows::all(conn, id).await?;
    let packs = pack_rows::live(conn, id).await?;
    let replaced = pack_rows::replaced(conn, id).await?;
    let odd = |what: &str| Error::Internal(format!("repository {id} has {what} that is none"));
    let checksum =
        |pack: &PackRow| Oid::parse(&pack.checksum, repository.object_format).map_err(|_| odd("a pack"));
    Ok(Snapshot {
        stamp: Stamp {
            generation: repository.generation,
            epoch: repository.restore_epoch,
        },
        head: repository.head()?,
        refs: refs
            .into_iter()
            .map(|row| {
                Ok(PackedRef {
                    name: RefName::from_wire(&row.name).map_err(|_| odd("a ref name"))?,
                    oid: Oid::from_bytes(&row.oid).map_err(|_| odd("an object"))?,
                    peeled: row
                        .peeled
                        .map(|oid| Oid::from_bytes(&oid).map_err(|_| odd("an object")))
                        .transpose()?,
                })
            })
            .collect::<Result<_, Error>>()?,
        kept: packs
            .iter()
            .chain(&replaced)
            .map(checksum)
            .collect::<Result<_, _>>()?,
        packs: packs
            .iter()
            .map(|pack| Ok((checksum(pack)?, PackId(pack.id.clone()))))
            .collect::<Result<_, Error>>()?,
    })
}

/// Runs what waits for the disk where nobody else waits for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CacheError> + Send + 'static,
) -> Result<T, CacheError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(died) => Err(CacheError::Io(std::io::Error::other(died))),
    }
}
