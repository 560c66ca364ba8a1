//! What a commit changed, and what lies between two refs.

use super::super::super::extract::{Path, Query};
use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::named::links;
use super::super::{Visit, see_other};
use super::room;
use super::shown::{files, item};
use axum::extract::State;
use axum::response::Response;
use plue_forge::browse::{Count, Diff, DiffLimits, DiffOptions, SignatureKind};
use plue_pages::diff::table::Style;
use plue_pages::repo::changes::{self, Between, Changes, Choice, Whole};
use plue_pages::repo::{Head, commit_address};
use serde::Deserialize;

/// Up to where all files of a page are shown together.
const LIMITS: DiffLimits = DiffLimits {
    files: 300,
    lines: 6_000,
    lines_per_file: 1_500,
    bytes: 1 << 20,
    bytes_per_line: 2_048,
};
/// Up to where one file alone is shown.
const ALONE: DiffLimits = DiffLimits {
    files: 1,
    lines: 20_000,
    lines_per_file: 20_000,
    bytes: 4 << 20,
    bytes_per_line: 4_096,
};
/// The most lines around a change.
const MAX_CONTEXT: u32 = 10_000;
/// How many names of each kind a comparison can be chosen from; others are typed.
const CHOSEN_FROM: usize = 200;

/// How changes are asked for.
#[derive(Deserialize)]
pub struct ChangesQuery {
    diff: Option<String>,
    w: Option<String>,
    context: Option<String>,
    file: Option<String>,
}

impl ChangesQuery {
    fn choice(&self) -> Choice {
        Choice {
            style: match self.diff.as_deref() {
                Some("split") => Style::Split,
                _ => Style::Unified,
            },
            no_space: self.w.as_deref() == Some("1"),
            context: self
                .context
                .as_deref()
                .and_then(|context| context.parse::<u32>().ok())
                .map(|context| context.min(MAX_CONTEXT)),
            file: self.file.clone().filter(|file| !file.is_empty()),
        }
    }
}

fn options(choice: &Choice) -> DiffOptions {
    DiffOptions {
        paths: choice.file.iter().cloned().collect(),
        ignore_whitespace: choice.no_space,
        context: choice.context.unwrap_or(3),
        limits: if choice.file.is_some() { ALONE } else { LIMITS },
    }
}

fn changes(diff: Diff, here: String, choice: Choice) -> Changes {
    Changes {
        total_files: diff.total_files,
        additions: diff.additions,
        deletions: diff.deletions,
        old: diff.from.map(|oid| oid.to_string()),
        new: diff.to.to_string(),
        files: files(diff),
        here,
        choice,
    }
}

/// A commit.
pub async fn commit(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    Query(query): Query<ChangesQuery>,
) -> Result<Response, Failure> {
    let room = room!(&site, &visit, &path);
    let head = room.head();
    let (view, show) = room.look(&site).await?;
    let oid = path.text("oid");
    let whole = matches!(oid.len(), 40 | 64) && oid.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !whole {
        return Err(Failure::not_found());
    }
    let oid = oid.to_ascii_lowercase();
    let details = view.commit(&oid).await?;
    let choice = query.choice();
    let diff = view.diff(None, details.commit.oid, options(&choice)).await?;
    let signed = details.signature.map(|kind| match kind {
        SignatureKind::OpenPgp => "signed with OpenPGP",
        SignatureKind::Ssh => "signed with SSH",
        SignatureKind::X509 => "signed with X.509",
        SignatureKind::Other => "signed",
    });
    let short = |name: &String| {
        let name = name
            .strip_prefix("refs/heads/")
            .or(name.strip_prefix("refs/tags/"))
            .unwrap_or(name);
        name.to_owned()
    };
    let (item, home) = (item(&details.commit), head.home());
    let whole = Whole {
        in_title: links(&home, item.change.title()),
        in_body: links(&home, &item.body),
        item,
        parents: details.commit.parents.iter().map(ToString::to_string).collect(),
        committed_ms: details.commit.committer.time_ms,
        signed,
        contained: details.contained_in.refs.iter().take(8).map(short).collect(),
    };
    let here = commit_address(&head, &whole.item.change.oid);
    let frame = visit.frame();
    let writing = tokio::task::spawn_blocking(move || {
        changes::commit(&frame, &head, &whole, &changes(diff, here, choice))
    });
    let html = writing.await.map_err(Failure::internal)?;
    Ok(show.page(&site, &visit, html, true))
}

/// What lies between two refs: `main...feature/x`.
pub async fn compare(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    Query(query): Query<ChangesQuery>,
) -> Result<Response, Failure> {
    let room = room!(&site, &visit, &path);
    let head = room.head();
    let (view, show) = room.look(&site).await?;
    let (base, tip) = path
        .text("refs")
        .split_once("...")
        .ok_or_else(Failure::not_found)?;
    let choice = query.choice();
    let (from, to) = (view.locate(base).await?, view.locate(tip).await?);
    if !from.path.is_empty() || !to.path.is_empty() {
        return Err(Failure::not_found());
    }
    let compared = view.compare(from.commit, to.commit, options(&choice)).await?;
    let count = |count: &Count| match count.is_exact {
        true => count.count.to_string(),
        false => format!("more than {}", count.count),
    };
    let between = Between {
        base: base.to_owned(),
        head: tip.to_owned(),
        items: compared.commits.iter().map(item).collect(),
        ahead: count(&compared.divergence.ahead),
        behind: count(&compared.divergence.behind),
        unrelated: compared.merge_base.is_none(),
    };
    let here = comparison(&head, base, tip);
    let (frame, diff) = (visit.frame(), compared.diff);
    let writing = tokio::task::spawn_blocking(move || {
        changes::compare(&frame, &head, &between, &changes(diff, here, choice))
    });
    let html = writing.await.map_err(Failure::internal)?;
    Ok(show.page(&site, &visit, html, true))
}

fn comparison(head: &Head, base: &str, tip: &str) -> String {
    let mut address = format!("{}/compare/", head.home());
    plue_pages::frame::encode(base, &mut address);
    address.push_str("...");
    plue_pages::frame::encode(tip, &mut address);
    address
}

/// What is to be compared.
#[derive(Deserialize)]
pub struct CompareForm {
    base: Option<String>,
    head: Option<String>,
}

/// The page on which people choose what to compare.
pub async fn compare_form(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    Query(form): Query<CompareForm>,
) -> Result<Response, Failure> {
    let room = room!(&site, &visit, &path);
    let head = room.head();
    if let (Some(base), Some(tip)) = (&form.base, &form.head) {
        return see_other(&comparison(&head, base, tip));
    }
    let (view, show) = room.look(&site).await?;
    let names = view.ref_names(CHOSEN_FROM).await?;
    let html = changes::choose(&visit.frame(), &head, &names.bookmarks, &names.tags);
    Ok(show.page(&site, &visit, html, true))
}
