//! Which commit changed each path of a tree last, as `git log -1 -- <path>` says it.
//!
//! All paths are looked for in one walk. Each begins at the tip and goes from commit to commit,
//! always to the first parent that has it as it is, and has arrived where no parent has. A walk
//! ends early where it meets a commit whose answers are known from an earlier one.

use super::graph::PathKeys;
use super::last_index::Known;
use super::reader::{Node, Session};
use super::{BrowseError, Commit, Signature, entries_of};
use crate::oid::Oid;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

/// So many entries of trees count as one step.
const ENTRIES_PER_STEP: usize = 256;
/// Where no more paths than this are looked for, filters are asked before trees are read.
const MAX_FILTERED: usize = 16;

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

/// The paths that are looked for: the entries of one folder, or everything below it, each folder
/// before what is in it.
pub(super) struct Paths {
    rows: Vec<Row>,
    /// Whether what is inside folders is among them.
    deep: bool,
    /// The path of the folder itself, and its filter keys.
    scope: Vec<u8>,
}

pub(super) struct Row {
    pub(super) name: Vec<u8>,
    pub(super) mode: u32,
    pub(super) oid: Oid,
    /// The row behind the last one that is inside this one.
    pub(super) end: usize,
}

impl Paths {
    /// The entries of this tree, which is the folder of this path.
    pub(super) fn shallow(session: &mut Session, scope: &str, tree: Oid) -> Result<Self, BrowseError> {
        let mut paths = Self {
            rows: vec![],
            deep: false,
            scope: scope.as_bytes().to_vec(),
        };
        paths.add(session, tree, 0, usize::MAX)?;
        Ok(paths)
    }

    /// Everything in this tree, the root of a commit. None where that is more than `max` paths.
    pub(super) fn deep(session: &mut Session, tree: Oid, max: usize) -> Result<Option<Self>, BrowseError> {
        let mut paths = Self {
            rows: vec![],
            deep: true,
            scope: vec![],
        };
        let whole = paths.add(session, tree, 0, max)?;
        Ok(whole.then_some(paths))
    }

    fn add(
        &mut self,
        session: &mut Session,
        tree: Oid,
        depth: usize,
        max: usize,
    ) -> Result<bool, BrowseError> {
        if depth > super::files::MAX_DEPTH {
            return Ok(false);
        }
        let content = session.tree(tree)?;
        for entry in entries_of(&content, tree) {
            let (mode, name, oid) = entry?;
            if self.rows.len() >= max {
                return Ok(false);
            }
            let at = self.rows.len();
            self.rows.push(Row {
                name: name.to_vec(),
                mode,
                oid,
                end: at + 1,
            });
            if self.deep && is_tree(mode) && !self.add(session, oid, depth + 1, max)? {
                return Ok(false);
            }
            self.rows[at].end = self.rows.len();
        }
        Ok(true)
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows directly in the folder that has these.
    pub(super) fn children(&self, inside: std::ops::Range<usize>) -> impl Iterator<Item = usize> {
        let mut next = inside.start;
        std::iter::from_fn(move || {
            let at = next;
            (at < inside.end).then(|| {
                next = self.rows[at].end;
                at
            })
        })
    }
}

fn is_tree(mode: u32) -> bool {
    mode & 0o170_000 == 0o040_000
}

/// Some of the rows.
#[derive(Clone)]
pub(super) struct Set {
    words: Vec<u64>,
}

impl Set {
    fn empty(len: usize) -> Self {
        Self {
            words: vec![0; len.div_ceil(64)],
        }
    }

    fn full(len: usize) -> Self {
        let mut set = Self::empty(len);
        set.add_range(0..len);
        set
    }

    fn add(&mut self, at: usize) {
        self.words[at / 64] |= 1 << (at % 64);
    }

    fn add_range(&mut self, range: std::ops::Range<usize>) {
        for at in range {
            self.add(at);
        }
    }

    pub(super) fn has(&self, at: usize) -> bool {
        self.words[at / 64] & (1 << (at % 64)) != 0
    }

    fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Whether any of these is in it.
    pub(super) fn has_any(&self, range: std::ops::Range<usize>) -> bool {
        if range.is_empty() {
            return false;
        }
        let (first, last) = (range.start / 64, (range.end - 1) / 64);
        (first..=last).any(|word| {
            let mut bits = self.words[word];
            if word == first {
                bits &= u64::MAX << (range.start % 64);
            }
            if word == last {
                bits &= u64::MAX >> (63 - (range.end - 1) % 64);
            }
            bits != 0
        })
    }

    fn add_all(&mut self, other: &Self) {
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    /// Adds those of another set that are in this range.
    fn add_range_of(&mut self, range: std::ops::Range<usize>, other: &Self) {
        for at in range {
            if other.has(at) {
                self.add(at);
            }
        }
    }

    fn remove_all(&mut self, other: &Self) {
        for (word, gone) in self.words.iter_mut().zip(&other.words) {
            *word &= !gone;
        }
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let mut word = word;
            std::iter::from_fn(move || {
                (word != 0).then(|| {
                    let bit = word.trailing_zeros() as usize;
                    word &= word - 1;
                    at * 64 + bit
                })
            })
        })
    }
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
    let len = paths.rows.len();
    let mut answers = vec![Answer::Unknown; len];
    if len == 0 {
        return Ok(answers);
    }
    let scope_keys = PathKeys::new(&paths.scope);
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
    let Some((_, tree)) = session.find(node.tree, &paths.scope)? else {
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
            if nth == 0 && surely_same(session, oid, paths, &scope_keys, &wanted) {
                push(
                    &mut at,
                    &mut queue,
                    before,
                    tree,
                    std::mem::replace(&mut wanted, Set::empty(len)),
                );
                break;
            }
            let Some((mode, tree_before)) = session.find(before.tree, &paths.scope)? else {
                continue;
            };
            if !is_tree(mode) {
                continue;
            }
            let mut changed = Set::empty(len);
            compare(
                session,
                paths,
                0..len,
                (tree, tree_before),
                &wanted,
                &mut changed,
                steps,
            )?;
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

/// Whether the filters say that the first parent has all of these as they are.
fn surely_same(session: &Session, oid: Oid, paths: &Paths, scope: &PathKeys, wanted: &Set) -> bool {
    let Some(graph) = &session.graph else {
        return false;
    };
    if !paths.scope.is_empty() && !graph.may_have_changed(oid, scope) {
        return true;
    }
    if paths.deep || wanted.count() > MAX_FILTERED {
        return false;
    }
    let mut path = paths.scope.clone();
    if !path.is_empty() {
        path.push(b'/');
    }
    let folder = path.len();
    wanted.iter().all(|row| {
        path.truncate(folder);
        path.extend_from_slice(&paths.rows[row].name);
        !graph.may_have_changed(oid, &PathKeys::new(&path))
    })
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
    let deep: Vec<usize> = match paths.deep {
        true => paths
            .children(range.clone())
            .filter(|&row| {
                is_tree(paths.rows[row].mode)
                    && !wanted.has(row)
                    && wanted.has_any(row + 1..paths.rows[row].end)
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
        let Row { mode, oid, end, .. } = paths.rows[row];
        let in_here = deep.next_if_eq(&row).is_some();
        if !in_here && !wanted.has(row) {
            continue;
        }
        if !in_here {
            match there[nth] {
                Some((mode_before, before, _)) if (mode_before, before) == (mode, oid) => {}
                Some((mode_before, before, _)) if paths.deep && is_tree(mode) && is_tree(mode_before) => {
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
        let row = &paths.rows[row];
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sets(rows in prop::collection::btree_set(0..300usize, 0..40), start in 0..300usize, len in 0..300usize) {
            let mut set = Set::empty(300);
            for &row in &rows {
                set.add(row);
            }
            let end = (start + len).min(300);
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), rows.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(set.has_any(start..end), rows.range(start..end.max(start)).next().is_some());
            prop_assert_eq!(set.count(), rows.len());
            let mut rest = Set::full(300);
            rest.remove_all(&set);
            prop_assert_eq!(rest.count(), 300 - rows.len());
        }
    }
}
