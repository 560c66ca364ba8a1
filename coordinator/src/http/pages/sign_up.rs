//! Making an account by a page.

use super::super::auth::{client_of, set_cookie};
use super::super::extract::Form;
use super::super::failure::Failure;
use super::super::site::Site;
use super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use http::header::SET_COOKIE;
use plue_forge::access::accounts::join;
use plue_forge::accounts;
use plue_pages::sign_up::{self, SignUp};
use serde::Deserialize;

/// The form for an account.
pub async fn get(State(site): State<Site>, visit: Visit) -> Result<Response, Failure> {
    let _ = join(&site.forge, &visit.caller)?;
    Ok(visit.show(sign_up::page(&visit.frame(), &SignUp::default())))
}

/// What the form sends.
#[derive(Deserialize)]
pub struct SignUpForm {
    #[serde(default)]
    username: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

/// Makes an account, and signs its owner in.
pub async fn post(
    State(site): State<Site>,
    visit: Visit,
    Form(form): Form<SignUpForm>,
) -> Result<Response, Failure> {
    let permit = join(&site.forge, &visit.caller)?;
    let new = accounts::SignUp {
        name: form.username.clone(),
        email: form.email.clone(),
        password: form.password,
        ..accounts::SignUp::default()
    };
    let client = client_of(&visit.caller, &visit.headers);
    match accounts::sign_up(&site.forge, permit, new, client, site.now_ms()).await {
        Ok(opened) => {
            let to = if site.forge.sends_mail() {
                "/-/settings/email?done=made"
            } else {
                "/"
            };
            let mut response = see_other(to)?;
            response
                .headers_mut()
                .insert(SET_COOKIE, set_cookie(&site, &opened));
            Ok(response)
        }
        Err(error) => visit.mend(error.into(), |wrong| {
            let page = SignUp {
                name: form.username,
                email: form.email,
                wrong: Some(wrong),
            };
            sign_up::page(&visit.frame(), &page)
        }),
    }
}
