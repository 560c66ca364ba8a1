//! Accounts and sessions in the shapes that Better-Auth's client reads: `{code, message}` where
//! something is refused, and its own codes where it knows one.

use super::auth::{self, client_of};
use super::extract::{Asked, Json, Path, Query};
use super::failure::Failure;
use super::moment;
use super::second_factor;
use super::site::Site;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use plue_contract::Code;
use plue_forge::Error;
use plue_forge::access::accounts::join;
use plue_forge::accounts::{self, Account, SignUp};
use plue_forge::sessions::{self, Client, Opened, Session, SignIn};
use plue_gateway::cookie;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

/// What Better-Auth's client calls a mistake: the kind that we know it by, the field, and its own
/// status and code.
pub type Known = (Code, &'static str, StatusCode, &'static str);

const BAD: StatusCode = StatusCode::BAD_REQUEST;
const OF_SIGN_UP: &[Known] = &[
    (
        Code::Conflict,
        "email",
        StatusCode::UNPROCESSABLE_ENTITY,
        "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
    ),
    (Code::Conflict, "username", BAD, "USERNAME_IS_ALREADY_TAKEN"),
    (Code::InvalidRequest, "username", BAD, "INVALID_USERNAME"),
    (Code::InvalidRequest, "email", BAD, "INVALID_EMAIL"),
    (Code::InvalidRequest, "password", BAD, "INVALID_PASSWORD"),
];

/// A refusal under one of the client's own codes.
pub fn coded(status: StatusCode, code: &'static str, message: &str) -> Response {
    (status, axum::Json(json!({ "code": code, "message": message }))).into_response()
}

/// A refusal, under the client's own code where it has one for it.
pub fn told(failure: Failure, known: &[Known]) -> Result<Response, Failure> {
    let Failure(problem) = &failure;
    let field = problem.field.as_deref().unwrap_or_default();
    let named = known
        .iter()
        .find(|(code, of, ..)| *code == problem.code && *of == field);
    match named {
        Some((_, _, status, code)) => Ok(coded(*status, code, &problem.detail)),
        None => Err(failure),
    }
}

/// Where a link may end, if the client says; nowhere but on a page of ours or of a listed origin.
pub fn back(site: &Site, address: Option<String>) -> Result<Option<String>, Failure> {
    match address.filter(|address| !address.is_empty()) {
        Some(address) if !site.may_lead_to(&address) => Err(Failure::new(
            Code::Forbidden,
            "The link would end on a page of another site; CORS_ORIGINS lists the origins that are allowed.",
        )),
        address => Ok(address),
    }
}

/// Somebody, as Better-Auth's client knows them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    id: String,
    name: String,
    email: Option<String>,
    email_verified: bool,
    image: Option<String>,
    username: String,
    display_username: String,
    created_at: String,
    updated_at: String,
}

impl User {
    fn of(account: &Account) -> Self {
        let name = match account.display_name.as_str() {
            "" => account.name.to_string(),
            name => name.to_owned(),
        };
        Self {
            id: account.uuid.clone(),
            name,
            email: account.email.clone(),
            email_verified: account.email_verified,
            image: account.avatar_url.clone(),
            username: account.name.key(),
            display_username: account.name.to_string(),
            created_at: moment::text(account.created_at_ms),
            updated_at: moment::text(account.updated_at_ms),
        }
    }
}

/// An opened session.
#[derive(Serialize, ToSchema)]
pub struct Entered {
    redirect: bool,
    /// A short JSON Web Token for reads; the session itself is the cookie's.
    token: String,
    url: Option<String>,
    user: User,
}

/// Answers an opened session, with its cookie.
pub fn entered(site: &Site, opened: &Opened, back: Option<String>) -> Result<Response, Failure> {
    let token = auth::access_token(site, &opened.account, &opened.session)?;
    let answer = Entered {
        redirect: back.is_some(),
        token: token.into_text(),
        url: back,
        user: User::of(&opened.account),
    };
    Ok(([(SET_COOKIE, auth::set_cookie(site, opened))], axum::Json(answer)).into_response())
}

/// An account that somebody wants.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignUpBody {
    email: String,
    password: String,
    #[serde(default)]
    name: String,
    /// The account's name, which stands in addresses.
    username: Option<String>,
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
}

