//! Which commit changed each path of a tree last, as `git log -1 -- <path>` says it.
//!
//! All paths are looked for in one walk. Each begins at the tip and goes from commit to commit,
//! always to the first parent that has it as it is, and has arrived where no parent has. A walk
//! ends early where it meets a commit whose answers are known from an earlier one.

use super::graph::{PathKey, PathKeys};
use super::last_index::Known;
use super::path_rows::{Paths, Row, Set, is_tree};
use super::reader::{Node, Session};
use super::{BrowseError, Commit, Signature, entries_of};
use crate::oid::Oid;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

/// So many entries of trees count as one step.
const ENTRIES_PER_STEP: usize = 256;

/// The last commit that changed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastChange {
    /// The commit.
    pub oid: Oid,
    /// The first line of its message.
    pub summary: String,
    /// Who wrote it.
    pub author: Signature,
    /// When it was made a commit, in milliseconds since 1970.
    pub committed_ms: i64,
}

impl LastChange {
    /// What a list shows of a commit.
    pub(super) fn of(commit: Commit) -> Self {
        Self {
            oid: commit.oid,
            summary: commit.summary().to_owned(),
            author: commit.author,
            committed_ms: commit.committer.time_ms,
        }
    }
}

/// How far a walk may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    /// How many commits may be looked at; reading large trees counts as more.
    pub(super) max_steps: usize,
}

/// What a folder's page shows beside its entries.
pub(super) struct Found {
    pub(super) folder: Option<Arc<LastChange>>,
    pub(super) entries: Vec<Option<Arc<LastChange>>>,
}

/// The last changes of a folder's entries and of the folder itself, at a commit.
pub(super) fn of_folder(
    session: &mut Session,
    commit: Oid,
    path: &str,
    tree: Oid,
    walk: Walk,
) -> Result<Found, BrowseError> {
    let indexes = session.reader.indexes();
    if let Some(index) = indexes.of(commit)
        && let Some(found) = index.folder(path.as_bytes())
    {
        return Ok(found);
    }
    let paths = Paths::shallow(session, path, tree)?;
    let mut steps = walk.max_steps;
    let known = |session: &mut Session, at: Oid, tree: Oid, wanted: &Set, paths: &Paths| match indexes.of(at)
    {
        Some(index) => index.entries_at(session, path.as_bytes(), tree, wanted, paths),
        None => Ok(None),
    };
    let answers = search(session, commit, &paths, &mut steps, known)?;
    let mut entries = vec![];
    let mut read: HashMap<Oid, Arc<LastChange>> = HashMap::new();
    for answer in answers {
        entries.push(match answer {
            Answer::Unknown => None,
            Answer::Known(change) => Some(change),
            Answer::Commit(oid) => Some(match read.get(&oid) {
                Some(change) => change.clone(),
                None => {
                    let change = Arc::new(LastChange::of(session.commit(oid)?));
                    read.insert(oid, change.clone());
                    change
                }
            }),
        });
    }
    // Whoever changed the folder last changed an entry last, or removed one.
    let folder = match path {
        "" => Some(Arc::new(LastChange::of(session.commit(commit)?))),
        path => super::history::last(session, commit, path.as_bytes(), &mut steps)?
            .map(|oid| session.commit(oid).map(|commit| Arc::new(LastChange::of(commit))))
            .transpose()?,
    };
    Ok(Found { folder, entries })
}

/// What became of one path.
#[derive(Clone)]
pub(super) enum Answer {
    /// The walk ended before it was found.
    Unknown,
    /// The commit that changed it last.
    Commit(Oid),
    /// What an earlier walk found.
    Known(Arc<LastChange>),
}

