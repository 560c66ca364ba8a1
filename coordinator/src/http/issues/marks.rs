//! Whom an issue is assigned to, when it is due, whether it is locked, and whether it stands above
//! the list.

use super::super::extract::{Asked, Json, Path};
use super::super::failure::Failure;
use super::super::site::Site;
use super::{IssueView, changed, milliseconds, reading, seconds};
use axum::extract::State;
use plue_contract::{AccountId, Caller};
use plue_forge::issues::change::PersonRef;
use plue_forge::issues::{self, IssueChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

type Answer = Result<axum::Json<IssueView>, Failure>;

async fn answer(site: &Site, caller: &Caller, path: &Path, change: IssueChange) -> Answer {
    let issue = changed(site, caller, path, change).await?;
    Ok(axum::Json(IssueView::of(&issue)))
}

/// An account, by its id.
#[derive(Deserialize, ToSchema)]
pub struct AssigneeBody {
    user_id: i64,
}

/// Assigns an issue to somebody, beside those who have it.
#[utoipa::path(post, path = "/api/{owner}/{repo}/issues/{number}/assignees", tag = "issues",
    request_body = AssigneeBody, params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = IssueView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 423)))]
pub async fn assign(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<AssigneeBody>,
) -> Answer {
    let change = IssueChange {
        add_assignees: vec![PersonRef::Id(AccountId(body.user_id))],
        ..IssueChange::default()
    };
    answer(&site, &caller, &path, change).await
}

/// Takes an issue off somebody; where they have it not, nothing changes.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/issues/{number}/assignees/{userId}", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path), ("userId" = i64, Path)),
    responses((status = 200, body = IssueView), (status = 401), (status = 403), (status = 404), (status = 423)))]
pub async fn unassign(State(site): State<Site>, Asked(caller): Asked, path: Path) -> Answer {
    let change = IssueChange {
        remove_assignees: vec![PersonRef::Id(path.parse("userId")?)],
        ..IssueChange::default()
    };
    answer(&site, &caller, &path, change).await
}

/// When an issue is due.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DueView {
    /// In seconds since 1970.
    due_date: Option<i64>,
}

/// When an issue is to be due.
#[derive(Deserialize, ToSchema)]
pub struct DueBody {
    /// In seconds since 1970.
    due_date: i64,
}

/// Shows when an issue is due.
#[utoipa::path(get, path = "/api/{owner}/{repo}/issues/{number}/due-date", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = DueView), (status = 404)))]
pub async fn due(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<DueView>, Failure> {
    let permit = reading(&site, &caller, &path).await?;
    let issue = issues::get(&site.forge, permit, path.parse("number")?).await?;
    Ok(axum::Json(DueView {
        due_date: issue.due_at_ms.map(seconds),
    }))
}

async fn set_due(
    site: &Site,
    caller: &Caller,
    path: &Path,
    due_at_ms: Option<i64>,
) -> Result<axum::Json<DueView>, Failure> {
    let change = IssueChange {
        due_at_ms: Some(due_at_ms),
        ..IssueChange::default()
    };
    let issue = changed(site, caller, path, change).await?;
    Ok(axum::Json(DueView {
        due_date: issue.due_at_ms.map(seconds),
    }))
}

/// Says when an issue is due.
#[utoipa::path(put, path = "/api/{owner}/{repo}/issues/{number}/due-date", tag = "issues", request_body = DueBody,
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = DueView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 423)))]
pub async fn put_due(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<DueBody>,
) -> Result<axum::Json<DueView>, Failure> {
    set_due(&site, &caller, &path, Some(milliseconds(body.due_date))).await
}

/// Says that an issue is not due at any moment.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/issues/{number}/due-date", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = DueView), (status = 401), (status = 403), (status = 404), (status = 423)))]
pub async fn clear_due(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<DueView>, Failure> {
    set_due(&site, &caller, &path, None).await
}

fn pinned(pinned: bool) -> IssueChange {
    IssueChange {
        pinned: Some(pinned),
        ..IssueChange::default()
    }
}

/// Sets an issue above the list; three at most stand there.
#[utoipa::path(post, path = "/api/{owner}/{repo}/issues/{number}/pin", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = IssueView), (status = 401), (status = 403), (status = 404), (status = 409),
        (status = 423)))]
pub async fn pin(State(site): State<Site>, Asked(caller): Asked, path: Path) -> Answer {
    answer(&site, &caller, &path, pinned(true)).await
}

/// Sets an issue among the others again.
#[utoipa::path(post, path = "/api/{owner}/{repo}/issues/{number}/unpin", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = IssueView), (status = 401), (status = 403), (status = 404), (status = 423)))]
pub async fn unpin(State(site): State<Site>, Asked(caller): Asked, path: Path) -> Answer {
    answer(&site, &caller, &path, pinned(false)).await
}

fn locked(locked: bool) -> IssueChange {
    IssueChange {
        locked: Some(locked),
        ..IssueChange::default()
    }
}

/// Locks an issue: only those who triage may say more.
#[utoipa::path(put, path = "/api/{owner}/{repo}/issues/{number}/lock", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = IssueView), (status = 401), (status = 403), (status = 404), (status = 423)))]
pub async fn lock(State(site): State<Site>, Asked(caller): Asked, path: Path) -> Answer {
    answer(&site, &caller, &path, locked(true)).await
}

/// Lets everybody say more again.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/issues/{number}/lock", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = IssueView), (status = 401), (status = 403), (status = 404), (status = 423)))]
pub async fn unlock(State(site): State<Site>, Asked(caller): Asked, path: Path) -> Answer {
    answer(&site, &caller, &path, locked(false)).await
}
