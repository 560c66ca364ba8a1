//! The second factor in the shapes that Better-Auth's client reads: set up and taken away in a
//! session, and shown where the password was not enough. Between the two steps a cookie holds the
//! ticket.

use super::auth::client_of;
use super::better_auth::{Status, coded, entered, told};
use super::errand::Errand;
use super::extract::{Asked, Json};
use super::failure::Failure;
use super::site::Site;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use plue_contract::Code;
use plue_forge::access::accounts::write_self;
use plue_forge::second_factor;
use plue_forge::sessions::{self, SignIn};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

/// The cookie that holds the ticket between the two steps.
const TICKET: Errand = Errand {
    name: "plue_second_step",
    path: "/api/auth",
    seconds: 600,
};

/// Says that a code is owed, and has the browser keep the ticket.
pub fn owed(site: &Site, ticket: &str) -> Result<Response, Failure> {
    Ok((
        [(SET_COOKIE, TICKET.set(site, ticket)?)],
        axum::Json(json!({ "twoFactorRedirect": true, "twoFactorMethods": ["totp"] })),
    )
        .into_response())
}

/// The present password, which changes of a second factor ask for.
#[derive(Deserialize, ToSchema)]
pub struct Present {
    password: Option<String>,
}

/// What is shown once.
#[derive(Serialize, ToSchema)]
pub struct Begun {
    /// The secret as an address that apps read from a picture.
    #[serde(rename = "totpURI")]
    totp_uri: String,
    #[serde(rename = "backupCodes")]
    backup_codes: Vec<String>,
}

const KNOWN: &[super::better_auth::Known] = &[
    (
        Code::InvalidRequest,
        "current",
        StatusCode::BAD_REQUEST,
        "INVALID_PASSWORD",
    ),
    (
        Code::InvalidRequest,
        "code",
        StatusCode::UNAUTHORIZED,
        "INVALID_CODE",
    ),
];

fn answered<T: IntoResponse>(outcome: Result<T, plue_forge::Error>) -> Result<Response, Failure> {
    match outcome {
        Ok(answer) => Ok(answer.into_response()),
        Err(error) => told(error.into(), KNOWN),
    }
}

/// Begins to set up a second factor. It counts once `verify-totp` was sent a right code.
#[utoipa::path(post, path = "/api/auth/two-factor/enable", tag = "auth", request_body = Present,
    responses((status = 200, body = Begun), (status = 400), (status = 401), (status = 403), (status = 409)))]
pub async fn enable(
    State(site): State<Site>,
    Asked(caller): Asked,
    Json(body): Json<Present>,
) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    let begun = second_factor::begin(&site.forge, permit, body.password.as_deref(), site.now_ms()).await;
    answered(begun.map(|setup| {
        axum::Json(Begun {
            totp_uri: setup.uri,
            backup_codes: setup.codes,
        })
    }))
}

/// Takes the second factor away.
#[utoipa::path(post, path = "/api/auth/two-factor/disable", tag = "auth", request_body = Present,
    responses((status = 200, body = Status), (status = 400), (status = 401), (status = 403)))]
pub async fn disable(
    State(site): State<Site>,
    Asked(caller): Asked,
    Json(body): Json<Present>,
) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    let done = second_factor::remove(&site.forge, permit, body.password.as_deref(), site.now_ms()).await;
    answered(done.map(|()| super::better_auth::DONE))
}

/// Other recovery codes.
#[derive(Serialize, ToSchema)]
pub struct Codes {
    status: bool,
    #[serde(rename = "backupCodes")]
    backup_codes: Vec<String>,
}

/// Makes other recovery codes.
#[utoipa::path(post, path = "/api/auth/two-factor/generate-backup-codes", tag = "auth", request_body = Present,
    responses((status = 200, body = Codes), (status = 400), (status = 401), (status = 403), (status = 409)))]
pub async fn renew_codes(
    State(site): State<Site>,
    Asked(caller): Asked,
    Json(body): Json<Present>,
) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    let codes =
        second_factor::renew_codes(&site.forge, permit, body.password.as_deref(), site.now_ms()).await;
    answered(codes.map(|backup_codes| {
        axum::Json(Codes {
            status: true,
            backup_codes,
        })
    }))
}

/// A code of the app, or a recovery code.
#[derive(Deserialize, ToSchema)]
pub struct Shown {
    code: String,
}

/// Shows a code of the app: with the ticket of the first step it opens a session, in a session it
/// confirms a second factor that is being set up.
#[utoipa::path(post, path = "/api/auth/two-factor/verify-totp", tag = "auth", request_body = Shown,
    responses((status = 200), (status = 401), (status = 403), (status = 409), (status = 429)))]
pub async fn verify_totp(
    State(site): State<Site>,
    Asked(caller): Asked,
    headers: HeaderMap,
    Json(body): Json<Shown>,
) -> Result<Response, Failure> {
    if caller.account().is_none() {
        return second_step(&site, &caller, &headers, body.code).await;
    }
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    let done = second_factor::confirm(&site.forge, permit, &body.code, site.now_ms()).await;
    answered(done.map(|()| super::better_auth::DONE))
}

/// Shows a recovery code, with the ticket of the first step.
#[utoipa::path(post, path = "/api/auth/two-factor/verify-backup-code", tag = "auth", request_body = Shown,
    responses((status = 200), (status = 401), (status = 429)))]
pub async fn verify_code(
    State(site): State<Site>,
    Asked(caller): Asked,
    headers: HeaderMap,
    Json(body): Json<Shown>,
) -> Result<Response, Failure> {
    second_step(&site, &caller, &headers, body.code).await
}

async fn second_step(
    site: &Site,
    caller: &plue_contract::Caller,
    headers: &HeaderMap,
    code: String,
) -> Result<Response, Failure> {
    let over = || {
        coded(
            StatusCode::UNAUTHORIZED,
            "INVALID_TWO_FACTOR_COOKIE",
            "Sign in with your password first; then there are ten minutes for the code.",
        )
    };
    let Some(ticket) = TICKET.of(headers) else {
        return Ok(over());
    };
    let by = SignIn::SecondStep {
        ticket: ticket.to_owned(),
        code,
    };
    match sessions::open(&site.forge, by, client_of(caller, headers), site.now_ms()).await {
        Ok(Some(opened)) => {
            let mut response = entered(site, &opened, None)?;
            response.headers_mut().append(SET_COOKIE, TICKET.gone(site)?);
            Ok(response)
        }
        Ok(None) => Ok(over()),
        Err(error) => told(error.into(), KNOWN),
    }
}
