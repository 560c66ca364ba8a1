//! What a letter leads to: another password, a proven address; and asking for such a letter.

use super::super::extract::{Form, Query};
use super::super::failure::Failure;
use super::super::site::Site;
use super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use plue_forge::accounts;
use plue_pages::sign_up::{self as pages, Forgot};
use serde::Deserialize;

mod words {
    pub const SENT: &str =
        "If an account has this address, a letter with a link is on its way. It may take some minutes.";
}

/// The form that asks for a link.
pub async fn forgot(visit: Visit) -> Response {
    let frame = visit.frame_after(|word| (word == "sent").then(|| words::SENT.to_owned()));
    visit.show(pages::forgot(&frame, &Forgot::default()))
}

/// An address that was typed.
#[derive(Deserialize)]
pub struct Address {
    #[serde(default)]
    email: String,
}

/// Has a link sent, if an account has the address; what is said is the same.
pub async fn ask(
    State(site): State<Site>,
    visit: Visit,
    Form(form): Form<Address>,
) -> Result<Response, Failure> {
    let request = &visit.caller.request_id;
    match accounts::ask_for_reset(&site.forge, &form.email, None, request, site.now_ms()).await {
        Ok(()) => see_other("/-/forgot?done=sent"),
        Err(error) => visit.mend(error.into(), |wrong| {
            let page = Forgot {
                email: form.email,
                wrong: Some(wrong),
            };
            pages::forgot(&visit.frame(), &page)
        }),
    }
}

/// The token of a letter's link.
#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    token: String,
}

/// The form for another password.
pub async fn reset(
    State(site): State<Site>,
    visit: Visit,
    Query(link): Query<Link>,
) -> Result<Response, Failure> {
    if !accounts::holds_reset(&site.forge, &link.token, site.now_ms()).await? {
        return Ok(visit.answer(StatusCode::NOT_FOUND, pages::reset_is_over(&visit.frame())));
    }
    Ok(visit.answer(StatusCode::OK, pages::reset(&visit.frame(), &link.token, &None)))
}

/// What the form for another password sends.
#[derive(Deserialize)]
pub struct Reset {
    #[serde(default)]
    token: String,
    #[serde(default)]
    password: String,
}

/// Sets another password.
pub async fn set(
    State(site): State<Site>,
    visit: Visit,
    Form(form): Form<Reset>,
) -> Result<Response, Failure> {
    let (caller, now_ms) = (&visit.caller, site.now_ms());
    match accounts::reset_by_link(&site.forge, caller, &form.token, &form.password, now_ms).await {
        Ok(Some(ended)) => {
            site.tell_edge_of_ended(&ended);
            see_other("/login?done=reset")
        }
        Ok(None) => Ok(visit.answer(StatusCode::NOT_FOUND, pages::reset_is_over(&visit.frame()))),
        Err(error) => visit.mend(error.into(), |wrong| {
            pages::reset(&visit.frame(), &form.token, &Some(wrong))
        }),
    }
}

/// The button that proves an address: a program that looks at links beforehand presses none.
pub async fn verify(visit: Visit, Query(link): Query<Link>) -> Response {
    visit.answer(StatusCode::OK, pages::verify(&visit.frame(), &link.token))
}

/// Proves an address.
pub async fn prove(
    State(site): State<Site>,
    visit: Visit,
    Form(link): Form<Link>,
) -> Result<Response, Failure> {
    let proven = accounts::verify(&site.forge, &visit.caller, &link.token, site.now_ms()).await?;
    match (proven, visit.name()) {
        (Some(_), Some(_)) => see_other("/-/settings/email?done=proven"),
        (Some(_), None) => see_other("/login?done=proven"),
        (None, _) => Ok(visit.answer(StatusCode::NOT_FOUND, pages::verify_is_over(&visit.frame()))),
    }
}
