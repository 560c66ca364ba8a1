//! Who gave a repository a star, and the forms by which somebody gives one and says how much they want
//! to hear.

use super::super::super::extract::{Path, Query};
use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::home::Asked;
use super::super::sent::Sent;
use super::super::{Visit, see_other};
use super::{Entered, Room};
use axum::extract::State;
use axum::response::Response;
use plue_forge::access::following::follow;
use plue_forge::{stars, watches};
use plue_pages::repo::stars::{self as pages, Stargazer, Stargazers};

/// How many people a part of the list has.
const A_PART: i64 = 60;

/// Who gave the repository a star.
pub async fn stargazers(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let room = match Room::enter(&site, &visit, &path).await? {
        Entered::Moved(there) => return Ok(there),
        Entered::Room(room) => room,
    };
    let (head, part) = (room.head(), asked.part());
    let found = stars::list(&site.forge, room.into_permit(), A_PART, (part - 1) * A_PART).await?;
    let people = found.items.iter().map(|one| Stargazer {
        name: one.person.name.to_string(),
        at_ms: one.at_ms,
    });
    let list = Stargazers {
        people: people.collect(),
        total: found.total,
        part,
        limit: A_PART,
    };
    Ok(visit.show(pages::stargazers(&visit.frame(), &head, &list)))
}

fn back(path: &Path, word: &str) -> Result<Response, Failure> {
    see_other(&format!(
        "/{}/{}?done={word}",
        path.text("owner"),
        path.text("repo")
    ))
}

/// Gives a star, or takes it back.
pub async fn star(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let own = sent.text("starred") == "yes";
    let permit = follow(&site.forge, &visit.caller, &path.repository()?, site.now_ms()).await?;
    stars::set(&site.forge, permit, own, site.now_ms()).await?;
    back(&path, if own { "starred" } else { "unstarred" })
}

/// Says how much somebody wants to hear.
pub async fn watch(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let level = match sent.text("level") {
        "" => None,
        level => Some(level.parse()?),
    };
    let permit = follow(&site.forge, &visit.caller, &path.repository()?, site.now_ms()).await?;
    watches::set(&site.forge, permit, level, site.now_ms()).await?;
    back(&path, "watched")
}
