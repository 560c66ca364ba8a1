//! What was done that bears on safety: for administrators all of it, for owners what is theirs; page
//! by page as JSON, or all of it as JSON lines or CSV.

use super::extract::{Asked, Path, Query};
use super::failure::Failure;
use super::moment;
use super::site::Site;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use plue_forge::access::accounts::{administer as administer_site, read_self};
use plue_forge::access::organisations::own;
use plue_forge::access::repositories::administer;
use plue_forge::audit::{self, Entry, MAX_PAGE, Reader};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const USUAL_PAGE: i64 = 50;

/// One thing that was done.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryView {
    id: i64,
    at: String,
    /// What was done, as in `team.create`.
    action: String,
    actor_id: Option<i64>,
    actor: String,
    /// By which credential.
    via: String,
    address: Option<String>,
    request_id: String,
    /// What it was done to, by the name that it had.
    subject: String,
    /// What else is worth knowing.
    #[schema(value_type = Object)]
    detail: serde_json::Value,
}

impl EntryView {
    /// What those who may read the log see of an entry.
    pub fn of(entry: &Entry) -> Self {
        Self {
            id: entry.id,
            at: moment::text(entry.at_ms),
            action: entry.action.clone(),
            actor_id: entry.actor_id.map(|id| id.0),
            actor: entry.actor.clone(),
            via: entry.via.clone(),
            address: entry.address.clone(),
            request_id: entry.request_id.clone(),
            subject: entry.subject.clone(),
            detail: serde_json::from_str(&entry.detail).unwrap_or_default(),
        }
    }
}

/// A part of the log, the latest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryList {
    entries: Vec<EntryView>,
    /// Where the next part begins, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Which part of the log, in which form.
#[derive(Deserialize)]
pub struct Wanted {
    action: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
    format: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    JsonLines,
    Csv,
}

impl Form {
    const fn media_type(self) -> &'static str {
        match self {
            Self::JsonLines => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::JsonLines => "attachment; filename=\"audit.jsonl\"",
            Self::Csv => "attachment; filename=\"audit.csv\"",
        }
    }

    const fn head(self) -> &'static str {
        match self {
            Self::JsonLines => "",
            Self::Csv => "id,at,action,actorId,actor,via,address,requestId,subject,detail\r\n",
        }
    }

    fn line(self, entry: &Entry) -> Result<String, serde_json::Error> {
        if self == Self::JsonLines {
            return serde_json::to_string(&EntryView::of(entry)).map(|line| line + "\n");
        }
        let cells = [
            entry.id.to_string(),
            moment::text(entry.at_ms),
            entry.action.clone(),
            entry.actor_id.map_or(String::new(), |id| id.0.to_string()),
            entry.actor.clone(),
            entry.via.clone(),
            entry.address.clone().unwrap_or_default(),
            entry.request_id.clone(),
            entry.subject.clone(),
            entry.detail.clone(),
        ];
        Ok(cells.map(|cell| csv_cell(&cell)).join(",") + "\r\n")
    }
}

/// One cell of a CSV file (RFC 4180). What a spreadsheet would take for a formula gets a quote in
/// front.
fn csv_cell(text: &str) -> String {
    let text = match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

async fn answer(site: &Site, reader: Reader, wanted: Wanted) -> Result<Response, Failure> {
    let before = match &wanted.cursor {
        None => None,
        Some(cursor) => Some(
            site.keys
                .cursor
                .open(cursor)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok()?.parse::<i64>().ok())
                .ok_or_else(|| Failure::invalid("cursor", "This cursor is not one that we gave."))?,
        ),
    };
    let limit = match wanted.limit {
        None => USUAL_PAGE,
        Some(limit) if limit < 1 => return Err(Failure::invalid("limit", "`limit` begins at 1.")),
        Some(limit) => limit.min(MAX_PAGE),
    };
    let query = audit::Query {
        action: wanted.action.filter(|action| !action.is_empty()),
        before,
        limit,
    };
    match wanted.format.as_deref() {
        None | Some("json") => page(site, reader, &query).await,
        Some("jsonl") => export(site, reader, query, Form::JsonLines).await,
        Some("csv") => export(site, reader, query, Form::Csv).await,
        Some(_) => Err(Failure::invalid(
            "format",
            "A format is `json`, `jsonl` or `csv`.",
        )),
    }
}

async fn page(site: &Site, reader: Reader, query: &audit::Query) -> Result<Response, Failure> {
    let found = audit::list(&site.forge, reader, query).await?;
    Ok(axum::Json(EntryList {
        next_cursor: next_cursor(site, &found, query.limit),
        entries: found.iter().map(EntryView::of).collect(),
    })
    .into_response())
}

