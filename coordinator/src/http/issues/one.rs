//! One issue: read, changed, closed, opened again and removed.

use super::super::auth::Message;
use super::super::extract::{Asked, Json, Path, Query};
use super::super::failure::Failure;
use super::super::parts;
use super::super::site::Site;
use super::list::state_change;
use super::{CommentView, EventView, IssueView, changed, reading};
use axum::extract::State;
use http::{HeaderMap, Uri};
use plue_contract::MilestoneId;
use plue_forge::access::repositories::administer;
use plue_forge::issues::{self, IssueChange, Reason, State as Standing, events};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An issue, and what was said about it.
#[derive(Serialize, ToSchema)]
pub struct WholeIssue {
    #[serde(flatten)]
    issue: IssueView,
    comments: Vec<CommentView>,
}

/// Shows an issue and what was said about it, the first thousand comments.
#[utoipa::path(get, path = "/api/{owner}/{repo}/issues/{number}", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = WholeIssue), (status = 404)))]
pub async fn get(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<WholeIssue>, Failure> {
    let permit = reading(&site, &caller, &path).await?;
    let opened = issues::open(&site.forge, permit, path.parse("number")?, site.now_ms()).await?;
    Ok(axum::Json(WholeIssue {
        issue: IssueView::of(&opened.issue),
        comments: opened.comments.iter().map(CommentView::of).collect(),
    }))
}

/// A part of what was done to an issue, the oldest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryList {
    history: Vec<EventView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Which part of a list that goes on from an id.
#[derive(Deserialize)]
pub struct Onward {
    /// How many.
    pub limit: Option<i64>,
    /// How many, in other words.
    pub per_page: Option<i64>,
    /// From where.
    pub cursor: Option<String>,
}

/// Shows what was done to an issue.
#[utoipa::path(get, path = "/api/{owner}/{repo}/issues/{number}/history", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path),
        ("limit" = Option<i64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = HistoryList), (status = 400), (status = 404)))]
pub async fn history(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Query(onward): Query<Onward>,
    uri: Uri,
) -> Result<(HeaderMap, axum::Json<HistoryList>), Failure> {
    let limit = parts::limit(onward.limit, onward.per_page)?;
    let [after] = parts::open(&site, onward.cursor.as_deref())?.unwrap_or([0]);
    let permit = reading(&site, &caller, &path).await?;
    let number = path.parse("number")?;
    let found = events::history(&site.forge, permit, number, after, limit, site.now_ms()).await?;
    let full = i64::try_from(found.len()).is_ok_and(|length| length == limit);
    let last = found.last().filter(|_| full);
    let next = last.and_then(|event| parts::seal(&site, [event.id]));
    let head = parts::head(&site, &uri, next.as_deref());
    let list = HistoryList {
        history: found.iter().map(EventView::of).collect(),
        next_cursor: next,
    };
    Ok((head, axum::Json(list)))
}

/// What of an issue is to change.
#[derive(Deserialize, ToSchema)]
pub struct IssueBody {
    title: Option<String>,
    body: Option<String>,
    /// `open` or `closed`.
    state: Option<String>,
    /// `completed`, `not_planned` or `duplicate`.
    #[serde(alias = "stateReason")]
    state_reason: Option<String>,
    /// Names of labels, in place of those that it has.
    labels: Option<Vec<String>>,
    /// Names of accounts, in place of those that it is assigned to.
    assignees: Option<Vec<String>>,
    /// A milestone's id, or null for none.
    #[serde(default, deserialize_with = "super::super::extract::three_ways")]
    #[schema(value_type = Option<i64>)]
    milestone_id: Option<Option<i64>>,
}

/// Changes an issue: what it says is its author's to change, the rest takes somebody who triages.
#[utoipa::path(patch, path = "/api/{owner}/{repo}/issues/{number}", tag = "issues", request_body = IssueBody,
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = IssueView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 423)))]
pub async fn update(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<IssueBody>,
) -> Result<axum::Json<IssueView>, Failure> {
    let assignees = body.assignees.as_deref();
    let change = IssueChange {
        title: body.title,
        body: body.body,
        state: state_change(body.state.as_deref(), body.state_reason.as_deref())?,
        labels: body.labels,
        assignees: assignees
            .map(|names| super::list::people("assignees", names))
            .transpose()?,
        milestone: body.milestone_id.map(|id| id.map(MilestoneId)),
        ..IssueChange::default()
    };
    let issue = changed(&site, &caller, &path, change).await?;
    Ok(axum::Json(IssueView::of(&issue)))
}

/// Removes an issue with all that was said about it; for those who administer the repository.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/issues/{number}", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 403), (status = 404)))]
pub async fn delete(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Message>, Failure> {
    let permit = administer(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    issues::delete(&site.forge, permit, path.parse("number")?, site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "Issue removed",
    }))
}

/// Closes an issue; one that is closed stays so.
#[utoipa::path(post, path = "/api/{owner}/{repo}/issues/{number}/close", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path),
        ("reason" = Option<String>, Query, description = "`completed`, `not_planned` or `duplicate`")),
    responses((status = 200, body = IssueView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 423)))]
pub async fn close(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Query(why): Query<Why>,
) -> Result<axum::Json<IssueView>, Failure> {
    let reason: Option<Reason> = why.reason.as_deref().map(str::parse).transpose()?;
    let change = IssueChange::state(Standing::Closed, reason);
    let issue = changed(&site, &caller, &path, change).await?;
    Ok(axum::Json(IssueView::of(&issue)))
}

/// Why an issue is closed.
#[derive(Deserialize)]
pub struct Why {
    reason: Option<String>,
}

/// Opens an issue again; one that is open stays so.
#[utoipa::path(post, path = "/api/{owner}/{repo}/issues/{number}/reopen", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = IssueView), (status = 401), (status = 403), (status = 404), (status = 423)))]
pub async fn reopen(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<IssueView>, Failure> {
    let change = IssueChange::state(Standing::Open, None);
    let issue = changed(&site, &caller, &path, change).await?;
    Ok(axum::Json(IssueView::of(&issue)))
}
