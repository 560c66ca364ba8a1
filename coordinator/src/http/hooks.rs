//! The webhooks of a repository, and what they were told.

use super::extract::{Asked, Json, Path, Query, three_ways};
use super::failure::Failure;
use super::site::Site;
use super::{moment, parts};
use axum::extract::State;
use http::{HeaderMap, StatusCode, Uri};
use plue_contract::events::Topic;
use plue_contract::{DeliveryId, HookId};
use plue_forge::access::Permit;
use plue_forge::access::repositories::{AdministerRepo, administer};
use plue_forge::hooks::{self, Delivery, Hook, HookChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What stands for a secret that is there.
const MASK: &str = "********";

/// A webhook.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HookView {
    id: i64,
    uuid: String,
    /// Where it is told.
    url: String,
    /// `********` where it has one; it is never shown again.
    secret: Option<&'static str>,
    /// What it hears of; `*` is everything.
    events: Vec<&'static str>,
    /// `native` or `github`.
    format: &'static str,
    /// Whether an event waits until the one before it has arrived or was given up.
    ordered: bool,
    /// Whether it is told at all.
    active: bool,
    created_at: String,
    updated_at: String,
}

impl HookView {
    fn of(hook: &Hook) -> Self {
        Self {
            id: hook.id.0,
            uuid: hook.uuid.clone(),
            url: hook.url.clone(),
            secret: hook.has_secret.then_some(MASK),
            events: words(hook),
            format: hook.format.as_str(),
            ordered: hook.ordered,
            active: hook.active,
            created_at: moment::text(hook.created_at_ms),
            updated_at: moment::text(hook.updated_at_ms),
        }
    }
}

/// The words of what a webhook hears of.
pub(super) fn words(hook: &Hook) -> Vec<&'static str> {
    match &hook.topics {
        None => vec!["*"],
        Some(topics) => topics.iter().copied().map(Topic::as_str).collect(),
    }
}

/// The webhooks of a repository.
#[derive(Serialize, ToSchema)]
pub struct HookList {
    hooks: Vec<HookView>,
    total: usize,
}

/// One webhook.
#[derive(Serialize, ToSchema)]
pub struct OneHook {
    hook: HookView,
}

/// What a webhook is to be; what is absent stays, or is as usual.
#[derive(Deserialize, ToSchema)]
pub struct HookBody {
    /// Where it is told: an `http` or `https` address that is reached from everywhere.
    url: Option<String>,
    /// What is told is signed with it; `null` takes it away.
    #[serde(default, deserialize_with = "three_ways")]
    #[schema(value_type = Option<String>)]
    secret: Option<Option<String>>,
    /// Of `push`, `create`, `delete`, `repository`, `issue`, `issue_comment` and `member`; `*` for
    /// all. A new webhook hears of pushes where nothing is said.
    events: Option<Vec<String>>,
    /// `native` or `github`.
    format: Option<String>,
    /// Whether an event waits until the one before it has arrived or was given up.
    ordered: Option<bool>,
    /// Whether it is told at all.
    #[serde(alias = "isActive")]
    active: Option<bool>,
}

impl HookBody {
    fn change(self) -> Result<HookChange, Failure> {
        Ok(HookChange {
            url: self.url,
            // Whoever sends back what it was shown changes nothing.
            secret: self.secret.filter(|secret| secret.as_deref() != Some(MASK)),
            topics: self.events,
            format: self.format.as_deref().map(str::parse).transpose()?,
            ordered: self.ordered,
            active: self.active,
        })
    }
}

async fn permit(site: &Site, Asked(caller): &Asked, path: &Path) -> Result<Permit<AdministerRepo>, Failure> {
    Ok(administer(&site.forge, caller, &path.repository()?, site.now_ms()).await?)
}

/// Lists the webhooks of a repository.
#[utoipa::path(get, path = "/api/{owner}/{repo}/hooks", tag = "webhooks",
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = HookList), (status = 401), (status = 403), (status = 404)))]
pub async fn list(
    State(site): State<Site>,
    asked: Asked,
    path: Path,
) -> Result<axum::Json<HookList>, Failure> {
    let found = hooks::list(&site.forge, permit(&site, &asked, &path).await?).await?;
    Ok(axum::Json(HookList {
        total: found.len(),
        hooks: found.iter().map(HookView::of).collect(),
    }))
}

