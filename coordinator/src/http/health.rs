//! Whether the server is well, and its figures.

use super::moment;
use super::site::Site;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use plue_forge::health;
use serde::Serialize;
use utoipa::ToSchema;

/// How the server is.
#[derive(Serialize, ToSchema)]
pub struct HealthView {
    /// `ok`, or `degraded` where something that it depends on does not answer.
    status: &'static str,
    service: &'static str,
    version: &'static str,
    timestamp: String,
    database: DatabaseView,
    features: Features,
}

/// How the database is.
#[derive(Serialize, ToSchema)]
pub struct DatabaseView {
    connected: bool,
    /// How long it took to answer, in milliseconds.
    latency: u64,
}

/// What the server has.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Features {
    redis: bool,
    ai: bool,
    object_storage: bool,
    vector_search: bool,
}

/// Says how the server is, in detail; always with status 200, so that what watches reads the text.
#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200, body = HealthView)))]
pub async fn health(State(site): State<Site>) -> axum::Json<HealthView> {
    let begun = std::time::Instant::now();
    let found = health::check(&site.forge).await;
    let latency = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    axum::Json(HealthView {
        status: if found.is_well() { "ok" } else { "degraded" },
        service: "plue",
        version: env!("CARGO_PKG_VERSION"),
        timestamp: moment::text(site.now_ms()),
        database: DatabaseView {
            connected: found.database,
            latency,
        },
        features: Features {
            redis: false,
            ai: false,
            object_storage: found.object_storage,
            vector_search: false,
        },
    })
}

/// Says that the process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = Alive)))]
pub async fn healthz() -> axum::Json<Alive> {
    axum::Json(Alive { ok: true })
}

/// That the process answers.
#[derive(Serialize, ToSchema)]
pub struct Alive {
    ok: bool,
}

/// Says whether requests can be served: 200, or 503.
#[utoipa::path(get, path = "/ready", tag = "health", responses((status = 200, body = Alive), (status = 503, body = Alive)))]
pub async fn ready(State(site): State<Site>) -> (StatusCode, axum::Json<Alive>) {
    let ok = health::check(&site.forge).await.is_well();
    let status = if ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, axum::Json(Alive { ok }))
}

/// The figures of the process, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn figures(State(site): State<Site>) -> Response {
    let text = site.figures.render();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
