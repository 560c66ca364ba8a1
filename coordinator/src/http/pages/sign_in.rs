//! Signing in and out by pages.

use super::super::auth::{self, Login};
use super::super::extract::{Form, Path, Query};
use super::super::failure::Failure;
use super::super::site::Site;
use super::super::{siwe, social};
use super::{Visit, is_of_this_site, see_other, sentence};
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use http::header::SET_COOKIE;
use plue_forge::sessions;
use plue_forge::sessions::SignIn;
use plue_forge::{Error, wallets};
use plue_gateway::cookie;
use plue_pages::sign_in::{self, SecondStep};
use serde::Deserialize;

mod words {
    pub const USED: &str =
        "This link has been used, or its time is over. An administrator can make a new one.";
    pub const WRONG: &str = "This name and password do not belong together.";
    pub const RESET: &str = "Your new password is set. Sign in with it.";
    pub const PROVEN: &str = "Your address is confirmed.";
    pub const LATE: &str = "That took too long, or your password was changed meanwhile. Sign in once more.";
    pub const MISSING: &str = "Type your name and your password.";
}

/// What the page is opened with.
#[derive(Deserialize)]
pub struct Opened {
    token: Option<String>,
    to: Option<String>,
    /// Why a sign-in at another site opened nothing.
    error: Option<String>,
}

/// An address to go to; empty where it is none of this site.
fn to(address: Option<String>) -> String {
    address
        .filter(|address| is_of_this_site(address))
        .unwrap_or_default()
}

/// The sign-in page.
pub async fn get(State(site): State<Site>, visit: Visit, Query(opened): Query<Opened>) -> Response {
    let page = sign_in::SignIn {
        token: opened.token,
        to: to(opened.to),
        wrong: opened.error.as_deref().and_then(social::said).map(str::to_owned),
        ..ways(&site)
    };
    let frame = visit.frame_after(|word| match word {
        "reset" => Some(words::RESET.to_owned()),
        "proven" => Some(words::PROVEN.to_owned()),
        _ => None,
    });
    visit.show(sign_in::page(&frame, &page))
}

/// An empty page, which knows what else there is to do.
fn ways(site: &Site) -> sign_in::SignIn {
    sign_in::SignIn {
        sign_up: site.forge.lets_people_join(),
        sends_mail: site.forge.sends_mail(),
        github: site.github.is_some(),
        ..sign_in::SignIn::default()
    }
}

/// What the page sends.
#[derive(Deserialize)]
pub struct SignInForm {
    token: Option<String>,
    username: Option<String>,
    password: Option<String>,
    to: Option<String>,
}

/// Opens a session and goes on to where its owner wanted to go.
pub async fn post(
    State(site): State<Site>,
    visit: Visit,
    Form(form): Form<SignInForm>,
) -> Result<Response, Failure> {
    let to = to(form.to);
    let by_link = form.token.is_some();
    let name = form.username.clone().unwrap_or_default();
    let again = |status, wrong: &str| {
        let page = sign_in::SignIn {
            name: name.clone(),
            to: to.clone(),
            wrong: Some(wrong.to_owned()),
            ..ways(&site)
        };
        Ok(visit.answer(status, sign_in::page(&visit.frame(), &page)))
    };
    if !by_link && (name.is_empty() || form.password.as_deref().unwrap_or_default().is_empty()) {
        return again(StatusCode::BAD_REQUEST, words::MISSING);
    }
    let login = Login::new(form.token, form.username, form.password);
    match auth::open(&site, &visit.caller, &visit.headers, login).await {
        Ok(Some(opened)) => go_in(&site, &opened, &to),
        Ok(None) => again(
            StatusCode::UNAUTHORIZED,
            if by_link { words::USED } else { words::WRONG },
        ),
        Err(Error::SecondFactor { ticket }) => Ok(owed(&visit, ticket, to)),
        Err(error) => Err(error.into()),
    }
}

/// Gives the browser its session, and sends it where its owner wanted to go.
fn go_in(site: &Site, opened: &sessions::Opened, to: &str) -> Result<Response, Failure> {
    let mut response = see_other(if to.is_empty() { "/" } else { to })?;
    response
        .headers_mut()
        .insert(SET_COOKIE, auth::set_cookie(site, opened));
    Ok(response)
}

