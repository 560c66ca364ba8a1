//! What a repository contains: refs, trees, blobs and commits.
//!
//! Trees and blobs are asked for by object id, so that an answer never changes and may be kept.

use super::cached::{self, Rendered};
use super::extract::{Asked, Page, Path, Query};
use super::failure::Failure;
use super::moment;
use super::site::Site;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use plue_contract::Caller;
use plue_forge::access::repositories::read;
use plue_forge::browse::{self, Commit, EntryKind, Signature, TreeEntry, View};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Opens a view of the repository that the path names, for whoever may read it.
pub(super) async fn look(site: &Site, caller: &Caller, path: &Path) -> Result<View, Failure> {
    let permit = read(&site.forge, caller, &path.repository()?, site.now_ms()).await?;
    Ok(browse::look(&site.forge, permit).await?)
}

/// An object id, whole: 40 hex digits, or 64 in a SHA-256 repository.
pub(super) fn oid(path: &Path) -> Result<&str, Failure> {
    let text = path.text("oid");
    let whole = matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    whole.then_some(text).ok_or_else(|| {
        Failure::invalid(
            "oid",
            "Give a whole object id; `refs/…` says which one a name stands for.",
        )
    })
}

/// What a ref stands for.
#[derive(Serialize, ToSchema)]
pub struct RefView {
    /// The commit, or whatever object the ref names.
    commit: String,
    #[serde(rename = "ref")]
    name: String,
}

/// Says which commit a ref stands for.
#[utoipa::path(get, path = "/api/{owner}/{repo}/refs/{ref}", tag = "contents",
    params(("owner" = String, Path), ("repo" = String, Path), ("ref" = String, Path)),
    responses((status = 200, body = RefView), (status = 304), (status = 404)))]
pub async fn resolve(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let view = look(&site, &caller, &path).await?;
    let name = path.text("ref").to_owned();
    let commit = view.resolve(&name).await?.to_string();
    cached::json(&headers, &RefView { commit, name })
}

/// One entry of a tree.
#[derive(Serialize, ToSchema)]
pub struct EntryView {
    name: String,
    /// `tree`, `blob`, or `commit` for a submodule.
    #[serde(rename = "type")]
    kind: &'static str,
    path: String,
    /// The file mode, in octal.
    mode: String,
    sha: String,
    /// The size of a blob, in bytes.
    size: Option<u64>,
}

/// The entries of a tree.
#[derive(Serialize, ToSchema)]
pub struct TreeView {
    entries: Vec<EntryView>,
    path: String,
    sha: String,
    total: usize,
}

/// Lists a tree: the root of a commit or tree, or a folder below it.
#[utoipa::path(get, path = "/api/{owner}/{repo}/tree/{oid}/{path}", tag = "contents",
    params(("owner" = String, Path), ("repo" = String, Path), ("oid" = String, Path), ("path" = String, Path)),
    responses((status = 200, body = TreeView), (status = 304), (status = 400), (status = 404)))]
pub async fn tree(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let permit = read(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let (sha, within) = (
        oid(&path)?.to_owned(),
        path.text("path").trim_end_matches('/').to_owned(),
    );
    let name = format!("tree {sha} {within}");
    if let Some(rendered) = browse::rendered::<Rendered>(&site.forge, &permit, &name) {
        return Ok(rendered.answer(&headers));
    }
    let view = browse::look(&site.forge, permit).await?;
    let entries = view.tree(&sha, &within).await?;
    let entry_view = |entry: TreeEntry| EntryView {
        kind: match entry.kind {
            EntryKind::Tree => "tree",
            EntryKind::Blob | EntryKind::Symlink => "blob",
            EntryKind::Commit => "commit",
        },
        name: entry.name,
        path: entry.path,
        mode: format!("{:06o}", entry.mode),
        sha: entry.oid.to_string(),
        size: entry.size_bytes,
    };
    let entries: Vec<_> = entries.into_iter().map(entry_view).collect();
    let answer = TreeView {
        total: entries.len(),
        entries,
        path: within,
        sha,
    };
    let rendered = Arc::new(Rendered::json(&answer)?);
    view.keep_rendered(&name, rendered.clone(), rendered.size_bytes());
    Ok(rendered.answer(&headers))
}

/// Lists the root of a commit or tree.
#[utoipa::path(get, path = "/api/{owner}/{repo}/tree/{oid}", tag = "contents",
    params(("owner" = String, Path), ("repo" = String, Path), ("oid" = String, Path)),
    responses((status = 200, body = TreeView), (status = 304), (status = 400), (status = 404)))]