/// Where the part after these entries begins, where there may be more.
pub fn next_cursor(site: &Site, found: &[Entry], limit: i64) -> Option<String> {
    let last = found.last()?;
    let full = i64::try_from(found.len()).is_ok_and(|length| length >= limit);
    full.then(|| site.keys.cursor.seal(last.id.to_string().as_bytes()))
        .flatten()
}

/// All entries, read part by part as they are sent.
async fn export(
    site: &Site,
    reader: Reader,
    mut query: audit::Query,
    form: Form,
) -> Result<Response, Failure> {
    query.limit = MAX_PAGE;
    // The first part is read before anything is answered, so that a failure is told as one.
    let first = audit::list(&site.forge, reader, &query).await?;
    let forge = site.forge.clone();
    let parts = stream::unfold(
        (Some(first), form.head(), query),
        move |(part, head, mut query)| {
            let forge = forge.clone();
            async move {
                let part = match part {
                    Some(part) => Ok(part),
                    None => audit::list(&forge, reader, &query).await,
                };
                let part = match part {
                    Ok(part) => part,
                    Err(error) => {
                        tracing::error!(%error, "an export of the audit log broke off");
                        let broken: std::io::Result<Bytes> =
                            Err(std::io::Error::other("the log cannot be read"));
                        query.limit = 0;
                        return Some((broken, (Some(Vec::new()), "", query)));
                    }
                };
                if part.is_empty() && head.is_empty() {
                    return None;
                }
                query.before = part.last().map_or(Some(0), |last| Some(last.id));
                let lines: Result<String, _> = part.iter().map(|entry| form.line(entry)).collect();
                let text = lines
                    .map(|lines| Bytes::from(format!("{head}{lines}")))
                    .map_err(std::io::Error::other);
                Some((text, (None, "", query)))
            }
        },
    );
    let mut response = Body::from_stream(parts).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(form.file()));
    Ok(response)
}

/// Reads all that was done on this site.
#[utoipa::path(get, path = "/api/admin/audit", tag = "audit",
    params(("action" = Option<String>, Query), ("limit" = Option<i64>, Query), ("cursor" = Option<String>, Query),
        ("format" = Option<String>, Query, description = "`json`, or all of it as `jsonl` or `csv`")),
    responses((status = 200, body = EntryList), (status = 400), (status = 401), (status = 403)))]
pub async fn of_site(
    State(site): State<Site>,
    Asked(caller): Asked,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let permit = administer_site(&site.forge, &caller, site.now_ms()).await?;
    answer(&site, permit.into(), wanted).await
}

/// Reads what was done to an organisation and what is its; for its owners.
#[utoipa::path(get, path = "/api/orgs/{org}/audit", tag = "audit",
    params(("org" = String, Path), ("action" = Option<String>, Query), ("limit" = Option<i64>, Query),
        ("cursor" = Option<String>, Query),
        ("format" = Option<String>, Query, description = "`json`, or all of it as `jsonl` or `csv`")),
    responses((status = 200, body = EntryList), (status = 400), (status = 401), (status = 403), (status = 404)))]
pub async fn of_organisation(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let permit = own(&site.forge, &caller, &path.organisation()?, site.now_ms()).await?;
    answer(&site, permit.into(), wanted).await
}

/// Reads what was done to one's own account and what is its.
#[utoipa::path(get, path = "/api/user/audit", tag = "audit",
    params(("action" = Option<String>, Query), ("limit" = Option<i64>, Query), ("cursor" = Option<String>, Query),
        ("format" = Option<String>, Query, description = "`json`, or all of it as `jsonl` or `csv`")),
    responses((status = 200, body = EntryList), (status = 400), (status = 401), (status = 403)))]
pub async fn of_self(
    State(site): State<Site>,
    Asked(caller): Asked,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let permit = read_self(&site.forge, &caller, site.now_ms()).await?;
    answer(&site, permit.into(), wanted).await
}

/// Reads what was done to a repository; for those who administer it.
#[utoipa::path(get, path = "/api/{owner}/{repo}/audit", tag = "audit",
    params(("owner" = String, Path), ("repo" = String, Path), ("action" = Option<String>, Query),
        ("limit" = Option<i64>, Query), ("cursor" = Option<String>, Query),
        ("format" = Option<String>, Query, description = "`json`, or all of it as `jsonl` or `csv`")),
    responses((status = 200, body = EntryList), (status = 400), (status = 401), (status = 403), (status = 404)))]
pub async fn of_repository(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let permit = administer(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    answer(&site, permit.into(), wanted).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_are_no_formulas() {
        assert_eq!(csv_cell("plain"), "plain");
        assert_eq!(csv_cell("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        assert_eq!(csv_cell("=cmd()"), "'=cmd()");
        assert_eq!(csv_cell("-1"), "'-1");
    }
}
