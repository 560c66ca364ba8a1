//! What was done to issues: written by whoever does it, in the same transaction, and read by all who
//! see the issue.

use super::find;
use crate::access::Permit;
use crate::access::repositories::ReadRepo;
use crate::{Error, Forge};
use plue_contract::{AccountId, IssueId, RepoId};
use plue_store::Tx;
use plue_store::issues::events::{self as rows, EventRow, NewEventRow};
use serde_json::Value;

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
    detail: Value,
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

/// The most events of one part.
pub const MAX_PAGE: i64 = 100;

/// What was done to an issue after the event of this id, the oldest first.
pub async fn history(
    forge: &Forge,
    permit: Permit<ReadRepo>,
    number: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<Event>, Error> {
    let mut conn = forge.store().read().await?;
    let issue = find(&mut conn, permit.on().id, number).await?;
    let found = rows::list(&mut conn, issue.id, after, limit.clamp(1, MAX_PAGE)).await?;
    Ok(found.into_iter().map(Event::from).collect())
}

/// What was done to the repository's issues before the event of this id, the latest first.
pub async fn of_repository(
    forge: &Forge,
    permit: Permit<ReadRepo>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Event>, Error> {
    let mut conn = forge.store().read().await?;
    let before = before.unwrap_or(i64::MAX);
    let found = rows::of_repository(&mut conn, permit.on().id, before, limit.clamp(1, MAX_PAGE)).await?;
    Ok(found.into_iter().map(Event::from).collect())
}
