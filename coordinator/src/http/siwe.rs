//! Sign-In with Ethereum: a nonce, a message that is signed with it, and what that opens. The
//! message and its signature are verified by the gateway's code.

use super::accounts::AccountView;
use super::auth::{client_of, set_cookie};
use super::extract::{Asked, Json, Path, Query};
use super::failure::Failure;
use super::moment;
use super::site::Site;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use plue_contract::{Caller, Code};
use plue_forge::Error;
use plue_forge::access::accounts::{join, read_self, write_self};
use plue_forge::sessions::{self, Opened, SignIn};
use plue_forge::wallets::{self, Shown, Wallet};
use plue_gateway::siwe::{self, Expected, SiweError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a message says that we write.
const STATEMENT: &str = "Sign in. This costs nothing and sends no transaction.";

/// Whose message is to be written.
#[derive(Deserialize)]
pub struct For {
    address: Option<String>,
    /// The host of the page that asks; without it, the site's own.
    domain: Option<String>,
}

impl For {
    /// The origin that the message is for.
    fn origin<'a>(&self, site: &'a Site) -> Result<&'a str, Failure> {
        let is_it = |origin: &&String| match (&self.domain, origin.split_once("://")) {
            (Some(domain), Some((_, authority))) => authority.eq_ignore_ascii_case(domain),
            _ => self.domain.is_none(),
        };
        let found = site.origins.iter().find(is_it);
        found.map(String::as_str).ok_or_else(|| {
            Failure::invalid(
                "domain",
                "This is no domain of this site; PLUE_PUBLIC_URL names it.",
            )
        })
    }
}

/// A nonce, and the message with it where an address was given.
#[derive(Serialize, ToSchema)]
pub struct Nonce {
    nonce: String,
    /// What the wallet signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Hands out a nonce, and with an address the whole message that its wallet is to sign.
#[utoipa::path(get, path = "/api/auth/siwe/nonce", tag = "auth", params(("address" = Option<String>, Query), ("domain" = Option<String>, Query)),
    responses((status = 200, body = Nonce), (status = 400)))]
pub async fn nonce(State(site): State<Site>, Query(asked): Query<For>) -> Result<axum::Json<Nonce>, Failure> {
    let nonce = wallets::nonce(&site.forge, site.now_ms()).await?;
    let message = match &asked.address {
        None => None,
        Some(address) => {
            let issued_at = moment::text(site.now_ms());
            let origin = asked.origin(&site)?;
            let chain = site.chains.first().copied().unwrap_or(1);
            let message = siwe::message(origin, address, chain, &nonce, &issued_at, STATEMENT);
            Some(
                message
                    .ok_or_else(|| Failure::invalid("address", "An address is `0x` and 40 hex digits."))?,
            )
        }
    };
    Ok(axum::Json(Nonce { nonce, message }))
}

/// A signed message.
#[derive(Deserialize, ToSchema)]
pub struct Signed {
    message: Option<String>,
    signature: Option<String>,
    /// A code of the app or a recovery code, where the account has a second factor.
    code: Option<String>,
}

/// What a signed message shows.
pub fn shown(site: &Site, message: &str, signature: &str) -> Result<Shown, Failure> {
    let expected = Expected {
        origins: &site.origins,
        chains: &site.chains,
        now_ms: site.now_ms(),
    };
    match siwe::verify(message, signature, &expected) {
        Ok(proven) => Ok(Shown {
            address: proven.address,
            nonce: proven.nonce,
        }),
        Err(error @ SiweError::Form(_)) => Err(Failure::invalid("message", format!("{error}."))),
        Err(error) => Err(Failure::new(Code::Unauthenticated, format!("{error}."))),
    }
}

impl Signed {
    fn shown(&self, site: &Site) -> Result<Shown, Failure> {
        match (&self.message, &self.signature) {
            (Some(message), Some(signature)) => shown(site, message, signature),
            _ => Err(Failure::invalid("message", "Missing message or signature")),
        }
    }
}

/// The nonce of a message was used, or its time is over.
pub fn used() -> Failure {
    Failure::new(
        Code::Unauthenticated,
        "The nonce of this message has been used, or its time is over. Ask for another one.",
    )
}

async fn open(site: &Site, caller: &Caller, headers: &HeaderMap, signed: Signed) -> Result<Opened, Failure> {
    let shown = signed.shown(site)?;
    let client = client_of(caller, headers);
    let opened = wallets::sign_in(&site.forge, &shown, client.clone(), site.now_ms()).await;
    let opened = match (opened, signed.code) {
        (Err(Error::SecondFactor { ticket }), Some(code)) => {
            let by = SignIn::SecondStep { ticket, code };
            sessions::open(&site.forge, by, client, site.now_ms()).await
        }
        (opened, _) => opened,
    };
    opened?.ok_or_else(used)
}

/// Somebody who came in by a wallet.
#[derive(Serialize, ToSchema)]
pub struct Entered {
    message: &'static str,
    user: AccountView,
}

