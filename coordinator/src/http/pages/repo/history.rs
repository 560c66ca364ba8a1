//! Lists of commits, and who wrote them.

use super::super::super::extract::{Path, Query};
use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::Visit;
use super::shown::item;
use super::{Names, room};
use axum::extract::State;
use axum::response::Response;
use plue_forge::browse::{Contributor, Rest};
use plue_pages::graph;
use plue_pages::repo;
use plue_pages::repo::commits::{Item, List};
use plue_pages::repo::people::{self, People};
use serde::Deserialize;

/// How many commits a part of a list has.
const A_PART: usize = 40;

/// Which part is asked for.
#[derive(Deserialize)]
pub struct CommitsQuery {
    page: Option<String>,
}

/// The commits of the default bookmark.
pub async fn commits(
    site: State<Site>,
    visit: Visit,
    path: Path,
    query: Query<CommitsQuery>,
) -> Result<Response, Failure> {
    listed(site, visit, path, query, None).await
}

/// The commits of a ref, or those that changed a path there.
pub async fn commits_of(
    site: State<Site>,
    visit: Visit,
    path: Path,
    query: Query<CommitsQuery>,
) -> Result<Response, Failure> {
    let named = path.text("ref").to_owned();
    listed(site, visit, path, query, Some(named)).await
}

async fn listed(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    Query(query): Query<CommitsQuery>,
    named: Option<String>,
) -> Result<Response, Failure> {
    let room = room!(&site, &visit, &path);
    let head = room.head();
    let (view, show) = room.look(&site).await?;
    let located = view
        .locate(named.as_deref().unwrap_or(&head.default_bookmark))
        .await?;
    let part = query
        .page
        .as_deref()
        .and_then(|page| page.parse().ok())
        .unwrap_or(1_usize)
        .max(1);
    let skip = (part - 1).saturating_mul(A_PART);
    let mut list = List {
        part,
        ..List::default()
    };
    if located.path.is_empty() {
        let found = view.commits(located.commit, skip, A_PART + 1).await?;
        list.more = found.len() > A_PART;
        let shown = &found[..found.len().min(A_PART)];
        list.graph = graph::lanes(
            shown
                .iter()
                .map(|commit| (&commit.oid, commit.parents.as_slice())),
        );
        list.items = shown.iter().map(item).collect();
    } else {
        list.is_file = view.tree(located.commit, &located.path).await.is_err();
        let found = view
            .history(located.commit, &located.path, list.is_file, skip, A_PART)
            .await?;
        list.more = found.rest == Rest::More;
        list.cut = found.rest == Rest::Unsearched;
        list.items = found
            .entries
            .iter()
            .map(|entry| Item {
                other_path: (entry.path != located.path).then(|| entry.path.clone()),
                ..item(&entry.commit)
            })
            .collect();
        if list.items.is_empty() && part == 1 && !list.cut {
            return Err(Failure::not_found());
        }
    }
    let spot = Names::of(&view).await?.spot(&located);
    let html = repo::commits::commits(&visit.frame(), &head, &spot, &list);
    Ok(show.page(&site, &visit, html, true))
}

/// Who wrote the default bookmark.
pub async fn contributors(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    let room = room!(&site, &visit, &path);
    let head = room.head();
    let (view, show) = room.look(&site).await?;
    let frame = visit.frame();
    let Ok(located) = view.locate(&head.default_bookmark).await else {
        let html = people::people(&frame, &head, &[], People::All);
        return Ok(show.page(&site, &visit, html, true));
    };
    let Some(insight) = view.insight(located.commit).await? else {
        let html = people::people(&frame, &head, &[], People::Uncounted);
        return Ok(show.page(&site, &visit, html, false));
    };
    let counted = &insight.contributors;
    let person = |person: &Contributor| people::Person {
        name: person.name.clone(),
        commits: person.commits,
        first_ms: person.first_ms,
        last_ms: person.last_ms,
    };
    let list: Vec<people::Person> = counted.people.iter().map(person).collect();
    let which = match counted.is_complete {
        true => People::All,
        false => People::OfTheNewest(counted.commits),
    };
    let html = people::people(&frame, &head, &list, which);
    Ok(show.page(&site, &visit, html, true))
}
