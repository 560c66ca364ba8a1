//! Pages about issues. Each reads what it shows by one verb more than it needs permits; a form is
//! answered by the page after it, or by the same page with what is wrong.

mod labels;
mod list;
mod milestones;
mod one;
mod write;

pub use labels::{change as change_label, create as create_label, list as labels, remove as remove_label};
pub use list::{change_many, list};
pub use milestones::{
    close as close_milestone, create as create_milestone, list as milestones, open as open_milestone,
    remove as remove_milestone,
};
pub use one::{comment, edit, edit_comment, flag, get, react, relate, remove_comment, sort, subscribe};
pub use write::{create, form};

use super::super::extract::Path;
use super::super::failure::Failure;
use super::super::site::Site;
use super::Visit;
use super::repo::{Entered, Room};
use axum::response::Response;
use plue_forge::Permit;
use plue_forge::access::issues::{TakePart, TriageRepo, take_part, triage};
use plue_forge::access::repositories::{ReadRepo, read};
use plue_forge::issues::{Issue, Label, Reason, State};
use plue_forge::repositories::Role;
use plue_pages::issues as shown;
use plue_pages::repo::Head;

/// Where somebody stands in a repository.
struct Desk {
    head: Head,
    permit: Permit<ReadRepo>,
    /// Whether they may open issues and say something.
    speaks: bool,
    /// Whether they sort what is said.
    sorts: bool,
}

/// A desk, or the answer that leads to where the repository is now.
enum Found {
    Desk(Box<Desk>),
    Moved(Response),
}

async fn come(site: &Site, visit: &Visit, path: &Path) -> Result<Found, Failure> {
    let room = match Room::enter(site, visit, path).await? {
        Entered::Moved(there) => return Ok(Found::Moved(there)),
        Entered::Room(room) => room,
    };
    let head = room.head();
    let speaks = visit.name().is_some() && !head.archived;
    Ok(Found::Desk(Box::new(Desk {
        speaks,
        sorts: speaks && room.role() >= Role::Triage,
        head,
        permit: room.into_permit(),
    })))
}

/// Comes to the desk, or is led to where the repository is now.
macro_rules! desk {
    ($site:expr, $visit:expr, $path:expr) => {
        match $crate::http::pages::issues::come($site, $visit, $path).await? {
            $crate::http::pages::issues::Found::Moved(there) => return Ok(there),
            $crate::http::pages::issues::Found::Desk(desk) => *desk,
        }
    };
}
use desk;

async fn reading(site: &Site, visit: &Visit, path: &Path) -> Result<Permit<ReadRepo>, Failure> {
    Ok(read(&site.forge, &visit.caller, &path.repository()?, site.now_ms()).await?)
}

async fn taking_part(site: &Site, visit: &Visit, path: &Path) -> Result<Permit<TakePart>, Failure> {
    Ok(take_part(&site.forge, &visit.caller, &path.repository()?, site.now_ms()).await?)
}

async fn sorting(site: &Site, visit: &Visit, path: &Path) -> Result<Permit<TriageRepo>, Failure> {
    Ok(triage(&site.forge, &visit.caller, &path.repository()?, site.now_ms()).await?)
}

/// Where the issues of the repository are that the path names.
fn address(path: &Path) -> String {
    format!("/{}/{}", path.text("owner"), path.text("repo"))
}

fn label(label: &Label) -> shown::Label {
    shown::Label {
        id: label.id.0,
        name: label.name.clone(),
        color: label.color.clone(),
        description: label.description.clone(),
    }
}

fn state(issue: &Issue) -> shown::State {
    match (issue.state, issue.reason) {
        (State::Open, _) => shown::State::Open,
        (State::Closed, Some(Reason::NotPlanned)) => shown::State::NotPlanned,
        (State::Closed, Some(Reason::Duplicate)) => shown::State::Duplicate,
        (State::Closed, _) => shown::State::Closed,
    }
}

fn entry(issue: &Issue) -> shown::Issue {
    shown::Issue {
        number: issue.number,
        title: issue.title.clone(),
        state: state(issue),
        author: issue.author.name.to_string(),
        created_at_ms: issue.created_at_ms,
        labels: issue.labels.iter().map(label).collect(),
        assignees: issue.assignees.iter().map(|one| one.name.to_string()).collect(),
        milestone: issue.milestone.as_ref().map(|(_, title)| title.clone()),
        comments: issue.comment_count,
        locked: issue.locked,
    }
}

/// A day that was typed, as its first millisecond; none where nothing was typed.
fn day(text: &str) -> Result<Option<i64>, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Failure::invalid("due_date", "This is a day, as in 2026-12-24.");
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<u16>().ok());
    let (Some(Some(year)), Some(Some(month)), Some(Some(day))) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(wrong());
    };
    let month = u8::try_from(month)
        .ok()
        .and_then(|month| time::Month::try_from(month).ok());
    let day = u8::try_from(day).map_err(|_| wrong())?;
    let date = time::Date::from_calendar_date(i32::from(year), month.ok_or_else(wrong)?, day);
    let date = date.map_err(|_| wrong())?;
    Ok(Some(date.midnight().assume_utc().unix_timestamp() * 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_written() {
        assert_eq!(day("").unwrap(), None);
        assert_eq!(day(" 2026-01-01 ").unwrap(), Some(1_767_225_600_000));
        for bad in [
            "2026-02-30",
            "2026-13-01",
            "tomorrow",
            "2026-1",
            "1-1-1-1",
            "99999-01-01",
            "2026-01-256",
        ] {
            assert!(day(bad).is_err(), "{bad}");
        }
    }
}
