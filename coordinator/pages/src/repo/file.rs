//! A file: its lines, its picture, its table, its prose, or how to get it.

use super::{Behind, Change, Head, Sight, Spot, address, bar, last, page, tab_class};
use crate::Script;
use crate::csv::Table;
use crate::figures::{counted, grouped, size};
use crate::frame::Frame;
use crate::highlight::Lines;
use crate::icons::{Icon, icon};
use maud::{Markup, PreEscaped, html};
use std::fmt::Write;

mod words {
    pub const RAW: &str = "Raw";
    pub const DOWNLOAD: &str = "Download";
    pub const SOURCE: &str = "Source";
    pub const RENDERED: &str = "Rendered";
    pub const BINARY: &str = "This is a binary file; it has no lines to show.";
    pub const LARGE: &str = "This file is too large to be shown here.";
    pub const EMPTY: &str = "This file is empty.";
    pub const LINK: &str = "This is a symbolic link to";
    pub const CUT: &str = "Only the beginning of this table is shown.";
    pub const PARTS: &str = "Parts of this file";
}

/// What is shown of a file.
#[derive(Clone, Debug)]
pub enum Content {
    /// Its lines.
    Lines {
        /// The lines of this part.
        lines: std::sync::Arc<Lines>,
        /// The number of the first of them.
        first: usize,
        /// Which part this is, from 1, and how many there are.
        part: (usize, usize),
        /// How many columns a tab is wide.
        tab_width: Option<usize>,
    },
    /// Prose that was made safe.
    Prose(String),
    /// A table.
    Table(Table),
    /// A picture, under its raw address.
    Picture,
    /// Where a symbolic link leads.
    Link(String),
    /// Nothing to be shown: not text.
    Binary,
    /// Nothing to be shown: too much.
    Large,
}

/// A file.
#[derive(Clone, Debug)]
pub struct File {
    /// What is shown of it.
    pub content: Content,
    /// Its size, in bytes.
    pub size_bytes: u64,
    /// How many lines it has, where it is text.
    pub line_count: Option<usize>,
    /// The last commit that changed it.
    pub last: Option<Change>,
    /// What it is written in.
    pub language: Option<String>,
    /// Something to be told about how it is shown.
    pub note: Option<&'static str>,
    /// Whether it can be shown both rendered and as its source.
    pub both: bool,
}

/// Writes the page.
pub fn file(frame: &Frame, head: &Head, spot: &Spot, file: &File) -> String {
    let title = format!("{} · {}/{}", spot.path, head.owner, head.name);
    let here = address(head, Sight::Blob, &spot.name, &spot.path);
    let raw = address(head, Sight::Raw, &spot.name, &spot.path);
    let is_source = matches!(file.content, Content::Lines { .. });
    let body = html! {
        h1.hidden { (spot.path) }
        (bar(head, spot, Sight::Blob, true))
        div.card.file {
            @if let Some(change) = &file.last { div.last { (last(head, change)) } }
            header {
                span.facts {
                    @if let Some(lines) = file.line_count { span { (counted(lines as i64, "line", "lines")) } }
                    (size(file.size_bytes as i64))
                    @if let Some(language) = &file.language { span { (language) } }
                }
                span.actions {
                    @if file.both {
                        a href={ (here) } aria-current=[(!is_source).then_some("true")] { (words::RENDERED) }
                        a href={ (here) "?plain=1" } aria-current=[is_source.then_some("true")] { (words::SOURCE) }
                    }
                    a href=(raw) { (icon(Icon::Raw)) (words::RAW) }
                    a href={ (raw) "?download=1" } download rel="nofollow" { (icon(Icon::Download)) (words::DOWNLOAD) }
                }
            }
            @if let Some(note) = file.note { p.note { (note) } }
            @match &file.content {
                Content::Lines { lines, first, part, tab_width } => {
                    @if lines.is_empty() { p.note { (words::EMPTY) } }
                    @else { (source(&spot.path, lines, *first, *tab_width)) }
                    (parts(&here, *part))
                }
                Content::Prose(html) => div.prose { (PreEscaped(html)) },
                Content::Table(table) => (table_of(table)),
                Content::Picture => div.picture { img src=(raw) alt=(spot.path.rsplit('/').next().unwrap_or_default()); },
                Content::Link(target) => p.note { (words::LINK) " " code { (target) } },
                Content::Binary => p.note { (words::BINARY) },
                Content::Large => p.note { (words::LARGE) },
            }
        }
    };
    page(frame, head, Behind::Code, &title, &[Script::Lines], body)
}

/// The lines of a file, each with its number as a link to it.
pub fn source(path: &str, lines: &Lines, first: usize, tab_width: Option<usize>) -> Markup {
    let mut html = String::with_capacity(lines.cost_bytes() + lines.len() * 48);
    for (at, line) in lines.iter().enumerate() {
        let number = first + at;
        let _ = write!(
            html,
            "<span id=L{number}><a href=#L{number} tabindex=-1>{number}</a>"
        );
        html.push_str(line);
        html.push_str("\n</span>");
    }
    let digits = match first + lines.len() {
        0..1_000 => "d3",
        1_000..100_000 => "d5",
        _ => "d7",
    };
    html! {
        pre class=(format_args!("code {} {digits}", tab_class(tab_width))) tabindex="0" role="region" aria-label=(path) data-lines {
            (PreEscaped(html))
        }
    }
}

fn parts(here: &str, (part, parts): (usize, usize)) -> Markup {
    html! {
        @if parts > 1 {
            nav.pages aria-label=(words::PARTS) {
                @if part > 1 { a rel="prev" href={ (here) "?plain=1&page=" (part - 1) } { "Previous" } }
                span { (grouped(part as i64)) " / " (grouped(parts as i64)) }
                @if part < parts { a rel="next" href={ (here) "?plain=1&page=" (part + 1) } { "Next" } }
            }
        }
    }
}

fn table_of(table: &Table) -> Markup {
    html! {
        @if table.cut { p.note { (words::CUT) } }
        div.wide-table tabindex="0" role="region" aria-label="Table" {
            table.csv {
                @if let Some(first) = table.rows.first() {
                    thead { tr { th scope="col" { "#" } @for cell in first { th scope="col" { (cell) } } } }
                }
                tbody {
                    @for (at, row) in table.rows.iter().enumerate().skip(1) {
                        tr { th scope="row" { (at) } @for cell in row { td { (cell) } } }
                    }
                }
            }
        }
    }
}
