//! Folders: what is in them, and which commit changed each entry last.

use super::last_change::{self, LastChange, Walk};
use super::reader::{Reader, Session};
use super::{BrowseError, Commit, entries_of, parts, walk_to};
use crate::connectivity::ObjectKind;
use crate::oid::Oid;
use std::sync::Arc;

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

/// An entry with its history's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderEntry {
    /// The entry.
    pub entry: TreeEntry,
    /// The last commit that changed it; none where that is not known yet.
    pub last: Option<Arc<LastChange>>,
}

/// A folder as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The commit that is looked at.
    pub commit: Commit,
    /// The folder's own object.
    pub tree: Oid,
    /// The path of the folder, without slashes at its ends; empty for the root.
    pub path: String,
    /// What is in it, in git's own order.
    pub entries: Vec<FolderEntry>,
    /// The last commit that changed anything below; none where that is not known yet.
    pub last: Option<Arc<LastChange>>,
}

impl Folder {
    /// Whether every last commit is known.
    pub fn is_complete(&self) -> bool {
        self.last.is_some() && self.entries.iter().all(|entry| entry.last.is_some())
    }
}

/// Lists a folder of a commit, tag or tree; the root for an empty path. In git's own order.
pub async fn tree(reader: &Reader, rev: Oid, path: &str) -> Result<Vec<TreeEntry>, BrowseError> {
    let parts = parts(path)?;
    reader
        .within(move |session| Ok(list(session, rev, &parts)?.1))
        .await
}

/// Lists a folder of a commit or tag with the last commit of every entry. What no index knows is
/// looked for in so many steps of history at most, and else not known yet.
pub async fn folder(reader: &Reader, rev: Oid, path: &str, max_steps: usize) -> Result<Folder, BrowseError> {
    let parts = parts(path)?;
    reader
        .within(move |session| {
            let commit = session.commit_of(rev)?;
            let commit = session.commit(commit)?;
            let (tree, entries) = list(session, commit.tree, &parts)?;
            let path = parts.join("/");
            let found = last_change::of_folder(session, commit.oid, &path, tree, Walk { max_steps })?;
            let entries = entries
                .into_iter()
                .zip(found.entries)
                .map(|(entry, last)| FolderEntry { entry, last })
                .collect();
            Ok(Folder {
                commit,
                tree,
                path,
                entries,
                last: found.folder,
            })
        })
        .await
}

fn list(session: &mut Session, rev: Oid, parts: &[String]) -> Result<(Oid, Vec<TreeEntry>), BrowseError> {
    let objects = session.objects.as_mut();
    let (tree, content) = match walk_to(objects, rev, parts)? {
        (oid, ObjectKind::Tree, content) => (oid, content),
        _ => return Err(BrowseError::NotATree),
    };
    let prefix = match parts.is_empty() {
        true => String::new(),
        false => format!("{}/", parts.join("/")),
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
        entries.push(TreeEntry {
            path: format!("{prefix}{name}"),
            name,
            kind,
            mode,
            oid,
            size_bytes,
        });
    }
    Ok((tree, entries))
}

pub(super) fn kind_of(mode: u32) -> EntryKind {
    match mode & 0o170_000 {
        0o040_000 => EntryKind::Tree,
        0o120_000 => EntryKind::Symlink,
        0o160_000 => EntryKind::Commit,
        _ => EntryKind::Blob,
    }
}