/// Makes an account and opens its first session.
#[utoipa::path(post, path = "/api/auth/sign-up/email", tag = "auth", request_body = SignUpBody,
    responses((status = 200, body = Entered), (status = 400), (status = 403), (status = 422)))]
pub async fn sign_up(
    State(site): State<Site>,
    Asked(caller): Asked,
    headers: HeaderMap,
    Json(body): Json<SignUpBody>,
) -> Result<Response, Failure> {
    let permit = join(&site.forge, &caller)?;
    let Some(name) = body.username else {
        return Ok(coded(
            BAD,
            "INVALID_USERNAME",
            "Send `username`, the name of the account in addresses.",
        ));
    };
    let new = SignUp {
        name,
        display_name: body.name,
        email: body.email,
        password: body.password,
        back: back(&site, body.callback_url)?,
    };
    let client = client_of(&caller, &headers);
    match accounts::sign_up(&site.forge, permit, new, client, site.now_ms()).await {
        Ok(opened) => entered(&site, &opened, None),
        Err(error) => told(error.into(), OF_SIGN_UP),
    }
}

/// A name that somebody would like.
#[derive(Deserialize, ToSchema)]
pub struct Wanted {
    username: String,
}

/// Whether it is to be had.
#[derive(Serialize, ToSchema)]
pub struct Availability {
    available: bool,
}

/// Says whether a name is to be had.
#[utoipa::path(post, path = "/api/auth/is-username-available", tag = "auth", request_body = Wanted,
    responses((status = 200, body = Availability), (status = 422)))]
pub async fn is_username_available(
    State(site): State<Site>,
    Json(wanted): Json<Wanted>,
) -> Result<Response, Failure> {
    const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
    match accounts::is_free(&site.forge, &wanted.username).await {
        Ok(available) => Ok(axum::Json(Availability { available }).into_response()),
        Err(error) => told(
            error.into(),
            &[(
                Code::InvalidRequest,
                "username",
                UNPROCESSABLE,
                "INVALID_USERNAME",
            )],
        ),
    }
}

/// An address and a password.
#[derive(Deserialize, ToSchema)]
pub struct ByEmail {
    email: String,
    password: String,
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
}

/// A name and a password.
#[derive(Deserialize, ToSchema)]
pub struct ByUsername {
    username: String,
    password: String,
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
}

/// Opens a session, asks for a second step, or refuses it under the client's own code.
async fn enter(
    site: &Site,
    client: Client,
    by: SignIn,
    callback_url: Option<String>,
    (code, message): (&'static str, &str),
) -> Result<Response, Failure> {
    let back = back(site, callback_url)?;
    match sessions::open(&site.forge, by, client, site.now_ms()).await {
        Ok(Some(opened)) => entered(site, &opened, back),
        Ok(None) => Ok(coded(StatusCode::UNAUTHORIZED, code, message)),
        Err(Error::SecondFactor { ticket }) => second_factor::owed(site, &ticket),
        Err(error) => Err(error.into()),
    }
}

/// Opens a session by an address and a password.
#[utoipa::path(post, path = "/api/auth/sign-in/email", tag = "auth", request_body = ByEmail,
    responses((status = 200, body = Entered), (status = 401)))]
pub async fn by_email(
    State(site): State<Site>,
    Asked(caller): Asked,
    headers: HeaderMap,
    Json(body): Json<ByEmail>,
) -> Result<Response, Failure> {
    if !body.email.contains('@') {
        return Ok(coded(BAD, "INVALID_EMAIL", "This is not an address for mail."));
    }
    let by = SignIn::Password {
        name: body.email,
        password: body.password,
    };
    let refused = (
        "INVALID_EMAIL_OR_PASSWORD",
        "This address and password do not belong together.",
    );
    enter(
        &site,
        client_of(&caller, &headers),
        by,
        body.callback_url,
        refused,
    )
    .await
}

/// Opens a session by a name and a password.
#[utoipa::path(post, path = "/api/auth/sign-in/username", tag = "auth", request_body = ByUsername,
    responses((status = 200, body = Entered), (status = 401)))]
