//! History: commits from one back, all of them or those that changed a path.

use super::graph::PathKeys;
use super::reader::{Met, Node, Reader, Session};
use super::{BrowseError, Commit, parts};
use crate::child::GitError;
use crate::oid::Oid;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A commit whose filter says that it did not change the path costs one of these; a commit whose
/// trees must be read costs [`READ`].
const SKIP: usize = 1;
const READ: usize = 16;
/// How many renames of one file are followed.
const MAX_RENAMES: usize = 32;

/// What is asked about the history of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryOptions {
    /// Whether to go on under the earlier name where a file was renamed. Copies are not followed.
    pub follow: bool,
    /// How many commits to leave out.
    pub skip: usize,
    /// How many to answer.
    pub limit: usize,
    /// How many commits may be read in search of them; those that a filter rules out count less.
    pub max_steps: usize,
}

/// What comes after the commits of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Nothing: these are all.
    Nothing,
    /// More of them.
    More,
    /// Older commits were not searched, for there are too many: there may be more.
    Unsearched,
}

/// One commit of the history of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The commit.
    pub commit: Commit,
    /// What the path was called there.
    pub path: String,
}

/// A part of the history of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The commits, the newest first.
    pub entries: Vec<HistoryEntry>,
    /// What comes after them.
    pub rest: Rest,
}

/// Lists commits from this one back, the newest first, without the first `skip` of them.
pub async fn commits(
    reader: &Reader,
    from: Oid,
    skip: usize,
    limit: usize,
) -> Result<Vec<Commit>, BrowseError> {
    reader
        .within(move |session| {
            let from = session.commit_of(from)?;
            let mut walk = ByTime::default();
            walk.add(session, from)?;
            let mut found = vec![];
            let mut passed = 0;
            while found.len() < limit
                && let Some(node) = walk.next()
            {
                if passed >= skip {
                    found.push(session.commit(node.oid)?);
                }
                passed += 1;
                for parent in node.parents {
                    walk.add(session, parent)?;
                }
            }
            Ok(found)
        })
        .await
}

/// Lists the commits that changed a path, as `git log -- <path>` does: the newest first, each side
/// of a merge only where it had a part in what the path is now. The path need not be there now.
pub async fn history(
    reader: &Reader,
    rev: Oid,
    path: &str,
    options: HistoryOptions,
) -> Result<History, BrowseError> {
    let path = parts(path)?.join("/");
    reader
        .within(move |session| {
            let tip = session.commit_of(rev)?;
            let mut steps = options.max_steps.saturating_mul(READ);
            let wanted = options.skip.saturating_add(options.limit);
            let mut found = vec![];
            let rest = walk(
                session,
                tip,
                path.into_bytes(),
                options.follow,
                &mut steps,
                |oid, path| {
                    found.push((oid, path.to_vec()));
                    found.len() <= wanted
                },
            )?;
            let more = found.len() > wanted;
            let entries = found
                .into_iter()
                .take(wanted)
                .skip(options.skip)
                .map(|(oid, path)| {
                    Ok(HistoryEntry {
                        commit: session.commit(oid)?,
                        path: String::from_utf8_lossy(&path).into_owned(),
                    })
                })
                .collect::<Result<_, BrowseError>>()?;
            let rest = if more { Rest::More } else { rest };
            Ok(History { entries, rest })
        })
        .await
}

/// The last commit that changed a path; none where it was not found in so many steps.
pub(super) fn last(
    session: &mut Session,
    tip: Oid,
    path: &[u8],
    steps: &mut usize,
) -> Result<Option<Oid>, BrowseError> {
    let mut found = None;
    *steps = steps.saturating_mul(READ);
    walk(session, tip, path.to_vec(), false, steps, |oid, _| {
        found = Some(oid);
        false
    })?;
    *steps /= READ;
    Ok(found)
}

