//! Bookmarks and tags.

use super::super::super::extract::{Path, Query};
use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::Visit;
use super::room;
use super::shown::change;
use axum::extract::State;
use axum::response::Response;
use plue_forge::browse::{Count, RefKind};
use plue_pages::repo::refs::{self, Item, List};
use serde::Deserialize;

/// How many refs a part of a list has.
const A_PART: usize = 50;
/// The longest text that is searched for, in characters.
const MAX_TEXT_CHARS: usize = 200;

/// Which refs are asked for.
#[derive(Deserialize)]
pub struct RefsQuery {
    q: Option<String>,
    after: Option<String>,
}

/// The bookmarks.
pub async fn bookmarks(
    site: State<Site>,
    visit: Visit,
    path: Path,
    query: Query<RefsQuery>,
) -> Result<Response, Failure> {
    listed(site, visit, path, query, RefKind::Bookmark).await
}

/// The tags.
pub async fn tags(
    site: State<Site>,
    visit: Visit,
    path: Path,
    query: Query<RefsQuery>,
) -> Result<Response, Failure> {
    listed(site, visit, path, query, RefKind::Tag).await
}

async fn listed(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    Query(query): Query<RefsQuery>,
    kind: RefKind,
) -> Result<Response, Failure> {
    let room = room!(&site, &visit, &path);
    let head = room.head();
    let (view, show) = room.look(&site).await?;
    let text: String = query
        .q
        .unwrap_or_default()
        .trim()
        .chars()
        .take(MAX_TEXT_CHARS)
        .collect();
    let containing = (!text.is_empty()).then_some(text.as_str());
    let found = view
        .refs(kind, containing, query.after.as_deref(), A_PART)
        .await?;
    let count = |count: &Count| match count.is_exact {
        true => count.count.to_string(),
        false => format!("{}+", count.count),
    };
    let item = |found: &plue_forge::browse::RefItem| Item {
        name: found.name.clone(),
        change: found.commit.as_deref().map(change),
        is_default: found.is_default,
        apart: found
            .divergence
            .as_ref()
            .filter(|_| !found.is_default)
            .map(|apart| (count(&apart.ahead), count(&apart.behind))),
        note: found
            .note
            .as_ref()
            .map_or(String::new(), |note| note.message.trim().to_owned()),
    };
    let list = List {
        tags: kind == RefKind::Tag,
        items: found.items.iter().map(item).collect(),
        total: found.total,
        text,
        next: found.next,
    };
    let html = refs::refs(&visit.frame(), &head, &list);
    Ok(show.page(&site, &visit, html, true))
}
