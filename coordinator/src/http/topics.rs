//! Topics: what repositories say that they are about.

use super::extract::{Asked, Json, Page, Path, Query};
use super::failure::Failure;
use super::repositories::{ListQuery, RepositoryList, listed, sort};
use super::site::Site;
use axum::extract::State;
use plue_forge::access::repositories::{maintain, read};
use plue_forge::repositories::{self, Among};
use plue_forge::topics;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a repository is about.
#[derive(Serialize, ToSchema)]
pub struct TopicList {
    topics: Vec<String>,
}

/// Shows what a repository is about.
#[utoipa::path(get, path = "/api/{owner}/{repo}/topics", tag = "topics",
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = TopicList), (status = 404)))]
pub async fn get(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<TopicList>, Failure> {
    let permit = read(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let topics = topics::of(&site.forge, &permit).await?;
    Ok(axum::Json(TopicList { topics }))
}

/// What a repository is to be about.
#[derive(Deserialize, ToSchema)]
pub struct TopicBody {
    /// At most twenty, each of letters, digits and hyphens.
    topics: Vec<String>,
}

/// Says what a repository is about, in place of what was said before; takes the role `maintain`.
#[utoipa::path(put, path = "/api/{owner}/{repo}/topics", tag = "topics", request_body = TopicBody,
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = TopicList), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 423)))]
pub async fn put(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<TopicBody>,
) -> Result<axum::Json<TopicList>, Failure> {
    let permit = maintain(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let topics = topics::set(&site.forge, permit, &body.topics, site.now_ms()).await?;
    Ok(axum::Json(TopicList { topics }))
}

/// A topic, and how many public repositories are about it.
#[derive(Serialize, ToSchema)]
pub struct PopularTopic {
    topic: String,
    count: i64,
}

/// The topics of most public repositories.
#[derive(Serialize, ToSchema)]
pub struct PopularTopics {
    topics: Vec<PopularTopic>,
}

/// Lists the topics of most public repositories.
#[utoipa::path(get, path = "/api/repos/topics/popular", tag = "topics", params(("limit" = Option<i64>, Query)),
    responses((status = 200, body = PopularTopics), (status = 400)))]
pub async fn popular(State(site): State<Site>, page: Page) -> Result<axum::Json<PopularTopics>, Failure> {
    let found = topics::popular(&site.forge, page.limit).await?;
    let topics = found
        .into_iter()
        .map(|(topic, count)| PopularTopic { topic, count });
    Ok(axum::Json(PopularTopics {
        topics: topics.collect(),
    }))
}

/// Lists the repositories about a topic that the caller may see.
#[utoipa::path(get, path = "/api/repos/topics/{topic}", tag = "topics",
    params(("topic" = String, Path), ("sort" = Option<String>, Query), ("limit" = Option<i64>, Query),
        ("offset" = Option<i64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = RepositoryList), (status = 400)))]
pub async fn repositories_about(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Query(query): Query<ListQuery>,
    page: Page,
) -> Result<axum::Json<RepositoryList>, Failure> {
    let query = repositories::Query {
        among: Among::About(topics::clean(path.text("topic"))?),
        sort: sort(query.sort.as_deref())?,
        ..repositories::Query::default()
    };
    listed(&site, &caller, page, query).await.map(axum::Json)
}
