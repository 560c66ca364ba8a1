//! What was done to issues: written by whoever does it, in the same transaction, and read by all who
//! see the issue.

use super::{Issue, find};
use crate::access::Permit;
use crate::access::repositories::{ReadRepo, can_read};
use crate::events::Doer;
use crate::{Error, Forge, events as all};
use plue_contract::events::{
    self as said, Event as Happened, IssueAssignee, IssueEdited, IssueHappened, IssueLabel, IssueMilestone,
    Was, moment,
};
use plue_contract::{AccountId, Caller, IssueId, RepoId};
use plue_store::issues::events::{self as rows, EventRow, NewEventRow};
use plue_store::{Conn, Tx};
use serde_json::Value;
use std::collections::HashMap;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// What was done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$doc])* $name,)*
        }

        impl Kind {
            /// The kind as it is written on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

kinds! {
    /// The issue was opened.
    Opened = "opened";
    /// It was closed.
    Closed = "closed";
    /// It was opened again.
    Reopened = "reopened";
    /// It got another title.
    Renamed = "title_changed";
    /// Its body was changed.
    Edited = "body_changed";
    /// It got a label.
    LabelAdded = "label_added";
    /// A label was taken off.
    LabelRemoved = "label_removed";
    /// It was assigned to somebody.
    AssigneeAdded = "assignee_added";
    /// It was taken off somebody.
    AssigneeRemoved = "assignee_removed";
    /// It was put into a milestone.
    MilestoneAdded = "milestone_added";
    /// It was taken out of one.
    MilestoneRemoved = "milestone_removed";
    /// It was moved from one to another.
    MilestoneChanged = "milestone_changed";
    /// The day was set on which it is due, or there is none any more.
    DueChanged = "due_date_changed";
    /// Only those who triage may say more.
    Locked = "locked";
    /// Everybody may say more again.
    Unlocked = "unlocked";
    /// It stands above the list.
    Pinned = "pinned";
    /// It stands among the others again.
    Unpinned = "unpinned";
    /// It stands to another one in some way.
    Related = "relation_added";
    /// It does not any more.
    Unrelated = "relation_removed";
    /// Something was said, and taken back.
    CommentDeleted = "comment_deleted";
    /// Another issue or a commit names it.
    Referenced = "referenced";
    /// It is a part of another one.
    ParentAdded = "parent_added";
    /// It is not any more.
    ParentRemoved = "parent_removed";
    /// Another one is a part of it.
    PartAdded = "sub_issue_added";
    /// That is not any more.
    PartRemoved = "sub_issue_removed";
}

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id, rising.
    pub id: i64,
    /// The number of the issue.
    pub number: i64,
    /// Who did it, by id and name; none where the forge did.
    pub actor: Option<(AccountId, String)>,
    /// What was done, as [`Kind`] writes it.
    pub kind: String,
    /// More, as a JSON object.
    pub detail: Value,
    /// When, in milliseconds since 1970.
    pub created_at_ms: i64,
}

impl From<EventRow> for Event {
    fn from((id, number, actor_id, actor, kind, detail, created_at_ms): EventRow) -> Self {
        Self {
            id,
            number,
            actor: actor_id.map(AccountId).zip(actor),
            kind,
            detail: serde_json::from_str(&detail).unwrap_or_default(),
            created_at_ms,
        }
    }
}

/// Writes down what is done to an issue; the event's id.
pub(crate) async fn tell(
    tx: &mut Tx<'_>,
    repository: RepoId,
    issue: IssueId,
    actor: Option<AccountId>,
    kind: Kind,
    detail: &Value,
    now_ms: i64,
) -> Result<i64, Error> {
    let row = NewEventRow {
        repository,
        issue,
        actor,
        kind: kind.as_str(),
        detail: &detail.to_string(),
    };
    Ok(rows::insert(tx, row, now_ms).await?)
}

