//! One's own SSH keys.

use super::super::super::extract::Path;
use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::sent::Sent;
use super::super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use plue_forge::access::accounts::{read_self, write_self};
use plue_forge::ssh_keys::{self, NewSshKey};
use plue_pages::settings::keys::{self, Key, Keys};

mod words {
    pub const ADDED: &str = "The key is added: what holds its private half can push and pull as you now.";
    pub const REMOVED: &str = "The key is removed, and opens nothing any more. To undo it, add it again.";
}

async fn list(site: &Site, visit: &Visit) -> Result<Vec<Key>, Failure> {
    let permit = read_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let found = ssh_keys::list(&site.forge, permit).await?;
    let key = |key: ssh_keys::SshKey| Key {
        id: key.id.0,
        name: key.name,
        kind: key.kind,
        fingerprint: key.fingerprint,
        note: "",
        created_at_ms: key.created_at_ms,
        last_used_at_ms: key.last_used_at_ms,
    };
    Ok(found.into_iter().map(key).collect())
}

/// The keys.
pub async fn get(State(site): State<Site>, visit: Visit) -> Result<Response, Failure> {
    let page = Keys {
        keys: list(&site, &visit).await?,
        ..Keys::default()
    };
    let frame = visit.frame_after(|word| match word {
        "added" => Some(words::ADDED.to_owned()),
        "removed" => Some(words::REMOVED.to_owned()),
        _ => None,
    });
    Ok(visit.show(keys::page(&frame, visit.viewer()?, &page)))
}

async fn put(site: &Site, visit: &Visit, sent: &Sent) -> Result<(), Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let new = NewSshKey {
        name: sent.text("name").to_owned(),
        public_key: sent.lines("publicKey"),
    };
    ssh_keys::add(&site.forge, permit, new, site.now_ms()).await?;
    Ok(())
}

/// Adds a key.
pub async fn add(State(site): State<Site>, visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let Err(failure) = put(&site, &visit, &sent).await else {
        return see_other("/-/settings/keys?done=added");
    };
    let (keys, viewer) = (list(&site, &visit).await?, visit.viewer()?);
    visit.mend(failure, |wrong| {
        let page = Keys {
            keys,
            name: sent.text("name").to_owned(),
            public_key: sent.lines("publicKey"),
            wrong: Some(wrong),
        };
        keys::page(&visit.frame(), viewer, &page)
    })
}

/// Removes a key.
pub async fn remove(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    ssh_keys::delete(&site.forge, permit, path.parse("id")?, site.now_ms()).await?;
    see_other("/-/settings/keys?done=removed")
}
