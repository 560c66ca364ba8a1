//! Bookmarks and tags: lists of them, and what a name in a URL stands for.

use super::compare::{Divergence, paint};
use super::last_change::LastChange;
use super::reader::{Reader, Session};
use super::{BrowseError, Signature, commit, peel, read_structure};
use crate::cache::{Bare, PackedRef};
use crate::connectivity::ObjectKind;
use crate::oid::Oid;
use crate::refname::RefName;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What kind of ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefKind {
    /// Below `refs/heads/`.
    Bookmark,
    /// Below `refs/tags/`.
    Tag,
}

impl RefKind {
    /// What the full names of its refs begin with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Bookmark => "refs/heads/",
            Self::Tag => "refs/tags/",
        }
    }
}

/// The short names of a repository's refs: how many there are, and those that are chosen first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefNames {
    /// The default bookmark, and the others in the order of their names; so many at most.
    pub bookmarks: Vec<String>,
    /// How many bookmarks there are.
    pub bookmarks_total: usize,
    /// Tags against the order of their names: versions come last in it, and are asked for first.
    pub tags: Vec<String>,
    /// How many tags there are.
    pub tags_total: usize,
}

/// Which refs are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefQuery {
    /// Of which kind.
    pub kind: RefKind,
    /// Only those whose short name has this in it, in either letter case.
    pub containing: Option<String>,
    /// Only those behind this short name: where the page before ended.
    pub after: Option<String>,
    /// How many.
    pub limit: usize,
    /// How many commits may be looked at, for all of the page, to count how far each is ahead of
    /// the default bookmark and behind it; 0 counts nothing.
    pub max_steps: usize,
}

/// What an annotated tag says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagNote {
    /// Who made it; some old tags do not say.
    pub tagger: Option<Signature>,
    /// Its message.
    pub message: String,
}

/// One ref of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefItem {
    /// The name without `refs/heads/` or `refs/tags/`.
    pub name: String,
    /// The whole name.
    pub full_name: String,
    /// The object that it names: a commit, or an annotated tag.
    pub target: Oid,
    /// The commit that it stands for; none where a tag is of something else.
    pub commit: Option<Arc<LastChange>>,
    /// What it says, where it is an annotated tag.
    pub note: Option<TagNote>,
    /// Whether it is the default bookmark.
    pub is_default: bool,
    /// How far it is from the default bookmark; none where that was not asked for.
    pub divergence: Option<Divergence>,
}

/// A page of refs in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefPage {
    /// The refs.
    pub items: Vec<RefItem>,
    /// How many there are on all pages.
    pub total: usize,
    /// Where the next page begins, to be given as `after`; none where this is the last.
    pub next: Option<String>,
}

/// What the name at the beginning of a path stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocatedKind {
    /// A bookmark.
    Bookmark,
    /// A tag.
    Tag,
    /// A commit, by its full id.
    Commit,
}

/// A ref and a path that stood in one text, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The short name of the ref, or the id.
    pub name: String,
    /// What it is.
    pub kind: LocatedKind,
    /// The commit that it stands for.
    pub commit: Oid,
    /// What is left: a path, without slashes at its ends; empty for the root.
    pub path: String,
}

/// All refs of a generation, in the order of their names.
pub(crate) struct RefTable {
    /// What HEAD stands for, whether it is there or not.
    pub(crate) head: RefName,
    /// All of them.
    pub(crate) refs: Vec<PackedRef>,
}

impl RefTable {
    pub(super) fn read(bare: &Bare) -> Result<Self, BrowseError> {
        let (head, mut refs) = bare.read_refs()?;
        if !refs.is_sorted_by(|a, b| a.name <= b.name) {
            refs.sort_unstable();
        }
        Ok(Self { head, refs })
    }

    pub(super) fn len(&self) -> usize {
        self.refs.len()
    }

    pub(super) fn find(&self, name: &str) -> Option<&PackedRef> {
        let at = self
            .refs
            .binary_search_by(|found| found.name.as_str().cmp(name))
            .ok()?;
        Some(&self.refs[at])
    }

    /// The refs of one kind.
    fn of_kind(&self, kind: RefKind) -> &[PackedRef] {
        let prefix = kind.prefix();
        let start = self.refs.partition_point(|found| found.name.as_str() < prefix);
        let rest = &self.refs[start..];
        let len = rest.partition_point(|found| found.name.as_str().starts_with(prefix));
        &rest[..len]
    }