/// Adds a webhook, which is told at once that it is there.
#[utoipa::path(post, path = "/api/{owner}/{repo}/hooks", tag = "webhooks", request_body = HookBody,
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 201, body = OneHook), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409)))]
pub async fn create(
    State(site): State<Site>,
    asked: Asked,
    path: Path,
    Json(body): Json<HookBody>,
) -> Result<(StatusCode, axum::Json<OneHook>), Failure> {
    let permit = permit(&site, &asked, &path).await?;
    let hook = hooks::create(&site.forge, permit, body.change()?, site.now_ms()).await?;
    let hook = HookView::of(&hook);
    Ok((StatusCode::CREATED, axum::Json(OneHook { hook })))
}

/// One webhook.
#[utoipa::path(get, path = "/api/{owner}/{repo}/hooks/{id}", tag = "webhooks",
    params(("owner" = String, Path), ("repo" = String, Path), ("id" = i64, Path)),
    responses((status = 200, body = OneHook), (status = 401), (status = 403), (status = 404)))]
pub async fn get(State(site): State<Site>, asked: Asked, path: Path) -> Result<axum::Json<OneHook>, Failure> {
    let permit = permit(&site, &asked, &path).await?;
    let hook = hooks::get(&site.forge, permit, path.parse("id")?).await?;
    let hook = HookView::of(&hook);
    Ok(axum::Json(OneHook { hook }))
}

/// Changes a webhook. What it is owed goes to where it is told now.
#[utoipa::path(patch, path = "/api/{owner}/{repo}/hooks/{id}", tag = "webhooks", request_body = HookBody,
    params(("owner" = String, Path), ("repo" = String, Path), ("id" = i64, Path)),
    responses((status = 200, body = OneHook), (status = 400), (status = 401), (status = 403), (status = 404)))]
pub async fn update(
    State(site): State<Site>,
    asked: Asked,
    path: Path,
    Json(body): Json<HookBody>,
) -> Result<axum::Json<OneHook>, Failure> {
    let permit = permit(&site, &asked, &path).await?;
    let (id, change) = (path.parse("id")?, body.change()?);
    let hook = hooks::update(&site.forge, permit, id, change, site.now_ms()).await?;
    let hook = HookView::of(&hook);
    Ok(axum::Json(OneHook { hook }))
}

/// Removes a webhook. What it was still owed is not told any more.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/hooks/{id}", tag = "webhooks",
    params(("owner" = String, Path), ("repo" = String, Path), ("id" = i64, Path)),
    responses((status = 204), (status = 401), (status = 403), (status = 404)))]
pub async fn delete(State(site): State<Site>, asked: Asked, path: Path) -> Result<StatusCode, Failure> {
    let permit = permit(&site, &asked, &path).await?;
    hooks::delete(&site.forge, permit, path.parse("id")?, site.now_ms()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a webhook was told, or is to be told.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    id: i64,
    /// The id that its receiver sees, the same for every repetition.
    guid: String,
    /// What happened, as in `issue.closed`.
    event: String,
    /// `owed`, `delivered` or `failed`.
    state: &'static str,
    /// How often it was tried.
    attempts: i64,
    /// When it is tried next, while it is owed.
    next_attempt_at: Option<String>,
    created_at: String,
    /// When it was tried last.
    attempted_at: Option<String>,
    /// How long that took, in milliseconds.
    duration_ms: Option<i64>,
    /// What the receiver answered.
    status_code: Option<i64>,
    /// Why there was no answer.
    error: Option<String>,
    /// What was sent; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body: Option<String>,
    /// The beginning of what came back; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body: Option<String>,
    /// The delivery that this one repeats.
    redelivery_of: Option<i64>,
}

impl DeliveryView {
    fn of(delivery: Delivery) -> Self {
        Self {
            id: delivery.id.0,
            guid: delivery.guid,
            event: delivery.kind,
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            next_attempt_at: moment::optional(delivery.next_at_ms),
            created_at: moment::text(delivery.created_at_ms),
            attempted_at: moment::optional(delivery.attempted_at_ms),
            duration_ms: delivery.took_ms,
            status_code: delivery.status,
            error: delivery.error,
            request_body: delivery.request,
            response_body: delivery.response,
            redelivery_of: delivery.repeats.map(|id| id.0),
        }
    }
}

/// What a webhook was told, the latest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryList {
    deliveries: Vec<DeliveryView>,
    /// Where the next part begins, if there may be one.
    next_cursor: Option<String>,
}

/// Which part of the deliveries.
#[derive(Deserialize)]
pub struct Part {
    limit: Option<i64>,
    per_page: Option<i64>,
    cursor: Option<String>,
}

