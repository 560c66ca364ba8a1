//! What was done that bears on safety, as a list; around it stand the pages of what it is about.

use crate::assets::Script;
use crate::frame::{Frame, Page, layout};
use crate::icons::{Icon, icon};
use crate::moment::when;
use maud::{Markup, html};

mod words {
    pub const TITLE: &str = "Log of this site";
    pub const ABOUT: &str =
        "What was done on this site that bears on safety. Nobody can change or remove an entry.";
    pub const NONE: &str = "Nothing was done yet.";
    pub const OLDER: &str = "Older entries";
    pub const EXPORT: &str = "Export all:";
    pub const BY: &str = " by ";
    pub const FROM: &str = "from ";
}

/// One thing that was done.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What, as in `team.create`.
    pub action: String,
    /// To what, by the name that it had.
    pub subject: String,
    /// By whom.
    pub actor: String,
    /// By which credential; may be empty.
    pub via: String,
    /// From which address.
    pub address: Option<String>,
    /// More, as a JSON object; empty where there is no more.
    pub detail: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// A part of the log, the latest first.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The entries.
    pub entries: Vec<Entry>,
    /// The address of the page.
    pub path: String,
    /// Where the next part begins, if there may be one.
    pub next: Option<String>,
    /// The address from which all of it is had by programs.
    pub export: String,
}

/// Writes the entries, the way to more of them, and to all of them as a file.
pub fn list(log: &Log) -> Markup {
    html! {
        @if log.entries.is_empty() {
            div.empty { (icon(Icon::History)) p { strong { (words::NONE) } } }
        } @else {
            ul.rows {
                @for entry in &log.entries {
                    li {
                        div.line {
                            strong.name { (entry.action) }
                            span { (entry.subject) }
                        }
                        @if !entry.detail.is_empty() { p.about { code { (entry.detail) } } }
                        p.meta {
                            (when(entry.at_ms)) (words::BY) (entry.actor)
                            @if !entry.via.is_empty() { ", " (entry.via) }
                            @if let Some(address) = &entry.address { ", " (words::FROM) (address) }
                        }
                    }
                }
            }
        }
        p.line {
            @if let Some(next) = &log.next {
                a.button rel="next" href={ (log.path) "?cursor=" (next) } { (words::OLDER) }
            }
            span.muted {
                (words::EXPORT) " "
                a href={ (log.export) "?format=jsonl" } { "JSON lines" } " · "
                a href={ (log.export) "?format=csv" } { "CSV" }
            }
        }
    }
}

/// Writes the log of the whole site.
pub fn site(frame: &Frame, log: &Log) -> String {
    let body = html! {
        div.column.spaced {
            h1 { (words::TITLE) }
            p.muted { (words::ABOUT) }
            (list(log))
        }
    };
    layout(
        frame,
        &Page {
            title: words::TITLE,
            place: &[],
            tabs: &[],
            scripts: &[Script::Times],
            body,
        },
    )
}
