//! What reading one cached repository needs: opened once, used by every reader of a generation.

use super::BrowseError;
use super::graph::CommitGraph;
use super::last_index::Indexes;
use super::objects::{self, Objects};
use super::refs::RefTable;
use crate::cache::Bare;
use crate::child::Git;
use crate::oid::Oid;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A cached repository that is open for reading; a cheap clone. It shows the refs and packs of the
/// moment when it was made, and is made anew where those change.
#[derive(Clone)]
pub struct Reader {
    inner: Arc<Inner>,
}

struct Inner {
    git: Git,
    bare: Bare,
    repository: OnceLock<gix::ThreadSafeRepository>,
    refs: OnceLock<Arc<RefTable>>,
    graph: Mutex<Option<Arc<CommitGraph>>>,
    indexes: Mutex<Option<Arc<Indexes>>>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reader").field(&self.inner.bare).finish()
    }
}

impl Reader {
    /// A reader of this repository. Nothing is opened before it is needed.
    pub fn new(git: &Git, bare: &Bare) -> Self {
        Self {
            inner: Arc::new(Inner {
                git: git.clone(),
                bare: bare.clone(),
                repository: OnceLock::new(),
                refs: OnceLock::new(),
                graph: Mutex::default(),
                indexes: Mutex::default(),
            }),
        }
    }

    /// Where the repository is.
    pub fn bare(&self) -> &Bare {
        &self.inner.bare
    }

    pub(crate) fn git(&self) -> &Git {
        &self.inner.git
    }

    /// The refs, taken apart once. Blocks.
    pub(crate) fn refs(&self) -> Result<Arc<RefTable>, BrowseError> {
        if let Some(refs) = self.inner.refs.get() {
            return Ok(refs.clone());
        }
        let read = Arc::new(RefTable::read(&self.inner.bare)?);
        Ok(self.inner.refs.get_or_init(|| read).clone())
    }

    pub(super) fn in_process(&self) -> Result<gix::Repository, BrowseError> {
        let open = match self.inner.repository.get() {
            Some(open) => open,
            None => {
                // Whoever owns the files: the server made this repository. Neither the environment
                // nor a person's configuration has a say.
                let options = gix::open::Options::isolated()
                    .open_path_as_is(true)
                    .with(gix::sec::Trust::Full);
                let opened = gix::ThreadSafeRepository::open_opts(self.inner.bare.dir(), options)
                    .map_err(objects::failed)?;
                self.inner.repository.get_or_init(|| opened)
            }
        };
        let mut repository = open.to_thread_local();
        repository.object_cache_size(16 << 20);
        Ok(repository)
    }

    /// The commit graph as it stands on the disk now; none where there is none or it cannot be
    /// read, which costs time and no answer.
    pub(super) fn graph(&self) -> Option<Arc<CommitGraph>> {
        let mut kept = self.inner.graph.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = CommitGraph::stamp(&self.inner.bare);
        if kept.as_ref().is_none_or(|graph| graph.of() != &stamp) {
            *kept = CommitGraph::open(&self.inner.bare, stamp).map(Arc::new);
        }
        kept.clone()
    }

    /// The indexes of last changes that stand beside the repository now.
    pub(super) fn indexes(&self) -> Arc<Indexes> {
        let mut kept = self.inner.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        match kept
            .as_ref()
            .filter(|indexes| indexes.is_current(&self.inner.bare))
        {
            Some(indexes) => indexes.clone(),
            None => kept.insert(Arc::new(Indexes::list(&self.inner.bare))).clone(),
        }
    }

    /// Runs what blocks on a thread where that harms nobody.
    pub(super) async fn within<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Session) -> Result<T, BrowseError> + Send + 'static,
    ) -> Result<T, BrowseError> {
        let reader = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&mut Session::open(reader)?));
        done.await
            .unwrap_or_else(|panicked| Err(BrowseError::Read(Box::new(panicked))))
    }
}

/// One piece of work with a repository, on a thread of its own.
pub(super) struct Session {
    pub(super) reader: Reader,
    pub(super) objects: Box<dyn Objects>,
    pub(super) graph: Option<Arc<CommitGraph>>,
}

