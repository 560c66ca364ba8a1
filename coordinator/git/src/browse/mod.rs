//! Reading a cached repository for people: what a ref names, what a folder holds, what a file
//! says, what came before.
//!
//! Objects are read in process where that can be done, and by `git cat-file` otherwise; both stand
//! behind one trait, and everything else is written once.

mod commit;
mod objects;

pub use commit::{Commit, Signature};

use crate::cache::{Bare, CacheError};
use crate::child::{Git, GitError};
use crate::connectivity::ObjectKind;
use crate::oid::{Oid, OidError};
use crate::refname::RefName;
use bytes::Bytes;
use objects::Objects;

/// The largest tree, commit or tag that is read, in bytes.
const MAX_STRUCTURE_BYTES: u64 = 32 << 20;
/// How many annotated tags may stand before what they are of.
const MAX_TAG_DEPTH: usize = 32;

/// Why something could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum BrowseError {
    /// No ref, object or path of this name.
    #[error("there is nothing of this name")]
    NotFound,
    /// What stands there is no folder.
    #[error("this is not a folder")]
    NotATree,
    /// What stands there is no file.
    #[error("this is not a file")]
    NotABlob,
    /// It is larger than the caller wanted.
    #[error("this is larger than can be shown: {size_bytes} of at most {limit_bytes} bytes")]
    TooLarge {
        /// How large it is.
        size_bytes: u64,
        /// The most.
        limit_bytes: u64,
    },
    /// An object says something that it cannot.
    #[error("the repository is damaged: {0}")]
    Damaged(&'static str),
    /// The cache.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// Reading in process failed.
    #[error("an object could not be read")]
    Read(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl From<OidError> for BrowseError {
    fn from(_: OidError) -> Self {
        Self::Damaged("an object id in it is none")
    }
}

/// What stands in a folder under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder.
    Tree,
    /// A file.
    Blob,
    /// A symbolic link; a blob holds its target.
    Symlink,
    /// A commit of another repository: a submodule.
    Commit,
}

/// One line of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// Its name; what is not UTF-8 in it is replaced.
    pub name: String,
    /// Its path from the root of the repository.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Its mode, as `0o100644`.
    pub mode: u32,
    /// Its object.
    pub oid: Oid,
    /// The size of a file or link, in bytes.
    pub size_bytes: Option<u64>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its object.
    pub oid: Oid,
    /// What it says.
    pub content: Bytes,
}

/// Finds the commit that a branch, a tag, a full ref name, `HEAD` or an object id names.
pub async fn resolve(git: &Git, bare: &Bare, name: &str) -> Result<Oid, BrowseError> {
    let name = name.to_owned();
    within(git, bare, move |bare, objects| {
        let oid = named(bare, &name)?.ok_or(BrowseError::NotFound)?;
        match peel(objects, oid)? {
            (oid, ObjectKind::Commit, _) => Ok(oid),
            _ => Err(BrowseError::NotFound),
        }
    })
    .await
}

/// Lists a folder of a commit, tag or tree; the root for an empty path. In git's own order.
pub async fn tree(git: &Git, bare: &Bare, rev: Oid, path: &str) -> Result<Vec<TreeEntry>, BrowseError> {
    let parts = parts(path)?;
    within(git, bare, move |_, objects| {
        let content = match walk_to(objects, rev, &parts)? {
            (_, ObjectKind::Tree, content) => content,
            _ => return Err(BrowseError::NotATree),
        };
        let mut entries = vec![];
        for entry in entries_of(&content, rev) {
            let (mode, name, oid) = entry?;
            let name = String::from_utf8_lossy(name).into_owned();
            let kind = kind_of(mode);
            let size_bytes = match kind {
                EntryKind::Blob | EntryKind::Symlink => objects.header(oid)?.map(|(_, size)| size),
                EntryKind::Tree | EntryKind::Commit => None,
            };
            let path = match parts.is_empty() {
                true => name.clone(),
                false => format!("{}/{name}", parts.join("/")),
            };
            entries.push(TreeEntry {
                name,
                path,
                kind,
                mode,
                oid,
                size_bytes,
            });
        }
        Ok(entries)
    })
    .await
}

