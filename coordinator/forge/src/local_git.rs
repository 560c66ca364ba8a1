//! Git on this machine: the program, the copies of repositories, and the queues in front of both.

use crate::Error;
use crate::browse::Answers;
use crate::browse::prepare::Preparing;
use crate::cache::Caches;
use crate::settings::GitSettings;
use crate::transport::queue::Queue;
use plue_git::Git;
use std::time::Duration;

/// What git work needs on this machine.
pub struct LocalGit {
    pub(crate) program: Git,
    pub(crate) settings: GitSettings,
    pub(crate) caches: Caches,
    pub(crate) uploads: Queue,
    pub(crate) pushes: Queue,
    pub(crate) browses: Queue,
    pub(crate) answers: Answers,
    pub(crate) preparing: Preparing,
}

impl LocalGit {
    /// Opens the folder of the copies, which only one process may use at a time, and clears what
    /// an earlier one left unfinished. Blocks for as long as the disk takes.
    pub fn open(program: Git, settings: GitSettings) -> Result<Self, Error> {
        let caches = Caches::open(&settings.cache_dir)?;
        let queues = &settings.queues;
        let wait = Duration::from_millis(queues.wait_ms);
        Ok(Self {
            uploads: Queue::new("upload-pack", queues.uploads, queues.uploads_per_caller, wait),
            pushes: Queue::new("receive-pack", queues.pushes, queues.pushes_per_caller, wait),
            browses: Queue::new("browse", queues.browses, queues.browses_per_caller, wait),
            answers: Answers::default(),
            preparing: Preparing::default(),
            program,
            caches,
            settings,
        })
    }
}

impl std::fmt::Debug for LocalGit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalGit")
            .field("program", &self.program)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
