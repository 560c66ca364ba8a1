//! What may be configured about repositories and git work.

use std::path::PathBuf;

/// The settings of everything that touches a repository.
#[derive(Clone, Debug)]
pub struct GitSettings {
    /// The folder of the local repository caches; made when it is not there.
    pub cache_dir: PathBuf,
    /// How much room the caches may take, in bytes, as far as removing them would free it.
    pub cache_bytes: u64,
    /// What one push may bring.
    pub limits: PushLimits,
    /// How much git work runs at once.
    pub queues: QueueSettings,
    /// The program that git runs in place of `pack-objects`, to answer repeated requests from a
    /// cache: this program itself. None: every clone is packed anew.
    pub pack_hook: Option<PathBuf>,
    /// How large that cache may grow, in bytes.
    pub pack_cache_bytes: u64,
    /// The longest that one transport may take, in milliseconds.
    pub deadline_ms: u64,
    /// How long an upload may stand before the sweeper ends it, in milliseconds; longer than
    /// the longest push.
    pub upload_grace_ms: i64,
    /// How long a deleted repository can be restored, in milliseconds.
    pub restore_grace_ms: i64,
    /// How long objects stay that nothing refers to any more, in milliseconds.
    pub expiry_grace_ms: i64,
    /// The largest blob that browsing answers, in bytes.
    pub browse_bytes: u64,
    /// The longest that one look into a repository may take, in milliseconds.
    pub browse_deadline_ms: u64,
    /// Whether the watcher runs. Where it does not, refs that others write into a local copy are
    /// removed when the copy is next brought up to date, for they would hide what it shows.
    pub watched: bool,
}

impl GitSettings {
    /// The defaults, with caches in `cache_dir`.
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            cache_dir: cache_dir.into(),
            cache_bytes: 20 * 1024 * 1024 * 1024,
            limits: PushLimits::default(),
            queues: QueueSettings::default(),
            pack_hook: None,
            pack_cache_bytes: 2 * 1024 * 1024 * 1024,
            deadline_ms: 60 * 60 * 1000,
            upload_grace_ms: 6 * 60 * 60 * 1000,
            restore_grace_ms: 30 * 24 * 60 * 60 * 1000,
            expiry_grace_ms: 30 * 24 * 60 * 60 * 1000,
            browse_bytes: 10 * 1024 * 1024,
            browse_deadline_ms: 10_000,
            watched: false,
        }
    }
}

/// What one push may bring. Over a limit, it is refused with the figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushLimits {
    /// The size of the pack, in bytes.
    pub pack_bytes: u64,
    /// The size of one object, unpacked, in bytes.
    pub object_bytes: u64,
    /// How many refs one push may change.
    pub refs_per_push: usize,
    /// How many refs a repository may have.
    pub refs_per_repository: u64,
    /// The size of all packs of a repository, in bytes.
    pub repository_bytes: u64,
}

impl Default for PushLimits {
    fn default() -> Self {
        Self {
            pack_bytes: 4 * 1024 * 1024 * 1024,
            object_bytes: 1024 * 1024 * 1024,
            refs_per_push: 200_000,
            refs_per_repository: 1_000_000,
            repository_bytes: 64 * 1024 * 1024 * 1024,
        }
    }
}

/// How much git work runs at once, in all and for one caller, and how long others wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// Clones and fetches in all.
    pub uploads: usize,
    /// Clones and fetches of one caller.
    pub uploads_per_caller: usize,
    /// Pushes in all.
    pub pushes: usize,
    /// Pushes of one caller.
    pub pushes_per_caller: usize,
    /// Looks into repositories in all.
    pub browses: usize,
    /// Looks into repositories of one caller.
    pub browses_per_caller: usize,
    /// How long a request waits for its turn, in milliseconds.
    pub wait_ms: u64,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            uploads: 64,
            uploads_per_caller: 32,
            pushes: 16,
            pushes_per_caller: 8,
            browses: 64,
            browses_per_caller: 16,
            wait_ms: 60_000,
        }
    }
}
