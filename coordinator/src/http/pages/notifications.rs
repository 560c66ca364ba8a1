//! What who is signed in has heard of issues.

use super::super::extract::Query;
use super::super::failure::Failure;
use super::super::parts;
use super::super::site::Site;
use super::sent::Sent;
use super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use plue_forge::access::accounts::{read_self, write_self};
use plue_forge::notifications::{self, Reason};
use plue_pages::notifications::{self as pages, Notification, Notifications};
use serde::Deserialize;

mod words {
    pub const SEEN: &str = "Marked as seen. You find it under all.";
    pub const UNSEEN: &str = "It is among the new ones again.";
    pub const SAVED: &str = "Saved.";
}

/// How many a part of the list has.
const A_PART: i64 = 50;

/// Which are asked for.
#[derive(Deserialize)]
pub struct Wanted {
    all: Option<String>,
    reason: Option<String>,
    cursor: Option<String>,
}

/// The page.
pub async fn get(
    State(site): State<Site>,
    visit: Visit,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let all = wanted.all.as_deref() == Some("true");
    // An address that nobody was given shows everything.
    let reason: Option<Reason> = wanted.reason.as_deref().and_then(|reason| reason.parse().ok());
    let before = parts::open::<2>(&site, wanted.cursor.as_deref())?;
    let query = notifications::Query {
        unread: !all,
        reason,
        repository: None,
        before: before.map(|[at_ms, id]| (at_ms, id)),
        limit: A_PART,
    };
    let permit = read_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let (found, unread) = notifications::list(&site.forge, permit, &query, site.now_ms()).await?;
    let permit = read_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let mails = notifications::mails(&site.forge, permit).await?;
    let full = i64::try_from(found.len()).is_ok_and(|length| length == A_PART);
    let last = found.last().filter(|_| full);
    let next = last.and_then(|one| parts::seal(&site, [one.updated_at_ms, one.id]));
    let reason = reason.map_or("", Reason::as_str);
    let older = next.map(|cursor| {
        let all = if all { "all=true&" } else { "" };
        let reason = match reason {
            "" => String::new(),
            reason => format!("reason={reason}&"),
        };
        format!("/notifications?{all}{reason}cursor={cursor}")
    });
    let entries = found.iter().map(|one| Notification {
        id: one.id,
        reason: one.reason.as_str(),
        event: one.event,
        unread: one.unread,
        at_ms: one.updated_at_ms,
        repository: one.repository.to_string(),
        number: one.number,
        title: one.title.clone(),
        open: one.state == "open",
    });
    let heard = Notifications {
        entries: entries.collect(),
        unread,
        all,
        reason: reason.to_owned(),
        older,
        mails: mails.as_str(),
    };
    let frame = visit.frame_after(|word| {
        let said = match word {
            "seen" => words::SEEN,
            "unseen" => words::UNSEEN,
            "saved" => words::SAVED,
            _ => return None,
        };
        Some(said.to_owned())
    });
    Ok(visit.show(pages::page(&frame, visit.viewer()?, &heard)))
}

/// Says that something was seen, or not: one notification, or all up to an event.
pub async fn post(State(site): State<Site>, visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let number = |text: &str| text.parse::<i64>().map_err(|_| Failure::not_found());
    let unread = sent.text("unread") == "yes";
    match sent.text("id") {
        "" => {
            let up_to = Some(number(sent.text("up_to"))?);
            notifications::set_seen(&site.forge, permit, up_to, site.now_ms()).await?;
        }
        id => {
            let id = number(id)?;
            notifications::set_unread(&site.forge, permit, id, unread, site.now_ms()).await?;
        }
    }
    see_other(match unread {
        true => "/notifications?done=unseen",
        false => "/notifications?done=seen",
    })
}

/// Says what is mailed.
pub async fn save(State(site): State<Site>, visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let mails = sent.text("mail").parse()?;
    notifications::set_mails(&site.forge, permit, mails, site.now_ms()).await?;
    see_other("/notifications?done=saved")
}