/// Reads a file of a commit, tag or tree, or a blob itself for an empty path, up to a size.
pub async fn blob(git: &Git, bare: &Bare, rev: Oid, path: &str, max_bytes: u64) -> Result<Blob, BrowseError> {
    let parts = parts(path)?;
    within(git, bare, move |_, objects| {
        let oid = match parts.split_last() {
            None => rev,
            Some((name, folders)) => {
                let (_, kind, content) = walk_to(objects, rev, folders)?;
                if kind != ObjectKind::Tree {
                    return Err(BrowseError::NotFound);
                }
                find_entry(&content, rev, name)?.ok_or(BrowseError::NotFound)?
            }
        };
        match objects.header(oid)?.ok_or(BrowseError::NotFound)? {
            (ObjectKind::Blob, size_bytes) if size_bytes > max_bytes => Err(BrowseError::TooLarge {
                size_bytes,
                limit_bytes: max_bytes,
            }),
            (ObjectKind::Blob, _) => {
                let (_, content) = objects.read(oid)?.ok_or(BrowseError::NotFound)?;
                Ok(Blob {
                    oid,
                    content: content.into(),
                })
            }
            _ => Err(BrowseError::NotABlob),
        }
    })
    .await
}

/// Lists commits from this one back, the newest first, without the first `skip` of them.
pub async fn commits(
    git: &Git,
    bare: &Bare,
    from: Oid,
    skip: usize,
    limit: usize,
) -> Result<Vec<Commit>, BrowseError> {
    within(git, bare, move |_, objects| {
        let (from, kind, _) = peel(objects, from)?;
        if kind != ObjectKind::Commit {
            return Err(BrowseError::NotFound);
        }
        let oids = objects.history(from, skip, limit)?;
        oids.into_iter()
            .map(|oid| {
                let (_, content) = read_structure(objects, oid)?;
                Commit::parse(oid, &content)
            })
            .collect()
    })
    .await
}

/// Runs what blocks on a thread where that harms nobody.
async fn within<T: Send + 'static>(
    git: &Git,
    bare: &Bare,
    work: impl FnOnce(&Bare, &mut dyn Objects) -> Result<T, BrowseError> + Send + 'static,
) -> Result<T, BrowseError> {
    let (git, bare) = (git.clone(), bare.clone());
    let done = tokio::task::spawn_blocking(move || {
        let mut objects = objects::open(&git, &bare)?;
        work(&bare, objects.as_mut())
    });
    done.await
        .unwrap_or_else(|panicked| Err(BrowseError::Read(Box::new(panicked))))
}

fn named(bare: &Bare, name: &str) -> Result<Option<Oid>, BrowseError> {
    if let Ok(oid) = Oid::parse(name, bare.format()) {
        return Ok(Some(oid));
    }
    let candidates = match name {
        "HEAD" => [Ok(bare.head()?), Err(())],
        full if full.starts_with("refs/") => [full.parse().map_err(drop), Err(())],
        short => ["heads", "tags"].map(|kind| format!("refs/{kind}/{short}").parse().map_err(drop)),
    };
    for candidate in candidates {
        let candidate: Result<RefName, ()> = candidate;
        if let Ok(candidate) = candidate
            && let Some(found) = bare.find_ref(&candidate)?
        {
            return Ok(Some(found.oid));
        }
    }
    Ok(None)
}

/// Takes a path apart; one that leads out of the repository or nowhere is not found.
fn parts(path: &str) -> Result<Vec<String>, BrowseError> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let path = path.strip_prefix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(vec![]);
    }
    path.split('/')
        .map(|part| match part {
            "" | "." | ".." => Err(BrowseError::NotFound),
            part if part.contains('\0') => Err(BrowseError::NotFound),
            part => Ok(part.to_owned()),
        })
        .collect()
}

type Found = (Oid, ObjectKind, Vec<u8>);

/// Reads an object that is no blob; the content of a blob is left out.
fn read_structure(objects: &mut dyn Objects, oid: Oid) -> Result<(ObjectKind, Vec<u8>), BrowseError> {
    match objects.header(oid)?.ok_or(BrowseError::NotFound)? {
        (ObjectKind::Blob, _) => Ok((ObjectKind::Blob, vec![])),
        (_, size_bytes) if size_bytes > MAX_STRUCTURE_BYTES => Err(BrowseError::TooLarge {
            size_bytes,
            limit_bytes: MAX_STRUCTURE_BYTES,
        }),
        _ => objects.read(oid)?.ok_or(BrowseError::NotFound),
    }
}

