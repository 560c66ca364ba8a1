//! The wallets that open one's own account.

use super::super::super::extract::Path;
use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::super::siwe::{shown, used};
use super::super::sent::Sent;
use super::super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use plue_forge::access::accounts::{read_self, write_self};
use plue_forge::wallets;
use plue_pages::settings::wallets::{self as pages, Wallet};

mod words {
    pub const LINKED: &str = "The wallet is linked: from now on it signs you in.";
    pub const REMOVED: &str = "The wallet is removed, and opens nothing any more.";
}

async fn listed(site: &Site, visit: &Visit) -> Result<Vec<Wallet>, Failure> {
    let permit = read_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let wallet = |wallet: wallets::Wallet| Wallet {
        address: wallet.address,
        created_at_ms: wallet.created_at_ms,
        last_used_at_ms: wallet.last_used_at_ms,
    };
    let found = wallets::list(&site.forge, permit).await?;
    Ok(found.into_iter().map(wallet).collect())
}

/// The wallets.
pub async fn get(State(site): State<Site>, visit: Visit) -> Result<Response, Failure> {
    let listed = listed(&site, &visit).await?;
    let frame = visit.frame_after(|word| match word {
        "linked" => Some(words::LINKED.to_owned()),
        "removed" => Some(words::REMOVED.to_owned()),
        _ => None,
    });
    Ok(visit.show(pages::page(&frame, visit.viewer()?, &listed, &None)))
}

async fn again(site: &Site, visit: &Visit, failure: Failure) -> Result<Response, Failure> {
    let (listed, viewer) = (listed(site, visit).await?, visit.viewer()?);
    visit.mend(failure, |wrong| {
        pages::page(&visit.frame(), viewer, &listed, &Some(wrong))
    })
}

async fn link(site: &Site, visit: &Visit, sent: &Sent) -> Result<(), Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    // Browsers end the lines of a field otherwise than they were signed.
    let shown = shown(site, &sent.lines("message"), sent.text("signature"))?;
    match wallets::link(&site.forge, permit, &shown, site.now_ms()).await? {
        true => Ok(()),
        false => Err(used()),
    }
}

/// Links a wallet by a message that it signed.
pub async fn post(State(site): State<Site>, visit: Visit, sent: Sent) -> Result<Response, Failure> {
    match link(&site, &visit, &sent).await {
        Ok(()) => see_other("/-/settings/wallets?done=linked"),
        Err(failure) => again(&site, &visit, failure).await,
    }
}

/// Removes a wallet.
pub async fn remove(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    match wallets::unlink(&site.forge, permit, path.text("address"), site.now_ms()).await {
        Ok(()) => see_other("/-/settings/wallets?done=removed"),
        Err(error) => again(&site, &visit, error.into()).await,
    }
}
