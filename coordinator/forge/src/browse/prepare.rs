//! What pages and clones read quickly is prepared after each push, and never in a request: the
//! commit graph with its filters, the bitmaps, the bundle, the index of last changes of the bookmarks that
//! matter, and the languages and contributors of the default one. All lie in the local copy and go
//! with it; a node that finds them missing makes them in the background.

use super::View;
use crate::cache::{self, Pinned};
use crate::{Error, Forge, maintenance};
use plue_contract::{RepoId, causes};
use plue_git::browse;
use plue_git::bundle;
use plue_git::maintenance::commit_graph;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// How many bookmarks are indexed beside the default one: those with the newest commits.
const MAX_BOOKMARKS: usize = 20;
/// The most paths that a commit may have to be indexed.
const MAX_PATHS: usize = 500_000;
/// How many commits are looked at for the default bookmark, and for each other.
const MAX_STEPS_DEFAULT: usize = 5_000_000;
const MAX_STEPS_OTHER: usize = 20_000;
/// How many files are looked at for the languages, and how many commits for the contributors.
const MAX_WEIGHED: usize = 500_000;
const MAX_AUTHORED: usize = 1_000_000;
/// How many repositories may wait to be prepared in the background; they will ask again.
const MAX_WAITING: usize = 64;

/// What is being prepared on this machine: one repository after the other.
#[derive(Default)]
pub(crate) struct Preparing {
    one: tokio::sync::Mutex<()>,
    waiting: Mutex<HashSet<RepoId>>,
}

/// Prepares a repository's copy on this machine. Twice is as good as once, and one that is gone
/// needs nothing.
pub(crate) async fn prepare(forge: &Forge, id: RepoId) -> Result<(), Error> {
    let Some(repository) = maintenance::find(forge, id).await? else {
        return Ok(());
    };
    let _one = forge.local_git().preparing.one.lock().await;
    let pinned = cache::open(forge, &repository).await?;
    prepare_copy(forge, id, &pinned).await
}

async fn prepare_copy(forge: &Forge, id: RepoId, pinned: &Pinned) -> Result<(), Error> {
    commit_graph(forge.git(), pinned.bare())
        .await
        .map_err(|error| Error::Internal(format!("commit graph: {error}")))?;
    // What fails with the bitmaps and the bundle is told at the end: pages do not wait for them.
    let covered = maintenance::cover(forge, id, pinned).await;
    let reader = pinned.reader();
    let tips = browse::newest_bookmarks(reader, MAX_BOOKMARKS).await?;
    for (nth, &tip) in tips.iter().enumerate() {
        let max_steps = if nth == 0 {
            MAX_STEPS_DEFAULT
        } else {
            MAX_STEPS_OTHER
        };
        browse::index_last_changes(reader, tip, MAX_PATHS, max_steps).await?;
    }
    if let Some(&tip) = tips.first() {
        browse::count_insight(reader, tip, MAX_WEIGHED, MAX_AUTHORED).await?;
    }
    let bare = pinned.bare().clone();
    cache::blocking(move || Ok(browse::keep_indexes(&bare, &tips)?)).await?;
    covered?;
    bundle::write(forge.git(), pinned.bare(), pinned.packs())
        .await
        .map(drop)
        .map_err(|error| Error::Internal(format!("bundle: {error}")))
}

impl View {
    /// Sees to it that the copy is prepared, where it is not: a copy that was made anew has
    /// nothing, and another node may have run the job.
    pub(super) fn prepare_soon(&self) {
        let id = self.repository().id;
        let reader = self.reader().clone();
        let forge = self.forge.clone();
        {
            let waiting = &self.forge.local_git().preparing.waiting;
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() >= MAX_WAITING || !waiting.insert(id) {
                return;
            }
        }
        tokio::spawn(async move {
            let needed = match browse::newest_bookmarks(&reader, 0).await {
                Ok(tips) => tips
                    .first()
                    .is_some_and(|&tip| !browse::indexed(&reader, tip) || !browse::has_insight(&reader, tip)),
                Err(_) => false,
            };
            if needed && let Err(error) = prepare(&forge, id).await {
                tracing::warn!(repository = %id, error = %causes(&error), "a copy could not be prepared");
            }
            let waiting = &forge.local_git().preparing.waiting;
            waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        });
    }
}
