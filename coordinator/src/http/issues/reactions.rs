//! What people feel about an issue or a comment on it.

use super::super::auth::Message;
use super::super::extract::{Asked, Json, Path};
use super::super::failure::Failure;
use super::super::moment;
use super::super::site::Site;
use super::{PersonView, reading, taking_part};
use axum::extract::State;
use http::StatusCode;
use plue_contract::Caller;
use plue_forge::issues::reactions::{self, Reaction, Target};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One reaction.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReactionView {
    id: i64,
    user_id: i64,
    emoji: String,
    created_at: String,
}

/// Everybody who reacted in one way.
#[derive(Serialize, ToSchema)]
pub struct ReactionGroup {
    emoji: String,
    count: i64,
    users: Vec<PersonView>,
}

/// The reactions to something.
#[derive(Serialize, ToSchema)]
pub struct ReactionList {
    reactions: Vec<ReactionGroup>,
}

impl ReactionList {
    fn of(found: &[Reaction]) -> Self {
        let mut reactions: Vec<ReactionGroup> = Vec::new();
        for one in found {
            let user = PersonView::of(&one.person);
            match reactions.iter_mut().find(|group| group.emoji == one.emoji) {
                Some(group) => {
                    group.count += 1;
                    group.users.push(user);
                }
                None => reactions.push(ReactionGroup {
                    emoji: one.emoji.clone(),
                    count: 1,
                    users: vec![user],
                }),
            }
        }
        Self { reactions }
    }
}

/// A reaction.
#[derive(Deserialize, ToSchema)]
pub struct EmojiBody {
    /// One emoji.
    emoji: String,
}

fn issue(path: &Path) -> Result<Target, Failure> {
    Ok((path.parse("number")?, None))
}

fn comment(path: &Path) -> Result<Target, Failure> {
    Ok((path.parse("number")?, Some(path.parse("commentId")?)))
}

type Listed = Result<axum::Json<ReactionList>, Failure>;
type Added = Result<(StatusCode, axum::Json<ReactionView>), Failure>;
type Removed = Result<axum::Json<Message>, Failure>;

async fn list(site: &Site, caller: &Caller, path: &Path, to: Target) -> Listed {
    let permit = reading(site, caller, path).await?;
    let found = reactions::list(&site.forge, permit, to).await?;
    Ok(axum::Json(ReactionList::of(&found)))
}

async fn add(site: &Site, caller: &Caller, path: &Path, to: Target, body: &EmojiBody) -> Added {
    let permit = taking_part(site, caller, path).await?;
    let one = reactions::add(&site.forge, permit, to, &body.emoji, site.now_ms()).await?;
    let view = ReactionView {
        id: one.id,
        user_id: one.person.id.0,
        emoji: one.emoji,
        created_at: moment::text(one.created_at_ms),
    };
    Ok((StatusCode::CREATED, axum::Json(view)))
}

async fn remove(site: &Site, caller: &Caller, path: &Path, to: Target) -> Removed {
    let permit = taking_part(site, caller, path).await?;
    reactions::remove(&site.forge, permit, to, path.text("emoji"), site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "Reaction removed",
    }))
}

/// Lists the reactions to an issue.
#[utoipa::path(get, path = "/api/{owner}/{repo}/issues/{number}/reactions", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = ReactionList), (status = 404)))]
pub async fn of_issue(State(site): State<Site>, Asked(caller): Asked, path: Path) -> Listed {
    list(&site, &caller, &path, issue(&path)?).await
}

/// Reacts to an issue.
#[utoipa::path(post, path = "/api/{owner}/{repo}/issues/{number}/reactions", tag = "issues",
    request_body = EmojiBody, params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 201, body = ReactionView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 423)))]
pub async fn add_to_issue(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<EmojiBody>,
) -> Added {
    add(&site, &caller, &path, issue(&path)?, &body).await
}

/// Takes one's reaction to an issue back.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/issues/{number}/reactions/{emoji}", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path), ("emoji" = String, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 403), (status = 404), (status = 423)))]
pub async fn remove_from_issue(State(site): State<Site>, Asked(caller): Asked, path: Path) -> Removed {
    remove(&site, &caller, &path, issue(&path)?).await
}

/// Lists the reactions to a comment.
#[utoipa::path(get, path = "/api/{owner}/{repo}/issues/{number}/comments/{commentId}/reactions", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path), ("commentId" = i64, Path)),
    responses((status = 200, body = ReactionList), (status = 404)))]
pub async fn of_comment(State(site): State<Site>, Asked(caller): Asked, path: Path) -> Listed {
    list(&site, &caller, &path, comment(&path)?).await
}

/// Reacts to a comment.
#[utoipa::path(post, path = "/api/{owner}/{repo}/issues/{number}/comments/{commentId}/reactions", tag = "issues",
    request_body = EmojiBody,
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path), ("commentId" = i64, Path)),
    responses((status = 201, body = ReactionView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 423)))]
pub async fn add_to_comment(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<EmojiBody>,
) -> Added {
    add(&site, &caller, &path, comment(&path)?, &body).await
}

/// Takes one's reaction to a comment back.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/issues/{number}/comments/{commentId}/reactions/{emoji}",
    tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path), ("commentId" = i64, Path),
        ("emoji" = String, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 403), (status = 404), (status = 423)))]
pub async fn remove_from_comment(State(site): State<Site>, Asked(caller): Asked, path: Path) -> Removed {
    remove(&site, &caller, &path, comment(&path)?).await
}
