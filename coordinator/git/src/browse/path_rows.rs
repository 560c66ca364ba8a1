//! The paths whose last change is looked for: rows in the order of a tree, and sets of them.

use super::graph::{Filter, PathKey};
use super::reader::Session;
use super::{BrowseError, entries_of};
use crate::oid::Oid;

/// The paths that are looked for: the entries of one folder, or everything below it, each folder
/// before what is in it.
pub(super) struct Paths {
    rows: Vec<Row>,
    /// Whether what is inside folders is among them.
    deep: bool,
    /// The path of the folder itself.
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

    pub(super) fn is_deep(&self) -> bool {
        self.deep
    }

    pub(super) fn scope(&self) -> &[u8] {
        &self.scope
    }

    /// What the filters know each row by.
    pub(super) fn keys(&self) -> Vec<PathKey> {
        let mut keys = Vec::with_capacity(self.rows.len());
        let mut path = self.scope.clone();
        self.add_keys(0..self.rows.len(), &mut path, &mut keys);
        keys
    }

    fn add_keys(&self, range: std::ops::Range<usize>, path: &mut Vec<u8>, keys: &mut Vec<PathKey>) {
        let folder = path.len();
        for row in self.children(range) {
            if folder > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(&self.rows[row].name);
            keys.push(PathKey::new(path));
            self.add_keys(row + 1..self.rows[row].end, path, keys);
            path.truncate(folder);
        }
    }

    /// Adds to `may` which of the wanted rows in a range a commit may have changed, as its filter
    /// says. One whose folder it surely did not change it did not change either.
    pub(super) fn add_candidates(
        &self,
        range: std::ops::Range<usize>,
        filter: &Filter<'_>,
        keys: &[PathKey],
        wanted: &Set,
        may: &mut Set,
    ) {
        for row in self.children(range) {
            let end = self.rows[row].end;
            if !wanted.has_any(row..end) || !filter.may_have(&keys[row]) {
                continue;
            }
            if wanted.has(row) {
                may.add(row);
            }
            self.add_candidates(row + 1..end, filter, keys, wanted, may);
        }
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

pub(super) fn is_tree(mode: u32) -> bool {
    mode & 0o170_000 == 0o040_000
}

/// Some of the rows.
#[derive(Clone)]
pub(super) struct Set {
    words: Vec<u64>,
}

impl Set {
    pub(super) fn empty(len: usize) -> Self {
        Self {
            words: vec![0; len.div_ceil(64)],
        }
    }

    pub(super) fn full(len: usize) -> Self {
        let mut set = Self::empty(len);
        set.add_range(0..len);
        set
    }

    pub(super) fn add(&mut self, at: usize) {
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

    pub(super) fn is_empty(&self) -> bool {
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

    pub(super) fn add_all(&mut self, other: &Self) {
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    /// Adds those of another set that are in this range.
    pub(super) fn add_range_of(&mut self, range: std::ops::Range<usize>, other: &Self) {
        for at in range {
            if other.has(at) {
                self.add(at);
            }
        }
    }

    pub(super) fn remove_all(&mut self, other: &Self) {
        for (word, gone) in self.words.iter_mut().zip(&other.words) {
            *word &= !gone;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
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
            let mut rest = Set::full(300);
            rest.remove_all(&set);
            prop_assert_eq!(rest.iter().count(), 300 - rows.len());
        }
    }
}
