//! The plain list of public repositories, and the adoption of bare ones from a folder.

use super::extract::{Asked, MAX_PAGE, Page, Part};
use super::failure::Failure;
use super::site::Site;
use axum::extract::State;
use plue_contract::{Caller, Code};
use plue_forge::access::accounts::administer;
use plue_forge::import::{self, Outcome};
use plue_forge::repositories;
use serde::Serialize;
use utoipa::ToSchema;

/// A repository in the plain list.
#[derive(Serialize, ToSchema)]
pub struct PlainRepository {
    owner: String,
    name: String,
    /// The path of its clone address.
    url: String,
}

/// The plain list.
#[derive(Serialize, ToSchema)]
pub struct PlainList {
    count: i64,
    repositories: Vec<PlainRepository>,
}

/// Lists public repositories: all of them, or the part that is asked for.
#[utoipa::path(get, path = "/repos", tag = "repositories",
    params(("limit" = Option<i64>, Query), ("offset" = Option<i64>, Query)), responses((status = 200, body = PlainList)))]
pub async fn list(
    State(site): State<Site>,
    Asked(caller): Asked,
    page: Part,
) -> Result<axum::Json<PlainList>, Failure> {
    let anybody = Caller::anonymous(caller.address, caller.request_id);
    let mut found = Vec::new();
    let mut part = match page {
        Part::All => Page {
            limit: MAX_PAGE,
            offset: 0,
        },
        Part::Page(page) => page,
    };
    let count = loop {
        let query = repositories::Query {
            public_only: true,
            limit: part.limit,
            offset: part.offset,
            ..repositories::Query::default()
        };
        let listed = repositories::list(&site.forge, &anybody, query, site.now_ms()).await?;
        let ended = listed.items.is_empty() || part.offset.saturating_add(part.limit) >= listed.total;
        found.extend(listed.items);
        part.offset = part.offset.saturating_add(part.limit);
        if ended || matches!(page, Part::Page(_)) {
            break listed.total;
        }
    };
    let view = |repository: repositories::Repository| PlainRepository {
        url: format!("/{}.wit", repository.path()),
        owner: repository.owner.to_string(),
        name: repository.name.to_string(),
    };
    Ok(axum::Json(PlainList {
        count,
        repositories: found.into_iter().map(view).collect(),
    }))
}

/// What became of one folder.
#[derive(Serialize, ToSchema)]
pub struct Adopted {
    owner: String,
    name: String,
    /// `created`, `skipped` or `error`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// How many folders had which fate.
#[derive(Serialize, ToSchema, Default)]
pub struct Summary {
    created: usize,
    skipped: usize,
    errors: usize,
}

/// What became of all folders.
#[derive(Serialize, ToSchema)]
pub struct SyncReport {
    message: String,
    results: Vec<Adopted>,
    summary: Summary,
}

/// Adopts the bare repositories of the operator's folder that are not known yet.
#[utoipa::path(post, path = "/sync", tag = "administration",
    responses((status = 200, body = SyncReport), (status = 401), (status = 403), (status = 409)))]
pub async fn adopt(
    State(site): State<Site>,
    Asked(caller): Asked,
) -> Result<axum::Json<SyncReport>, Failure> {
    let permit = administer(&site.forge, &caller, site.now_ms()).await?;
    let dir = site.repos_dir.as_deref().ok_or_else(|| {
        Failure::new(
            Code::Conflict,
            "No folder to adopt from: its operator sets PLUE_REPOS_DIR.",
        )
    })?;
    let results = import::adopt(&site.forge, permit, dir, site.now_ms()).await?;
    let mut summary = Summary::default();
    let results: Vec<_> = results
        .into_iter()
        .map(|adopted| {
            let (status, count, reason) = match adopted.outcome {
                Outcome::Created => ("created", &mut summary.created, None),
                Outcome::Skipped(reason) => ("skipped", &mut summary.skipped, Some(reason)),
                Outcome::Failed(reason) => ("error", &mut summary.errors, Some(reason)),
            };
            *count += 1;
            let (owner, name) = adopted.path.split_once('/').unwrap_or(("", &adopted.path));
            Adopted {
                owner: owner.to_owned(),
                name: name.to_owned(),
                status,
                reason,
            }
        })
        .collect();
    Ok(axum::Json(SyncReport {
        message: format!("Looked at {} repositories", results.len()),
        results,
        summary,
    }))
}
