//! One's own access tokens.

use super::super::super::extract::Path;
use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::super::tokens::repository_ids;
use super::super::sent::Sent;
use super::super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use plue_contract::{Code, RepoId, RepoPath, Scope, Scopes};
use plue_forge::access::accounts::{read_self, write_self};
use plue_forge::access::repositories::paths;
use plue_forge::tokens::{self, NewToken};
use plue_pages::settings::tokens::{self as pages, Token, Tokens};

mod words {
    pub const REMOVED: &str = "The token is removed, and opens nothing any more. A new one takes its place.";
    pub const SCOPES: &str = "Choose at least one.";
    pub const REPOSITORY: &str = "You have no repository of the name";
}

const DAY_MS: i64 = 86_400_000;

async fn page_of(site: &Site, visit: &Visit) -> Result<Tokens, Failure> {
    let permit = read_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let admin = permit.on().admin;
    let found = tokens::list(&site.forge, permit).await?;
    let mut listed = Vec::with_capacity(found.len());
    for token in found {
        listed.push(shown(site, visit, token).await?);
    }
    Ok(Tokens::of(listed, admin))
}

async fn shown(site: &Site, visit: &Visit, token: tokens::Token) -> Result<Token, Failure> {
    let repositories = match &token.repositories {
        None => None,
        Some(only) => {
            let found = paths(&site.forge, &visit.caller, only, site.now_ms()).await?;
            let text = |path: RepoPath| path.to_string();
            Some(found.into_iter().map(|path| path.map(text)).collect())
        }
    };
    Ok(Token {
        id: token.id.0,
        name: token.name,
        last_eight: token.last_eight,
        agent: token.agent,
        scopes: token.scopes.iter().map(Scope::as_str).collect(),
        repositories,
        created_at_ms: token.created_at_ms,
        expires_at_ms: token.expires_at_ms,
        last_used_at_ms: token.last_used_at_ms,
    })
}

/// The tokens.
pub async fn get(State(site): State<Site>, visit: Visit) -> Result<Response, Failure> {
    let page = page_of(&site, &visit).await?;
    let frame = visit.frame_after(|word| (word == "removed").then(|| words::REMOVED.to_owned()));
    Ok(visit.show(pages::page(&frame, visit.viewer()?, &page)))
}

/// The repositories that the lines name; none where there is no line.
async fn bound(site: &Site, visit: &Visit, lines: &str) -> Result<Option<Vec<RepoId>>, Failure> {
    let mut ids = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let unknown = || Failure::invalid("repositories", format!("{} {line}.", words::REPOSITORY));
        let path: RepoPath = line.parse().map_err(|_| unknown())?;
        let found = repository_ids(site, &visit.caller, &[path]).await;
        ids.extend(found.map_err(|failure| match failure.0.code {
            Code::NotFound => unknown(),
            _ => failure,
        })?);
    }
    Ok((!ids.is_empty()).then_some(ids))
}

async fn make(site: &Site, visit: &Visit, sent: &Sent) -> Result<String, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let scopes: Result<Vec<Scope>, _> = sent.all("scopes").map(str::parse).collect();
    let scopes = scopes.map_err(|error| Failure::invalid("scopes", format!("{error}.")))?;
    if scopes.is_empty() {
        return Err(Failure::invalid("scopes", words::SCOPES));
    }
    let days = sent.text("expires").parse::<u32>().ok();
    let new = NewToken {
        name: sent.text("name").to_owned(),
        agent: Some(sent.text("agent").trim().to_owned()).filter(|agent| !agent.is_empty()),
        scopes: Scopes::of(scopes),
        repositories: bound(site, visit, &sent.lines("repositories")).await?,
        expires_at_ms: days.map(|days| site.now_ms().saturating_add(i64::from(days) * DAY_MS)),
    };
    let made = tokens::create(&site.forge, permit, new, site.now_ms()).await?;
    Ok(made.secret)
}

/// Makes a token, and shows it this once.
pub async fn create(State(site): State<Site>, visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let made = make(&site, &visit, &sent).await;
    let (mut page, viewer) = (page_of(&site, &visit).await?, visit.viewer()?);
    match made {
        Ok(secret) => {
            page.made = Some(secret);
            Ok(visit.answer(StatusCode::OK, pages::page(&visit.frame(), viewer, &page)))
        }
        Err(failure) => visit.mend(failure, |wrong| {
            page.name = sent.text("name").to_owned();
            page.agent = sent.text("agent").to_owned();
            page.scopes = sent.all("scopes").map(str::to_owned).collect();
            page.repositories = sent.lines("repositories");
            page.expires = sent.text("expires").to_owned();
            page.wrong = Some(wrong);
            pages::page(&visit.frame(), viewer, &page)
        }),
    }
}

/// Removes a token.
pub async fn remove(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = write_self(&site.forge, &visit.caller, site.now_ms()).await?;
    tokens::delete(&site.forge, permit, path.parse("id")?, site.now_ms()).await?;
    see_other("/-/settings/tokens?done=removed")
}
