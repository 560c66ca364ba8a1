//! The OAuth provider: the question to a person, the tokens that come of a yes, and what programs
//! ask about us beforehand (OpenID Connect Discovery 1.0, RFC 8414).

use super::auth::session_of;
use super::extract::{Asked, Form, Path, Query};
use super::failure::Failure;
use super::moment;
use super::pages::sent::Sent;
use super::pages::{Visit, see_other};
use super::site::Site;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_SECURITY_POLICY, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use plue_forge::access::accounts::{read_self, write_self};
use plue_forge::oauth::{self, ACCESS_LIFETIME_MS, Client, Issued, OFFERS, Refusal, Refused, Requested};
use plue_gateway::page_policy;
use plue_pages::frame::{encode, sign_in_link};
use plue_pages::oauth::{self as pages, Consent};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// How long an ID token holds, in seconds.
const ID_TOKEN_SECONDS: i64 = 3_600;

/// What an application has a browser bring.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Parameters {
    client_id: String,
    redirect_uri: String,
    response_type: String,
    scope: String,
    state: Option<String>,
    code_challenge: String,
    code_challenge_method: String,
    nonce: Option<String>,
    prompt: Option<String>,
}

impl Parameters {
    /// Those that the page of the question sends on.
    fn of(sent: &Sent) -> Self {
        let text = |name| sent.text(name).to_owned();
        let given = |name| Some(text(name)).filter(|text| !text.is_empty());
        Self {
            client_id: text("client_id"),
            redirect_uri: text("redirect_uri"),
            response_type: text("response_type"),
            scope: text("scope"),
            state: given("state"),
            code_challenge: text("code_challenge"),
            code_challenge_method: text("code_challenge_method"),
            nonce: given("nonce"),
            prompt: None,
        }
    }

    fn request(&self) -> oauth::Request {
        oauth::Request {
            client_id: self.client_id.clone(),
            redirect_uri: self.redirect_uri.clone(),
            response_type: self.response_type.clone(),
            scope: self.scope.clone(),
            code_challenge: self.code_challenge.clone(),
            code_challenge_method: self.code_challenge_method.clone(),
            nonce: self.nonce.clone(),
        }
    }

    /// The same as names and values, for the form of the question.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            ("client_id", self.client_id.clone()),
            ("redirect_uri", self.redirect_uri.clone()),
            ("response_type", self.response_type.clone()),
            ("scope", self.scope.clone()),
            ("state", optional(&self.state)),
            ("code_challenge", self.code_challenge.clone()),
            ("code_challenge_method", self.code_challenge_method.clone()),
            ("nonce", optional(&self.nonce)),
        ]
    }

    /// Sends the browser back to the application. `redirect_uri` is one of its own by now.
    fn lead_back(
        &self,
        site: &Site,
        redirect_uri: &str,
        answer: &[(&str, &str)],
    ) -> Result<Response, Failure> {
        let mut address = redirect_uri.to_owned();
        let mut joint = if address.contains('?') { '&' } else { '?' };
        let state = self.state.as_deref().map(|state| ("state", state));
        // Who answered, so that an application that knows several takes none for another (RFC 9207).
        let issuer = ("iss", site.addresses.http.as_str());
        for (name, value) in answer.iter().copied().chain(state).chain([issuer]) {
            address.push(joint);
            address.push_str(name);
            address.push('=');
            encode(value, &mut address);
            joint = '&';
        }
        see_other(&address)
    }

    fn refuse(&self, site: &Site, visit: &Visit, refusal: &Refusal) -> Result<Response, Failure> {
        match refusal {
            Refusal::Stranger(why) => {
                let page = pages::stranger(&visit.frame(), why);
                Ok(visit.answer(StatusCode::BAD_REQUEST, page))
            }
            Refusal::Told {
                redirect_uri,
                error,
                why,
            } => self.lead_back(
                site,
                redirect_uri,
                &[("error", error), ("error_description", why)],
            ),
        }
    }
}

/// What the form of the question may lead on to, as a policy names it.
fn target(redirect_uri: &str) -> String {
    let (scheme, rest) = redirect_uri.split_once(':').unwrap_or_default();
    match (scheme, rest.strip_prefix("//")) {
        ("http" | "https", Some(rest)) => {
            let authority = rest.split(['/', '?']).next().unwrap_or_default();
            format!("{scheme}://{authority}")
        }
        _ => format!("{scheme}:"),
    }
}