/// Goes through the commits that changed a path until `show` has enough.
fn walk(
    session: &mut Session,
    tip: Oid,
    mut path: Vec<u8>,
    follow: bool,
    steps: &mut usize,
    mut show: impl FnMut(Oid, &[u8]) -> bool,
) -> Result<Rest, BrowseError> {
    let mut keys = PathKeys::new(&path);
    let mut renames = 0;
    let mut walk = ByTime::default();
    walk.add(session, tip)?;
    while let Some(node) = walk.next() {
        if *steps == 0 {
            return Ok(Rest::Unsearched);
        }
        if let Some(&first) = node.parents.first()
            && let Some(graph) = &session.graph
            && !path.is_empty()
            && !graph.may_have_changed(node.oid, &keys)
        {
            *steps = steps.saturating_sub(SKIP);
            walk.add(session, first)?;
            continue;
        }
        *steps = steps.saturating_sub(READ);
        let here = session.find(node.tree, &path)?;
        let mut same = None;
        let mut before = None;
        for &parent in &node.parents {
            let tree = session.node(parent)?.tree;
            before = if tree == node.tree {
                here
            } else {
                session.find(tree, &path)?
            };
            if before == here {
                same = Some(parent);
                break;
            }
        }
        if let Some(same) = same {
            walk.add(session, same)?;
            continue;
        }
        if node.parents.is_empty() && here.is_none() {
            continue;
        }
        if !show(node.oid, &path) {
            return Ok(Rest::More);
        }
        if follow
            && here.is_some()
            && before.is_none()
            && let [parent] = node.parents[..]
            && renames < MAX_RENAMES
            && let Some(earlier) = renamed_from(session, parent, node.oid, &path)?
        {
            renames += 1;
            path = earlier;
            keys = PathKeys::new(&path);
        }
        for parent in node.parents {
            walk.add(session, parent)?;
        }
    }
    Ok(Rest::Nothing)
}

/// What a file was called before a commit that brought it under this name.
fn renamed_from(
    session: &Session,
    before: Oid,
    commit: Oid,
    path: &[u8],
) -> Result<Option<Vec<u8>>, BrowseError> {
    let reader = &session.reader;
    let mut command = reader.git().command(reader.bare().dir()).into_std();
    let listed = command
        .args([
            "diff-tree",
            "-r",
            "-z",
            "--raw",
            "-M",
            "-l1000",
            "--diff-filter=R",
        ])
        .args(["--end-of-options", &before.to_string(), &commit.to_string()])
        .output()
        .map_err(GitError::from)?;
    if !listed.status.success() {
        return Err(GitError::Failed {
            verb: "diff-tree".into(),
            message: String::from_utf8_lossy(&listed.stderr).trim().to_owned(),
        }
        .into());
    }
    // Each is `:<what it was and is>`, the earlier name, and the later one.
    let mut words = listed.stdout.split(|&b| b == 0);
    while let (Some(_), Some(from), Some(to)) = (words.next(), words.next(), words.next()) {
        if to == path {
            return Ok(Some(from.to_vec()));
        }
    }
    Ok(None)
}

/// Commits in the order of their time, the newest first, each once.
#[derive(Default)]
pub(super) struct ByTime {
    met: Met,
    queue: BinaryHeap<(i64, Reverse<u64>, Waiting)>,
}

struct Waiting(Node);

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.0.oid == other.0.oid
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.oid.cmp(&other.0.oid)
    }
}

impl ByTime {
    pub(super) fn add(&mut self, session: &mut Session, oid: Oid) -> Result<(), BrowseError> {
        if self.met.insert(oid) {
            let node = session.node(oid)?;
            let nth = self.met.len() as u64;
            self.queue.push((node.time_s, Reverse(nth), Waiting(node)));
        }
        Ok(())
    }

    pub(super) fn next(&mut self) -> Option<Node> {
        self.queue.pop().map(|(_, _, Waiting(node))| node)
    }
}
