//! Reading a cached repository for people: what a ref names, what a folder holds, what a file
//! says, what came before.
//!
//! Objects are read in process where that can be done, and by `git cat-file` otherwise; both stand
//! behind one trait, and everything else is written once.

mod archive;
mod attributes;
mod blame;
mod blob;
mod commit;
mod compare;
mod contributors;
mod diff;
mod editorconfig;
mod files;
mod folder;
mod graph;
mod history;
mod insight;
mod languages;
mod last_change;
mod last_index;
mod mailmap;
mod objects;
mod path_rows;
mod reader;
mod refs;

pub use archive::{ArchiveFormat, archive};
pub use attributes::{PathAttributes, attributes};
pub use blame::{Blame, BlameRun, blame};
pub use blob::{Blob, Raw, blob, raw};
pub use commit::{Commit, CommitDetails, Containing, Signature, SignatureKind, commit};
pub use compare::{Comparison, Count, Divergence, ahead, compare, divergence};
pub use contributors::{Contributor, Contributors, contributors};
pub use diff::{
    Diff, DiffCut, DiffLimits, DiffLine, DiffOptions, FileDiff, FileStatus, Hunk, LineKind, diff,
};
pub use editorconfig::{Indent, indent};
pub use files::{Files, files};
pub use folder::{EntryKind, Folder, FolderEntry, TreeEntry, folder, tree};
pub use history::{History, HistoryEntry, HistoryOptions, Rest, commits, history};
pub use insight::{Insight, count_insight, has_insight, insight};
pub use languages::{LanguageShare, Languages, language_of, languages};
pub use last_change::LastChange;
pub use last_index::{index_last_changes, indexed, keep_indexes};
pub use reader::Reader;
pub use refs::{
    Located, LocatedKind, RefItem, RefKind, RefNames, RefPage, RefQuery, TagNote, locate, newest_bookmarks,
    ref_names, refs,
};

use crate::cache::CacheError;
use crate::child::GitError;
use crate::connectivity::ObjectKind;
use crate::oid::{Oid, OidError};
use folder::{EntryKind as Kind, kind_of};
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
    /// What stands there is not text.
    #[error("this is a binary file, it has no lines")]
    Binary,
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

/// Finds the commit that a branch, a tag, a full ref name, `HEAD` or an object id names.
pub async fn resolve(reader: &Reader, name: &str) -> Result<Oid, BrowseError> {
    let name = name.to_owned();
    reader
        .within(move |session| {
            let oid = named(&session.reader, &name)?.ok_or(BrowseError::NotFound)?;
            session.commit_of(oid)
        })
        .await
}

fn named(reader: &Reader, name: &str) -> Result<Option<Oid>, BrowseError> {
    let bare = reader.bare();
    if let Ok(oid) = Oid::parse(name, bare.format()) {
        return Ok(Some(oid));
    }
    let candidates = match name {
        "HEAD" => vec![bare.head()?.to_string()],
        full if full.starts_with("refs/") => vec![full.to_owned()],
        short => ["heads", "tags"]
            .map(|kind| format!("refs/{kind}/{short}"))
            .into(),
    };
    let table = reader.refs()?;
    Ok(candidates.iter().find_map(|name| Some(table.find(name)?.oid)))
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
