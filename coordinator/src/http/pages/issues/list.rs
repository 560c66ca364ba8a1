//! The list of issues, and the change of many at once.

use super::super::super::extract::{Path, Query};
use super::super::super::failure::Failure;
use super::super::super::parts;
use super::super::super::site::Site;
use super::super::sent::Sent;
use super::super::{Visit, see_other};
use super::{address, desk, entry, reading, taking_part};
use axum::extract::State;
use axum::response::Response;
use plue_forge::issues::list as verbs;
use plue_forge::issues::search::{Order, Search, word_of};
use plue_forge::issues::{self, IssueChange, Reason, State as Standing, labels};
use plue_pages::forms::Wrong;
use plue_pages::frame::encode;
use plue_pages::issues::list::{self as page, List};
use serde::Deserialize;

mod words {
    pub const DONE: &str = "The picked issues are changed.";
    pub const NONE: &str = "Pick the issues that are to be changed, and what is to become of them.";
}

/// How many issues a part of the list has.
const A_PART: i64 = 30;

/// What of the list is asked for.
#[derive(Deserialize)]
pub struct Asked {
    q: Option<String>,
    cursor: Option<String>,
}

/// The list.
pub async fn list(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    shown(&site, &visit, &path, &asked, None).await
}

async fn shown(
    site: &Site,
    visit: &Visit,
    path: &Path,
    asked: &Asked,
    wrong: Option<Failure>,
) -> Result<Response, Failure> {
    let desk = desk!(site, visit, path);
    let search = match &asked.q {
        Some(text) => Search::parse(text, visit.name()),
        None => Search::open(),
    };
    let order = search.order as i64;
    let after = parts::open::<3>(site, asked.cursor.as_deref())?.filter(|[of, ..]| *of == order);
    let query = verbs::Query {
        search: search.clone(),
        after: after.map(|[_, key, number]| (key, number)),
        offset: 0,
        limit: A_PART,
    };
    let first = after.is_none() && search == Search::open();
    let part = verbs::list(&site.forge, desk.permit, &query).await?;
    let pinned = match first {
        true => verbs::pinned(&site.forge, reading(site, visit, path).await?).await?,
        false => Vec::new(),
    };
    let sorts = match desk.sorts {
        true => Some(labels::list(&site.forge, reading(site, visit, path).await?).await?),
        false => None,
    };
    let next = part
        .next
        .and_then(|(key, number)| parts::seal(site, [order, key, number]));
    let mut list = List {
        text: search.text(),
        without_state: without(&search, |search| search.filter.state = None),
        state: search.filter.state,
        without_order: without(&search, |search| search.order = Order::default()),
        order: word_of(search.order),
        issues: part.issues.iter().map(entry).collect(),
        counts: part.counts,
        total: part.total,
        pinned: pinned.iter().map(entry).collect(),
        next,
        may_write: desk.speaks,
        sorts: sorts.map(|labels| labels.iter().map(super::label).collect()),
        wrong: None,
    };
    let Some(failure) = wrong else {
        let frame = visit.frame_after(|word| (word == "changed").then(|| words::DONE.to_owned()));
        return Ok(visit.show(page::list(&frame, &desk.head, &list)));
    };
    visit.mend(failure, |wrong: Wrong| {
        list.wrong = Some(wrong);
        page::list(&visit.frame(), &desk.head, &list)
    })
}

/// What was searched for, but for one thing.
fn without(search: &Search, leave: impl FnOnce(&mut Search)) -> String {
    let mut left = search.clone();
    leave(&mut left);
    left.text()
}

async fn many(site: &Site, visit: &Visit, path: &Path, sent: &Sent) -> Result<(), Failure> {
    let numbers: Result<Vec<i64>, _> = sent.all("number").map(str::parse).collect();
    let numbers = numbers.map_err(|_| Failure::invalid("numbers", words::NONE))?;
    let state = match sent.text("state") {
        "" => None,
        "open" => Some((Standing::Open, None)),
        reason => Some((
            Standing::Closed,
            Some(reason.parse::<Reason>().or_else(|error| match reason {
                "closed" => Ok(Reason::Completed),
                _ => Err(error),
            })?),
        )),
    };
    let change = IssueChange {
        state,
        add_labels: sent
            .all("label")
            .filter(|label| !label.is_empty())
            .map(str::to_owned)
            .collect(),
        ..IssueChange::default()
    };
    if numbers.is_empty() || change == IssueChange::default() {
        return Err(Failure::invalid("numbers", words::NONE));
    }
    let permit = taking_part(site, visit, path).await?;
    issues::change::change_many(&site.forge, permit, &numbers, change, site.now_ms()).await?;
    Ok(())
}

/// Changes the issues that were picked.
pub async fn change_many(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let q = sent.text("q");
    match many(&site, &visit, &path, &sent).await {
        Ok(()) => {
            let mut there = format!("{}/issues?q=", address(&path));
            encode(q, &mut there);
            there.push_str("&done=changed");
            see_other(&there)
        }
        Err(failure) => {
            let asked = Asked {
                q: Some(q.to_owned()),
                cursor: None,
            };
            shown(&site, &visit, &path, &asked, Some(failure)).await
        }
    }
}
