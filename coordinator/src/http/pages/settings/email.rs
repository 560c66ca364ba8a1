//! One's own address for mail.

use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::sent::Sent;
use super::super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use plue_forge::access::accounts::{read_self, write_self};
use plue_forge::accounts::{self, ProfileChange};
use plue_pages::settings::email::{self as pages, Email};

mod words {
    pub const MADE: &str = "Your account is made. A letter with a link is on its way to your address.";
    pub const SAVED: &str = "Your address is saved.";
    pub const SENT: &str = "A letter with a link is on its way to your address.";
    pub const PROVEN: &str = "Your address is confirmed.";
}

async fn page_of(site: &Site, visit: &Visit) -> Result<Email, Failure> {
    let permit = read_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let account = permit.on();
    let address = account.email.clone().unwrap_or_default();
    Ok(Email {
        typed: address.clone(),
        address,
        proven: account.email_verified,
        sends_mail: site.forge.sends_mail(),
        asks_password: account.has_password,
        wrong: None,
    })
}

/// The address.
pub async fn get(State(site): State<Site>, visit: Visit) -> Result<Response, Failure> {
    let page = page_of(&site, &visit).await?;
    let frame = visit.frame_after(|word| match word {
        "made" => Some(words::MADE.to_owned()),
        "saved" => Some(words::SAVED.to_owned()),
        "sent" => Some(words::SENT.to_owned()),
        "proven" => Some(words::PROVEN.to_owned()),
        _ => None,
    });
    Ok(visit.show(pages::page(&frame, visit.viewer()?, &page)))
}

async fn save(site: &Site, visit: &Visit, sent: &Sent) -> Result<(), Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let change = ProfileChange {
        email: Some(sent.text("email").to_owned()),
        present_password: Some(sent.text("current").to_owned()),
        ..ProfileChange::default()
    };
    accounts::update_profile(&site.forge, permit, change, site.now_ms()).await?;
    Ok(())
}

/// Saves another address.
pub async fn post(State(site): State<Site>, visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let Err(failure) = save(&site, &visit, &sent).await else {
        return see_other("/-/settings/email?done=saved");
    };
    let (page, viewer) = (page_of(&site, &visit).await?, visit.viewer()?);
    visit.mend(failure, |wrong| {
        let page = Email {
            typed: sent.text("email").to_owned(),
            wrong: Some(wrong),
            ..page
        };
        pages::page(&visit.frame(), viewer, &page)
    })
}

/// Sends the letter with the link once more.
pub async fn verify(State(site): State<Site>, visit: Visit, _: Sent) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let email = permit.on().email.clone().unwrap_or_default();
    let request = &visit.caller.request_id;
    accounts::ask_for_verification(&site.forge, &email, None, request, site.now_ms()).await?;
    see_other("/-/settings/email?done=sent")
}