pub async fn root(
    site: State<Site>,
    asked: Asked,
    path: Path,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    tree(site, asked, path, headers).await
}

/// A file.
#[derive(Serialize, ToSchema)]
pub struct BlobView {
    /// The text of the file, or its bytes in base64.
    content: String,
    /// `utf-8` or `base64`.
    encoding: &'static str,
    path: String,
    /// The object id that was asked for.
    sha: String,
    /// The object id of the file itself.
    blob: String,
    /// Its size, in bytes.
    size: usize,
}

/// Shows a file below a commit or tree.
#[utoipa::path(get, path = "/api/{owner}/{repo}/blob/{oid}/{path}", tag = "contents",
    params(("owner" = String, Path), ("repo" = String, Path), ("oid" = String, Path), ("path" = String, Path)),
    responses((status = 200, body = BlobView), (status = 304), (status = 400), (status = 404), (status = 413)))]
pub async fn blob(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let view = look(&site, &caller, &path).await?;
    let (sha, within) = (oid(&path)?.to_owned(), path.text("path").to_owned());
    let found = view.blob(&sha, &within).await?;
    let tag = format!("\"{}\"", found.oid);
    Ok(cached::tagged(&headers, &tag, || {
        let size = found.content.len();
        let (content, encoding) = match std::str::from_utf8(&found.content) {
            Ok(text) => (text.to_owned(), "utf-8"),
            Err(_) => (STANDARD.encode(&found.content), "base64"),
        };
        let answer = BlobView {
            content,
            encoding,
            path: within,
            sha,
            blob: found.oid.to_string(),
            size,
        };
        axum::Json(answer).into_response()
    }))
}

/// Somebody who wrote or made a commit.
#[derive(Serialize, ToSchema)]
pub struct PersonView {
    name: String,
    email: String,
    date: String,
}

/// One commit.
#[derive(Serialize, ToSchema)]
pub struct CommitView {
    sha: String,
    parents: Vec<String>,
    message: String,
    author: PersonView,
    committer: PersonView,
}

impl From<Signature> for PersonView {
    fn from(person: Signature) -> Self {
        Self {
            name: person.name,
            email: person.email,
            date: moment::text(person.time_ms),
        }
    }
}

impl From<Commit> for CommitView {
    fn from(commit: Commit) -> Self {
        Self {
            sha: commit.oid.to_string(),
            parents: commit.parents.iter().map(ToString::to_string).collect(),
            message: commit.message,
            author: commit.author.into(),
            committer: commit.committer.into(),
        }
    }
}

/// A part of a history.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommitList {
    commits: Vec<CommitView>,
    limit: i64,
    offset: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// From where a history is read.
#[derive(Deserialize)]
pub struct CommitQuery {
    #[serde(rename = "ref", alias = "sha")]
    reference: Option<String>,
}

/// Lists commits, from the default bookmark or the ref that is named.
#[utoipa::path(get, path = "/api/{owner}/{repo}/commits", tag = "contents",
    params(("owner" = String, Path), ("repo" = String, Path), ("ref" = Option<String>, Query),
        ("limit" = Option<i64>, Query), ("offset" = Option<i64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = CommitList), (status = 304), (status = 404)))]
pub async fn commits(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Query(query): Query<CommitQuery>,
    page: Page,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let view = look(&site, &caller, &path).await?;
    let reference = query.reference.unwrap_or_else(|| String::from("HEAD"));
    let count = |n: i64| usize::try_from(n).unwrap_or(usize::MAX);
    let found = view
        .commits(&reference, count(page.offset), count(page.limit))
        .await?;
    // A whole part may have another after it, and be it an empty one.
    let there_is_more = found.len() == count(page.limit);
    let end = page.offset.saturating_add(page.limit);
    let total = end.saturating_add(i64::from(there_is_more));
    let answer = CommitList {
        commits: found.into_iter().map(CommitView::from).collect(),
        limit: page.limit,
        offset: page.offset,
        next_cursor: page.next(total, &site.keys.cursor),
    };
    cached::json(&headers, &answer)
}