    fn names(&self, limit: usize) -> RefNames {
        let (bookmarks, tags) = (self.of_kind(RefKind::Bookmark), self.of_kind(RefKind::Tag));
        let head = self.head.as_str();
        let others = bookmarks.iter().filter(|found| found.name.as_str() != head);
        let first = self.find(head).into_iter().chain(others);
        let short = |kind: RefKind| {
            move |found: &PackedRef| found.name.as_str().strip_prefix(kind.prefix()).map(str::to_owned)
        };
        RefNames {
            bookmarks: first.filter_map(short(RefKind::Bookmark)).take(limit).collect(),
            bookmarks_total: bookmarks.len(),
            tags: tags
                .iter()
                .rev()
                .filter_map(short(RefKind::Tag))
                .take(limit)
                .collect(),
            tags_total: tags.len(),
        }
    }

    /// Names and objects: the default bookmark first, then the others.
    pub(super) fn default_first(&self) -> impl Iterator<Item = (&str, Oid)> {
        let head = self.head.as_str();
        let first = self.find(head).into_iter();
        let others = self.refs.iter().filter(move |found| found.name.as_str() != head);
        first
            .chain(others)
            .map(|found| (found.name.as_str(), found.peeled.unwrap_or(found.oid)))
    }

    /// The bookmarks and tags that name this object, by themselves or through a tag.
    pub(super) fn pointing_at(&self, oid: Oid, limit: usize) -> Vec<RefItem> {
        [RefKind::Bookmark, RefKind::Tag]
            .into_iter()
            .flat_map(|kind| self.of_kind(kind).iter().map(move |found| (kind, found)))
            .filter(|(_, found)| found.oid == oid || found.peeled == Some(oid))
            .take(limit)
            .map(|(kind, found)| self.item(kind, found))
            .collect()
    }

    fn item(&self, kind: RefKind, found: &PackedRef) -> RefItem {
        let full_name = found.name.as_str().to_owned();
        RefItem {
            name: full_name[kind.prefix().len()..].to_owned(),
            is_default: found.name == self.head,
            full_name,
            target: found.oid,
            commit: None,
            note: None,
            divergence: None,
        }
    }
}

/// The names of bookmarks and tags, so many of each.
pub async fn ref_names(reader: &Reader, limit: usize) -> Result<RefNames, BrowseError> {
    reader
        .within(move |session| Ok(session.reader.refs()?.names(limit)))
        .await
}

/// Lists bookmarks or tags, a page at a time.
pub async fn refs(reader: &Reader, query: RefQuery) -> Result<RefPage, BrowseError> {
    reader.within(move |session| page(session, &query)).await
}

fn page(session: &mut Session, query: &RefQuery) -> Result<RefPage, BrowseError> {
    let table = session.reader.refs()?;
    let all = table.of_kind(query.kind);
    let prefix = query.kind.prefix().len();
    let short = |found: &&PackedRef| found.name.as_str()[prefix..].to_owned();
    let wanted = query.containing.as_deref().unwrap_or("").to_lowercase();
    let fits = |found: &&PackedRef| wanted.is_empty() || short(found).to_lowercase().contains(&wanted);
    let total = match wanted.is_empty() {
        true => all.len(),
        false => all.iter().filter(fits).count(),
    };
    let start = match &query.after {
        None => 0,
        Some(after) => all.partition_point(|found| found.name.as_str()[prefix..] <= **after),
    };
    let mut chosen: Vec<&PackedRef> = all[start..]
        .iter()
        .filter(fits)
        .take(query.limit.saturating_add(1))
        .collect();
    let more = chosen.len() > query.limit;
    chosen.truncate(query.limit);
    let next = match chosen.last() {
        Some(last) if more => Some(short(last)),
        _ => None,
    };
    let default = match (query.kind, query.max_steps) {
        (RefKind::Bookmark, 1..) => table.find(table.head.as_str()).map(|found| found.oid),
        _ => None,
    };
    let mut steps = query.max_steps;
    let mut items = vec![];
    for found in chosen {
        let mut item = table.item(query.kind, found);
        let (tip, kind, content) = peel(session.objects.as_mut(), found.oid)?;
        if kind == ObjectKind::Commit {
            let commit = super::Commit::parse(tip, &content)?;
            item.commit = Some(Arc::new(LastChange::of(commit)));
            item.divergence = match default {
                Some(default) => Some(paint(session, default, tip, &mut steps)?.divergence()),
                None => None,
            };
        }
        if tip != found.oid {
            let (_, content) = read_structure(session.objects.as_mut(), found.oid)?;
            item.note = Some(note(&content));
        }
        items.push(item);
    }
    Ok(RefPage { items, total, next })
}

