//! What came before, for programs: one commit, the history of a path, where lines are from.

use super::browse::{CommitView, PersonView, look, oid};
use super::cached;
use super::extract::{Asked, Page, Path};
use super::failure::Failure;
use super::moment;
use super::site::Site;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use plue_forge::browse::{BlameRun, Rest};
use serde::Serialize;
use utoipa::ToSchema;

/// One commit and what belongs to it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommitDetailsView {
    #[serde(flatten)]
    commit: CommitView,
    /// The lines `Key: value` at the end of the message.
    trailers: Vec<(String, String)>,
    /// Whether it carries a signature; whether that is good is not looked at.
    signed: bool,
    /// The refs that name it.
    named_by: Vec<String>,
    /// Refs that contain it.
    contained_in: Vec<String>,
    /// Whether `containedIn` has all of them.
    contained_in_is_complete: bool,
}

/// Tells everything about one commit.
#[utoipa::path(get, path = "/api/{owner}/{repo}/commits/{oid}", tag = "contents",
    params(("owner" = String, Path), ("repo" = String, Path), ("oid" = String, Path)),
    responses((status = 200, body = CommitDetailsView), (status = 304), (status = 400), (status = 404)))]
pub async fn commit(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let view = look(&site, &caller, &path).await?;
    let told = view.commit(oid(&path)?).await?;
    let answer = CommitDetailsView {
        commit: told.commit.into(),
        trailers: told.trailers,
        signed: told.signature.is_some(),
        named_by: told.named_by.into_iter().map(|item| item.full_name).collect(),
        contained_in: told.contained_in.refs,
        contained_in_is_complete: told.contained_in.is_complete,
    };
    cached::json(&headers, &answer)
}

/// A commit that changed a path.
#[derive(Serialize, ToSchema)]
pub struct ChangeView {
    #[serde(flatten)]
    commit: CommitView,
    /// What the path was called there.
    path: String,
}

/// A part of the history of a path.
#[derive(Serialize, ToSchema)]
pub struct ChangeList {
    commits: Vec<ChangeView>,
    limit: i64,
    offset: i64,
    /// `nothing`, `more`, or `unsearched` where older commits were too many to be looked at.
    rest: &'static str,
}

/// Lists the commits that changed a file or folder, from a commit back; files are followed to
/// their earlier names.
#[utoipa::path(get, path = "/api/{owner}/{repo}/history/{oid}/{path}", tag = "contents",
    params(("owner" = String, Path), ("repo" = String, Path), ("oid" = String, Path), ("path" = String, Path),
        ("limit" = Option<i64>, Query), ("offset" = Option<i64>, Query)),
    responses((status = 200, body = ChangeList), (status = 304), (status = 400), (status = 404)))]
pub async fn history(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    page: Page,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let view = look(&site, &caller, &path).await?;
    let count = |n: i64| usize::try_from(n).unwrap_or(usize::MAX);
    let (skip, limit) = (count(page.offset), count(page.limit));
    let told = view
        .history(oid(&path)?, path.text("path"), true, skip, limit)
        .await?;
    let answer = ChangeList {
        rest: match told.rest {
            Rest::Nothing => "nothing",
            Rest::More => "more",
            Rest::Unsearched => "unsearched",
        },
        commits: told
            .entries
            .into_iter()
            .map(|entry| ChangeView {
                commit: entry.commit.into(),
                path: entry.path,
            })
            .collect(),
        limit: page.limit,
        offset: page.offset,
    };
    cached::json(&headers, &answer)
}

/// Lines that stand together and are from one commit.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlameRunView {
    /// The commit.
    sha: String,
    summary: String,
    author: PersonView,
    /// When it was made a commit.
    committed: String,
    /// What the file was called there.
    original_path: String,
    /// The first of the lines there, from 1.
    original_start: usize,
    /// The first of the lines here, from 1.
    start: usize,
    lines: usize,
}

impl From<BlameRun> for BlameRunView {
    fn from(run: BlameRun) -> Self {
        Self {
            sha: run.commit.oid.to_string(),
            summary: run.commit.summary.clone(),
            author: run.commit.author.clone().into(),
            committed: moment::text(run.commit.committed_ms),
            original_path: run.original_path,
            original_start: run.original_start,
            start: run.start,
            lines: run.lines,
        }
    }
}

/// Where the lines of a file are from.
#[derive(Serialize, ToSchema)]
pub struct BlameView {
    /// The object id of the file.
    blob: String,
    /// From the first line to the last.
    runs: Vec<BlameRunView>,
}

/// Says of every line of a file where it is from.
#[utoipa::path(get, path = "/api/{owner}/{repo}/blame/{oid}/{path}", tag = "contents",
    params(("owner" = String, Path), ("repo" = String, Path), ("oid" = String, Path), ("path" = String, Path)),
    responses((status = 200, body = BlameView), (status = 304), (status = 400), (status = 404), (status = 413),
        (status = 422, description = "The file is binary")))]
pub async fn blame(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let view = look(&site, &caller, &path).await?;
    let told = view.blame(oid(&path)?, path.text("path")).await?;
    let answer = BlameView {
        blob: told.oid.to_string(),
        runs: told.runs.into_iter().map(BlameRunView::from).collect(),
    };
    cached::json(&headers, &answer)
}

/// A language and how much there is of it.
#[derive(Serialize, ToSchema)]
pub struct LanguageView {
    name: String,
    colour: String,
    bytes: u64,
}

/// What a commit is written in.
#[derive(Serialize, ToSchema)]
pub struct LanguageList {
    languages: Vec<LanguageView>,
    /// Whether all files were looked at.
    complete: bool,
}

/// Counts the bytes of each language in a commit or tree.
#[utoipa::path(get, path = "/api/{owner}/{repo}/languages/{oid}", tag = "contents",
    params(("owner" = String, Path), ("repo" = String, Path), ("oid" = String, Path)),
    responses((status = 200, body = LanguageList), (status = 304), (status = 400), (status = 404)))]
pub async fn languages(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let view = look(&site, &caller, &path).await?;
    let told = view.languages(oid(&path)?).await?;
    let answer = LanguageList {
        complete: told.is_complete,
        languages: told
            .shares
            .into_iter()
            .map(|share| LanguageView {
                name: share.name,
                colour: share.colour.into_owned(),
                bytes: share.bytes,
            })
            .collect(),
    };
    cached::json(&headers, &answer)
}
