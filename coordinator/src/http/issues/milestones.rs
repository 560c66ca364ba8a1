//! Milestones of a repository, and the one of an issue.

use super::super::auth::Message;
use super::super::extract::{Asked, Json, Path, Query, three_ways};
use super::super::failure::Failure;
use super::super::moment;
use super::super::site::Site;
use super::{IssueView, changed, milliseconds, reading, seconds, sorting, state_of};
use axum::extract::State;
use http::StatusCode;
use plue_contract::MilestoneId;
use plue_forge::issues::IssueChange;
use plue_forge::issues::milestones::{self, Milestone, MilestoneChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A milestone.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MilestoneView {
    id: i64,
    title: String,
    description: String,
    /// `open` or `closed`.
    state: &'static str,
    /// In seconds since 1970.
    due_date: Option<i64>,
    open_issues: i64,
    closed_issues: i64,
    created_at: String,
    updated_at: String,
    closed_at: Option<String>,
}

impl MilestoneView {
    fn of(milestone: &Milestone) -> Self {
        Self {
            id: milestone.id.0,
            title: milestone.title.clone(),
            description: milestone.description.clone(),
            state: milestone.state.as_str(),
            due_date: milestone.due_at_ms.map(seconds),
            open_issues: milestone.open_issues,
            closed_issues: milestone.closed_issues,
            created_at: moment::text(milestone.created_at_ms),
            updated_at: moment::text(milestone.updated_at_ms),
            closed_at: moment::optional(milestone.closed_at_ms),
        }
    }
}

/// The milestones of a repository.
#[derive(Serialize, ToSchema)]
pub struct MilestoneList {
    milestones: Vec<MilestoneView>,
}

/// Which milestones.
#[derive(Deserialize)]
pub struct Wanted {
    state: Option<String>,
}

/// Lists the milestones of a repository: what is due next first.
#[utoipa::path(get, path = "/api/{owner}/{repo}/milestones", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path),
        ("state" = Option<String>, Query, description = "`open`, `closed` or `all`")),
    responses((status = 200, body = MilestoneList), (status = 400), (status = 404)))]
pub async fn list(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Query(wanted): Query<Wanted>,
) -> Result<axum::Json<MilestoneList>, Failure> {
    let state = state_of(wanted.state.as_deref())?;
    let permit = reading(&site, &caller, &path).await?;
    let found = milestones::list(&site.forge, permit, state).await?;
    Ok(axum::Json(MilestoneList {
        milestones: found.iter().map(MilestoneView::of).collect(),
    }))
}

/// Shows a milestone.
#[utoipa::path(get, path = "/api/{owner}/{repo}/milestones/{id}", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("id" = i64, Path)),
    responses((status = 200, body = MilestoneView), (status = 404)))]
pub async fn get(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<MilestoneView>, Failure> {
    let permit = reading(&site, &caller, &path).await?;
    let found = milestones::get(&site.forge, permit, path.parse("id")?).await?;
    Ok(axum::Json(MilestoneView::of(&found)))
}

/// What a milestone is to be.
#[derive(Deserialize, ToSchema)]
pub struct MilestoneBody {
    title: Option<String>,
    description: Option<String>,
    /// In seconds since 1970; null where it is never due.
    #[serde(default, deserialize_with = "three_ways")]
    #[schema(value_type = Option<i64>)]
    due_date: Option<Option<i64>>,
    /// `open` or `closed`.
    state: Option<String>,
}

impl MilestoneBody {
    fn change(self) -> Result<MilestoneChange, Failure> {
        Ok(MilestoneChange {
            title: self.title,
            description: self.description,
            due_at_ms: self.due_date.map(|due| due.map(milliseconds)),
            state: self.state.as_deref().map(str::parse).transpose()?,
        })
    }
}

/// Makes a milestone.
#[utoipa::path(post, path = "/api/{owner}/{repo}/milestones", tag = "issues", request_body = MilestoneBody,
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 201, body = MilestoneView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409), (status = 423)))]
pub async fn create(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<MilestoneBody>,
) -> Result<(StatusCode, axum::Json<MilestoneView>), Failure> {
    let permit = sorting(&site, &caller, &path).await?;
    let made = milestones::create(&site.forge, permit, body.change()?, site.now_ms()).await?;
    Ok((StatusCode::CREATED, axum::Json(MilestoneView::of(&made))))
}

/// Changes a milestone.
#[utoipa::path(patch, path = "/api/{owner}/{repo}/milestones/{id}", tag = "issues", request_body = MilestoneBody,
    params(("owner" = String, Path), ("repo" = String, Path), ("id" = i64, Path)),
    responses((status = 200, body = MilestoneView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409), (status = 423)))]
pub async fn update(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<MilestoneBody>,
) -> Result<axum::Json<MilestoneView>, Failure> {
    let permit = sorting(&site, &caller, &path).await?;
    let (id, change) = (path.parse("id")?, body.change()?);
    let changed = milestones::update(&site.forge, permit, id, change, site.now_ms()).await?;
    Ok(axum::Json(MilestoneView::of(&changed)))
}

/// Removes a milestone; its issues belong to none then.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/milestones/{id}", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("id" = i64, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 403), (status = 404), (status = 423)))]
pub async fn delete(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Message>, Failure> {
    let permit = sorting(&site, &caller, &path).await?;
    milestones::delete(&site.forge, permit, path.parse("id")?, site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "Milestone removed",
    }))
}

/// A milestone, by its id.
#[derive(Deserialize, ToSchema)]
pub struct MilestoneIdBody {
    milestone_id: i64,
}

/// Puts an issue into a milestone.
#[utoipa::path(put, path = "/api/{owner}/{repo}/issues/{number}/milestone", tag = "issues",
    request_body = MilestoneIdBody,
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = IssueView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 423)))]
pub async fn put_into(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<MilestoneIdBody>,
) -> Result<axum::Json<IssueView>, Failure> {
    let change = IssueChange {
        milestone: Some(Some(MilestoneId(body.milestone_id))),
        ..IssueChange::default()
    };
    let issue = changed(&site, &caller, &path, change).await?;
    Ok(axum::Json(IssueView::of(&issue)))
}

/// Takes an issue out of its milestone.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/issues/{number}/milestone", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = IssueView), (status = 401), (status = 403), (status = 404), (status = 423)))]
pub async fn take_out(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<IssueView>, Failure> {
    let change = IssueChange {
        milestone: Some(None),
        ..IssueChange::default()
    };
    let issue = changed(&site, &caller, &path, change).await?;
    Ok(axum::Json(IssueView::of(&issue)))
}
