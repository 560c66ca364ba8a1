//! Watches: how much people want to hear of a repository.

use super::extract::{Asked, Json, Page, Path};
use super::failure::Failure;
use super::moment;
use super::site::Site;
use axum::extract::State;
use plue_forge::access::following::follow;
use plue_forge::access::repositories::read;
use plue_forge::watches::{self, Level, Watches};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How much the caller wants to hear of a repository.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WatchView {
    /// `all`, `releases` or `ignore`; null: what they take part in.
    level: Option<&'static str>,
    /// How many want to hear of it.
    watcher_count: i64,
}

impl WatchView {
    fn of(watches: Watches) -> Self {
        Self {
            level: watches.own.map(Level::as_str),
            watcher_count: watches.count,
        }
    }
}

/// What was done, and how much the caller wants to hear now.
#[derive(Serialize, ToSchema)]
pub struct WatchChanged {
    message: &'static str,
    #[serde(flatten)]
    watch: WatchView,
}

/// Shows how much the caller wants to hear of a repository.
#[utoipa::path(get, path = "/api/{owner}/{repo}/watch", tag = "stars",
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = WatchView), (status = 404)))]
pub async fn get(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<WatchView>, Failure> {
    let permit = read(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let found = watches::get(&site.forge, &permit).await?;
    Ok(axum::Json(WatchView::of(found)))
}

/// How much somebody wants to hear.
#[derive(Deserialize, ToSchema)]
pub struct WatchBody {
    /// `all`, `releases` or `ignore`; everything where nothing is said.
    level: Option<String>,
}

/// Says how much the caller wants to hear of a repository.
#[utoipa::path(post, path = "/api/{owner}/{repo}/watch", tag = "stars", request_body = WatchBody,
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = WatchChanged), (status = 400), (status = 401), (status = 403), (status = 404)))]
pub async fn put(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<WatchBody>,
) -> Result<axum::Json<WatchChanged>, Failure> {
    let permit = follow(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let level = body.level.as_deref().map_or(Ok(Level::All), str::parse)?;
    let now = watches::set(&site.forge, permit, Some(level), site.now_ms()).await?;
    Ok(axum::Json(WatchChanged {
        message: "Repository watched",
        watch: WatchView::of(now),
    }))
}

/// Takes back what the caller said: from then on they hear of what they take part in.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/watch", tag = "stars",
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = WatchChanged), (status = 401), (status = 403), (status = 404)))]
pub async fn remove(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<WatchChanged>, Failure> {
    let permit = follow(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let now = watches::set(&site.forge, permit, None, site.now_ms()).await?;
    Ok(axum::Json(WatchChanged {
        message: "Repository not watched any more",
        watch: WatchView::of(now),
    }))
}

/// Somebody who wants to hear of a repository.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WatcherView {
    id: i64,
    username: String,
    /// `all` or `releases`.
    level: &'static str,
    watched_at: String,
}

/// A part of those who want to hear of a repository, the first first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Watchers {
    watchers: Vec<WatcherView>,
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Lists who wants to hear of a repository.
#[utoipa::path(get, path = "/api/{owner}/{repo}/watchers", tag = "stars",
    params(("owner" = String, Path), ("repo" = String, Path), ("limit" = Option<i64>, Query),
        ("offset" = Option<i64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Watchers), (status = 400), (status = 404)))]
pub async fn list(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    page: Page,
) -> Result<axum::Json<Watchers>, Failure> {
    let permit = read(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let found = watches::list(&site.forge, permit, page.limit, page.offset).await?;
    let view = |one: &watches::Watcher| WatcherView {
        id: one.person.id.0,
        username: one.person.name.to_string(),
        level: one.level.as_str(),
        watched_at: moment::text(one.at_ms),
    };
    Ok(axum::Json(Watchers {
        watchers: found.items.iter().map(view).collect(),
        total: found.total,
        next_cursor: page.next(found.total, &site.keys.cursor),
    }))
}
