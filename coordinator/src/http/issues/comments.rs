//! What is said about an issue.

use super::super::auth::Message;
use super::super::extract::{Asked, Json, Path, Query};
use super::super::failure::Failure;
use super::super::parts;
use super::super::site::Site;
use super::one::Onward;
use super::{CommentView, reading, taking_part};
use axum::extract::State;
use http::{HeaderMap, StatusCode, Uri};
use plue_forge::issues::comments;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A part of what was said, the oldest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommentList {
    comments: Vec<CommentView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What is said.
#[derive(Deserialize, ToSchema)]
pub struct CommentBody {
    /// Markdown.
    pub body: String,
}

/// Lists what was said about an issue.
#[utoipa::path(get, path = "/api/{owner}/{repo}/issues/{number}/comments", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path),
        ("limit" = Option<i64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = CommentList), (status = 400), (status = 404)))]
pub async fn list(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Query(onward): Query<Onward>,
    uri: Uri,
) -> Result<(HeaderMap, axum::Json<CommentList>), Failure> {
    let limit = parts::limit(onward.limit, onward.per_page)?;
    let [after] = parts::open(&site, onward.cursor.as_deref())?.unwrap_or([0]);
    let permit = reading(&site, &caller, &path).await?;
    let found = comments::list(&site.forge, permit, path.parse("number")?, after, limit).await?;
    let full = i64::try_from(found.len()).is_ok_and(|length| length == limit);
    let last = found.last().filter(|_| full);
    let next = last.and_then(|comment| parts::seal(&site, [comment.id.0]));
    let head = parts::head(&site, &uri, next.as_deref());
    let list = CommentList {
        comments: found.iter().map(CommentView::of).collect(),
        next_cursor: next,
    };
    Ok((head, axum::Json(list)))
}

/// Says something about an issue.
#[utoipa::path(post, path = "/api/{owner}/{repo}/issues/{number}/comments", tag = "issues",
    request_body = CommentBody,
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 201, body = CommentView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 423)))]
pub async fn add(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<CommentBody>,
) -> Result<(StatusCode, axum::Json<CommentView>), Failure> {
    let permit = taking_part(&site, &caller, &path).await?;
    let number = path.parse("number")?;
    let said = comments::add(&site.forge, permit, number, &body.body, site.now_ms()).await?;
    Ok((StatusCode::CREATED, axum::Json(CommentView::of(&said))))
}

/// Says something else in a comment.
#[utoipa::path(patch, path = "/api/{owner}/{repo}/issues/{number}/comments/{commentId}", tag = "issues",
    request_body = CommentBody,
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path), ("commentId" = i64, Path)),
    responses((status = 200, body = CommentView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 423)))]
pub async fn edit(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<CommentBody>,
) -> Result<axum::Json<CommentView>, Failure> {
    let permit = taking_part(&site, &caller, &path).await?;
    let which = (path.parse("number")?, path.parse("commentId")?);
    let said = comments::edit(&site.forge, permit, which, &body.body, site.now_ms()).await?;
    Ok(axum::Json(CommentView::of(&said)))
}

/// Takes a comment back.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/issues/{number}/comments/{commentId}", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path), ("commentId" = i64, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 403), (status = 404), (status = 423)))]
pub async fn delete(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Message>, Failure> {
    let permit = taking_part(&site, &caller, &path).await?;
    let which = (path.parse("number")?, path.parse("commentId")?);
    comments::delete(&site.forge, permit, which, site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "Comment removed",
    }))
}