/// Asks a person whether an application may.
pub async fn authorize(
    State(site): State<Site>,
    visit: Visit,
    Query(parameters): Query<Parameters>,
) -> Result<Response, Failure> {
    let requested = match oauth::look_at(&site.forge, &parameters.request()).await? {
        Ok(requested) => requested,
        Err(refusal) => return parameters.refuse(&site, &visit, &refusal),
    };
    let unasked = parameters.prompt.as_deref() == Some("none");
    let Ok(viewer) = visit.viewer() else {
        if unasked {
            let answer = [("error", "login_required")];
            return parameters.lead_back(&site, &requested.redirect_uri, &answer);
        }
        return see_other(&sign_in_link(&visit.frame().path));
    };
    session_of(&visit.caller)?;
    if unasked {
        let answer = [("error", "consent_required")];
        return parameters.lead_back(&site, &requested.redirect_uri, &answer);
    }
    let Requested {
        app, made_by, asked, ..
    } = &requested;
    let consent = Consent {
        app: app.name.clone(),
        website: app.website.clone(),
        made_by: made_by.to_string(),
        back_to: target(&requested.redirect_uri),
        asked: asked.offers().map(|offer| (offer.word, offer.about)).collect(),
        fields: parameters.fields(),
    };
    let mut response = visit.answer(StatusCode::OK, pages::consent(&visit.frame(), viewer, &consent));
    if let Some(policy) = page_policy(&consent.back_to) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

/// Takes a person's answer.
pub async fn decide(State(site): State<Site>, visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let parameters = Parameters::of(&sent);
    let requested = match oauth::look_at(&site.forge, &parameters.request()).await? {
        Ok(requested) => requested,
        Err(refusal) => return parameters.refuse(&site, &visit, &refusal),
    };
    if sent.text("decision") != "allow" {
        let answer = [("error", "access_denied")];
        return parameters.lead_back(&site, &requested.redirect_uri, &answer);
    }
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let code = oauth::approve(&site.forge, permit, &requested, site.now_ms()).await?;
    parameters.lead_back(&site, &requested.redirect_uri, &[("code", &code)])
}

/// What an application sends for tokens.
#[derive(Deserialize, Default, ToSchema)]
#[serde(default)]
pub struct TokenForm {
    /// `authorization_code` or `refresh_token`.
    grant_type: String,
    client_id: String,
    client_secret: Option<String>,
    code: String,
    redirect_uri: String,
    code_verifier: String,
    refresh_token: String,
    scope: Option<String>,
}

/// Tokens.
#[derive(Serialize, ToSchema)]
pub struct Tokens {
    access_token: String,
    token_type: &'static str,
    /// In seconds.
    expires_in: i64,
    refresh_token: String,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

fn told(status: StatusCode, error: &str, why: &str) -> Response {
    (
        status,
        axum::Json(json!({ "error": error, "error_description": why })),
    )
        .into_response()
}

fn refused(refused: Refused, by_header: bool) -> Response {
    let bad = StatusCode::BAD_REQUEST;
    match refused {
        Refused::Client => {
            let why = "there is no application of this client_id, or this is not its secret";
            let mut response = told(StatusCode::UNAUTHORIZED, "invalid_client", why);
            if by_header {
                let challenge = HeaderValue::from_static("Basic realm=\"Plue\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
            response
        }
        Refused::Grant(why) => told(bad, "invalid_grant", why),
        Refused::Scope => told(bad, "invalid_scope", "this is more than was allowed"),
    }
}

/// Which application asks: by the header (RFC 6749, 2.3.1), else by the form; and whether by the
/// header. None where the header is not to be read.
fn client(headers: &HeaderMap, client_id: &str, client_secret: Option<&str>) -> Option<(Client, bool)> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        let client = Client {
            client_id: client_id.to_owned(),
            client_secret: client_secret.map(str::to_owned),
        };
        return Some((client, false));
    };
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    // Our names and secrets have no sign that a form would write otherwise.
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    let fits = scheme.eq_ignore_ascii_case("basic") && (client_id.is_empty() || client_id == id);
    fits.then(|| {
        let client = Client {
            client_id: id.to_owned(),
            client_secret: Some(secret.to_owned()),
        };
        (client, true)
    })
}

fn id_token(site: &Site, issued: &Issued, client_id: &str) -> Result<Option<String>, Failure> {
    let Issued {
        allowed,
        account,
        nonce,
        ..
    } = issued;
    if !allowed.has("openid") {
        return Ok(None);
    }
    let now_s = site.now_ms() / 1_000;
    let mut claims = json!({
        "iss": site.addresses.http,
        "sub": account.uuid,
        "aud": client_id,
        "iat": now_s,
        "exp": now_s + ID_TOKEN_SECONDS,
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    if allowed.has("profile") {
        claims["preferred_username"] = json!(account.name);
        claims["name"] = match account.display_name.as_str() {
            "" => json!(account.name),
            name => json!(name),
        };
    }
    if let Some(email) = account.email.as_ref().filter(|_| allowed.has("email")) {
        claims["email"] = json!(email);
        claims["email_verified"] = json!(account.email_verified);
    }
    let signed = site.id_tokens.sign(&claims);
    signed
        .map(Some)
        .ok_or_else(|| Failure::internal("there is no key for ID tokens"))
}

/// Turns a code, or a refresh token, into tokens.
#[utoipa::path(post, path = "/oauth/token", tag = "oauth",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Tokens), (status = 400), (status = 401)))]
pub async fn token(
    State(site): State<Site>,
    Asked(caller): Asked,
    headers: HeaderMap,
    Form(form): Form<TokenForm>,
) -> Result<Response, Failure> {
    let Some((client, by_header)) = client(&headers, &form.client_id, form.client_secret.as_deref()) else {
        return Ok(refused(Refused::Client, true));
    };
    let (forge, request_id, now_ms) = (&site.forge, caller.request_id.as_str(), site.now_ms());
    let issued = match form.grant_type.as_str() {
        "authorization_code" => {
            let (code, back, verifier) = (&form.code, &form.redirect_uri, &form.code_verifier);
            oauth::exchange(forge, &client, code, back, verifier, request_id, now_ms).await?
        }
        "refresh_token" => {
            let scope = form.scope.as_deref().filter(|scope| !scope.is_empty());
            oauth::refresh(forge, &client, &form.refresh_token, scope, request_id, now_ms).await?
        }
        _ => {
            let why = "expected the grant_type authorization_code or refresh_token";
            return Ok(told(StatusCode::BAD_REQUEST, "unsupported_grant_type", why));
        }
    };
    let issued = match issued {
        Ok(issued) => issued,
        Err(why) => return Ok(refused(why, by_header)),
    };
    let by_code = form.grant_type == "authorization_code";
    let id_token = if by_code {
        id_token(&site, &issued, &client.client_id)?
    } else {
        None
    };
    Ok(axum::Json(Tokens {
        access_token: issued.access_token,
        token_type: "Bearer",
        expires_in: ACCESS_LIFETIME_MS / 1_000,
        refresh_token: issued.refresh_token,
        scope: issued.allowed.to_string(),
        id_token,
    })
    .into_response())
}

/// A token that is given back.
#[derive(Deserialize, Default, ToSchema)]
#[serde(default)]
pub struct RevokeForm {
    token: String,
    client_id: String,
    client_secret: Option<String>,
}

/// Whether it was done.
#[derive(Serialize, ToSchema)]
pub struct Success {
    success: bool,
}

const DONE: axum::Json<Success> = axum::Json(Success { success: true });

/// Ends all that came of the yes that a token came of (RFC 7009).
#[utoipa::path(post, path = "/oauth/revoke", tag = "oauth",
    request_body(content = RevokeForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Success), (status = 401)))]
pub async fn revoke(
    State(site): State<Site>,
    Asked(caller): Asked,
    headers: HeaderMap,
    Form(form): Form<RevokeForm>,
) -> Result<Response, Failure> {
    let Some((client, by_header)) = client(&headers, &form.client_id, form.client_secret.as_deref()) else {
        return Ok(refused(Refused::Client, true));
    };
    let request_id = caller.request_id.as_str();
    match oauth::revoke(&site.forge, &client, &form.token, request_id, site.now_ms()).await? {
        true => Ok(DONE.into_response()),
        false => Ok(refused(Refused::Client, by_header)),
    }
}

/// One thing to ask for.
#[derive(Serialize, ToSchema)]
pub struct ScopeView {
    name: &'static str,
    description: &'static str,
}

/// What applications may ask for.
#[derive(Serialize, ToSchema)]
pub struct ScopeList {
    scopes: Vec<ScopeView>,
}

/// Lists what applications may ask for.
#[utoipa::path(get, path = "/oauth/scopes", tag = "oauth", responses((status = 200, body = ScopeList)))]
pub async fn scopes() -> axum::Json<ScopeList> {
    let view = |offer: &oauth::Offer| ScopeView {
        name: offer.word,
        description: offer.about,
    };
    axum::Json(ScopeList {
        scopes: OFFERS.iter().map(view).collect(),
    })
}

/// An application of one's own.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppView {
    id: i64,
    name: String,
    client_id: String,
    website_url: Option<String>,
    callback_url: String,
    additional_callback_urls: Vec<String>,
    confidential: bool,
    created_at: String,
    updated_at: String,
}