/// What a walk needs of a commit.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) oid: Oid,
    pub(super) tree: Oid,
    pub(super) parents: Vec<Oid>,
    /// When it was made, in seconds since 1970.
    pub(super) time_s: i64,
    /// One more than that of any parent; [`u32::MAX`] where the graph does not have the commit.
    pub(super) generation: u32,
}

impl Session {
    fn open(reader: Reader) -> Result<Self, BrowseError> {
        Ok(Self {
            objects: objects::open(&reader)?,
            graph: reader.graph(),
            reader,
        })
    }

    /// A commit for a walk: from the graph, or else from the object.
    pub(super) fn node(&mut self, oid: Oid) -> Result<Node, BrowseError> {
        if let Some(node) = self.graph.as_ref().and_then(|graph| graph.node(oid)) {
            return Ok(node);
        }
        let commit = self.commit(oid)?;
        Ok(Node {
            oid,
            tree: commit.tree,
            parents: commit.parents,
            time_s: commit.committer.time_ms / 1000,
            generation: u32::MAX,
        })
    }

    /// A commit, whole.
    pub(super) fn commit(&mut self, oid: Oid) -> Result<super::Commit, BrowseError> {
        let (kind, content) = super::read_structure(self.objects.as_mut(), oid)?;
        match kind {
            crate::connectivity::ObjectKind::Commit => super::Commit::parse(oid, &content),
            _ => Err(BrowseError::NotFound),
        }
    }

    /// The commit that this commit or tag stands for.
    pub(super) fn commit_of(&mut self, rev: Oid) -> Result<Oid, BrowseError> {
        match super::peel(self.objects.as_mut(), rev)? {
            (oid, crate::connectivity::ObjectKind::Commit, _) => Ok(oid),
            _ => Err(BrowseError::NotFound),
        }
    }

    /// The tree of this commit or tag, or the tree itself.
    pub(super) fn tree_of(&mut self, rev: Oid) -> Result<Oid, BrowseError> {
        match super::walk_to(self.objects.as_mut(), rev, &[])? {
            (oid, crate::connectivity::ObjectKind::Tree, _) => Ok(oid),
            _ => Err(BrowseError::NotATree),
        }
    }

    /// The content of a tree.
    pub(super) fn tree(&mut self, oid: Oid) -> Result<Vec<u8>, BrowseError> {
        match super::read_structure(self.objects.as_mut(), oid)? {
            (crate::connectivity::ObjectKind::Tree, content) => Ok(content),
            _ => Err(BrowseError::NotATree),
        }
    }

    /// The mode and object under a path of a tree; none where there is nothing.
    pub(super) fn find(&mut self, tree: Oid, path: &[u8]) -> Result<Option<(u32, Oid)>, BrowseError> {
        let (mut mode, mut oid) = (0o040_000, tree);
        for name in path.split(|&b| b == b'/').filter(|name| !name.is_empty()) {
            if super::kind_of(mode) != super::Kind::Tree {
                return Ok(None);
            }
            let content = self.tree(oid)?;
            let mut found = None;
            for entry in super::entries_of(&content, oid) {
                let (entry_mode, entry_name, entry_oid) = entry?;
                if entry_name == name {
                    found = Some((entry_mode, entry_oid));
                    break;
                }
            }
            match found {
                Some(entry) => (mode, oid) = entry,
                None => return Ok(None),
            }
        }
        Ok(Some((mode, oid)))
    }

    /// A text file of a tree, if it is there and not larger than this.
    pub(super) fn small_file(
        &mut self,
        tree: Oid,
        path: &[u8],
        max_bytes: u64,
    ) -> Result<Option<Vec<u8>>, BrowseError> {
        let Some((mode, oid)) = self.find(tree, path)? else {
            return Ok(None);
        };
        if super::kind_of(mode) != super::Kind::Blob {
            return Ok(None);
        }
        match self.objects.header(oid)? {
            Some((crate::connectivity::ObjectKind::Blob, size)) if size <= max_bytes => {
                Ok(self.objects.read(oid)?.map(|(_, content)| content))
            }
            _ => Ok(None),
        }
    }
}

/// Commits that were met on a walk.
pub(super) type Met = HashSet<Oid>;
