//! Signing in by an account at another site, in the shapes that Better-Auth's client reads: off to
//! that site, and back with a code. A sealed cookie holds the two together, so that nobody comes back
//! with what somebody else brought.

use super::auth::{client_of, session_of, set_cookie};
use super::better_auth::{back, coded, with};
use super::errand::Errand;
use super::extract::{Asked, Json, Path, Query};
use super::failure::Failure;
use super::moment;
use super::pages::{Visit, is_of_this_site, sign_in as pages};
use super::site::Site;
use crate::github::{GitHub, GitHubError, PROVIDER};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CONTENT_SECURITY_POLICY, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use plue_contract::{Caller, SessionId};
use plue_forge::Error;
use plue_forge::access::accounts::{read_self, write_self};
use plue_forge::identities::{self, Arrival, Identity, Shown, Why};
use plue_gateway::page_policy;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

const TRIP: Errand = Errand {
    name: "plue_elsewhere",
    path: "/api/auth/callback",
    seconds: 600,
};
/// How long somebody may be away, in milliseconds.
const LIFETIME_MS: i64 = 600_000;
/// The longest address to come back to that a cookie holds.
const MAX_BACK_BYTES: usize = 1_024;

/// Why nothing was opened, in Better-Auth's words, and what a page says of it.
const REFUSALS: &[(&str, &str)] = &[
    (
        "state_mismatch",
        "That took too long, or was begun in another window. Try it once more.",
    ),
    ("access_denied", "You did not let GitHub say who you are."),
    (
        "invalid_code",
        "GitHub does not know of this sign-in any more. Try it once more.",
    ),
    (
        "unable_to_get_user_info",
        "GitHub could not be asked just now. Try it again in a while.",
    ),
    (
        "account_not_linked",
        "An account here has your address and has not confirmed it. Sign in to it otherwise, and link the two in \
         your settings.",
    ),
    (
        "signup_disabled",
        "No account here is linked to that one, and new accounts are made by the administrators of this site.",
    ),
    (
        "banned",
        "This account is disabled; ask an administrator of this site.",
    ),
    (
        "account_already_linked_to_different_user",
        "That account opens another account here already.",
    ),
];

/// What a page says of a refusal.
pub fn said(error: &str) -> Option<&'static str> {
    REFUSALS
        .iter()
        .find(|(code, _)| *code == error)
        .map(|(_, words)| *words)
}

/// The provider of this name, where it is set up.
pub fn provider<'a>(site: &'a Site, name: &str) -> Option<&'a GitHub> {
    site.github.as_ref().filter(|_| name == PROVIDER)
}

/// What a browser has to bring back.
#[derive(Serialize, Deserialize)]
pub struct Trip {
    state: String,
    verifier: String,
    /// The session whose account is to be linked; none where a session is to be opened.
    links: Option<SessionId>,
    /// Where to go afterwards.
    back: Option<String>,
    /// Where to go where nothing came of it.
    back_in_vain: Option<String>,
    until_ms: i64,
}

impl Trip {
    /// A trip that begins now and ends at `back`. It links an account to that of a session, or
    /// opens one.
    pub fn new(site: &Site, links: Option<SessionId>, back: Option<String>) -> Self {
        let text = || {
            let mut bytes = [0; 32];
            (site.chance)(&mut bytes);
            URL_SAFE_NO_PAD.encode(bytes)
        };
        Self {
            state: text(),
            verifier: text(),
            links,
            back,
            back_in_vain: None,
            until_ms: site.now_ms().saturating_add(LIFETIME_MS),
        }
    }

    /// The trip that a browser comes back from, if it is the one that it went off to.
    fn of(site: &Site, headers: &HeaderMap, state: Option<&str>) -> Option<Self> {
        let text = site.keys.elsewhere.open(TRIP.of(headers)?).ok()?;
        let trip: Self = serde_json::from_slice(&text).ok()?;
        let same: bool = trip.state.as_bytes().ct_eq(state?.as_bytes()).into();
        (same && trip.until_ms > site.now_ms()).then_some(trip)
    }

    /// Leads to where it is said that nothing came of it.
    fn failed(&self, error: &str) -> Result<Response, Failure> {
        let address = match (&self.back_in_vain, &self.links) {
            (Some(address), _) => address,
            (None, Some(_)) => "/-/settings/identities",
            (None, None) => "/login",
        };
        with(address, &format!("error={error}"))
    }
}

