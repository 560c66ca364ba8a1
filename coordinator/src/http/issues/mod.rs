//! Issues, as programs see them. The shapes are those of the Plue seed, and more beside.

pub mod comments;
pub mod labels;
pub mod list;
pub mod marks;
pub mod milestones;
pub mod one;
pub mod reactions;
pub mod relations;
pub mod subscriptions;
pub mod wit;

use super::extract::Path;
use super::failure::Failure;
use super::moment;
use super::site::Site;
use plue_contract::{Caller, MilestoneId};
use plue_forge::Permit;
use plue_forge::access::issues::{TakePart, TriageRepo, take_part, triage};
use plue_forge::access::repositories::{ReadRepo, read};
use plue_forge::issues::comments::Comment;
use plue_forge::issues::events::Event;
use plue_forge::issues::{self, Issue, IssueChange, Label, Person, State};
use serde::Serialize;
use utoipa::ToSchema;

/// Somebody.
#[derive(Serialize, ToSchema)]
pub struct PersonView {
    id: i64,
    username: String,
}

impl PersonView {
    /// How somebody is shown.
    pub fn of(person: &Person) -> Self {
        Self {
            id: person.id.0,
            username: person.name.to_string(),
        }
    }
}

/// A label.
#[derive(Serialize, ToSchema)]
pub struct LabelView {
    id: i64,
    name: String,
    /// `#rrggbb`.
    color: String,
    description: String,
}

impl LabelView {
    /// How a label is shown.
    pub fn of(label: &Label) -> Self {
        Self {
            id: label.id.0,
            name: label.name.clone(),
            color: label.color.clone(),
            description: label.description.clone(),
        }
    }
}

/// The milestone of an issue.
#[derive(Serialize, ToSchema)]
pub struct MilestoneOfIssue {
    id: i64,
    title: String,
}

impl MilestoneOfIssue {
    fn of((id, title): &(MilestoneId, String)) -> Self {
        Self {
            id: id.0,
            title: title.clone(),
        }
    }
}

/// An issue.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssueView {
    id: i64,
    uuid: String,
    number: i64,
    title: String,
    /// Markdown.
    body: String,
    /// `open` or `closed`.
    state: &'static str,
    /// Why it was closed: `completed`, `not_planned` or `duplicate`.
    state_reason: Option<&'static str>,
    author_id: i64,
    author: PersonView,
    assignees: Vec<PersonView>,
    labels: Vec<LabelView>,
    milestone: Option<MilestoneOfIssue>,
    /// In seconds since 1970.
    due_date: Option<i64>,
    /// Whether only those who triage may say more.
    locked: bool,
    pinned: bool,
    comment_count: i64,
    created_at: String,
    updated_at: String,
    closed_at: Option<String>,
    closed_by: Option<String>,
}

impl IssueView {
    /// How an issue is shown.
    pub fn of(issue: &Issue) -> Self {
        Self {
            id: issue.id.0,
            uuid: issue.uuid.clone(),
            number: issue.number,
            title: issue.title.clone(),
            body: issue.body.clone(),
            state: issue.state.as_str(),
            state_reason: issue.reason.map(issues::Reason::as_str),
            author_id: issue.author.id.0,
            author: PersonView::of(&issue.author),
            assignees: issue.assignees.iter().map(PersonView::of).collect(),
            labels: issue.labels.iter().map(LabelView::of).collect(),
            milestone: issue.milestone.as_ref().map(MilestoneOfIssue::of),
            due_date: issue.due_at_ms.map(seconds),
            locked: issue.locked,
            pinned: issue.pinned,
            comment_count: issue.comment_count,
            created_at: moment::text(issue.created_at_ms),
            updated_at: moment::text(issue.updated_at_ms),
            closed_at: moment::optional(issue.closed_at_ms),
            closed_by: issue.closed_by.clone(),
        }
    }
}

/// A comment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommentView {
    id: i64,
    uuid: String,
    /// Markdown.
    body: String,
    author_id: i64,
    author: PersonView,
    created_at: String,
    updated_at: String,
    /// Whether it was changed since.
    edited: bool,
}

impl CommentView {
    /// How a comment is shown.
    pub fn of(comment: &Comment) -> Self {
        Self {
            id: comment.id.0,
            uuid: comment.uuid.clone(),
            body: comment.body.clone(),
            author_id: comment.author.id.0,
            author: PersonView::of(&comment.author),
            created_at: moment::text(comment.created_at_ms),
            updated_at: moment::text(comment.updated_at_ms),
            edited: comment.edited,
        }
    }
}

/// Something that was done to an issue.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    id: i64,
    issue_number: i64,
    /// None where the forge did it.
    actor_id: Option<i64>,
    actor: Option<String>,
    /// What was done, as in `label_added`.
    event_type: String,
    #[schema(value_type = Object)]
    metadata: serde_json::Value,
    created_at: String,
}

impl EventView {
    /// How something that was done is shown.
    pub fn of(event: &Event) -> Self {
        Self {
            id: event.id,
            issue_number: event.number,
            actor_id: event.actor.as_ref().map(|(id, _)| id.0),
            actor: event.actor.as_ref().map(|(_, name)| name.clone()),
            event_type: event.kind.clone(),
            metadata: event.detail.clone(),
            created_at: moment::text(event.created_at_ms),
        }
    }
}

/// A moment in whole seconds.
fn seconds(ms: i64) -> i64 {
    ms.div_euclid(1_000)
}

/// A moment in milliseconds, from what a request gives in seconds.
fn milliseconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1_000)
}

async fn reading(site: &Site, caller: &Caller, path: &Path) -> Result<Permit<ReadRepo>, Failure> {
    Ok(read(&site.forge, caller, &path.repository()?, site.now_ms()).await?)
}

async fn taking_part(site: &Site, caller: &Caller, path: &Path) -> Result<Permit<TakePart>, Failure> {
    Ok(take_part(&site.forge, caller, &path.repository()?, site.now_ms()).await?)
}

async fn sorting(site: &Site, caller: &Caller, path: &Path) -> Result<Permit<TriageRepo>, Failure> {
    Ok(triage(&site.forge, caller, &path.repository()?, site.now_ms()).await?)
}

/// Changes the issue that the path names.
async fn changed(site: &Site, caller: &Caller, path: &Path, change: IssueChange) -> Result<Issue, Failure> {
    let permit = taking_part(site, caller, path).await?;
    Ok(issues::change::change(&site.forge, permit, path.parse("number")?, change, site.now_ms()).await?)
}

/// A state that a request names; `all` and nothing are none.
fn state_of(text: Option<&str>) -> Result<Option<State>, Failure> {
    match text {
        None | Some("" | "all") => Ok(None),
        Some(text) => Ok(Some(text.parse()?)),
    }
}
