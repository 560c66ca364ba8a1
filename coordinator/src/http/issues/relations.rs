//! Which issues wait for which.

use super::super::extract::{Asked, Json, Path};
use super::super::failure::Failure;
use super::super::site::Site;
use super::{reading, sorting};
use axum::extract::State;
use http::StatusCode;
use plue_forge::issues::State as Standing;
use plue_forge::issues::relations::{self, Kind, Relation};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Another issue.
#[derive(Serialize, ToSchema)]
pub struct OtherIssue {
    number: i64,
    title: String,
    /// `open` or `closed`.
    state: &'static str,
}

impl OtherIssue {
    /// How another issue is shown.
    pub fn of(number: i64, title: &str, state: Standing) -> Self {
        Self {
            number,
            title: title.to_owned(),
            state: state.as_str(),
        }
    }
}

/// What an issue waits for, and what waits for it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dependencies {
    blocks: Vec<OtherIssue>,
    blocked_by: Vec<OtherIssue>,
}

impl Dependencies {
    fn of(relations: &[Relation]) -> Self {
        let those = |kind: Kind| {
            let found = relations.iter().filter(|relation| relation.kind == kind);
            found
                .map(|relation| OtherIssue::of(relation.number, &relation.title, relation.state))
                .collect()
        };
        Self {
            blocks: those(Kind::Blocks),
            blocked_by: those(Kind::BlockedBy),
        }
    }
}

/// Shows what an issue waits for, and what waits for it.
#[utoipa::path(get, path = "/api/{owner}/{repo}/issues/{number}/dependencies", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = Dependencies), (status = 404)))]
pub async fn list(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Dependencies>, Failure> {
    let permit = reading(&site, &caller, &path).await?;
    let found = relations::list(&site.forge, permit, path.parse("number")?).await?;
    Ok(axum::Json(Dependencies::of(&found)))
}

/// Which issue is to wait.
#[derive(Deserialize, ToSchema)]
pub struct DependencyBody {
    /// The number of the issue that waits.
    blocks: i64,
}

/// Makes another issue wait for this one. What would make issues wait for each other is refused.
#[utoipa::path(post, path = "/api/{owner}/{repo}/issues/{number}/dependencies", tag = "issues",
    request_body = DependencyBody,
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 201, body = Dependencies), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409), (status = 423)))]
pub async fn add(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<DependencyBody>,
) -> Result<(StatusCode, axum::Json<Dependencies>), Failure> {
    let permit = sorting(&site, &caller, &path).await?;
    let number = path.parse("number")?;
    let found = relations::relate(
        &site.forge,
        permit,
        number,
        Kind::Blocks,
        body.blocks,
        site.now_ms(),
    )
    .await?;
    Ok((StatusCode::CREATED, axum::Json(Dependencies::of(&found))))
}

/// Lets another issue wait for this one no longer.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/issues/{number}/dependencies/{blockedNumber}", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path),
        ("blockedNumber" = i64, Path)),
    responses((status = 200, body = Dependencies), (status = 401), (status = 403), (status = 404), (status = 423)))]
pub async fn remove(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Dependencies>, Failure> {
    let permit = sorting(&site, &caller, &path).await?;
    let (number, other) = (path.parse("number")?, path.parse("blockedNumber")?);
    let found =
        relations::unrelate(&site.forge, permit, number, &[Kind::Blocks], other, site.now_ms()).await?;
    Ok(axum::Json(Dependencies::of(&found)))
}