/// One's own applications.
#[derive(Serialize, ToSchema)]
pub struct AppList {
    apps: Vec<AppView>,
}

/// Lists the applications that one has made.
#[utoipa::path(get, path = "/oauth/apps", tag = "oauth",
    responses((status = 200, body = AppList), (status = 401)))]
pub async fn apps(State(site): State<Site>, Asked(caller): Asked) -> Result<axum::Json<AppList>, Failure> {
    session_of(&caller)?;
    let permit = read_self(&site.forge, &caller, site.now_ms()).await?;
    let view = |app: oauth::App| {
        let mut addresses = app.redirect_uris.into_iter();
        AppView {
            id: app.id,
            name: app.name,
            client_id: app.client_id,
            website_url: Some(app.website).filter(|website| !website.is_empty()),
            callback_url: addresses.next().unwrap_or_default(),
            additional_callback_urls: addresses.collect(),
            confidential: app.confidential,
            created_at: moment::text(app.created_at_ms),
            updated_at: moment::text(app.updated_at_ms),
        }
    };
    let found = oauth::list(&site.forge, permit).await?;
    Ok(axum::Json(AppList {
        apps: found.into_iter().map(view).collect(),
    }))
}

/// Which application it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppName {
    name: String,
    client_id: String,
    website_url: Option<String>,
}

