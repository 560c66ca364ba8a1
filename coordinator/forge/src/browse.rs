//! Looking into a repository without cloning it: what a ref names, folders, files, history.

use crate::access::Permit;
use crate::access::repositories::ReadRepo;
use crate::cache::{self, Pinned, blocking};
use crate::{Error, Forge};
use plue_git::browse::{self, BrowseError};
use plue_git::oid::Oid;
use std::time::Duration;

pub use plue_git::browse::{Blob, Commit, EntryKind, Signature, TreeEntry};
pub use plue_git::cache::PackedRef;

/// The most commits of one page of history.
pub const MAX_COMMITS: usize = 100;

/// The most commits that a page of history may pass over: history further back is for clones.
pub const MAX_SKIPPED: usize = 10_000;

/// The commit that a branch, a tag, a full ref name or a full object id names.
pub async fn resolve(forge: &Forge, permit: Permit<ReadRepo>, name: &str) -> Result<Oid, Error> {
    look(forge, &permit, async |pinned| {
        Ok(browse::resolve(forge.git(), pinned.bare(), name).await?)
    })
    .await
}

/// All refs, in the order of their names.
pub async fn refs(forge: &Forge, permit: Permit<ReadRepo>) -> Result<Vec<PackedRef>, Error> {
    look(forge, &permit, async |pinned| {
        let bare = pinned.bare().clone();
        let (_, refs) = blocking(move || bare.read_refs()).await?;
        Ok(refs)
    })
    .await
}

/// What is in a folder: of a commit, a tag or a tree, named by its full object id or by a ref.
pub async fn tree(
    forge: &Forge,
    permit: Permit<ReadRepo>,
    rev: &str,
    path: &str,
) -> Result<Vec<TreeEntry>, Error> {
    look(forge, &permit, async |pinned| {
        let oid = find(forge, pinned, rev).await?;
        Ok(browse::tree(forge.git(), pinned.bare(), oid, path).await?)
    })
    .await
}

/// One file, up to the size that is browsed; with an empty path, the blob that `rev` itself names.
pub async fn blob(forge: &Forge, permit: Permit<ReadRepo>, rev: &str, path: &str) -> Result<Blob, Error> {
    let limit = forge.settings().browse_bytes;
    look(forge, &permit, async |pinned| {
        let oid = find(forge, pinned, rev).await?;
        Ok(browse::blob(forge.git(), pinned.bare(), oid, path, limit).await?)
    })
    .await
}

/// The history that ends at `rev`, the newest first: so many commits, after so many.
pub async fn commits(
    forge: &Forge,
    permit: Permit<ReadRepo>,
    rev: &str,
    skip: usize,
    limit: usize,
) -> Result<Vec<Commit>, Error> {
    if skip > MAX_SKIPPED {
        let why = format!("history is shown to {MAX_SKIPPED} commits back; clone the repository for more");
        return Err(Error::invalid("offset", why));
    }
    let limit = limit.clamp(1, MAX_COMMITS);
    look(forge, &permit, async |pinned| {
        let oid = find(forge, pinned, rev).await?;
        Ok(browse::commits(forge.git(), pinned.bare(), oid, skip, limit).await?)
    })
    .await
}

/// Takes a place in the queue, pins the copy, and looks into it for as long as one look may take.
async fn look<T>(
    forge: &Forge,
    permit: &Permit<ReadRepo>,
    see: impl AsyncFnOnce(&Pinned) -> Result<T, Error>,
) -> Result<T, Error> {
    let _slot = forge.local_git().browses.enter(permit.caller()).await?;
    let pinned = cache::open(forge, permit.on()).await?;
    let deadline = Duration::from_millis(forge.settings().browse_deadline_ms);
    tokio::time::timeout(deadline, see(&pinned))
        .await
        .unwrap_or(Err(Error::Busy { retry_after_s: 30 }))
}

/// What is looked at: an object of any kind by its full id, anything else by its name.
async fn find(forge: &Forge, pinned: &Pinned, rev: &str) -> Result<Oid, Error> {
    match Oid::parse(rev, pinned.bare().format()) {
        Ok(oid) => Ok(oid),
        Err(_) => Ok(browse::resolve(forge.git(), pinned.bare(), rev).await?),
    }
}

impl From<BrowseError> for Error {
    fn from(error: BrowseError) -> Self {
        match error {
            BrowseError::NotFound | BrowseError::NotATree | BrowseError::NotABlob => Self::NotFound,
            said @ BrowseError::TooLarge { .. } => Self::TooLarge(said.to_string()),
            BrowseError::Cache(error) => error.into(),
            error => Self::Internal(format!("browsing: {error}")),
        }
    }
}
