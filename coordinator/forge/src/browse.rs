//! Looking into a repository without cloning it: what a ref names, folders, files, history.

use crate::access::Permit;
use crate::access::repositories::ReadRepo;
use crate::cache::{self, Pinned, blocking};
use crate::{Error, Forge};
use plue_git::browse::{self, BrowseError};
use plue_git::oid::Oid;

pub use plue_git::browse::{Blob, Commit, EntryKind, Signature, TreeEntry};
pub use plue_git::cache::PackedRef;

/// The most commits of one page of history.
pub const MAX_COMMITS: usize = 100;

/// The commit that a branch, a tag, a full ref name or a full object id names.
pub async fn resolve(forge: &Forge, permit: Permit<ReadRepo>, name: &str) -> Result<Oid, Error> {
    let pinned = cache::open(forge, permit.on()).await?;
    Ok(browse::resolve(forge.git(), pinned.bare(), name).await?)
}

/// All refs, in the order of their names.
pub async fn refs(forge: &Forge, permit: Permit<ReadRepo>) -> Result<Vec<PackedRef>, Error> {
    let pinned = cache::open(forge, permit.on()).await?;
    let bare = pinned.bare().clone();
    let (_, refs) = blocking(move || bare.read_refs()).await?;
    Ok(refs)
}

/// What is in a folder: of a commit, a tag or a tree, named by its full object id or by a ref.
pub async fn tree(
    forge: &Forge,
    permit: Permit<ReadRepo>,
    rev: &str,
    path: &str,
) -> Result<Vec<TreeEntry>, Error> {
    let (pinned, oid) = find(forge, permit, rev).await?;
    Ok(browse::tree(forge.git(), pinned.bare(), oid, path).await?)
}

/// One file, up to the size that is browsed; with an empty path, the blob that `rev` itself names.
pub async fn blob(forge: &Forge, permit: Permit<ReadRepo>, rev: &str, path: &str) -> Result<Blob, Error> {
    let (pinned, oid) = find(forge, permit, rev).await?;
    let limit = forge.settings().browse_bytes;
    Ok(browse::blob(forge.git(), pinned.bare(), oid, path, limit).await?)
}

/// The history that ends at `rev`, the newest first: so many commits, after so many.
pub async fn commits(
    forge: &Forge,
    permit: Permit<ReadRepo>,
    rev: &str,
    skip: usize,
    limit: usize,
) -> Result<Vec<Commit>, Error> {
    let (pinned, oid) = find(forge, permit, rev).await?;
    let limit = limit.clamp(1, MAX_COMMITS);
    Ok(browse::commits(forge.git(), pinned.bare(), oid, skip, limit).await?)
}

/// Pins the copy and finds what is looked at: an object of any kind by its full id, anything else
/// by its name.
async fn find(forge: &Forge, permit: Permit<ReadRepo>, rev: &str) -> Result<(Pinned, Oid), Error> {
    let pinned = cache::open(forge, permit.on()).await?;
    let oid = match Oid::parse(rev, permit.on().object_format) {
        Ok(oid) => oid,
        Err(_) => browse::resolve(forge.git(), pinned.bare(), rev).await?,
    };
    Ok((pinned, oid))
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