/// An issue as it is told outside, with its text where that is new.
pub(crate) fn shown(issue: &Issue, with_body: bool) -> said::Issue {
    let label = |label: &super::Label| said::Label {
        name: label.name.clone(),
        color: label.color.clone(),
    };
    let person = |person: &super::Person| all::person(person.id, &person.name);
    said::Issue {
        id: issue.id.0,
        uuid: issue.uuid.clone(),
        number: issue.number,
        title: issue.title.clone(),
        body: with_body.then(|| issue.body.clone()),
        state: issue.state.as_str().to_owned(),
        reason: issue.reason.map(|reason| reason.as_str().to_owned()),
        author: person(&issue.author),
        assignees: issue.assignees.iter().map(person).collect(),
        labels: issue.labels.iter().map(label).collect(),
        milestone: issue.milestone.as_ref().map(|(_, title)| title.clone()),
        due_at: issue.due_at_ms.map(moment),
        locked: issue.locked,
        comments: issue.comment_count,
        created_at: moment(issue.created_at_ms),
        updated_at: moment(issue.updated_at_ms),
        closed_at: issue.closed_at_ms.map(moment),
    }
}

/// Announces what was done to an issue of a repository, which was like the first and is like the second.
/// What webhooks and streams have no word for stays in the issue's history.
pub(crate) async fn announce(
    tx: &mut Tx<'_>,
    doer: &Doer,
    (repository, before, after): (RepoId, &Issue, &Issue),
    told: &[(Kind, Value)],
    now_ms: i64,
) -> Result<(), Error> {
    let of = || IssueHappened {
        issue: shown(after, false),
    };
    let text = |detail: &Value, member: &str| detail[member].as_str().unwrap_or_default().to_owned();
    let label = |detail: &Value| IssueLabel {
        issue: shown(after, false),
        label: said::Label {
            name: text(detail, "label"),
            color: text(detail, "color"),
        },
    };
    let assignee = |detail: &Value| IssueAssignee {
        issue: shown(after, false),
        assignee: said::Person {
            id: detail["assigneeId"].as_i64().unwrap_or_default(),
            name: text(detail, "assignee"),
        },
    };
    let milestone = |detail: &Value, member: &str| IssueMilestone {
        issue: shown(after, false),
        milestone: text(detail, member),
    };
    let body = before.body != after.body;
    let edited = IssueEdited {
        issue: shown(after, body),
        title: (before.title != after.title).then(|| Was {
            from: before.title.clone(),
        }),
        body,
        due: (before.due_at_ms != after.due_at_ms).then(|| Was {
            from: before.due_at_ms.map(moment).unwrap_or_default(),
        }),
    };
    let mut happened = Vec::new();
    // However much of what it says has changed, it was edited once.
    if edited.title.is_some() || edited.body || edited.due.is_some() {
        happened.push(Happened::IssueEdited(edited));
    }
    for (kind, detail) in told {
        happened.extend(match kind {
            Kind::Closed => vec![Happened::IssueClosed(of())],
            Kind::Reopened => vec![Happened::IssueReopened(of())],
            Kind::LabelAdded => vec![Happened::IssueLabeled(label(detail))],
            Kind::LabelRemoved => vec![Happened::IssueUnlabeled(label(detail))],
            Kind::AssigneeAdded => vec![Happened::IssueAssigned(assignee(detail))],
            Kind::AssigneeRemoved => vec![Happened::IssueUnassigned(assignee(detail))],
            Kind::MilestoneAdded => vec![Happened::IssueMilestoned(milestone(detail, "to"))],
            Kind::MilestoneRemoved => vec![Happened::IssueDemilestoned(milestone(detail, "from"))],
            Kind::MilestoneChanged => vec![
                Happened::IssueDemilestoned(milestone(detail, "from")),
                Happened::IssueMilestoned(milestone(detail, "to")),
            ],
            Kind::Locked => vec![Happened::IssueLocked(of())],
            Kind::Unlocked => vec![Happened::IssueUnlocked(of())],
            Kind::Pinned => vec![Happened::IssuePinned(of())],
            Kind::Unpinned => vec![Happened::IssueUnpinned(of())],
            Kind::Opened
            | Kind::Renamed
            | Kind::Edited
            | Kind::DueChanged
            | Kind::Related
            | Kind::Unrelated
            | Kind::CommentDeleted
            | Kind::Referenced
            | Kind::ParentAdded
            | Kind::ParentRemoved
            | Kind::PartAdded
            | Kind::PartRemoved => Vec::new(),
        });
    }
    all::tell_of(tx, doer, repository, &happened, now_ms).await
}

