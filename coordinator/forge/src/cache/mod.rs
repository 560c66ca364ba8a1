//! The local copies of repositories: bare repositories on this machine's disk, made from the rows
//! of the database and the packs of the blob store, and made again whenever they are gone.
//!
//! A copy says in the header of its `packed-refs` which generation it shows. `open` brings it up
//! to the generation of the database and pins it: what a reader was given stays on the disk until
//! the reader lets go, even where the copy is evicted meanwhile. How a copy is brought up stands in
//! `catch_up.rs`, how it goes away in `evict.rs`.

mod catch_up;
mod evict;

use crate::failpoints::hit;
use crate::repositories::Repository;
use crate::{Error, Forge};
use catch_up::catch_up;
use evict::put_away;
use plue_contract::{RepoId, causes};
use plue_git::browse::Reader;
use plue_git::cache::{Bare, CacheError, Durability, PackFiles, PackedRef, Stamp, Transfer};
use plue_git::oid::{ObjectFormat, Oid};
use plue_store::repositories as rows;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

pub(crate) use evict::evict;
pub use evict::{Kept, keep_within_budget};

/// What the names of folders begin with that an earlier process left.
const LEFT: &str = "left-";

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
    /// When a reader or a push asked for it last.
    used: Mutex<Option<Instant>>,
    /// Held while the repository's packs are rolled up.
    rolling_up: Arc<tokio::sync::Mutex<()>>,
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
    /// All that was shown here and may still be read.
    shown: Mutex<Vec<Weak<Copy>>>,
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
                tracing::warn!(path = %path.display(), error = %causes(&error), "an evicted copy could not be removed");
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

    /// The pinned generation.
    pub(crate) fn generation(&self) -> i64 {
        self.copy.stamp.generation
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
        std::fs::create_dir_all(root)?;
        // Git children of a process that was killed may live on for a moment and write there, so
        // that it cannot be removed: it is moved away, and what stays is the next start's.
        for folder in [caches.attic(), caches.scratch()] {
            let aside = tempfile::Builder::new().prefix(LEFT).tempdir_in(root)?.keep();
            match std::fs::rename(&folder, aside.join("folder")) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => std::fs::create_dir_all(&folder)?,
            }
        }
        for entry in std::fs::read_dir(root)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(LEFT)
                && let Err(error) = std::fs::remove_dir_all(entry.path())
            {
                tracing::warn!(path = %entry.path().display(), error = %causes(&error), "what was left could not be removed");
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

    /// When this process used a repository's copy last.
    fn used(&self, id: RepoId) -> Option<Instant> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let used = entries.get(&id)?.used.lock();
        *used.unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the place of a repository without a copy go, unless somebody else holds it.
    fn forget(&self, id: RepoId, entry: Arc<Entry>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        // Two hold it: the table, and who asks. A third can only come by the table.
        if Arc::strong_count(&entry) == 2 && entry.current().is_none() {
            entries.remove(&id);
        }
    }

    /// Waits until nobody else on this machine rolls the packs of a repository up.
    pub(crate) async fn rolling_up(&self, id: RepoId) -> OwnedMutexGuard<()> {
        let rolling_up = self.entry(id).rolling_up.clone();
        rolling_up.lock_owned().await
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
            put_away(forge, &caches.entry(id), None, id, "foreign").await?;
        }
        // After the copies are gone: a process that dies in between begins again.
        std::fs::create_dir_all(&caches.root)?;
        std::fs::write(&file, database)?;
        Ok::<_, Error>(())
    };
    caches.bound.get_or_try_init(bind).await.copied()
}

/// Runs the statements that bringing a copy up needs, for a repository that is not there.
pub(crate) async fn rehearse(forge: &Forge) -> Result<(), Error> {
    const NOWHERE: RepoId = RepoId(-1);
    let mut conn = forge.store().read().await?;
    rows::stamp(&mut conn, NOWHERE).await?;
    rows::by_id(&mut conn, NOWHERE, None).await?;
    plue_store::refs::all(&mut conn, NOWHERE).await?;
    plue_store::packs::live(&mut conn, NOWHERE).await?;
    Ok(())
}

/// Brings the copy of a repository up to its generation, and pins it.
pub(crate) async fn open(forge: &Forge, repository: &Repository) -> Result<Pinned, Error> {
    bind(forge).await?;
    let entry = forge.caches().entry(repository.id);
    *entry.used.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
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

/// Does what [`open`] does, and reads the refs of the very generation that is pinned: other pushes
/// move those that the copy shows, and what they then lead to is in packs that are not pinned.
pub(crate) async fn open_with_refs(
    forge: &Forge,
    repository: &Repository,
) -> Result<(Pinned, Vec<PackedRef>), Error> {
    bind(forge).await?;
    let entry = forge.caches().entry(repository.id);
    *entry.used.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    let _changing = entry.changing.lock().await;
    let copy = match entry.fresh(repository) {
        Some(copy) => copy,
        None => catch_up(forge, &entry, repository.id, repository.object_format).await?,
    };
    let bare = copy.bare.clone();
    let (_, refs) = blocking(move || bare.read_refs()).await?;
    Ok((Pinned { copy }, refs))
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

/// Runs what waits for the disk where nobody else waits for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CacheError> + Send + 'static,
) -> Result<T, CacheError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(died) => Err(CacheError::Io(std::io::Error::other(died))),
    }
}