pub async fn by_username(
    State(site): State<Site>,
    Asked(caller): Asked,
    headers: HeaderMap,
    Json(body): Json<ByUsername>,
) -> Result<Response, Failure> {
    let by = SignIn::Password {
        name: body.username,
        password: body.password,
    };
    let refused = (
        "INVALID_USERNAME_OR_PASSWORD",
        "This name and password do not belong together.",
    );
    enter(
        &site,
        client_of(&caller, &headers),
        by,
        body.callback_url,
        refused,
    )
    .await
}

/// Whether it was done.
#[derive(Serialize, ToSchema)]
pub struct Success {
    success: bool,
}

/// Ends the session of the cookie. Without one, nothing is left to do.
#[utoipa::path(post, path = "/api/auth/sign-out", tag = "auth", responses((status = 200, body = Success)))]
pub async fn sign_out(State(site): State<Site>, Asked(caller): Asked) -> Result<Response, Failure> {
    let ended = sessions::revoke(&site.forge, &caller, site.now_ms()).await?;
    site.tell_edge_of_ended(ended.as_slice());
    let expired = cookie::expired(site.addresses.secure());
    Ok(([(SET_COOKIE, expired)], axum::Json(Success { success: true })).into_response())
}

/// A session, as Better-Auth's client knows it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionOf {
    id: String,
    user_id: String,
    token: String,
    expires_at: String,
    created_at: String,
    updated_at: String,
    ip_address: Option<String>,
    user_agent: Option<String>,
}

impl SessionOf {
    fn of(account: &Account, session: Session, token: String) -> Self {
        Self {
            id: session.id.0,
            user_id: account.uuid.clone(),
            token,
            expires_at: moment::text(session.expires_at_ms),
            created_at: moment::text(session.created_at_ms),
            updated_at: moment::text(session.rotated_at_ms),
            ip_address: session.address,
            user_agent: session.user_agent,
        }
    }
}

/// A session and whose it is.
#[derive(Serialize, ToSchema)]
pub struct SessionAndUser {
    session: SessionOf,
    user: User,
}

/// Says which session calls and whose it is; `null` where none does.
#[utoipa::path(get, path = "/api/auth/get-session", tag = "auth",
    responses((status = 200, body = Option<SessionAndUser>)))]
pub async fn get_session(
    State(site): State<Site>,
    Asked(caller): Asked,
) -> Result<axum::Json<Option<SessionAndUser>>, Failure> {
    if auth::session_of(&caller).is_err() {
        return Ok(axum::Json(None));
    }
    let (account, session) = auth::own_session(&site, &caller).await?;
    let token = auth::access_token(&site, &account, &session)?.into_text();
    Ok(axum::Json(Some(SessionAndUser {
        user: User::of(&account),
        session: SessionOf::of(&account, session, token),
    })))
}

/// Whether it was done, and what a person may be told.
#[derive(Serialize, ToSchema)]
pub struct Status {
    status: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

/// It was done.
pub const DONE: axum::Json<Status> = axum::Json(Status {
    status: true,
    message: None,
});

/// Whose password is forgotten.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Forgotten {
    email: String,
    /// Where the link in the letter ends.
    redirect_to: Option<String>,
}

/// Sends a link that sets another password, where an account has this address; the answer is the
/// same where none has.
#[utoipa::path(post, path = "/api/auth/request-password-reset", tag = "auth", request_body = Forgotten,
    responses((status = 200, body = Status), (status = 400), (status = 422)))]
pub async fn request_reset(
    State(site): State<Site>,
    Asked(caller): Asked,
    Json(body): Json<Forgotten>,
) -> Result<axum::Json<Status>, Failure> {
    let back = back(&site, body.redirect_to)?;
    accounts::ask_for_reset(&site.forge, &body.email, back, &caller.request_id, site.now_ms()).await?;
    Ok(axum::Json(Status {
        status: true,
        message: Some("If an account has this address, a letter with a link is on its way."),
    }))
}

/// Where a link ends.
#[derive(Deserialize)]
pub struct Ending {
    token: Option<String>,
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
}

