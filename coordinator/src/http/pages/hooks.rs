//! The webhooks of a repository, by forms.

use super::super::extract::{Path, Query};
use super::super::failure::Failure;
use super::super::hooks::{next, words as words_of};
use super::super::parts;
use super::super::site::Site;
use super::repo;
use super::sent::Sent;
use super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use plue_contract::{DeliveryId, HookId};
use plue_forge::access::Permit;
use plue_forge::access::repositories::{AdministerRepo, administer};
use plue_forge::hooks::{self, HookChange};
use plue_pages::hooks::{self as pages, Delivery, Form, Hook};
use serde::Deserialize;

mod words {
    pub const ADDED: &str = "The webhook is added, and is told so just now.";
    pub const SAVED: &str = "Saved.";
    pub const TESTED: &str = "A test is on its way. Load this page again to see how it went.";
    pub const AGAIN: &str = "It is told again just now. Load this page again to see how it went.";
    pub const REMOVED: &str = "The webhook is removed, and is told nothing any more.";
}

/// How many deliveries a page shows.
const A_PART: i64 = 30;

async fn permit(site: &Site, visit: &Visit, path: &Path) -> Result<Permit<AdministerRepo>, Failure> {
    Ok(administer(&site.forge, &visit.caller, &path.repository()?, site.now_ms()).await?)
}

fn said(word: &str) -> Option<String> {
    let said = match word {
        "added" => words::ADDED,
        "saved" => words::SAVED,
        "tested" => words::TESTED,
        "again" => words::AGAIN,
        "removed" => words::REMOVED,
        _ => return None,
    };
    Some(said.to_owned())
}

fn topics(hook: &hooks::Hook) -> Vec<String> {
    words_of(hook).into_iter().map(str::to_owned).collect()
}

async fn all(site: &Site, permit: Permit<AdministerRepo>) -> Result<Vec<Hook>, Failure> {
    let found = hooks::list(&site.forge, permit).await?;
    let one = |hook: hooks::Hook| Hook {
        id: hook.id.0,
        topics: topics(&hook),
        url: hook.url,
        signed: hook.has_secret,
        ordered: hook.ordered,
        active: hook.active,
    };
    Ok(found.into_iter().map(one).collect())
}

/// What the form says; what it said before is kept for the page.
fn read(sent: &Sent) -> Result<HookChange, Failure> {
    let secret = sent.text("secret");
    let secret = match (secret.is_empty(), sent.text("no_secret") == "yes") {
        (false, _) => Some(Some(secret.to_owned())),
        (true, true) => Some(None),
        (true, false) => None,
    };
    Ok(HookChange {
        url: Some(sent.text("url").trim().to_owned()),
        secret,
        topics: Some(sent.all("events").map(str::to_owned).collect()),
        format: Some(sent.text("format").parse()?),
        ordered: Some(sent.text("ordered") == "yes"),
        active: Some(sent.text("active") == "yes"),
    })
}

fn typed(sent: &Sent, has_secret: bool) -> Form {
    Form {
        url: sent.text("url").to_owned(),
        topics: sent.all("events").map(str::to_owned).collect(),
        format: sent.text("format").to_owned(),
        ordered: sent.text("ordered") == "yes",
        active: sent.text("active") == "yes",
        has_secret,
        wrong: None,
    }
}

/// All webhooks.
pub async fn list(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let head = repo::head(permit.on());
    let found = all(&site, permit).await?;
    let frame = visit.frame_after(said);
    Ok(visit.show(pages::list(
        &frame,
        visit.viewer()?,
        &head,
        &found,
        &Form::default(),
    )))
}

async fn add(site: &Site, permit: Permit<AdministerRepo>, sent: &Sent) -> Result<String, Failure> {
    let name = permit.on().path();
    let hook = hooks::create(&site.forge, permit, read(sent)?, site.now_ms()).await?;
    Ok(format!("/{name}/settings/hooks/{}?done=added", hook.id))
}

/// Adds a webhook.
pub async fn create(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let first = permit(&site, &visit, &path).await?;
    let failure = match add(&site, first, &sent).await {
        Ok(address) => return see_other(&address),
        Err(failure) => failure,
    };
    let again = permit(&site, &visit, &path).await?;
    let head = repo::head(again.on());
    let (found, viewer) = (all(&site, again).await?, visit.viewer()?);
    visit.mend(failure, |wrong| {
        let form = Form {
            wrong: Some(wrong),
            ..typed(&sent, false)
        };
        pages::list(&visit.frame(), viewer, &head, &found, &form)
    })
}

