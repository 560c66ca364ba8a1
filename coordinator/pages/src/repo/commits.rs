//! Lists of commits: a history with its graph, or that of one path.

use super::{Behind, Change, Head, Sight, Spot, address, bar, commit_address, page, short};
use crate::frame::{Frame, avatar};
use crate::graph::{self, Row};
use crate::icons::{Icon, icon};
use crate::moment::{day, when};
use maud::{Markup, html};

mod words {
    pub const NEWER: &str = "Newer";
    pub const OLDER: &str = "Older";
    pub const NONE: &str = "No commit changed this path.";
    pub const CUT: &str =
        "Older commits were not searched: there are too many. Clone the repository for the rest.";
    pub const BROWSE: &str = "Files at this commit";
    pub const PAGES: &str = "Pages";
}

/// One commit of a list.
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// The commit.
    pub change: Change,
    /// The rest of its message; may be empty.
    pub body: String,
    /// Who made it a commit, where that is somebody else.
    pub committer: Option<String>,
    /// What the path was called there, where it had another name.
    pub other_path: Option<String>,
}

/// A part of a history.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// The commits, the newest first.
    pub items: Vec<Item>,
    /// The graph beside them, a row for each; empty where none is drawn.
    pub graph: Vec<Row>,
    /// Which part this is, from 1.
    pub part: usize,
    /// Whether there are older ones.
    pub more: bool,
    /// Whether the search was given up.
    pub cut: bool,
    /// Whether the path is a file.
    pub is_file: bool,
}

/// Writes the page.
pub fn commits(frame: &Frame, head: &Head, spot: &Spot, list: &List) -> String {
    let title = match spot.path.as_str() {
        "" => format!("Commits at {} · {}/{}", spot.name, head.owner, head.name),
        path => format!("History of {path} · {}/{}", head.owner, head.name),
    };
    let here = address(head, Sight::Commits, &spot.name, &spot.path);
    let body = html! {
        h1.hidden { (title) }
        (bar(head, spot, Sight::Commits, list.is_file))
        @if list.items.is_empty() { div.empty { (icon(Icon::History)) p { (words::NONE) } } }
        (rows(head, &list.items, &list.graph))
        @if list.cut { p.note { (words::CUT) } }
        @if list.part > 1 || list.more {
            nav.pages aria-label=(words::PAGES) {
                @if list.part > 1 { a rel="prev" href={ (here) "?page=" (list.part - 1) } { (words::NEWER) } }
                @if list.more { a rel="next" href={ (here) "?page=" (list.part + 1) } { (words::OLDER) } }
            }
        }
    };
    page(frame, head, Behind::Commits, &title, &[], body)
}

/// The rows of a list, with the day above each day's first.
pub fn rows(head: &Head, items: &[Item], graph: &[Row]) -> Markup {
    let width = graph::width(graph);
    let days: Vec<String> = items.iter().map(|item| day(item.change.when_ms)).collect();
    html! {
        ol.commits {
            @for (at, item) in items.iter().enumerate() {
                @if graph.is_empty() && (at == 0 || days[at] != days[at - 1]) { li.day { (days[at]) } }
                li {
                    @if let Some(row) = graph.get(at) { (graph::draw(row, width)) }
                    (avatar(&item.change.author))
                    div.said-by {
                        a.what href=(commit_address(head, &item.change.oid)) title=(item.change.title()) data-row { (item.change.title()) }
                        @if !item.body.is_empty() { details.body { summary title="The whole message" { "…" } pre { (item.body) } } }
                        span.who {
                            (item.change.author)
                            @if let Some(committer) = &item.committer { ", by " (committer) }
                            ", " (when(item.change.when_ms))
                            @if let Some(path) = &item.other_path { ", as " code { (path) } }
                        }
                    }
                    a.id href=(commit_address(head, &item.change.oid)) tabindex="-1" { (short(&item.change.oid)) }
                    a.round href=(address(head, Sight::Tree, &item.change.oid, "")) title=(words::BROWSE) aria-label=(words::BROWSE) rel="nofollow" tabindex="-1" { (icon(Icon::Code)) }
                }
            }
        }
    }
}
