//! Profile and password.

use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::sent::Sent;
use super::super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use plue_forge::access::accounts::{read_self, write_self};
use plue_forge::accounts::{self, ProfileChange};
use plue_pages::settings::profile::{self, Password, Profile};

mod words {
    pub const SAVED: &str = "Your profile is saved.";
    pub const SET: &str = "Your new password is set, and your other sessions have ended.";
}

/// The profile.
pub async fn get(State(site): State<Site>, visit: Visit) -> Result<Response, Failure> {
    let permit = read_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let account = permit.on();
    let page = Profile {
        display_name: account.display_name.clone(),
        bio: account.bio.clone(),
        wrong: None,
    };
    let frame = visit.frame_after(|word| (word == "saved").then(|| words::SAVED.to_owned()));
    Ok(visit.show(profile::page(&frame, visit.viewer()?, &page)))
}

async fn save(site: &Site, visit: &Visit, sent: &Sent) -> Result<(), Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let change = ProfileChange {
        display_name: Some(sent.text("displayName").to_owned()),
        bio: Some(sent.lines("bio")),
        ..ProfileChange::default()
    };
    accounts::update_profile(&site.forge, permit, change, site.now_ms()).await?;
    Ok(())
}

/// Saves the profile.
pub async fn post(State(site): State<Site>, visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let Err(failure) = save(&site, &visit, &sent).await else {
        return see_other("/-/settings?done=saved");
    };
    let viewer = visit.viewer()?;
    visit.mend(failure, |wrong| {
        let page = Profile {
            display_name: sent.text("displayName").to_owned(),
            bio: sent.lines("bio"),
            wrong: Some(wrong),
        };
        profile::page(&visit.frame(), viewer, &page)
    })
}

async fn has_password(site: &Site, visit: &Visit) -> Result<bool, Failure> {
    let permit = read_self(&site.forge, &visit.caller, site.now_ms()).await?;
    Ok(permit.on().has_password)
}

/// The form for another password.
pub async fn password(State(site): State<Site>, visit: Visit) -> Result<Response, Failure> {
    let page = Password {
        is_set: has_password(&site, &visit).await?,
        wrong: None,
    };
    let frame = visit.frame_after(|word| (word == "set").then(|| words::SET.to_owned()));
    Ok(visit.show(profile::password(&frame, visit.viewer()?, &page)))
}

async fn set(site: &Site, visit: &Visit, sent: &Sent) -> Result<(), Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let (present, new) = (sent.text("current"), sent.text("password"));
    let ended = accounts::set_password(&site.forge, permit, Some(present), new, site.now_ms()).await?;
    site.tell_edge_of_ended(&ended);
    Ok(())
}

/// Sets another password.
pub async fn set_password(State(site): State<Site>, visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let Err(failure) = set(&site, &visit, &sent).await else {
        return see_other("/-/settings/password?done=set");
    };
    let is_set = has_password(&site, &visit).await?;
    let viewer = visit.viewer()?;
    visit.mend(failure, |wrong| {
        let page = Password {
            is_set,
            wrong: Some(wrong),
        };
        profile::password(&visit.frame(), viewer, &page)
    })
}
