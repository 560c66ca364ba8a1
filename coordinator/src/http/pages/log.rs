//! What was done that bears on safety, for those who may read it.

use super::super::audit::next_cursor;
use super::super::extract::{Path, Query};
use super::super::failure::Failure;
use super::super::site::Site;
use super::{Visit, organisation, repo};
use axum::extract::State;
use axum::response::Response;
use plue_forge::access::accounts::{administer as administer_site, read_self};
use plue_forge::access::organisations::own;
use plue_forge::access::repositories::administer;
use plue_forge::audit::{self, Reader};
use plue_pages::log::{self as pages, Entry, Log};
use plue_pages::organisation::settings as organisation_pages;
use plue_pages::{repository_settings, settings};
use serde::Deserialize;

const A_PART: i64 = 50;

/// Which part of the log is asked for.
#[derive(Deserialize)]
pub struct From {
    cursor: Option<String>,
}

async fn read(site: &Site, reader: Reader, from: From, path: String, export: String) -> Result<Log, Failure> {
    let cursor = from.cursor.and_then(|cursor| {
        let bytes = site.keys.cursor.open(&cursor).ok()?;
        String::from_utf8(bytes).ok()?.parse().ok()
    });
    let query = audit::Query {
        action: None,
        before: cursor,
        limit: A_PART,
    };
    let found = audit::list(&site.forge, reader, &query).await?;
    let next = next_cursor(site, &found, A_PART);
    let entry = |entry: audit::Entry| Entry {
        action: entry.action,
        subject: entry.subject,
        actor: entry.actor,
        via: entry.via,
        address: entry.address,
        detail: if entry.detail == "{}" {
            String::new()
        } else {
            entry.detail
        },
        at_ms: entry.at_ms,
    };
    Ok(Log {
        entries: found.into_iter().map(entry).collect(),
        path,
        next,
        export,
    })
}

/// The log of the whole site, for administrators.
pub async fn of_site(
    State(site): State<Site>,
    visit: Visit,
    Query(from): Query<From>,
) -> Result<Response, Failure> {
    let permit = administer_site(&site.forge, &visit.caller, site.now_ms()).await?;
    let (path, export) = ("/-/admin/log".to_owned(), "/api/admin/audit".to_owned());
    let log = read(&site, permit.into(), from, path, export).await?;
    Ok(visit.show(pages::site(&visit.frame(), &log)))
}

/// The log of one's own account.
pub async fn of_self(
    State(site): State<Site>,
    visit: Visit,
    Query(from): Query<From>,
) -> Result<Response, Failure> {
    let permit = read_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let (path, export) = ("/-/settings/log".to_owned(), "/api/user/audit".to_owned());
    let log = read(&site, permit.into(), from, path, export).await?;
    Ok(visit.show(settings::log(&visit.frame(), &log)))
}

/// The log of a repository, for those who administer it.
pub async fn of_repository(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    Query(from): Query<From>,
) -> Result<Response, Failure> {
    let permit = administer(&site.forge, &visit.caller, &path.repository()?, site.now_ms()).await?;
    let (head, name) = (repo::head(permit.on()), permit.on().path());
    let (path, export) = (format!("/{name}/settings/log"), format!("/api/{name}/audit"));
    let log = read(&site, permit.into(), from, path, export).await?;
    Ok(visit.show(repository_settings::log(&visit.frame(), &head, &log)))
}

/// The log of an organisation, for those who own it.
pub async fn of_organisation(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    Query(from): Query<From>,
) -> Result<Response, Failure> {
    let name = path.organisation()?;
    let permit = own(&site.forge, &visit.caller, &name, site.now_ms()).await?;
    let head = organisation::head(&site, &visit, permit.on()).await?;
    let (path, export) = (
        format!("/-/orgs/{}/log", head.name),
        format!("/api/orgs/{}/audit", head.name),
    );
    let log = read(&site, permit.into(), from, path, export).await?;
    Ok(visit.show(organisation_pages::log(&visit.frame(), &head, &log)))
}