/// What a wallet sends.
#[derive(Deserialize)]
pub struct WalletForm {
    #[serde(default)]
    message: String,
    #[serde(default)]
    signature: String,
    to: Option<String>,
}

/// Opens a session by a message that a wallet signed.
pub async fn by_wallet(
    State(site): State<Site>,
    visit: Visit,
    Form(form): Form<WalletForm>,
) -> Result<Response, Failure> {
    let to = to(form.to);
    // Browsers end the lines of a field otherwise than they were signed.
    let message = form.message.replace("\r\n", "\n");
    let wrong = match siwe::shown(&site, &message, &form.signature) {
        Err(Failure(problem)) => problem.detail,
        Ok(shown) => {
            let client = auth::client_of(&visit.caller, &visit.headers);
            match wallets::sign_in(&site.forge, &shown, client, site.now_ms()).await {
                Ok(Some(opened)) => return go_in(&site, &opened, &to),
                Ok(None) => words::LATE.to_owned(),
                Err(Error::SecondFactor { ticket }) => return Ok(owed(&visit, ticket, to)),
                Err(Error::Forbidden(why)) => why,
                Err(error) => return Err(error.into()),
            }
        }
    };
    let page = sign_in::SignIn {
        to,
        wrong: Some(sentence(&wrong)),
        ..ways(&site)
    };
    Ok(visit.answer(StatusCode::UNAUTHORIZED, sign_in::page(&visit.frame(), &page)))
}

/// Where somebody wants to go who signs in at another site.
#[derive(Deserialize)]
pub struct Leaving {
    to: Option<String>,
}

/// Sends the browser off to sign in at another site.
pub async fn elsewhere(
    State(site): State<Site>,
    path: Path,
    Query(leaving): Query<Leaving>,
) -> Result<Response, Failure> {
    let github = social::provider(&site, path.text("provider")).ok_or_else(Failure::not_found)?;
    let back = Some(to(leaving.to)).filter(|to| !to.is_empty());
    let (address, cookie) = social::depart(&site, github, social::Trip::new(&site, None, back))?;
    let mut response = see_other(&address)?;
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}

/// The page of the second step.
pub fn owed(visit: &Visit, ticket: String, to: String) -> Response {
    let page = SecondStep {
        ticket,
        to,
        wrong: None,
    };
    visit.answer(StatusCode::OK, sign_in::second_step(&visit.frame(), &page))
}

/// Who has no ticket begins with the first step.
pub async fn no_ticket() -> Result<Response, Failure> {
    see_other("/login")
}

/// What the second page of signing in sends.
#[derive(Deserialize)]
pub struct SecondStepForm {
    #[serde(default)]
    ticket: String,
    #[serde(default)]
    code: String,
    to: Option<String>,
}

/// Opens a session by a code, after the password.
pub async fn second_step(
    State(site): State<Site>,
    visit: Visit,
    Form(form): Form<SecondStepForm>,
) -> Result<Response, Failure> {
    let to = to(form.to);
    let by = SignIn::SecondStep {
        ticket: form.ticket.clone(),
        code: form.code,
    };
    let client = auth::client_of(&visit.caller, &visit.headers);
    match sessions::open(&site.forge, by, client, site.now_ms()).await {
        Ok(Some(opened)) => go_in(&site, &opened, &to),
        Ok(None) => {
            let page = sign_in::SignIn {
                to,
                wrong: Some(words::LATE.to_owned()),
                ..ways(&site)
            };
            Ok(visit.answer(StatusCode::UNAUTHORIZED, sign_in::page(&visit.frame(), &page)))
        }
        Err(error) => visit.mend(error.into(), |wrong| {
            let page = SecondStep {
                ticket: form.ticket,
                to,
                wrong: Some(wrong),
            };
            sign_in::second_step(&visit.frame(), &page)
        }),
    }
}

/// Ends the session of the cookie.
pub async fn sign_out(State(site): State<Site>, visit: Visit) -> Result<Response, Failure> {
    let ended = sessions::revoke(&site.forge, &visit.caller, site.now_ms()).await?;
    site.tell_edge_of_ended(ended.as_slice());
    let mut response = see_other("/")?;
    let expired = cookie::expired(site.addresses.secure());
    response.headers_mut().insert(SET_COOKIE, expired);
    Ok(response)
}
