//! Applications: what one allowed them, and those that one has made.

use super::super::super::extract::Path;
use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::sent::Sent;
use super::super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use plue_forge::access::accounts::{read_self, write_self};
use plue_forge::oauth::{self, AppText, Made};
use plue_pages::settings::apps::{self as pages, Allowed, App, AppForm, Apps};

mod words {
    pub const SAVED: &str = "The application is saved.";
    pub const REMOVED: &str = "The application is removed, and nothing is allowed it any more.";
    pub const WITHDRAWN: &str = "What you allowed the application is withdrawn.";
}

async fn page_of(site: &Site, visit: &Visit) -> Result<Apps, Failure> {
    let permit = async || read_self(&site.forge, &visit.caller, site.now_ms()).await;
    let allowed = |one: oauth::Authorization| Allowed {
        id: one.id,
        app: one.app,
        scopes: one.allowed.offers().map(|offer| offer.word).collect(),
        since_ms: one.created_at_ms,
    };
    let authorizations = oauth::authorizations(&site.forge, permit().await?).await?;
    let own = oauth::list(&site.forge, permit().await?).await?;
    Ok(Apps {
        allowed: authorizations.into_iter().map(allowed).collect(),
        own: own.iter().map(shown).collect(),
        ..Apps::default()
    })
}

fn shown(app: &oauth::App) -> App {
    App {
        id: app.id,
        name: app.name.clone(),
        client_id: app.client_id.clone(),
        confidential: app.confidential,
    }
}

fn form(app: &oauth::App) -> AppForm {
    AppForm {
        name: app.name.clone(),
        website: app.website.clone(),
        redirect_uris: app.redirect_uris.join("\n"),
        wrong: None,
    }
}

fn text(sent: &Sent) -> AppText {
    AppText {
        name: sent.text("name").to_owned(),
        website: sent.text("website").to_owned(),
        redirect_uris: sent.lines("redirectUris"),
    }
}

/// All of them.
pub async fn get(State(site): State<Site>, visit: Visit) -> Result<Response, Failure> {
    let page = page_of(&site, &visit).await?;
    let frame = visit.frame_after(|word| match word {
        "removed" => Some(words::REMOVED.to_owned()),
        "withdrawn" => Some(words::WITHDRAWN.to_owned()),
        _ => None,
    });
    Ok(visit.show(pages::page(&frame, visit.viewer()?, &page)))
}

/// Shows an application, and its secret this once.
fn made(visit: &Visit, made: &Made) -> Result<Response, Failure> {
    let (frame, viewer, secret) = (visit.frame(), visit.viewer()?, made.secret.as_deref());
    let page = pages::app(&frame, viewer, &shown(&made.app), &form(&made.app), secret);
    Ok(visit.answer(StatusCode::OK, page))
}

/// Makes one.
pub async fn create(State(site): State<Site>, visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let text = text(&sent);
    let confidential = sent.text("kind") != "device";
    match oauth::create(&site.forge, permit, &text, confidential, site.now_ms()).await {
        Ok(new) => made(&visit, &new),
        Err(error) => {
            let (page, viewer) = (page_of(&site, &visit).await?, visit.viewer()?);
            visit.mend(error.into(), |wrong| {
                let page = Apps {
                    form: AppForm {
                        name: text.name,
                        website: text.website,
                        redirect_uris: text.redirect_uris,
                        wrong: Some(wrong),
                    },
                    kind: sent.text("kind").to_owned(),
                    ..page
                };
                pages::page(&visit.frame(), viewer, &page)
            })
        }
    }
}

async fn find(site: &Site, visit: &Visit, path: &Path) -> Result<oauth::App, Failure> {
    let permit = read_self(&site.forge, &visit.caller, site.now_ms()).await?;
    Ok(oauth::get(&site.forge, permit, path.parse("id")?).await?)
}

/// One of one's own.
pub async fn one(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    let app = find(&site, &visit, &path).await?;
    let frame = visit.frame_after(|word| (word == "saved").then(|| words::SAVED.to_owned()));
    let page = pages::app(&frame, visit.viewer()?, &shown(&app), &form(&app), None);
    Ok(visit.show(page))
}

/// Changes one of one's own.
pub async fn update(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let (id, text) = (path.parse("id")?, text(&sent));
    match oauth::update(&site.forge, permit, id, &text, site.now_ms()).await {
        Ok(_) => see_other(&format!("/-/settings/apps/{id}?done=saved")),
        Err(plue_forge::Error::NotFound) => Err(Failure::not_found()),
        Err(error) => {
            let (app, viewer) = (find(&site, &visit, &path).await?, visit.viewer()?);
            visit.mend(error.into(), |wrong| {
                let form = AppForm {
                    name: text.name,
                    website: text.website,
                    redirect_uris: text.redirect_uris,
                    wrong: Some(wrong),
                };
                pages::app(&visit.frame(), viewer, &shown(&app), &form, None)
            })
        }
    }
}

/// Gives one of one's own another secret, and shows it this once.
pub async fn renew_secret(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let new = oauth::renew_secret(&site.forge, permit, path.parse("id")?, site.now_ms()).await?;
    made(&visit, &new)
}

/// Removes one of one's own.
pub async fn remove(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    oauth::delete(&site.forge, permit, path.parse("id")?, site.now_ms()).await?;
    see_other("/-/settings/apps?done=removed")
}

/// Withdraws what one allowed an application.
pub async fn withdraw(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    oauth::withdraw(&site.forge, permit, path.parse("id")?, site.now_ms()).await?;
    see_other("/-/settings/apps?done=withdrawn")
}