/// Where a browser goes to, and the cookie that it comes back with.
pub fn depart(site: &Site, github: &GitHub, trip: Trip) -> Result<(String, HeaderValue), Failure> {
    for address in [&trip.back, &trip.back_in_vain].into_iter().flatten() {
        if address.len() > MAX_BACK_BYTES {
            let why = format!("An address to come back to has at most {MAX_BACK_BYTES} bytes.");
            return Err(Failure::invalid("callbackURL", why));
        }
    }
    let text = serde_json::to_vec(&trip).map_err(Failure::internal)?;
    let sealed = site.keys.elsewhere.seal(&text);
    let sealed = sealed.ok_or_else(|| Failure::internal("there is no key for what is brought back"))?;
    Ok((
        github.address(&trip.state, &trip.verifier),
        TRIP.set(site, &sealed)?,
    ))
}

/// Where to sign in, and where to go then.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leaving {
    /// `github`.
    provider: String,
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
    #[serde(rename = "errorCallbackURL")]
    error_callback_url: Option<String>,
    #[serde(default)]
    disable_redirect: bool,
}

/// Where the browser goes.
#[derive(Serialize, ToSchema)]
pub struct Departure {
    url: String,
    redirect: bool,
}

fn leave(site: &Site, body: Leaving, links: Option<SessionId>) -> Result<Response, Failure> {
    let Some(github) = provider(site, &body.provider) else {
        return Ok(coded(
            StatusCode::NOT_FOUND,
            "PROVIDER_NOT_FOUND",
            "This site lets nobody sign in there; GITHUB_CLIENT_ID sets it up.",
        ));
    };
    let trip = Trip {
        back_in_vain: back(site, body.error_callback_url)?,
        ..Trip::new(site, links, back(site, body.callback_url)?)
    };
    let (url, cookie) = depart(site, github, trip)?;
    let answer = Departure {
        url,
        redirect: !body.disable_redirect,
    };
    Ok(([(SET_COOKIE, cookie)], axum::Json(answer)).into_response())
}

/// Says where to sign in by an account at another site.
#[utoipa::path(post, path = "/api/auth/sign-in/social", tag = "auth", request_body = Leaving,
    responses((status = 200, body = Departure), (status = 400), (status = 403), (status = 404)))]
pub async fn sign_in(State(site): State<Site>, Json(body): Json<Leaving>) -> Result<Response, Failure> {
    leave(&site, body, None)
}

/// Says where to go to link an account at another site to one's own. Needs a session.
#[utoipa::path(post, path = "/api/auth/link-social", tag = "auth", request_body = Leaving,
    responses((status = 200, body = Departure), (status = 400), (status = 401), (status = 403), (status = 404)))]
pub async fn link(
    State(site): State<Site>,
    Asked(caller): Asked,
    Json(body): Json<Leaving>,
) -> Result<Response, Failure> {
    let session = session_of(&caller)?.clone();
    leave(&site, body, Some(session))
}

/// What the other site sends back.
#[derive(Deserialize)]
pub struct Came {
    code: Option<String>,
    state: Option<String>,
}

/// Comes back from another site: opens a session, or links the account there.
#[utoipa::path(get, path = "/api/auth/callback/{provider}", tag = "auth",
    params(("provider" = String, Path), ("code" = Option<String>, Query), ("state" = Option<String>, Query)),
    responses((status = 200), (status = 302), (status = 404)))]
pub async fn callback(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    Query(came): Query<Came>,
) -> Result<Response, Failure> {
    let github = provider(&site, path.text("provider")).ok_or_else(Failure::not_found)?;
    let mut response = match Trip::of(&site, &visit.headers, came.state.as_deref()) {
        Some(trip) => arrive(&site, &visit, github, &trip, came.code).await?,
        None => with("/login", "error=state_mismatch")?,
    };
    // Whatever came of it, it is over.
    response.headers_mut().append(SET_COOKIE, TRIP.gone(&site)?);
    Ok(response)
}

