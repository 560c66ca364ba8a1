//! What the caller wants to hear of single issues.

use super::super::extract::{Asked, Json, Path};
use super::super::failure::Failure;
use super::super::site::Site;
use super::reading;
use axum::extract::State;
use plue_contract::Caller;
use plue_forge::access::following::follow;
use plue_forge::issues::subscriptions::{self, Subscription};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the caller wants to hear of an issue.
#[derive(Serialize, ToSchema)]
pub struct SubscriptionView {
    /// `subscribed`, `muted`, or `named` where somebody named them; null: what follows from what they do
    /// there, and from how they watch the repository.
    state: Option<&'static str>,
}

impl SubscriptionView {
    fn of(found: Option<Subscription>) -> axum::Json<Self> {
        axum::Json(Self {
            state: found.map(Subscription::as_str),
        })
    }
}

/// Shows what the caller wants to hear of an issue.
#[utoipa::path(get, path = "/api/{owner}/{repo}/issues/{number}/subscription", tag = "notifications",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = SubscriptionView), (status = 404)))]
pub async fn get(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<SubscriptionView>, Failure> {
    let permit = reading(&site, &caller, &path).await?;
    let found = subscriptions::get(&site.forge, &permit, path.parse("number")?).await?;
    Ok(SubscriptionView::of(found))
}

/// What somebody wants to hear.
#[derive(Deserialize, ToSchema)]
pub struct SubscriptionBody {
    /// `subscribed` or `muted`.
    state: String,
}

async fn set(
    site: &Site,
    caller: &Caller,
    path: &Path,
    wanted: Option<Subscription>,
) -> Result<axum::Json<SubscriptionView>, Failure> {
    let permit = follow(&site.forge, caller, &path.repository()?, site.now_ms()).await?;
    let number = path.parse("number")?;
    subscriptions::set(&site.forge, permit, number, wanted, site.now_ms()).await?;
    Ok(SubscriptionView::of(wanted))
}

/// Says what the caller wants to hear of an issue: all of it, or nothing.
#[utoipa::path(put, path = "/api/{owner}/{repo}/issues/{number}/subscription", tag = "notifications",
    request_body = SubscriptionBody,
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = SubscriptionView), (status = 400), (status = 401), (status = 403),
        (status = 404)))]
pub async fn put(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<SubscriptionBody>,
) -> Result<axum::Json<SubscriptionView>, Failure> {
    set(&site, &caller, &path, Some(body.state.parse()?)).await
}

/// Takes back what the caller said of an issue.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/issues/{number}/subscription", tag = "notifications",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = SubscriptionView), (status = 401), (status = 403), (status = 404)))]
pub async fn remove(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<SubscriptionView>, Failure> {
    set(&site, &caller, &path, None).await
}
