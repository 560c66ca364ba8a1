//! Stars: who gave one to a repository, and to which somebody did.

use super::extract::{Asked, Page, Path};
use super::failure::Failure;
use super::moment;
use super::repositories::RepositoryView;
use super::site::Site;
use axum::extract::State;
use plue_contract::Caller;
use plue_forge::access::following::follow;
use plue_forge::access::repositories::read;
use plue_forge::repositories::{self, Among};
use plue_forge::{accounts, stars};
use serde::Serialize;
use utoipa::ToSchema;

/// How a repository stands with the stars.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StarView {
    /// Whether the caller gave it one.
    starred: bool,
    star_count: i64,
}

/// What was done, and how the repository stands with the stars now.
#[derive(Serialize, ToSchema)]
pub struct StarChanged {
    message: &'static str,
    #[serde(flatten)]
    star: StarView,
}

/// Shows whether the caller gave a repository a star, and how many it has.
#[utoipa::path(get, path = "/api/{owner}/{repo}/star", tag = "stars",
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = StarView), (status = 404)))]
pub async fn get(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<StarView>, Failure> {
    let permit = read(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let found = stars::get(&site.forge, &permit).await?;
    Ok(axum::Json(StarView {
        starred: found.own,
        star_count: found.count,
    }))
}

async fn set(
    site: &Site,
    caller: &Caller,
    path: &Path,
    own: bool,
) -> Result<axum::Json<StarChanged>, Failure> {
    let permit = follow(&site.forge, caller, &path.repository()?, site.now_ms()).await?;
    let now = stars::set(&site.forge, permit, own, site.now_ms()).await?;
    Ok(axum::Json(StarChanged {
        message: match own {
            true => "Repository starred",
            false => "Repository unstarred",
        },
        star: StarView {
            starred: now.own,
            star_count: now.count,
        },
    }))
}

/// Gives a repository a star; a repeat changes nothing.
#[utoipa::path(post, path = "/api/{owner}/{repo}/star", tag = "stars",
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = StarChanged), (status = 401), (status = 403), (status = 404)))]
pub async fn put(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<StarChanged>, Failure> {
    set(&site, &caller, &path, true).await
}

/// Takes a star back; a repeat changes nothing.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/star", tag = "stars",
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = StarChanged), (status = 401), (status = 403), (status = 404)))]
pub async fn remove(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<StarChanged>, Failure> {
    set(&site, &caller, &path, false).await
}

/// Somebody who gave a star.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StargazerView {
    id: i64,
    username: String,
    starred_at: String,
}

/// A part of those who gave a star, the first first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stargazers {
    stargazers: Vec<StargazerView>,
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Lists who gave a repository a star.
#[utoipa::path(get, path = "/api/{owner}/{repo}/stargazers", tag = "stars",
    params(("owner" = String, Path), ("repo" = String, Path), ("limit" = Option<i64>, Query),
        ("offset" = Option<i64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Stargazers), (status = 400), (status = 404)))]
pub async fn list(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    page: Page,
) -> Result<axum::Json<Stargazers>, Failure> {
    let permit = read(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let found = stars::list(&site.forge, permit, page.limit, page.offset).await?;
    let view = |one: &stars::Stargazer| StargazerView {
        id: one.person.id.0,
        username: one.person.name.to_string(),
        starred_at: moment::text(one.at_ms),
    };
    Ok(axum::Json(Stargazers {
        stargazers: found.items.iter().map(view).collect(),
        total: found.total,
        next_cursor: page.next(found.total, &site.keys.cursor),
    }))
}

/// A repository, and since when it has somebody's star.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StarredRepository {
    #[serde(flatten)]
    repository: RepositoryView,
    starred_at: Option<String>,
}

/// A part of the repositories to which somebody gave a star, the latest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Starred {
    user: String,
    repositories: Vec<StarredRepository>,
    /// How many of them the caller may see.
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Lists the repositories to which somebody gave a star and that the caller may see.
#[utoipa::path(get, path = "/api/users/{username}/starred", tag = "stars",
    params(("username" = String, Path), ("limit" = Option<i64>, Query), ("offset" = Option<i64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Starred), (status = 400), (status = 404)))]
pub async fn of_account(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    page: Page,
) -> Result<axum::Json<Starred>, Failure> {
    let account = accounts::get(&site.forge, &path.account("username")?).await?;
    let query = repositories::Query {
        among: Among::StarredBy(account.id),
        limit: page.limit,
        offset: page.offset,
        ..repositories::Query::default()
    };
    let found = repositories::list(&site.forge, &caller, query, site.now_ms()).await?;
    let ids: Vec<_> = found.items.iter().map(|repository| repository.id).collect();
    let since = stars::given(&site.forge, account.id, &ids).await?;
    let view = |repository: &repositories::Repository| StarredRepository {
        starred_at: moment::optional(since.get(&repository.id).copied()),
        repository: RepositoryView::of(&site, repository),
    };
    Ok(axum::Json(Starred {
        user: account.name.to_string(),
        repositories: found.items.iter().map(view).collect(),
        total: found.total,
        next_cursor: page.next(found.total, &site.keys.cursor),
    }))
}