/// Looks for the last change of all paths. `steps` is how far it may go, and what is left after.
pub(super) fn search(
    session: &mut Session,
    tip: Oid,
    paths: &Paths,
    steps: &mut usize,
    mut known: impl FnMut(&mut Session, Oid, Oid, &Set, &Paths) -> Result<Option<Known>, BrowseError>,
) -> Result<Vec<Answer>, BrowseError> {
    let len = paths.rows().len();
    let mut answers = vec![Answer::Unknown; len];
    if len == 0 {
        return Ok(answers);
    }
    let keys = session.graph.as_ref().map(|_| Keys {
        scope: PathKeys::new(paths.scope()),
        rows: paths.keys(),
    });
    let mut at: HashMap<Oid, (Node, Oid, Set)> = HashMap::new();
    let mut queue = BinaryHeap::new();
    let mut count = 0u64;
    let mut push = |at: &mut HashMap<Oid, (Node, Oid, Set)>,
                    queue: &mut BinaryHeap<_>,
                    node: Node,
                    tree: Oid,
                    set: Set| {
        if set.is_empty() {
            return;
        }
        match at.entry(node.oid) {
            std::collections::hash_map::Entry::Occupied(mut there) => there.get_mut().2.add_all(&set),
            std::collections::hash_map::Entry::Vacant(free) => {
                count += 1;
                queue.push((node.generation, node.time_s, Reverse(count), node.oid));
                free.insert((node, tree, set));
            }
        }
    };
    let node = session.node(tip)?;
    let Some((_, tree)) = session.find(node.tree, paths.scope())? else {
        return Ok(answers);
    };
    push(&mut at, &mut queue, node, tree, Set::full(len));
    while let Some((_, _, _, oid)) = queue.pop() {
        let Some((node, tree, mut wanted)) = at.remove(&oid) else {
            continue;
        };
        if *steps == 0 {
            break;
        }
        *steps -= 1;
        if let Some(found) = known(session, oid, tree, &wanted, paths)? {
            let mut settled = Set::empty(len);
            for (row, change) in found {
                answers[row] = Answer::Known(change);
                settled.add(row);
            }
            wanted.remove_all(&settled);
            if wanted.is_empty() {
                continue;
            }
        }
        for (nth, &parent) in node.parents.iter().enumerate() {
            if wanted.is_empty() {
                break;
            }
            let before = session.node(parent)?;
            // What the first parent surely has as it is need not be compared.
            let may = match (&keys, nth) {
                (Some(keys), 0) => candidates(session, oid, paths, keys, &wanted),
                _ => None,
            };
            let tree_before = match &may {
                Some(Candidates { folder: false, .. }) => tree,
                _ => match session.find(before.tree, paths.scope())? {
                    Some((mode, tree_before)) if is_tree(mode) => tree_before,
                    _ => continue,
                },
            };
            let mut changed = Set::empty(len);
            let asked = may.as_ref().map_or(&wanted, |may| &may.rows);
            if !asked.is_empty() {
                let trees = (tree, tree_before);
                compare(session, paths, 0..len, trees, asked, &mut changed, steps)?;
            }
            let mut same = wanted;
            same.remove_all(&changed);
            push(&mut at, &mut queue, before, tree_before, same);
            wanted = changed;
        }
        for row in wanted.iter() {
            answers[row] = Answer::Commit(oid);
        }
    }
    Ok(answers)
}

/// By what the filters know the folder that is searched, and each path in it.
struct Keys {
    scope: PathKeys,
    rows: Vec<PathKey>,
}

/// What a commit may have changed, compared with its first parent.
struct Candidates {
    /// Whether the folder that is searched is among it.
    folder: bool,
    rows: Set,
}

/// What of the wanted a commit may have changed; none where there is no filter that says so.
fn candidates(session: &Session, oid: Oid, paths: &Paths, keys: &Keys, wanted: &Set) -> Option<Candidates> {
    let filter = session.graph.as_ref()?.filter(oid)?;
    let folder = filter.may_have_all(&keys.scope);
    let len = paths.rows().len();
    let mut rows = Set::empty(len);
    if folder {
        paths.add_candidates(0..len, &filter, &keys.rows, wanted, &mut rows);
    }
    Some(Candidates { folder, rows })
}

