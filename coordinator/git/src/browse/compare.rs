//! Two commits beside each other: where they parted, and how far each has gone since.

use super::reader::{Reader, Session};
use super::{BrowseError, Commit, Diff, DiffOptions, diff};
use crate::oid::Oid;
use std::collections::{BinaryHeap, HashMap};

/// A number of commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many were counted.
    pub count: usize,
    /// Whether that is all, or counting was given up.
    pub is_exact: bool,
}

/// How far one commit is from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The commits that it has and the other has not.
    pub ahead: Count,
    /// The commits that the other has and it has not.
    pub behind: Count,
}

/// What lies between two commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// What the changes are compared with.
    pub base: Oid,
    /// What has the changes.
    pub head: Oid,
    /// The best common ancestor, from which the changes are shown; none where the two have no
    /// history in common, or it was not found in so many steps.
    pub merge_base: Option<Oid>,
    /// How far the head is ahead of the base, and behind it.
    pub divergence: Divergence,
    /// The commits that only the head has, the newest first, up to a number.
    pub commits: Vec<Commit>,
    /// What they changed all together. Without a merge base: against the base itself.
    pub diff: Diff,
}

/// Compares two commits: `git log base..head` and `git diff base...head`. At most `max_commits`
/// commits are answered, and `max_steps` looked at.
pub async fn compare(
    reader: &Reader,
    base: Oid,
    head: Oid,
    max_commits: usize,
    max_steps: usize,
    options: DiffOptions,
) -> Result<Comparison, BrowseError> {
    let (base, head, painted, commits) = reader
        .within(move |session| {
            let (base, head) = (session.commit_of(base)?, session.commit_of(head)?);
            let mut steps = max_steps;
            let painted = paint(session, base, head, &mut steps)?;
            let commits = painted
                .ahead
                .iter()
                .take(max_commits)
                .map(|&oid| session.commit(oid))
                .collect::<Result<Vec<_>, _>>()?;
            Ok((base, head, painted, commits))
        })
        .await?;
    let merge_base = painted.bases.first().copied();
    let diff = diff(reader, Some(merge_base.unwrap_or(base)), head, options).await?;
    Ok(Comparison {
        base,
        head,
        merge_base,
        divergence: painted.divergence(),
        commits,
        diff,
    })
}

/// The commits that `head` has and `base` has not, the newest first, at most so many, and how far the
/// two are apart: `git log base..head`. At most `max_steps` commits are looked at.
pub async fn ahead(
    reader: &Reader,
    base: Oid,
    head: Oid,
    max_commits: usize,
    max_steps: usize,
) -> Result<(Vec<Commit>, Divergence), BrowseError> {
    reader
        .within(move |session| {
            let (base, head) = (session.commit_of(base)?, session.commit_of(head)?);
            let mut steps = max_steps;
            let painted = paint(session, base, head, &mut steps)?;
            let newest = painted.ahead.iter().take(max_commits);
            let commits = newest
                .map(|&oid| session.commit(oid))
                .collect::<Result<Vec<_>, _>>()?;
            Ok((commits, painted.divergence()))
        })
        .await
}

/// Counts how far one commit is ahead of another, and behind it.
pub async fn divergence(
    reader: &Reader,
    from: Oid,
    of: Oid,
    max_steps: usize,
) -> Result<Divergence, BrowseError> {
    reader
        .within(move |session| {
            let (from, of) = (session.commit_of(from)?, session.commit_of(of)?);
            let mut steps = max_steps;
            Ok(paint(session, from, of, &mut steps)?.divergence())
        })
        .await
}

/// What was found between two commits.
pub(super) struct Painted {
    /// The common ancestors that are ancestors of no other, the newest first.
    pub(super) bases: Vec<Oid>,
    /// The commits that only the second has, the newest first.
    pub(super) ahead: Vec<Oid>,
    behind: usize,
    is_exact: bool,
}

impl Painted {
    pub(super) fn divergence(&self) -> Divergence {
        let count = |count| Count {
            count,
            is_exact: self.is_exact,
        };
        Divergence {
            ahead: count(self.ahead.len()),
            behind: count(self.behind),
        }
    }
}

const BASE: u8 = 1;
const HEAD: u8 = 2;
/// Below a common ancestor: nothing new comes of it.
const STALE: u8 = 4;

/// Walks back from both commits until all that is left belongs to both.
pub(super) fn paint(
    session: &mut Session,
    base: Oid,
    head: Oid,
    steps: &mut usize,
) -> Result<Painted, BrowseError> {
    let mut colours: HashMap<Oid, u8> = HashMap::new();
    let mut order: Vec<Oid> = vec![];
    let mut queue = BinaryHeap::new();
    let mut fresh = 0usize;
    for (oid, colour) in [(base, BASE), (head, HEAD)] {
        let node = session.node(oid)?;
        *colours.entry(oid).or_default() |= colour;
        queue.push((node.generation, node.time_s, oid));
        fresh += 1;
    }
    if base == head {
        return Ok(Painted {
            bases: vec![base],
            ahead: vec![],
            behind: 0,
            is_exact: true,
        });
    }
    let mut bases = vec![];
    let mut is_exact = true;
    // A commit stands in the queue once for each time that its colours changed.
    let mut waiting: HashMap<Oid, (usize, bool)> = [(base, (1, true)), (head, (1, true))].into();
    // Where no graph says what comes before what, only time does: commits that are no older than
    // one that was counted may yet turn out to be ancestors of both.
    let mut oldest = i64::MAX;
    while let Some(&(generation, time_s, oid)) = queue.peek() {
        if fresh == 0 && (generation != u32::MAX || time_s < oldest) {
            break;
        }
        queue.pop();
        if let Some((count, is_fresh)) = waiting.get_mut(&oid) {
            *count -= 1;
            if *is_fresh {
                *is_fresh = false;
                fresh -= 1;
            }
            if *count == 0 {
                waiting.remove(&oid);
            }
        }
        if *steps == 0 {
            is_exact = false;
            break;
        }
        *steps -= 1;
        let mut colour = colours[&oid];
        order.push(oid);
        if colour & (BASE | HEAD) != BASE | HEAD {
            oldest = oldest.min(time_s);
        }
        if colour & (BASE | HEAD | STALE) == BASE | HEAD {
            bases.push(oid);
            colour |= STALE;
        }
        for parent in session.node(oid)?.parents {
            let known = colours.entry(parent).or_default();
            if *known | colour == *known {
                continue;
            }
            *known |= colour;
            let is_stale = *known & STALE != 0;
            let node = session.node(parent)?;
            queue.push((node.generation, node.time_s, parent));
            let entry = waiting.entry(parent).or_insert((0, false));
            entry.0 += 1;
            match (entry.1, is_stale) {
                (false, false) => {
                    entry.1 = true;
                    fresh += 1;
                }
                (true, true) => {
                    entry.1 = false;
                    fresh -= 1;
                }
                _ => {}
            }
        }
    }
    bases.retain(|oid| colours[oid] & STALE == 0);
    let mut ahead = vec![];
    let mut behind = 0;
    let mut met = std::collections::HashSet::new();
    for oid in order {
        if met.insert(oid) {
            match colours[&oid] & (BASE | HEAD) {
                HEAD => ahead.push(oid),
                BASE => behind += 1,
                _ => {}
            }
        }
    }
    Ok(Painted {
        bases,
        ahead,
        behind,
        is_exact,
    })
}