/// What one allowed an application.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationView {
    id: i64,
    app: AppName,
    scopes: Vec<&'static str>,
    created_at: String,
    updated_at: String,
}

/// What one allowed applications.
#[derive(Serialize, ToSchema)]
pub struct AuthorizationList {
    authorizations: Vec<AuthorizationView>,
}

/// Lists what one allowed applications.
#[utoipa::path(get, path = "/oauth/authorizations", tag = "oauth",
    responses((status = 200, body = AuthorizationList), (status = 401)))]
pub async fn authorizations(
    State(site): State<Site>,
    Asked(caller): Asked,
) -> Result<axum::Json<AuthorizationList>, Failure> {
    session_of(&caller)?;
    let permit = read_self(&site.forge, &caller, site.now_ms()).await?;
    let view = |one: oauth::Authorization| AuthorizationView {
        id: one.id,
        app: AppName {
            name: one.app,
            client_id: one.client_id,
            website_url: Some(one.website).filter(|website| !website.is_empty()),
        },
        scopes: one.allowed.offers().map(|offer| offer.word).collect(),
        created_at: moment::text(one.created_at_ms),
        updated_at: moment::text(one.updated_at_ms),
    };
    let found = oauth::authorizations(&site.forge, permit).await?;
    Ok(axum::Json(AuthorizationList {
        authorizations: found.into_iter().map(view).collect(),
    }))
}

/// Withdraws what one allowed an application.
#[utoipa::path(delete, path = "/oauth/authorizations/{id}", tag = "oauth", params(("id" = i64, Path)),
    responses((status = 200, body = Success), (status = 401), (status = 404)))]
pub async fn withdraw(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Success>, Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    oauth::withdraw(&site.forge, permit, path.parse("id")?, site.now_ms()).await?;
    Ok(DONE)
}

/// Says where programs find what, and what is spoken there.
pub async fn discovery(State(site): State<Site>) -> axum::Json<Value> {
    let at = |path: &str| format!("{}{path}", site.addresses.http);
    let scopes: Vec<_> = OFFERS.iter().map(|offer| offer.word).collect();
    axum::Json(json!({
        "issuer": site.addresses.http,
        "authorization_endpoint": at("/oauth/authorize"),
        "token_endpoint": at("/oauth/token"),
        "revocation_endpoint": at("/oauth/revoke"),
        "jwks_uri": at("/oauth/jwks"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["iss", "sub", "aud", "iat", "exp", "nonce", "name", "preferred_username", "email",
            "email_verified"],
        "prompt_values_supported": ["none", "consent"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

/// Shows the keys by which ID tokens are verified.
#[utoipa::path(get, path = "/oauth/jwks", tag = "oauth", responses((status = 200)))]
pub async fn jwks(State(site): State<Site>) -> axum::Json<Value> {
    axum::Json(site.id_tokens.jwks())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_may_lead_on_to_where_the_application_is() {
        for (uri, to) in [
            ("https://app.example/back?a=b", "https://app.example"),
            ("http://127.0.0.1:7777", "http://127.0.0.1:7777"),
            ("org.example.app:/back", "org.example.app:"),
        ] {
            assert_eq!(target(uri), to, "{uri}");
            assert!(page_policy(&target(uri)).is_some(), "{uri}");
        }
    }

    #[test]
    fn an_application_shows_itself_by_header_or_form() {
        let by = |value: &str, id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            client(&headers, id, None).map(|(client, _)| (client.client_id, client.client_secret))
        };
        let both = || Some(("a".to_owned(), Some("b".to_owned())));
        assert_eq!(by("Basic YTpi", ""), both());
        assert_eq!(by("basic YTpi", "a"), both());
        for (value, id) in [
            ("Basic YTpi", "c"),
            ("Basic ??", ""),
            ("Bearer YTpi", ""),
            ("Basic", ""),
            ("Basic YQ==", ""),
        ] {
            assert_eq!(by(value, id), None, "{value} {id}");
        }
    }
}