/// Adds a parameter to an address.
pub fn with(address: &str, parameter: &str) -> Result<Response, Failure> {
    let (before, fragment) = address.split_once('#').map_or((address, ""), |(a, b)| (a, b));
    let joint = if before.contains('?') { '&' } else { '?' };
    let hash = if fragment.is_empty() { "" } else { "#" };
    let location = HeaderValue::from_str(&format!("{before}{joint}{parameter}{hash}{fragment}"));
    let location = location.map_err(Failure::internal)?;
    Ok((StatusCode::FOUND, [(LOCATION, location)]).into_response())
}

/// Leads from the link of a letter to the page that asks for another password.
#[utoipa::path(get, path = "/api/auth/reset-password/{token}", tag = "auth",
    params(("token" = String, Path), ("callbackURL" = Option<String>, Query)),
    responses((status = 302), (status = 403)))]
pub async fn follow_reset(
    State(site): State<Site>,
    path: Path,
    Query(ending): Query<Ending>,
) -> Result<Response, Failure> {
    let back = back(&site, ending.callback_url)?.unwrap_or_else(|| "/-/reset".to_owned());
    let token = path.text("token");
    let holds = accounts::holds_reset(&site.forge, token, site.now_ms()).await?;
    match holds && token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        true => with(&back, &format!("token={token}")),
        false => with(&back, "error=INVALID_TOKEN"),
    }
}

/// Another password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewPassword {
    new_password: String,
    token: Option<String>,
}

/// Sets another password by the token of a letter.
#[utoipa::path(post, path = "/api/auth/reset-password", tag = "auth", request_body = NewPassword,
    responses((status = 200, body = Status), (status = 400)))]
pub async fn reset(
    State(site): State<Site>,
    Asked(caller): Asked,
    Json(body): Json<NewPassword>,
) -> Result<Response, Failure> {
    let token = body.token.unwrap_or_default();
    let set = accounts::reset_by_link(&site.forge, &caller, &token, &body.new_password, site.now_ms()).await;
    match set {
        Ok(Some(ended)) => {
            site.tell_edge_of_ended(&ended);
            Ok(DONE.into_response())
        }
        Ok(None) => Ok(coded(
            BAD,
            "INVALID_TOKEN",
            "This link has been used, or its time is over. Ask for another one.",
        )),
        Err(error) => told(
            error.into(),
            &[(Code::InvalidRequest, "password", BAD, "INVALID_PASSWORD")],
        ),
    }
}

/// Which address is to be proven.
#[derive(Deserialize, ToSchema)]
pub struct ToVerify {
    email: String,
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
}

/// Sends a link that proves an address, where an account has it; the answer is the same where none
/// has.
#[utoipa::path(post, path = "/api/auth/send-verification-email", tag = "auth", request_body = ToVerify,
    responses((status = 200, body = Status), (status = 400), (status = 422)))]
pub async fn send_verification(
    State(site): State<Site>,
    Asked(caller): Asked,
    Json(body): Json<ToVerify>,
) -> Result<axum::Json<Status>, Failure> {
    let back = back(&site, body.callback_url)?;
    accounts::ask_for_verification(&site.forge, &body.email, back, &caller.request_id, site.now_ms()).await?;
    Ok(DONE)
}

/// A proven address.
#[derive(Serialize, ToSchema)]
pub struct Verified {
    status: bool,
    user: User,
}

/// Proves an address by the token of a letter.
#[utoipa::path(get, path = "/api/auth/verify-email", tag = "auth",
    params(("token" = String, Query), ("callbackURL" = Option<String>, Query)),
    responses((status = 200, body = Verified), (status = 302), (status = 401), (status = 403)))]
pub async fn verify(
    State(site): State<Site>,
    Asked(caller): Asked,
    Query(ending): Query<Ending>,
) -> Result<Response, Failure> {
    let back = back(&site, ending.callback_url)?;
    let token = ending.token.unwrap_or_default();
    let account = accounts::verify(&site.forge, &caller, &token, site.now_ms()).await?;
    match (account, back) {
        (Some(_), Some(back)) => with(&back, "verified=true"),
        (Some(account), None) => Ok(axum::Json(Verified {
            status: true,
            user: User::of(&account),
        })
        .into_response()),
        (None, Some(back)) => with(&back, "error=INVALID_TOKEN"),
        (None, None) => Ok(coded(
            StatusCode::UNAUTHORIZED,
            "INVALID_TOKEN",
            "This link has been used, or its time is over. Ask for another one.",
        )),
    }
}
