//! Signing in and out, and what a signed-in browser asks about itself.

use super::accounts::AccountView;
use super::extract::{Asked, Json, Path};
use super::failure::Failure;
use super::moment;
use super::site::Site;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{COOKIE, SET_COOKIE, USER_AGENT};
use plue_contract::credentials::{SESSION_COOKIE, SessionCookie};
use plue_contract::{Caller, Code, SessionId, Via, Who};
use plue_forge::Error;
use plue_forge::access::accounts::{read_self, write_self};
use plue_forge::accounts::Account;
use plue_forge::sessions::{self, Client, Opened, Session, SignIn};
use plue_gateway::jwt::Claims;
use plue_gateway::{cookie, csrf};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long a short JSON Web Token holds, in seconds.
const TOKEN_LIFETIME_S: u64 = 15 * 60;

/// The account behind a request, or none.
#[derive(Serialize, ToSchema)]
pub struct Me {
    user: Option<AccountView>,
}

/// Says who is calling.
#[utoipa::path(get, path = "/api/auth/me", tag = "auth", responses((status = 200, body = Me)))]
pub async fn me(State(site): State<Site>, Asked(caller): Asked) -> Result<axum::Json<Me>, Failure> {
    let user = match caller.account() {
        None => None,
        Some(_) => {
            let permit = read_self(&site.forge, &caller, site.now_ms()).await?;
            Some(AccountView::own(permit.on()))
        }
    };
    Ok(axum::Json(Me { user }))
}

/// A way to sign in: a one-time token, or a name and a password.
#[derive(Deserialize, ToSchema)]
pub struct Login {
    token: Option<String>,
    username: Option<String>,
    password: Option<String>,
    /// A code of the app or a recovery code, where the account has a second factor.
    code: Option<String>,
}

impl Login {
    /// What a form says.
    pub fn new(token: Option<String>, username: Option<String>, password: Option<String>) -> Self {
        Self {
            token,
            username,
            password,
            code: None,
        }
    }

    fn sign_in(self) -> Option<SignIn> {
        match self {
            Self {
                token: Some(token), ..
            } => Some(SignIn::Link { token }),
            Self {
                username: Some(name),
                password: Some(password),
                ..
            } => Some(SignIn::Password { name, password }),
            _ => None,
        }
    }
}

/// Opens a session; none where what was shown does not hold.
pub async fn open(
    site: &Site,
    caller: &Caller,
    headers: &HeaderMap,
    mut login: Login,
) -> Result<Option<Opened>, Error> {
    let code = login.code.take();
    let sign_in = login.sign_in().ok_or_else(|| {
        Error::invalid(
            "username",
            "Send `username` and `password`, or a one-time `token`.",
        )
    })?;
    let client = client_of(caller, headers);
    let opened = sessions::open(&site.forge, sign_in, client.clone(), site.now_ms()).await;
    match (opened, code) {
        (Err(Error::SecondFactor { ticket }), Some(code)) => {
            let by = SignIn::SecondStep { ticket, code };
            sessions::open(&site.forge, by, client, site.now_ms()).await
        }
        (opened, _) => opened,
    }
}

/// The client behind a request, as its owner will recognise it.
pub fn client_of(caller: &Caller, headers: &HeaderMap) -> Client {
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    Client {
        address: caller.address,
        user_agent: user_agent.map(str::to_owned),
        request_id: caller.request_id.clone(),
    }
}

fn lifetime_s() -> u64 {
    sessions::LIFETIME_MS.unsigned_abs() / 1_000
}

/// The cookie that gives a browser its session.
pub fn set_cookie(site: &Site, opened: &Opened) -> http::HeaderValue {
    cookie::session(&opened.cookie, lifetime_s(), site.addresses.secure())
}

/// An opened session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedIn {
    message: &'static str,
    user: AccountView,
    /// A short JSON Web Token for reads.
    access_token: String,
    /// When that token ends.
    expires_at: String,
}

/// Opens a session and sets its cookie.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = Login,
    responses((status = 200, body = SignedIn), (status = 401)))]
