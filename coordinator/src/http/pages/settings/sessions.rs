//! The browsers that are signed in.

use super::super::super::auth::session_of;
use super::super::super::extract::Path;
use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::sent::Sent;
use super::super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use http::header::SET_COOKIE;
use plue_contract::SessionId;
use plue_forge::access::accounts::{read_self, write_self};
use plue_forge::sessions;
use plue_gateway::cookie;
use plue_pages::settings::sessions::{self as pages, Session};

mod words {
    pub const ENDED: &str = "That session has ended. Its browser has to sign in again.";
}

/// The sessions.
pub async fn get(State(site): State<Site>, visit: Visit) -> Result<Response, Failure> {
    let permit = read_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let current = session_of(&visit.caller).ok();
    let found = sessions::list(&site.forge, permit, site.now_ms()).await?;
    let session = |session: sessions::Session| Session {
        current: current == Some(&session.id),
        id: session.id.0,
        address: session.address,
        user_agent: session.user_agent,
        created_at_ms: session.created_at_ms,
        expires_at_ms: session.expires_at_ms,
    };
    let found: Vec<_> = found.into_iter().map(session).collect();
    let frame = visit.frame_after(|word| (word == "ended").then(|| words::ENDED.to_owned()));
    Ok(visit.show(pages::page(&frame, visit.viewer()?, &found)))
}

/// Sends the browser to the first page, and takes its cookie.
fn signed_out(site: &Site) -> Result<Response, Failure> {
    let mut response = see_other("/")?;
    let expired = cookie::expired(site.addresses.secure());
    response.headers_mut().insert(SET_COOKIE, expired);
    Ok(response)
}

/// Ends one session.
pub async fn end(State(site): State<Site>, visit: Visit, path: Path, _: Sent) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let id = SessionId(path.text("id").to_owned());
    sessions::revoke_one(&site.forge, permit, &id, site.now_ms()).await?;
    site.tell_edge_of_ended(std::slice::from_ref(&id));
    if session_of(&visit.caller).is_ok_and(|own| *own == id) {
        return signed_out(&site);
    }
    see_other("/-/settings/sessions?done=ended")
}

/// Ends every session, this one too.
pub async fn end_all(State(site): State<Site>, visit: Visit, _: Sent) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let ended = sessions::revoke_all(&site.forge, permit, site.now_ms()).await?;
    site.tell_edge_of_ended(&ended);
    signed_out(&site)
}