/// Follows annotated tags to what they are of.
fn peel(objects: &mut dyn Objects, mut oid: Oid) -> Result<Found, BrowseError> {
    for _ in 0..MAX_TAG_DEPTH {
        let (kind, content) = read_structure(objects, oid)?;
        if kind != ObjectKind::Tag {
            return Ok((oid, kind, content));
        }
        oid = field(&content, b"object ", oid)?;
    }
    Err(BrowseError::Damaged("a tag is of a tag, and so on without end"))
}

/// The object id in the first line of an object, behind this word.
fn field(content: &[u8], word: &[u8], like: Oid) -> Result<Oid, BrowseError> {
    let line = content.split(|&b| b == b'\n').next().unwrap_or_default();
    let hex = line
        .strip_prefix(word)
        .and_then(|hex| std::str::from_utf8(hex).ok())
        .ok_or(BrowseError::Damaged("an object does not begin as it should"))?;
    Ok(Oid::parse(hex, like.format())?)
}

/// Goes down from a commit, tag or tree to the folder or file of this path.
fn walk_to(objects: &mut dyn Objects, rev: Oid, parts: &[String]) -> Result<Found, BrowseError> {
    let (mut oid, mut kind, mut content) = peel(objects, rev)?;
    if kind == ObjectKind::Commit {
        oid = field(&content, b"tree ", oid)?;
        (kind, content) = read_structure(objects, oid)?;
    }
    for part in parts {
        if kind != ObjectKind::Tree {
            return Err(BrowseError::NotFound);
        }
        oid = find_entry(&content, oid, part)?.ok_or(BrowseError::NotFound)?;
        (kind, content) = read_structure(objects, oid)?;
    }
    Ok((oid, kind, content))
}

fn find_entry(content: &[u8], like: Oid, wanted: &str) -> Result<Option<Oid>, BrowseError> {
    for entry in entries_of(content, like) {
        let (mode, name, oid) = entry?;
        if name == wanted.as_bytes() {
            // A submodule's commit is one of another repository, even if this one has it, too.
            return Ok((kind_of(mode) != EntryKind::Commit).then_some(oid));
        }
    }
    Ok(None)
}

type RawEntry<'a> = (u32, &'a [u8], Oid);

/// Takes a tree apart: each entry is `<mode in octal> <name>\0<id>`.
fn entries_of(content: &[u8], like: Oid) -> impl Iterator<Item = Result<RawEntry<'_>, BrowseError>> {
    let raw_len = like.format().raw_len();
    let mut rest = content;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let split = || {
            let space = rest.iter().position(|&b| b == b' ')?;
            let end = space + rest[space..].iter().position(|&b| b == 0)?;
            let mode = u32::from_str_radix(std::str::from_utf8(&rest[..space]).ok()?, 8).ok()?;
            let oid = Oid::from_bytes(rest.get(end + 1..end + 1 + raw_len)?).ok()?;
            Some(((mode, &rest[space + 1..end], oid), &rest[end + 1 + raw_len..]))
        };
        match split() {
            Some((entry, after)) => {
                rest = after;
                Some(Ok(entry))
            }
            None => {
                rest = &[];
                Some(Err(BrowseError::Damaged("a tree cannot be read")))
            }
        }
    })
}

fn kind_of(mode: u32) -> EntryKind {
    match mode & 0o170_000 {
        0o040_000 => EntryKind::Tree,
        0o120_000 => EntryKind::Symlink,
        0o160_000 => EntryKind::Commit,
        _ => EntryKind::Blob,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths() {
        assert_eq!(parts("").unwrap(), [""; 0]);
        assert_eq!(parts("/").unwrap(), [""; 0]);
        assert_eq!(parts("/a/b/").unwrap(), ["a", "b"]);
        assert_eq!(parts("-x/--y").unwrap(), ["-x", "--y"]);
        for bad in ["..", "a/../b", "a//b", "./a", "a\0b", "a/."] {
            assert!(parts(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_tree_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let like = Oid::zero(crate::oid::ObjectFormat::Sha1);
            let _ = entries_of(&bytes, like).collect::<Vec<_>>();
        }
    }
}