fn shown(delivery: hooks::Delivery) -> Delivery {
    Delivery {
        id: delivery.id.0,
        guid: delivery.guid,
        kind: delivery.kind,
        state: delivery.state.as_str(),
        attempts: delivery.attempts,
        created_at_ms: delivery.created_at_ms,
        next_at_ms: delivery.next_at_ms.filter(|_| delivery.attempts > 0),
        took_ms: delivery.took_ms,
        status: delivery.status,
        error: delivery.error,
        request: delivery.request,
        response: delivery.response,
    }
}

/// Which part of what a webhook was told.
#[derive(Deserialize)]
pub struct From {
    cursor: Option<String>,
}

async fn told(
    site: &Site,
    permit: Permit<AdministerRepo>,
    id: HookId,
    before: Option<i64>,
) -> Result<(Vec<Delivery>, Option<String>), Failure> {
    let found = hooks::deliveries(&site.forge, permit, id, before, A_PART).await?;
    let more = next(site, &found, A_PART);
    Ok((found.into_iter().map(shown).collect(), more))
}

/// One webhook, with what it was told.
pub async fn get(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    Query(from): Query<From>,
) -> Result<Response, Failure> {
    let id: HookId = path.parse("id")?;
    let hook = hooks::get(&site.forge, permit(&site, &visit, &path).await?, id).await?;
    let permit = permit(&site, &visit, &path).await?;
    let head = repo::head(permit.on());
    let before = parts::open::<1>(&site, from.cursor.as_deref())?.map(|[before]| before);
    let (told, more) = told(&site, permit, id, before).await?;
    let form = Form {
        topics: topics(&hook),
        url: hook.url,
        format: hook.format.as_str().to_owned(),
        ordered: hook.ordered,
        active: hook.active,
        has_secret: hook.has_secret,
        wrong: None,
    };
    let frame = visit.frame_after(said);
    let told = (told.as_slice(), more.as_deref());
    Ok(visit.show(pages::one(&frame, visit.viewer()?, &head, id.0, &form, told)))
}

async fn change(
    site: &Site,
    permit: Permit<AdministerRepo>,
    id: HookId,
    sent: &Sent,
) -> Result<String, Failure> {
    let name = permit.on().path();
    hooks::update(&site.forge, permit, id, read(sent)?, site.now_ms()).await?;
    Ok(format!("/{name}/settings/hooks/{id}?done=saved"))
}

/// Changes one webhook.
pub async fn save(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let id: HookId = path.parse("id")?;
    let first = permit(&site, &visit, &path).await?;
    let failure = match change(&site, first, id, &sent).await {
        Ok(address) => return see_other(&address),
        Err(failure) => failure,
    };
    let hook = hooks::get(&site.forge, permit(&site, &visit, &path).await?, id).await?;
    let permit = permit(&site, &visit, &path).await?;
    let head = repo::head(permit.on());
    let (told, more) = told(&site, permit, id, None).await?;
    let viewer = visit.viewer()?;
    visit.mend(failure, |wrong| {
        let form = Form {
            wrong: Some(wrong),
            ..typed(&sent, hook.has_secret)
        };
        let told = (told.as_slice(), more.as_deref());
        pages::one(&visit.frame(), viewer, &head, id.0, &form, told)
    })
}

/// Sends a test.
pub async fn test(State(site): State<Site>, visit: Visit, path: Path, _: Sent) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let (name, id) = (permit.on().path(), path.parse("id")?);
    hooks::test(&site.forge, permit, id, site.now_ms()).await?;
    see_other(&format!("/{name}/settings/hooks/{id}?done=tested"))
}

/// Removes one webhook.
pub async fn remove(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let name = permit.on().path();
    hooks::delete(&site.forge, permit, path.parse("id")?, site.now_ms()).await?;
    see_other(&format!("/{name}/settings/hooks?done=removed"))
}

/// One thing that a webhook was told.
pub async fn delivery(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    let id: HookId = path.parse("id")?;
    let of: DeliveryId = path.parse("deliveryId")?;
    let hook = hooks::get(&site.forge, permit(&site, &visit, &path).await?, id).await?;
    let permit = permit(&site, &visit, &path).await?;
    let head = repo::head(permit.on());
    let found = shown(hooks::delivery(&site.forge, permit, (id, of)).await?);
    let hook_at = (id.0, hook.url.as_str());
    let (frame, viewer) = (visit.frame_after(said), visit.viewer()?);
    Ok(visit.show(pages::delivery(
        &frame,
        viewer,
        &head,
        hook_at,
        &found,
        hook.active,
    )))
}

/// Tells a webhook again what it was told.
pub async fn redeliver(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let name = permit.on().path();
    let (id, of): (HookId, DeliveryId) = (path.parse("id")?, path.parse("deliveryId")?);
    let DeliveryId(new) = hooks::redeliver(&site.forge, permit, (id, of), site.now_ms()).await?;
    see_other(&format!(
        "/{name}/settings/hooks/{id}/deliveries/{new}?done=again"
    ))
}
