//! Labels of a repository, and those of an issue.

use super::super::auth::Message;
use super::super::extract::{Asked, Json, Path};
use super::super::failure::Failure;
use super::super::site::Site;
use super::{IssueView, LabelView, changed, reading, sorting};
use axum::extract::State;
use http::StatusCode;
use plue_forge::issues::IssueChange;
use plue_forge::issues::labels::{self, LabelChange, LabelRef};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The labels of a repository.
#[derive(Serialize, ToSchema)]
pub struct LabelList {
    labels: Vec<LabelView>,
}

/// What a label is to be.
#[derive(Deserialize, ToSchema)]
pub struct LabelBody {
    name: Option<String>,
    /// `#rrggbb`; grey where nothing is said.
    color: Option<String>,
    description: Option<String>,
}

impl From<LabelBody> for LabelChange {
    fn from(body: LabelBody) -> Self {
        Self {
            name: body.name,
            color: body.color,
            description: body.description,
        }
    }
}

/// Lists the labels of a repository.
#[utoipa::path(get, path = "/api/{owner}/{repo}/labels", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = LabelList), (status = 404)))]
pub async fn list(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<LabelList>, Failure> {
    let permit = reading(&site, &caller, &path).await?;
    let found = labels::list(&site.forge, permit).await?;
    Ok(axum::Json(LabelList {
        labels: found.iter().map(LabelView::of).collect(),
    }))
}

/// Makes a label.
#[utoipa::path(post, path = "/api/{owner}/{repo}/labels", tag = "issues", request_body = LabelBody,
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 201, body = LabelView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409), (status = 423)))]
pub async fn create(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<LabelBody>,
) -> Result<(StatusCode, axum::Json<LabelView>), Failure> {
    let permit = sorting(&site, &caller, &path).await?;
    let made = labels::create(&site.forge, permit, body.into(), site.now_ms()).await?;
    Ok((StatusCode::CREATED, axum::Json(LabelView::of(&made))))
}

fn named(path: &Path) -> LabelRef {
    LabelRef::Name(path.text("name").to_owned())
}

/// Changes a label, on every issue that bears it.
#[utoipa::path(patch, path = "/api/{owner}/{repo}/labels/{name}", tag = "issues", request_body = LabelBody,
    params(("owner" = String, Path), ("repo" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = LabelView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409), (status = 423)))]
pub async fn update(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<LabelBody>,
) -> Result<axum::Json<LabelView>, Failure> {
    let permit = sorting(&site, &caller, &path).await?;
    let changed = labels::update(&site.forge, permit, named(&path), body.into(), site.now_ms()).await?;
    Ok(axum::Json(LabelView::of(&changed)))
}

/// Removes a label, from every issue too.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/labels/{name}", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 403), (status = 404), (status = 423)))]
pub async fn delete(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Message>, Failure> {
    let permit = sorting(&site, &caller, &path).await?;
    labels::delete(&site.forge, permit, named(&path), site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "Label removed",
    }))
}

/// Names of labels.
#[derive(Deserialize, ToSchema)]
pub struct LabelNames {
    labels: Vec<String>,
}

/// Puts labels on an issue, beside those that it has.
#[utoipa::path(post, path = "/api/{owner}/{repo}/issues/{number}/labels", tag = "issues",
    request_body = LabelNames,
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = IssueView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 423)))]
pub async fn put_on(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<LabelNames>,
) -> Result<axum::Json<IssueView>, Failure> {
    let change = IssueChange {
        add_labels: body.labels,
        ..IssueChange::default()
    };
    let issue = changed(&site, &caller, &path, change).await?;
    Ok(axum::Json(IssueView::of(&issue)))
}

/// Takes a label off an issue; where it is not on it, nothing changes.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/issues/{number}/labels/{labelId}", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path), ("labelId" = i64, Path)),
    responses((status = 200, body = IssueView), (status = 401), (status = 403), (status = 404), (status = 423)))]
pub async fn take_off(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<IssueView>, Failure> {
    let change = IssueChange {
        remove_labels: vec![LabelRef::Id(path.parse("labelId")?)],
        ..IssueChange::default()
    };
    let issue = changed(&site, &caller, &path, change).await?;
    Ok(axum::Json(IssueView::of(&issue)))
}