async fn arrive(
    site: &Site,
    visit: &Visit,
    github: &GitHub,
    trip: &Trip,
    code: Option<String>,
) -> Result<Response, Failure> {
    // Who went off signed in comes back in the same session, or links nothing.
    let left_from = trip.links.as_ref();
    if left_from.is_some_and(|left| !session_of(&visit.caller).is_ok_and(|now| now == left)) {
        return trip.failed("state_mismatch");
    }
    let Some(code) = code else {
        return trip.failed("access_denied");
    };
    let shown = match github.who(&code, &trip.verifier).await {
        Ok(shown) => shown,
        Err(error) => {
            tracing::warn!(%error, "GitHub did not say who somebody is");
            return trip.failed(match error {
                GitHubError::Refused(_) => "invalid_code",
                GitHubError::Away(_) => "unable_to_get_user_info",
            });
        }
    };
    if left_from.is_some() {
        return join(site, &visit.caller, trip, &shown).await;
    }
    let client = client_of(&visit.caller, &visit.headers);
    match identities::sign_in(&site.forge, &shown, client, site.now_ms()).await {
        Ok(Arrival::In(opened)) => {
            let mut response = found(trip.back.as_deref().unwrap_or("/"))?;
            let cookie = set_cookie(site, &opened);
            response.headers_mut().insert(SET_COOKIE, cookie);
            Ok(response)
        }
        Ok(Arrival::Refused(why)) => trip.failed(match why {
            Why::Disabled => "banned",
            Why::Closed => "signup_disabled",
            Why::Unproven => "account_not_linked",
        }),
        Err(Error::SecondFactor { ticket }) => {
            let to = trip.back.clone().filter(|back| is_of_this_site(back));
            let mut response = pages::owed(visit, ticket, to.unwrap_or_default());
            let policy = page_policy("").ok_or_else(|| Failure::internal("a page has no policy"))?;
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
            Ok(response)
        }
        Err(error) => Err(error.into()),
    }
}

fn found(address: &str) -> Result<Response, Failure> {
    let location = HeaderValue::from_str(address).map_err(Failure::internal)?;
    Ok((StatusCode::FOUND, [(LOCATION, location)]).into_response())
}

async fn join(site: &Site, caller: &Caller, trip: &Trip, shown: &Shown) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, caller, site.now_ms()).await?;
    match identities::link(&site.forge, permit, shown, site.now_ms()).await {
        Ok(()) => found(
            trip.back
                .as_deref()
                .unwrap_or("/-/settings/identities?done=linked"),
        ),
        Err(Error::Conflict { .. }) => trip.failed("account_already_linked_to_different_user"),
        Err(error) => Err(error.into()),
    }
}

/// An account at another site that opens one's own.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityView {
    provider: String,
    /// The number that the provider knows it by.
    subject: String,
    /// Its name there.
    login: String,
    created_at: String,
    last_used_at: Option<String>,
}

/// The accounts at other sites that open one's own.
#[derive(Serialize, ToSchema)]
pub struct IdentityList {
    identities: Vec<IdentityView>,
}

/// Lists the accounts at other sites that open one's own.
#[utoipa::path(get, path = "/api/user/identities", tag = "auth",
    responses((status = 200, body = IdentityList), (status = 401)))]
pub async fn list(
    State(site): State<Site>,
    Asked(caller): Asked,
) -> Result<axum::Json<IdentityList>, Failure> {
    let permit = read_self(&site.forge, &caller, site.now_ms()).await?;
    let view = |identity: Identity| IdentityView {
        provider: identity.provider,
        subject: identity.subject,
        login: identity.login,
        created_at: moment::text(identity.created_at_ms),
        last_used_at: identity.last_used_at_ms.map(moment::text),
    };
    let found = identities::list(&site.forge, permit).await?;
    Ok(axum::Json(IdentityList {
        identities: found.into_iter().map(view).collect(),
    }))
}

/// Has an account at another site no longer open one's own.
#[utoipa::path(delete, path = "/api/user/identities/{provider}/{subject}", tag = "auth",
    params(("provider" = String, Path), ("subject" = String, Path)),
    responses((status = 204), (status = 401), (status = 403), (status = 404), (status = 422)))]
pub async fn unlink(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<StatusCode, Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    let (provider, subject) = (path.text("provider"), path.text("subject"));
    identities::unlink(&site.forge, permit, provider, subject, site.now_ms()).await?;
    Ok(StatusCode::NO_CONTENT)
}