/// The most events of one part.
pub const MAX_PAGE: i64 = 100;

/// The member of a detail that says from which other repository something comes, by its number.
pub(crate) const FROM: &str = "repositoryId";

/// Those of the events that the caller may see: that a repository names the issue which they may not read
/// is not there, and not said of what else comes from it. Of the others it is said where that repository
/// is now.
pub(super) async fn seen(
    conn: &mut Conn,
    caller: &Caller,
    events: Vec<Event>,
    now_ms: i64,
) -> Result<Vec<Event>, Error> {
    let mut paths: HashMap<i64, Option<String>> = HashMap::new();
    let mut seen = Vec::with_capacity(events.len());
    for mut event in events {
        if let Some(id) = event.detail[FROM].as_i64() {
            let path = match paths.get(&id) {
                Some(path) => path.clone(),
                None => {
                    let found = can_read(conn, caller, RepoId(id), now_ms).await?;
                    let path = found.map(|found| found.path().to_string());
                    paths.insert(id, path.clone());
                    path
                }
            };
            if let Some(path) = path {
                event.detail["repository"] = Value::String(path);
            } else if event.kind == Kind::Referenced.as_str() {
                continue;
            } else if let Some(detail) = event.detail.as_object_mut() {
                // That it happened is no secret; whence is.
                detail.retain(|name, _| name == "reason");
            }
        }
        seen.push(event);
    }
    Ok(seen)
}

/// What was done to an issue after the event of this id, the oldest first: at most `limit` of what the
/// caller may see.
pub async fn history(
    forge: &Forge,
    permit: Permit<ReadRepo>,
    number: i64,
    after: i64,
    limit: i64,
    now_ms: i64,
) -> Result<Vec<Event>, Error> {
    let mut conn = forge.store().read().await?;
    let issue = find(&mut conn, permit.on().id, number).await?;
    let limit = limit.clamp(1, MAX_PAGE);
    let wanted = usize::try_from(limit).unwrap_or_default();
    let (mut events, mut after) = (Vec::new(), after);
    loop {
        let found = rows::list(&mut conn, issue.id, after, limit).await?;
        let is_last = found.len() < wanted;
        after = found.last().map_or(after, |row| row.0);
        let found = found.into_iter().map(Event::from).collect();
        events.extend(seen(&mut conn, permit.caller(), found, now_ms).await?);
        if is_last || events.len() >= wanted {
            events.truncate(wanted);
            return Ok(events);
        }
    }
}

/// What was done to the repository's issues before the event of this id, the latest first: at most
/// `limit` of what the caller may see.
pub async fn of_repository(
    forge: &Forge,
    permit: Permit<ReadRepo>,
    before: Option<i64>,
    limit: i64,
    now_ms: i64,
) -> Result<Vec<Event>, Error> {
    let mut conn = forge.store().read().await?;
    let limit = limit.clamp(1, MAX_PAGE);
    let wanted = usize::try_from(limit).unwrap_or_default();
    let (mut events, mut before) = (Vec::new(), before.unwrap_or(i64::MAX));
    loop {
        let found = rows::of_repository(&mut conn, permit.on().id, before, limit).await?;
        let is_last = found.len() < wanted;
        before = found.last().map_or(before, |row| row.0);
        let found = found.into_iter().map(Event::from).collect();
        events.extend(seen(&mut conn, permit.caller(), found, now_ms).await?);
        if is_last || events.len() >= wanted {
            events.truncate(wanted);
            return Ok(events);
        }
    }
}
