//! The accounts at other sites that open one's own.

use super::super::super::auth::session_of;
use super::super::super::extract::{Path, Query};
use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::super::social::{self, Trip};
use super::super::sent::Sent;
use super::super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use http::header::{CONTENT_SECURITY_POLICY, SET_COOKIE};
use plue_forge::access::accounts::{read_self, write_self};
use plue_forge::identities;
use plue_gateway::page_policy;
use plue_pages::forms::Wrong;
use plue_pages::settings::identities::{self as pages, Identities, Identity};
use serde::Deserialize;

mod words {
    pub const LINKED: &str = "The account is linked: from now on it signs you in.";
    pub const REMOVED: &str = "The account is parted from yours, and opens nothing here any more.";
}

async fn page_of(site: &Site, visit: &Visit) -> Result<Identities, Failure> {
    let permit = read_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let identity = |identity: identities::Identity| Identity {
        provider: identity.provider,
        subject: identity.subject,
        login: identity.login,
        created_at_ms: identity.created_at_ms,
        last_used_at_ms: identity.last_used_at_ms,
    };
    let found = identities::list(&site.forge, permit).await?;
    Ok(Identities {
        identities: found.into_iter().map(identity).collect(),
        github: site.github.is_some(),
        wrong: None,
    })
}

/// Lets the page's forms lead on to where accounts are linked.
fn leading_on(site: &Site, mut response: Response) -> Response {
    let policy = site
        .github
        .as_ref()
        .and_then(|github| page_policy(github.origin()));
    if let Some(policy) = policy {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Why somebody came back with nothing.
#[derive(Deserialize)]
pub struct InVain {
    error: Option<String>,
}

/// The accounts.
pub async fn get(
    State(site): State<Site>,
    visit: Visit,
    Query(in_vain): Query<InVain>,
) -> Result<Response, Failure> {
    let said = in_vain.error.as_deref().and_then(social::said);
    let page = Identities {
        wrong: said.map(|text| Wrong {
            field: None,
            text: text.to_owned(),
        }),
        ..page_of(&site, &visit).await?
    };
    let frame = visit.frame_after(|word| match word {
        "linked" => Some(words::LINKED.to_owned()),
        "removed" => Some(words::REMOVED.to_owned()),
        _ => None,
    });
    let response = visit.show(pages::page(&frame, visit.viewer()?, &page));
    Ok(leading_on(&site, response))
}

/// Sends the browser off to link an account at another site.
pub async fn link(State(site): State<Site>, visit: Visit, path: Path, _: Sent) -> Result<Response, Failure> {
    let github = social::provider(&site, path.text("provider")).ok_or_else(Failure::not_found)?;
    let session = session_of(&visit.caller)?.clone();
    let trip = Trip::new(&site, Some(session), None);
    let (address, cookie) = social::depart(&site, github, trip)?;
    let mut response = see_other(&address)?;
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}

/// Has one of them no longer open one's own.
pub async fn remove(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let (provider, subject) = (path.text("provider"), path.text("subject"));
    match identities::unlink(&site.forge, permit, provider, subject, site.now_ms()).await {
        Ok(()) => see_other("/-/settings/identities?done=removed"),
        Err(error) => {
            let (page, viewer) = (page_of(&site, &visit).await?, visit.viewer()?);
            let response = visit.mend(error.into(), |wrong| {
                let page = Identities {
                    wrong: Some(wrong),
                    ..page
                };
                pages::page(&visit.frame(), viewer, &page)
            })?;
            Ok(leading_on(&site, response))
        }
    }
}