fn note(content: &[u8]) -> TagNote {
    let text = String::from_utf8_lossy(content);
    let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
    // A signed tag carries its signature at the end of its message.
    let message = [
        "-----BEGIN PGP SIGNATURE-----",
        "-----BEGIN SSH SIGNATURE-----",
        "-----BEGIN SIGNED MESSAGE-----",
    ]
    .iter()
    .filter_map(|begin| message.find(&format!("\n{begin}\n")))
    .min()
    .map_or(message, |end| &message[..=end]);
    TagNote {
        tagger: head
            .lines()
            .find_map(|line| line.strip_prefix("tagger "))
            .map(commit::signature),
        message: message.to_owned(),
    }
}

/// The commits of the default bookmark and of so many others, those with the newest commits; the
/// default one first, each once. None where there is no default bookmark.
pub async fn newest_bookmarks(reader: &Reader, others: usize) -> Result<Vec<Oid>, BrowseError> {
    reader
        .within(move |session| {
            let table = session.reader.refs()?;
            let Some(default) = table.find(table.head.as_str()) else {
                return Ok(vec![]);
            };
            let mut tips = vec![session.commit_of(default.oid)?];
            if others > 0 {
                let mut by_time = vec![];
                for found in table.of_kind(RefKind::Bookmark) {
                    by_time.push((session.node(found.oid)?.time_s, found.oid));
                }
                by_time.sort_unstable_by(|a, b| b.cmp(a));
                by_time.dedup();
                let others_only = by_time
                    .into_iter()
                    .map(|(_, oid)| oid)
                    .filter(|oid| *oid != tips[0]);
                let newest: Vec<Oid> = others_only.take(others).collect();
                tips.extend(newest);
            }
            Ok(tips)
        })
        .await
}

/// Takes `main/src/lib.rs` apart: the bookmark, tag or full commit id at its beginning, and the
/// path after it. Names of refs may have slashes; a bookmark goes before a tag.
pub async fn locate(reader: &Reader, text: &str) -> Result<Located, BrowseError> {
    let text = text.trim_matches('/').to_owned();
    reader
        .within(move |session| {
            let table = session.reader.refs()?;
            let ends: Vec<usize> = text
                .match_indices('/')
                .map(|(at, _)| at)
                .chain([text.len()])
                .collect();
            for (kind, located) in [
                (RefKind::Bookmark, LocatedKind::Bookmark),
                (RefKind::Tag, LocatedKind::Tag),
            ] {
                for &end in &ends {
                    let name = &text[..end];
                    if let Some(found) = table.find(&format!("{}{name}", kind.prefix())) {
                        return Ok(Located {
                            name: name.to_owned(),
                            kind: located,
                            commit: session.commit_of(found.oid)?,
                            path: text[end..].trim_start_matches('/').to_owned(),
                        });
                    }
                }
            }
            let (name, path) = text.split_once('/').unwrap_or((&text, ""));
            let format = session.reader.bare().format();
            let oid = Oid::parse(name, format).map_err(|_| BrowseError::NotFound)?;
            Ok(Located {
                name: name.to_owned(),
                kind: LocatedKind::Commit,
                commit: session.commit_of(oid)?,
                path: path.to_owned(),
            })
        })
        .await
}

/// Whether a commit can be reached from a tip; none where that was not found out in the steps that
/// were left. `known` holds what was found out before, and no commit of a generation below `floor`
/// can reach it.
pub(super) fn contains(
    session: &mut Session,
    tip: Oid,
    floor: u32,
    known: &mut HashMap<Oid, bool>,
    steps: &mut usize,
) -> Result<Option<bool>, BrowseError> {
    let mut met: HashSet<Oid> = HashSet::from([tip]);
    let mut stack = vec![tip];
    while let Some(oid) = stack.pop() {
        match known.get(&oid) {
            Some(true) => {
                known.insert(tip, true);
                return Ok(Some(true));
            }
            Some(false) => continue,
            None => {}
        }
        if *steps == 0 {
            return Ok(None);
        }
        *steps -= 1;
        let node = session.node(oid)?;
        if node.generation <= floor && node.generation != u32::MAX {
            continue;
        }
        for parent in node.parents {
            if met.insert(parent) {
                stack.push(parent);
            }
        }
    }
    known.extend(met.into_iter().map(|oid| (oid, false)));
    Ok(Some(false))
}