/// A delivery that is owed from now on.
#[derive(Serialize, ToSchema)]
pub struct OwedDelivery {
    /// Its id.
    delivery: i64,
}

/// Has a webhook told that it is there, so that one sees whether it works.
#[utoipa::path(post, path = "/api/{owner}/{repo}/hooks/{id}/test", tag = "webhooks",
    params(("owner" = String, Path), ("repo" = String, Path), ("id" = i64, Path)),
    responses((status = 202, body = OwedDelivery), (status = 401), (status = 403), (status = 404), (status = 409)))]
pub async fn test(
    State(site): State<Site>,
    asked: Asked,
    path: Path,
) -> Result<(StatusCode, axum::Json<OwedDelivery>), Failure> {
    let permit = permit(&site, &asked, &path).await?;
    let DeliveryId(delivery) = hooks::test(&site.forge, permit, path.parse("id")?, site.now_ms()).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(OwedDelivery { delivery })))
}

/// Lists what a webhook was told and is to be told, the latest first; kept for a week.
#[utoipa::path(get, path = "/api/{owner}/{repo}/hooks/{id}/deliveries", tag = "webhooks",
    params(("owner" = String, Path), ("repo" = String, Path), ("id" = i64, Path), ("limit" = Option<i64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = DeliveryList), (status = 400), (status = 401), (status = 403), (status = 404)))]
pub async fn deliveries(
    State(site): State<Site>,
    asked: Asked,
    path: Path,
    uri: Uri,
    Query(part): Query<Part>,
) -> Result<(HeaderMap, axum::Json<DeliveryList>), Failure> {
    let permit = permit(&site, &asked, &path).await?;
    let limit = parts::limit(part.limit, part.per_page)?;
    let before = parts::open::<1>(&site, part.cursor.as_deref())?.map(|[before]| before);
    let found = hooks::deliveries(&site.forge, permit, path.parse("id")?, before, limit).await?;
    let next_cursor = next(&site, &found, limit);
    let head = parts::head(&site, &uri, next_cursor.as_deref());
    let deliveries = found.into_iter().map(DeliveryView::of).collect();
    let list = DeliveryList {
        deliveries,
        next_cursor,
    };
    Ok((head, axum::Json(list)))
}

/// Where the part after these begins, if there may be one.
pub(super) fn next(site: &Site, found: &[Delivery], limit: i64) -> Option<String> {
    let full = i64::try_from(found.len()).is_ok_and(|count| count >= limit);
    let last = found.last().filter(|_| full)?;
    parts::seal(site, [last.id.0])
}

fn ids(path: &Path) -> Result<(HookId, DeliveryId), Failure> {
    Ok((path.parse("id")?, path.parse("deliveryId")?))
}

/// One delivery, with what was sent and what came back.
#[derive(Serialize, ToSchema)]
pub struct OneDelivery {
    delivery: DeliveryView,
}

/// One thing that a webhook was told, with what was sent and what came back.
#[utoipa::path(get, path = "/api/{owner}/{repo}/hooks/{id}/deliveries/{deliveryId}", tag = "webhooks",
    params(("owner" = String, Path), ("repo" = String, Path), ("id" = i64, Path), ("deliveryId" = i64, Path)),
    responses((status = 200, body = OneDelivery), (status = 401), (status = 403), (status = 404)))]
pub async fn delivery(
    State(site): State<Site>,
    asked: Asked,
    path: Path,
) -> Result<axum::Json<OneDelivery>, Failure> {
    let permit = permit(&site, &asked, &path).await?;
    let found = hooks::delivery(&site.forge, permit, ids(&path)?).await?;
    let delivery = DeliveryView::of(found);
    Ok(axum::Json(OneDelivery { delivery }))
}

/// Has a webhook told once more what it was told already, word for word.
#[utoipa::path(post, path = "/api/{owner}/{repo}/hooks/{id}/deliveries/{deliveryId}/redeliver", tag = "webhooks",
    params(("owner" = String, Path), ("repo" = String, Path), ("id" = i64, Path), ("deliveryId" = i64, Path)),
    responses((status = 202, body = OwedDelivery), (status = 401), (status = 403), (status = 404), (status = 409)))]
pub async fn redeliver(
    State(site): State<Site>,
    asked: Asked,
    path: Path,
) -> Result<(StatusCode, axum::Json<OwedDelivery>), Failure> {
    let permit = permit(&site, &asked, &path).await?;
    let DeliveryId(delivery) = hooks::redeliver(&site.forge, permit, ids(&path)?, site.now_ms()).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(OwedDelivery { delivery })))
}
