//! What the caller has heard of issues, and what is mailed to them of it.

use super::auth::Message;
use super::extract::{Asked, Json, Path, Query};
use super::failure::Failure;
use super::site::Site;
use super::{moment, parts};
use axum::extract::State;
use http::{HeaderMap, Uri};
use plue_contract::RepoPath;
use plue_forge::access::accounts::{read_self, write_self};
use plue_forge::notifications::{self, Mails, Notification};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The issue that a notification is about.
#[derive(Serialize, ToSchema)]
pub struct NotifiedIssue {
    number: i64,
    title: String,
    /// `open` or `closed`.
    state: String,
}

/// A notification.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationView {
    id: i64,
    /// `mention`, `assign`, `author`, `comment`, `subscribed` or `watching`.
    reason: &'static str,
    /// The number of the event that was heard last.
    event: i64,
    unread: bool,
    updated_at: String,
    /// `owner/name`.
    repository: String,
    issue: NotifiedIssue,
    /// Its page.
    url: String,
}

impl NotificationView {
    fn of(site: &Site, one: &Notification) -> Self {
        Self {
            id: one.id,
            reason: one.reason.as_str(),
            event: one.event,
            unread: one.unread,
            updated_at: moment::text(one.updated_at_ms),
            repository: one.repository.to_string(),
            issue: NotifiedIssue {
                number: one.number,
                title: one.title.clone(),
                state: one.state.clone(),
            },
            url: format!("{}/{}/issues/{}", site.addresses.http, one.repository, one.number),
        }
    }
}

/// A part of the caller's notifications, the latest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationList {
    notifications: Vec<NotificationView>,
    /// How many of all the caller has not seen yet.
    unread: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Which notifications, and which part of them.
#[derive(Deserialize)]
pub struct Wanted {
    all: Option<bool>,
    reason: Option<String>,
    repository: Option<String>,
    limit: Option<i64>,
    per_page: Option<i64>,
    cursor: Option<String>,
}

impl Wanted {
    fn query(&self, site: &Site) -> Result<notifications::Query, Failure> {
        let path = |text: &str| {
            text.parse::<RepoPath>()
                .map_err(|_| Failure::invalid("repository", "This is a repository, as in `owner/name`."))
        };
        let before = parts::open::<2>(site, self.cursor.as_deref())?;
        Ok(notifications::Query {
            unread: !self.all.unwrap_or_default(),
            reason: self.reason.as_deref().map(str::parse).transpose()?,
            repository: self.repository.as_deref().map(path).transpose()?,
            before: before.map(|[at_ms, id]| (at_ms, id)),
            limit: parts::limit(self.limit, self.per_page)?,
        })
    }
}

/// Lists what the caller has heard: what they have not seen yet, or all.
#[utoipa::path(get, path = "/api/notifications", tag = "notifications",
    params(("all" = Option<bool>, Query, description = "What was seen too"),
        ("reason" = Option<String>, Query, description = "`mention`, `assign`, `author`, `comment`, `subscribed` or `watching`"),
        ("repository" = Option<String>, Query, description = "`owner/name`"),
        ("limit" = Option<i64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = NotificationList), (status = 400), (status = 401), (status = 403)))]
pub async fn list(
    State(site): State<Site>,
    Asked(caller): Asked,
    Query(wanted): Query<Wanted>,
    uri: Uri,
) -> Result<(HeaderMap, axum::Json<NotificationList>), Failure> {
    let permit = read_self(&site.forge, &caller, site.now_ms()).await?;
    let query = wanted.query(&site)?;
    let (found, unread) = notifications::list(&site.forge, permit, &query, site.now_ms()).await?;
    let full = i64::try_from(found.len()).is_ok_and(|length| length == query.limit);
    let last = found.last().filter(|_| full);
    let next = last.and_then(|one| parts::seal(&site, [one.updated_at_ms, one.id]));
    let head = parts::head(&site, &uri, next.as_deref());
    let list = NotificationList {
        notifications: found.iter().map(|one| NotificationView::of(&site, one)).collect(),
        unread,
        next_cursor: next,
    };
    Ok((head, axum::Json(list)))
}

/// Whether a notification is to count as not seen.
#[derive(Deserialize, ToSchema)]
pub struct NotificationBody {
    unread: bool,
}

/// Says whether a notification was seen.
#[utoipa::path(patch, path = "/api/notifications/{id}", tag = "notifications", request_body = NotificationBody,
    params(("id" = i64, Path)),
    responses((status = 200, body = Message), (status = 400), (status = 401), (status = 403), (status = 404)))]
pub async fn update(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<NotificationBody>,
) -> Result<axum::Json<Message>, Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    let id = path.parse("id")?;
    notifications::set_unread(&site.forge, permit, id, body.unread, site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: match body.unread {
            true => "Notification unread",
            false => "Notification read",
        },
    }))
}

/// Up to which event all was seen.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeenBody {
    /// The highest `event` that the caller knows of; what came later stays. All there is, where it is
    /// absent.
    #[serde(alias = "up_to")]
    up_to: Option<i64>,
}

/// Says that all was seen.
#[utoipa::path(put, path = "/api/notifications/read", tag = "notifications", request_body = SeenBody,
    responses((status = 200, body = Message), (status = 400), (status = 401), (status = 403)))]
pub async fn see(
    State(site): State<Site>,
    Asked(caller): Asked,
    Json(body): Json<SeenBody>,
) -> Result<axum::Json<Message>, Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    notifications::set_seen(&site.forge, permit, body.up_to, site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "Notifications read",
    }))
}

/// What is mailed to the caller.
#[derive(Serialize, ToSchema)]
pub struct NotificationSettings {
    /// `all`, `participating` or `none`.
    mail: &'static str,
}

/// Shows what is mailed to the caller.
#[utoipa::path(get, path = "/api/notifications/settings", tag = "notifications",
    responses((status = 200, body = NotificationSettings), (status = 401), (status = 403)))]
pub async fn settings(
    State(site): State<Site>,
    Asked(caller): Asked,
) -> Result<axum::Json<NotificationSettings>, Failure> {
    let permit = read_self(&site.forge, &caller, site.now_ms()).await?;
    let mails = notifications::mails(&site.forge, permit).await?;
    Ok(axum::Json(NotificationSettings { mail: mails.as_str() }))
}

/// What is to be mailed.
#[derive(Deserialize, ToSchema)]
pub struct NotificationSettingsBody {
    /// `all`, `participating` or `none`.
    mail: String,
}

/// Says what is mailed to the caller. Only an address that was proven gets any.
#[utoipa::path(put, path = "/api/notifications/settings", tag = "notifications",
    request_body = NotificationSettingsBody,
    responses((status = 200, body = NotificationSettings), (status = 400), (status = 401), (status = 403)))]
pub async fn put_settings(
    State(site): State<Site>,
    Asked(caller): Asked,
    Json(body): Json<NotificationSettingsBody>,
) -> Result<axum::Json<NotificationSettings>, Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    let mails: Mails = body.mail.parse()?;
    notifications::set_mails(&site.forge, permit, mails, site.now_ms()).await?;
    Ok(axum::Json(NotificationSettings { mail: mails.as_str() }))
}