/// Adds to `changed` which of the wanted rows in a range differ between a tree and the one before.
fn compare(
    session: &mut Session,
    paths: &Paths,
    range: std::ops::Range<usize>,
    (tree, before): (Oid, Oid),
    wanted: &Set,
    changed: &mut Set,
    steps: &mut usize,
) -> Result<(), BrowseError> {
    if tree == before {
        return Ok(());
    }
    let content = session.tree(before)?;
    let there = align(paths, range.clone(), &content, before, steps)?;
    // Folders that are not wanted themselves have changed since; only the tree knows what they were.
    let deep: Vec<usize> = match paths.is_deep() {
        true => paths
            .children(range.clone())
            .filter(|&row| {
                is_tree(paths.rows()[row].mode)
                    && !wanted.has(row)
                    && wanted.has_any(row + 1..paths.rows()[row].end)
            })
            .collect(),
        false => vec![],
    };
    let here = match deep.is_empty() {
        true => vec![],
        false => {
            let content = session.tree(tree)?;
            align(paths, range.clone(), &content, tree, steps)?
        }
    };
    let mut deep = deep.into_iter().peekable();
    for (nth, row) in paths.children(range).enumerate() {
        let &Row { mode, oid, end, .. } = &paths.rows()[row];
        let in_here = deep.next_if_eq(&row).is_some();
        if !in_here && !wanted.has(row) {
            continue;
        }
        if !in_here {
            match there[nth] {
                Some((mode_before, before, _)) if (mode_before, before) == (mode, oid) => {}
                Some((mode_before, before, _))
                    if paths.is_deep() && is_tree(mode) && is_tree(mode_before) =>
                {
                    changed.add(row);
                    if wanted.has_any(row + 1..end) {
                        compare(
                            session,
                            paths,
                            row + 1..end,
                            (oid, before),
                            wanted,
                            changed,
                            steps,
                        )?;
                    }
                }
                _ => changed.add_range_of(row..end, wanted),
            }
            continue;
        }
        match (here.get(nth).copied().flatten(), there[nth]) {
            (Some((_, tree, _)), Some((mode_before, before, _))) if is_tree(mode_before) => {
                compare(
                    session,
                    paths,
                    row + 1..end,
                    (tree, before),
                    wanted,
                    changed,
                    steps,
                )?;
            }
            _ => changed.add_range_of(row + 1..end, wanted),
        }
    }
    Ok(())
}

/// Where a row is in another tree: mode, object, and which entry it is.
type Aligned = Option<(u32, Oid, usize)>;

/// Finds the rows directly in a range in a tree of another moment.
pub(super) fn align(
    paths: &Paths,
    range: std::ops::Range<usize>,
    content: &[u8],
    like: Oid,
    steps: &mut usize,
) -> Result<Vec<Aligned>, BrowseError> {
    let mut found = vec![];
    let mut entries = entries_of(content, like).peekable();
    let mut read = 0;
    for row in paths.children(range) {
        let row = &paths.rows()[row];
        let key = order(&row.name, is_tree(row.mode));
        let mut here = None;
        while let Some(entry) = entries.peek() {
            let &(mode, name, oid) = match entry {
                Ok(entry) => entry,
                Err(_) => return Err(BrowseError::Damaged("a tree cannot be read")),
            };
            match order(name, is_tree(mode)).cmp(key.clone()) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => here = Some((mode, oid, read)),
                std::cmp::Ordering::Greater => break,
            }
            read += 1;
            entries.next();
            if here.is_some() {
                break;
            }
        }
        found.push(here);
    }
    *steps = steps.saturating_sub(read / ENTRIES_PER_STEP);
    Ok(found)
}

/// The bytes by which git sorts the entries of a tree.
fn order(name: &[u8], is_tree: bool) -> impl Iterator<Item = u8> + Clone {
    name.iter().copied().chain(is_tree.then_some(b'/'))
}