pub async fn login(
    State(site): State<Site>,
    Asked(caller): Asked,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Result<Response, Failure> {
    let opened = open(&site, &caller, &headers, login).await?.ok_or_else(|| {
        Failure::new(
            Code::Unauthenticated,
            "This name and password, or this one-time token, do not hold.",
        )
    })?;
    let token = access_token(&site, &opened.account, &opened.session)?;
    let answer = SignedIn {
        message: "Signed in",
        user: AccountView::own(&opened.account),
        access_token: token.access_token,
        expires_at: token.expires_at,
    };
    Ok(([(SET_COOKIE, set_cookie(&site, &opened))], axum::Json(answer)).into_response())
}

/// A sentence about what was done.
#[derive(Serialize, ToSchema)]
pub struct Message {
    /// The sentence.
    pub message: &'static str,
}

fn session_cookie(headers: &HeaderMap) -> Option<SessionCookie> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == SESSION_COOKIE)
        .find_map(|(_, value)| SessionCookie::parse(value))
}

/// Ends the session of the cookie. Without one, nothing is left to do.
#[utoipa::path(post, path = "/api/auth/logout", tag = "auth", responses((status = 200, body = Message)))]
pub async fn logout(State(site): State<Site>, Asked(caller): Asked) -> Result<Response, Failure> {
    let ended = sessions::revoke(&site.forge, &caller, site.now_ms()).await?;
    site.tell_edge_of_ended(ended.as_slice());
    let expired = cookie::expired(site.addresses.secure());
    let message = Message {
        message: "Signed out",
    };
    Ok(([(SET_COOKIE, expired)], axum::Json(message)).into_response())
}

/// The browser session that somebody calls with.
pub fn session_of(caller: &Caller) -> Result<&SessionId, Failure> {
    match &caller.who {
        Who::Account {
            via: Via::Session(id) | Via::Jwt(id),
            ..
        } => Ok(id),
        _ => Err(Failure::new(
            Code::Forbidden,
            "This is for browser sessions; tokens and keys need none of it.",
        )),
    }
}

/// A CSRF token.
#[derive(Serialize, ToSchema)]
pub struct CsrfToken {
    token: String,
}

/// Hands out the token that writes with a cookie carry in `x-csrf-token`.
#[utoipa::path(get, path = "/api/auth/csrf", tag = "auth", responses((status = 200, body = CsrfToken), (status = 401)))]
pub async fn csrf_token(
    State(site): State<Site>,
    Asked(caller): Asked,
) -> Result<axum::Json<CsrfToken>, Failure> {
    let token = csrf::issue(&site.keys.csrf, session_of(&caller)?)
        .ok_or_else(|| Failure::internal("there is no key for CSRF tokens"))?;
    Ok(axum::Json(CsrfToken { token }))
}

/// A short JSON Web Token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessToken {
    access_token: String,
    /// When it ends.
    expires_at: String,
}

impl AccessToken {
    /// The token itself.
    pub fn into_text(self) -> String {
        self.access_token
    }
}

/// Makes a short token for a session.
pub fn access_token(site: &Site, account: &Account, session: &Session) -> Result<AccessToken, Failure> {
    let now_s = u64::try_from(site.now_ms() / 1_000).unwrap_or_default();
    let ends_s = u64::try_from(session.expires_at_ms / 1_000).unwrap_or_default();
    let exp = ends_s.min(now_s + TOKEN_LIFETIME_S);
    let claims = Claims {
        sub: account.id,
        sid: session.id.clone(),
        name: account.name.clone(),
        admin: account.admin,
        scopes: plue_contract::Scopes::ALL,
        iat: now_s,
        exp,
        nbf: None,
        iss: site.issuer.clone(),
        aud: site.audience.clone(),
    };
    Ok(AccessToken {
        access_token: site.signer.sign(&claims),
        expires_at: moment::text(i64::try_from(exp * 1_000).unwrap_or(i64::MAX)),
    })
}

/// The account and the session that somebody calls with.
pub async fn own_session(site: &Site, caller: &Caller) -> Result<(Account, Session), Failure> {
    let id = session_of(caller)?;
    let permit = read_self(&site.forge, caller, site.now_ms()).await?;
    let account = permit.on().clone();
    let session = sessions::list(&site.forge, permit, site.now_ms())
        .await?
        .into_iter()
        .find(|session| session.id == *id)
        .ok_or_else(|| Failure::new(Code::Unauthenticated, "This session is over. Sign in again."))?;
    Ok((account, session))
}

