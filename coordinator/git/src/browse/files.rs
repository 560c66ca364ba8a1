//! All files of a commit, for "go to file".

use super::reader::{Reader, Session};
use super::{BrowseError, Kind, entries_of, kind_of};
use crate::oid::Oid;

/// How many folders may stand in one another.
pub(super) const MAX_DEPTH: usize = 512;

/// The files of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// Their paths, in git's own order; what is not UTF-8 in them is replaced.
    pub paths: Vec<String>,
    /// Whether there are more, which were left out.
    pub is_cut: bool,
}

/// Lists the paths of all files, links and submodules of a commit, tag or tree, up to a number of
/// paths and of bytes in them.
pub async fn files(
    reader: &Reader,
    rev: Oid,
    max_paths: usize,
    max_bytes: usize,
) -> Result<Files, BrowseError> {
    reader
        .within(move |session| {
            let tree = session.tree_of(rev)?;
            let mut files = Files {
                paths: vec![],
                is_cut: false,
            };
            let mut bytes = 0;
            files.is_cut = !visit(session, tree, &mut |path, _, _| {
                bytes += path.len();
                if files.paths.len() >= max_paths || bytes > max_bytes {
                    return false;
                }
                files.paths.push(String::from_utf8_lossy(path).into_owned());
                true
            })?;
            Ok(files)
        })
        .await
}

/// Shows every entry of a tree that is no folder, with its mode and object, in git's own order;
/// whether that went to the end. Folders that stand too deep in one another are left out.
pub(super) fn visit(
    session: &mut Session,
    tree: Oid,
    see: &mut dyn FnMut(&[u8], u32, Oid) -> bool,
) -> Result<bool, BrowseError> {
    let mut path = vec![];
    below(session, tree, 0, &mut path, see)
}

fn below(
    session: &mut Session,
    tree: Oid,
    depth: usize,
    path: &mut Vec<u8>,
    see: &mut dyn FnMut(&[u8], u32, Oid) -> bool,
) -> Result<bool, BrowseError> {
    if depth > MAX_DEPTH {
        return Ok(false);
    }
    let content = session.tree(tree)?;
    let folder = path.len();
    let mut whole = true;
    for entry in entries_of(&content, tree) {
        let (mode, name, oid) = entry?;
        path.truncate(folder);
        path.extend_from_slice(name);
        if kind_of(mode) == Kind::Tree {
            path.push(b'/');
            whole &= below(session, oid, depth + 1, path, see)?;
        } else {
            whole &= see(path, mode, oid);
        }
        if !whole {
            break;
        }
    }
    path.truncate(folder);
    Ok(whole)
}