/// Opens a session by a signed message. Where no account has the wallet and everybody may make one,
/// one is made, named after the address.
#[utoipa::path(post, path = "/api/auth/siwe/verify", tag = "auth", request_body = Signed,
    responses((status = 200, body = Entered), (status = 400), (status = 401), (status = 403)))]
pub async fn verify(
    State(site): State<Site>,
    Asked(caller): Asked,
    headers: HeaderMap,
    Json(signed): Json<Signed>,
) -> Result<Response, Failure> {
    let opened = open(&site, &caller, &headers, signed).await?;
    let answer = Entered {
        message: "Authentication successful",
        user: AccountView::own(&opened.account),
    };
    Ok(([(SET_COOKIE, set_cookie(&site, &opened))], axum::Json(answer)).into_response())
}

/// A signed message, and the account that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    message: Option<String>,
    signature: Option<String>,
    username: String,
    #[serde(default)]
    display_name: String,
}

/// Makes an account that a wallet opens.
#[utoipa::path(post, path = "/api/auth/siwe/register", tag = "auth", request_body = Registration,
    responses((status = 201, body = Entered), (status = 400), (status = 401), (status = 403), (status = 409)))]
pub async fn register(
    State(site): State<Site>,
    Asked(caller): Asked,
    headers: HeaderMap,
    Json(body): Json<Registration>,
) -> Result<Response, Failure> {
    let permit = join(&site.forge, &caller)?;
    let signed = Signed {
        message: body.message,
        signature: body.signature,
        code: None,
    };
    let shown = signed.shown(&site)?;
    let client = client_of(&caller, &headers);
    let opened = wallets::register(
        &site.forge,
        permit,
        &shown,
        &body.username,
        &body.display_name,
        client,
        site.now_ms(),
    )
    .await?
    .ok_or_else(used)?;
    let answer = Entered {
        message: "Account created",
        user: AccountView::own(&opened.account),
    };
    let cookie = [(SET_COOKIE, set_cookie(&site, &opened))];
    Ok((StatusCode::CREATED, cookie, axum::Json(answer)).into_response())
}

/// Whose wallet it was.
#[derive(Serialize, ToSchema)]
pub struct Address {
    message: &'static str,
    address: String,
}

/// The same in the form that the edge's clients know.
#[utoipa::path(post, path = "/api/auth/verify", tag = "auth", request_body = Signed,
    responses((status = 200, body = Address), (status = 400), (status = 401), (status = 403)))]
pub async fn verify_short(
    State(site): State<Site>,
    Asked(caller): Asked,
    headers: HeaderMap,
    Json(signed): Json<Signed>,
) -> Result<Response, Failure> {
    let address = signed.shown(&site)?.address;
    let opened = open(&site, &caller, &headers, signed).await?;
    let answer = Address {
        message: "Authentication successful",
        address,
    };
    Ok(([(SET_COOKIE, set_cookie(&site, &opened))], axum::Json(answer)).into_response())
}

/// A linked wallet.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WalletView {
    address: String,
    created_at: String,
    last_used_at: Option<String>,
}

/// One's own wallets.
#[derive(Serialize, ToSchema)]
pub struct WalletList {
    wallets: Vec<WalletView>,
}

/// Lists one's own wallets.
#[utoipa::path(get, path = "/api/user/wallets", tag = "auth",
    responses((status = 200, body = WalletList), (status = 401)))]
pub async fn list(State(site): State<Site>, Asked(caller): Asked) -> Result<axum::Json<WalletList>, Failure> {
    let permit = read_self(&site.forge, &caller, site.now_ms()).await?;
    let view = |wallet: Wallet| WalletView {
        address: wallet.address,
        created_at: moment::text(wallet.created_at_ms),
        last_used_at: wallet.last_used_at_ms.map(moment::text),
    };
    let wallets = wallets::list(&site.forge, permit).await?;
    Ok(axum::Json(WalletList {
        wallets: wallets.into_iter().map(view).collect(),
    }))
}

/// Links a wallet by a message that it signed.
#[utoipa::path(post, path = "/api/user/wallets", tag = "auth", request_body = Signed,
    responses((status = 201, body = WalletList), (status = 400), (status = 401), (status = 403), (status = 409)))]
pub async fn link(
    State(site): State<Site>,
    Asked(caller): Asked,
    Json(signed): Json<Signed>,
) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    let shown = signed.shown(&site)?;
    if !wallets::link(&site.forge, permit, &shown, site.now_ms()).await? {
        return Err(used());
    }
    let listed = list(State(site), Asked(caller)).await?;
    Ok((StatusCode::CREATED, listed).into_response())
}

/// Removes a wallet.
#[utoipa::path(delete, path = "/api/user/wallets/{address}", tag = "auth", params(("address" = String, Path)),
    responses((status = 204), (status = 401), (status = 403), (status = 404), (status = 422)))]
pub async fn unlink(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<StatusCode, Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    wallets::unlink(&site.forge, permit, path.text("address"), site.now_ms()).await?;
    Ok(StatusCode::NO_CONTENT)
}
