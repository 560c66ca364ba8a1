//! One's own second factor.

use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::sent::Sent;
use super::super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use plue_forge::access::accounts::{read_self, write_self};
use plue_forge::second_factor;
use plue_pages::settings::second_factor::{self as pages, SecondFactor, Setup};

mod words {
    pub const SET: &str = "Your second factor is set: from now on a code of the app is asked for.";
    pub const REMOVED: &str = "Your second factor is taken away.";
}

const ADDRESS: &str = "/-/settings/second-factor";

async fn page_of(site: &Site, visit: &Visit) -> Result<SecondFactor, Failure> {
    let permit = read_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let asks_password = permit.on().has_password;
    let state = second_factor::state(&site.forge, permit).await?;
    Ok(SecondFactor {
        set: state.set,
        codes_left: state.codes_left,
        asks_password,
        wrong: None,
    })
}

/// How it stands.
pub async fn get(State(site): State<Site>, visit: Visit) -> Result<Response, Failure> {
    let page = page_of(&site, &visit).await?;
    let frame = visit.frame_after(|word| match word {
        "set" => Some(words::SET.to_owned()),
        "removed" => Some(words::REMOVED.to_owned()),
        _ => None,
    });
    Ok(visit.show(pages::page(&frame, visit.viewer()?, &page)))
}

async fn again(site: &Site, visit: &Visit, failure: Failure) -> Result<Response, Failure> {
    let (page, viewer) = (page_of(site, visit).await?, visit.viewer()?);
    visit.mend(failure, |wrong| {
        let page = SecondFactor {
            wrong: Some(wrong),
            ..page
        };
        pages::page(&visit.frame(), viewer, &page)
    })
}

/// Begins to set one up, and shows its secret this once.
pub async fn begin(State(site): State<Site>, visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    match second_factor::begin(&site.forge, permit, Some(sent.text("current")), site.now_ms()).await {
        Ok(setup) => {
            let setup = Setup {
                secret: setup.secret,
                uri: setup.uri,
                codes: setup.codes,
            };
            let page = pages::setup(&visit.frame(), visit.viewer()?, &setup);
            Ok(visit.answer(StatusCode::OK, page))
        }
        Err(error) => again(&site, &visit, error.into()).await,
    }
}

/// Has it count, once the app has shown a right code.
pub async fn confirm(State(site): State<Site>, visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    match second_factor::confirm(&site.forge, permit, sent.text("code"), site.now_ms()).await {
        Ok(()) => see_other("/-/settings/second-factor?done=set"),
        Err(error) => {
            let viewer = visit.viewer()?;
            visit.mend(error.into(), |wrong| {
                pages::confirm(&visit.frame(), viewer, &Some(wrong))
            })
        }
    }
}

/// Takes it away.
pub async fn remove(State(site): State<Site>, visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    match second_factor::remove(&site.forge, permit, Some(sent.text("present")), site.now_ms()).await {
        Ok(()) => see_other(&format!("{ADDRESS}?done=removed")),
        Err(error) => again(&site, &visit, error.into()).await,
    }
}

/// Makes other recovery codes, and shows them this once.
pub async fn renew(State(site): State<Site>, visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    match second_factor::renew_codes(&site.forge, permit, Some(sent.text("current")), site.now_ms()).await {
        Ok(codes) => Ok(visit.answer(StatusCode::OK, pages::codes(&visit.frame(), &codes))),
        Err(error) => again(&site, &visit, error.into()).await,
    }
}