/// Hands out a short JSON Web Token for the session.
#[utoipa::path(post, path = "/api/auth/token", tag = "auth", responses((status = 200, body = AccessToken), (status = 401)))]
pub async fn token(
    State(site): State<Site>,
    Asked(caller): Asked,
) -> Result<axum::Json<AccessToken>, Failure> {
    let (account, session) = own_session(&site, &caller).await?;
    access_token(&site, &account, &session).map(axum::Json)
}

/// A renewed session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refreshed {
    message: &'static str,
    /// When the session ends.
    expires_at: String,
}

/// Changes the secret of the session's cookie.
#[utoipa::path(post, path = "/api/auth/refresh", tag = "auth", responses((status = 200, body = Refreshed), (status = 401)))]
pub async fn refresh(
    State(site): State<Site>,
    Asked(caller): Asked,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    session_of(&caller)?;
    let over = || Failure::new(Code::Unauthenticated, "This session is over. Sign in again.");
    let old = session_cookie(&headers).ok_or_else(over)?;
    let new = sessions::rotate(&site.forge, &old, site.now_ms()).await?;
    let answer = Refreshed {
        message: "Session renewed",
        expires_at: moment::text(site.now_ms() + sessions::LIFETIME_MS),
    };
    let mut response = axum::Json(answer).into_response();
    // None: the session, which the gateway found alive, was renewed just before, by the gateway
    // itself or by a request beside this one; the new cookie goes out with that.
    if let Some(new) = new {
        let cookie = cookie::session(&new, lifetime_s(), site.addresses.secure());
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// One session of one's own.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    #[schema(value_type = String)]
    id: SessionId,
    address: Option<String>,
    user_agent: Option<String>,
    created_at: String,
    expires_at: String,
    /// Whether it is the one that asks.
    current: bool,
}

/// One's own sessions.
#[derive(Serialize, ToSchema)]
pub struct SessionList {
    sessions: Vec<SessionView>,
}

/// Lists one's own sessions.
#[utoipa::path(get, path = "/api/auth/sessions", tag = "auth", responses((status = 200, body = SessionList), (status = 401)))]
pub async fn list_sessions(
    State(site): State<Site>,
    Asked(caller): Asked,
) -> Result<axum::Json<SessionList>, Failure> {
    let permit = read_self(&site.forge, &caller, site.now_ms()).await?;
    let current = session_of(&caller).ok().cloned();
    let sessions = sessions::list(&site.forge, permit, site.now_ms()).await?;
    let view = |session: Session| SessionView {
        current: current.as_ref() == Some(&session.id),
        id: session.id,
        address: session.address,
        user_agent: session.user_agent,
        created_at: moment::text(session.created_at_ms),
        expires_at: moment::text(session.expires_at_ms),
    };
    Ok(axum::Json(SessionList {
        sessions: sessions.into_iter().map(view).collect(),
    }))
}

/// How many sessions were ended.
#[derive(Serialize, ToSchema)]
pub struct SessionsEnded {
    message: &'static str,
    ended: usize,
}

/// Signs out everywhere.
#[utoipa::path(delete, path = "/api/auth/sessions", tag = "auth", responses((status = 200, body = SessionsEnded), (status = 401)))]
pub async fn end_sessions(State(site): State<Site>, Asked(caller): Asked) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    let ended = sessions::revoke_all(&site.forge, permit, site.now_ms()).await?;
    site.tell_edge_of_ended(&ended);
    let answer = SessionsEnded {
        message: "Signed out everywhere",
        ended: ended.len(),
    };
    let expired = cookie::expired(site.addresses.secure());
    Ok(([(SET_COOKIE, expired)], axum::Json(answer)).into_response())
}

/// Ends one of one's own sessions.
#[utoipa::path(delete, path = "/api/auth/sessions/{id}", tag = "auth", params(("id" = String, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 404)))]
pub async fn end_session(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Message>, Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    let id = SessionId(path.text("id").to_owned());
    sessions::revoke_one(&site.forge, permit, &id, site.now_ms()).await?;
    site.tell_edge_of_ended(&[id]);
    Ok(axum::Json(Message {
        message: "Session ended",
    }))
}
