//! What a commit changed, and what lies between two.

use super::commits::{Item, rows};
use super::{Behind, Head, Sight, address, commit_address, page, short};
use crate::Script;
use crate::diff::table::{Style, table};
use crate::diff::{Cut, File, Folded};
use crate::figures::{counted, grouped};
use crate::frame::{Frame, avatar, encode};
use crate::icons::{Icon, icon};
use crate::moment::when;
use maud::{Markup, html};
use std::ops::Range;

mod words {
    pub const UNIFIED: &str = "Unified";
    pub const SPLIT: &str = "Split";
    pub const SPACE: &str = "Hide white space";
    pub const NO_SPACE: &str = "Show white space";
    pub const FILES: &str = "Files changed";
    pub const VIEWED: &str = "Viewed";
    pub const VIEW: &str = "View file";
    pub const BINARY: &str = "Binary file.";
    pub const SAME: &str = "No line changed.";
    pub const NOTHING: &str = "There is nothing between them";
    pub const NOTHING_HINT: &str = "Both stand for the same commit.";
    pub const BEHIND_ONLY: &str = "Nothing is new here";
    pub const BROWSE: &str = "Browse files";
}

/// How changes are shown, as the address has it.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// In one column or two.
    pub style: Style,
    /// Whether white space does not count.
    pub no_space: bool,
    /// How many lines around each change, where that is not the usual number.
    pub context: Option<u32>,
    /// The one file that is shown; all where there is none.
    pub file: Option<String>,
}

impl Choice {
    /// The query of an address with this choice; empty, or with its question mark.
    pub fn query(&self) -> String {
        let mut pairs = Vec::new();
        if self.style == Style::Split {
            pairs.push("diff=split".to_owned());
        }
        if self.no_space {
            pairs.push("w=1".to_owned());
        }
        if let Some(context) = self.context {
            pairs.push(format!("context={context}"));
        }
        if let Some(file) = &self.file {
            let mut pair = String::from("file=");
            encode(file, &mut pair);
            pairs.push(pair);
        }
        if pairs.is_empty() {
            String::new()
        } else {
            format!("?{}", pairs.join("&"))
        }
    }
}

/// Changes of files.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The files, ready to be shown.
    pub files: Vec<File>,
    /// How many files changed.
    pub total_files: usize,
    /// How many lines were added.
    pub additions: usize,
    /// How many lines were removed.
    pub deletions: usize,
    /// The commit with the old files, if any.
    pub old: Option<String>,
    /// The commit with the new files.
    pub new: String,
    /// The address of this page, without its query.
    pub here: String,
    /// How it is shown.
    pub choice: Choice,
}

/// A commit, whole.
#[derive(Clone, Debug, Default)]
pub struct Whole {
    /// What lists show of it.
    pub item: Item,
    /// Its parents.
    pub parents: Vec<String>,
    /// When it was made a commit.
    pub committed_ms: i64,
    /// By what it was signed, if it was; whether the signature is good is not known.
    pub signed: Option<&'static str>,
    /// The bookmarks and tags that have it, and whether these are all.
    pub contained: Vec<String>,
    /// What the first line of its message names: which bytes, and where it is.
    pub in_title: Links,
    /// What the rest of it names.
    pub in_body: Links,
}

/// Which bytes of a text name something, in their order, and where it is.
pub type Links = Vec<(Range<usize>, String)>;

/// A text with links.
fn linked(text: &str, links: &Links) -> Markup {
    let mut pieces: Vec<(&str, Option<&str>)> = Vec::new();
    let mut from = 0;
    for (at, address) in links {
        if let (Some(before), Some(name)) = (text.get(from..at.start), text.get(at.clone())) {
            pieces.extend([(before, None), (name, Some(address.as_str()))]);
            from = at.end;
        }
    }
    pieces.push((text.get(from..).unwrap_or_default(), None));
    html! {
        @for (text, address) in pieces {
            @match address { Some(address) => a href=(address) { (text) }, None => (text), }
        }
    }
}

/// Writes the page of a commit.
pub fn commit(frame: &Frame, head: &Head, whole: &Whole, changes: &Changes) -> String {
    let change = &whole.item.change;
    let title = format!("{} · {}/{}", change.title(), head.owner, head.name);
    let body = html! {
        div.commit-head {
            div.head {
                h1 { (linked(change.title(), &whole.in_title)) }
                a.button href=(address(head, Sight::Tree, &change.oid, "")) rel="nofollow" { (icon(Icon::Code)) (words::BROWSE) }
            }
            @if !whole.item.body.is_empty() { pre.message tabindex="0" { (linked(&whole.item.body, &whole.in_body)) } }
            p.by {
                (avatar(&change.author)) strong { (change.author) } " wrote it " (when(change.when_ms))
                @if let Some(committer) = &whole.item.committer { " · " strong { (committer) } " committed it " (when(whole.committed_ms)) }
                @if let Some(signed) = whole.signed { " " span.badge title="Whether the signature is good was not looked at" { (icon(Icon::Key)) (signed) } }
            }
            p.ids {
                "commit " code { (change.oid) }
                @for parent in &whole.parents { " · parent " a href=(commit_address(head, parent)) { code { (short(parent)) } } }
                @for name in &whole.contained { " " span.badge { (icon(Icon::Bookmark)) (name) } }
            }
        }
        (files(head, changes))
    };
    page(frame, head, Behind::Commits, &title, &[Script::Diff], body)
}

/// What lies between two refs.
#[derive(Clone, Debug, Default)]
pub struct Between {
    /// The name of what the changes are compared with.
    pub base: String,
    /// The name of what has the changes.
    pub head: String,
    /// The commits that only the head has, the newest first.
    pub items: Vec<Item>,
    /// How many commits the head has more, in words.
    pub ahead: String,
    /// How many commits the base has more, in words.
    pub behind: String,
    /// Whether they have no history in common.
    pub unrelated: bool,
}

/// Writes the page of a comparison.
pub fn compare(frame: &Frame, head: &Head, between: &Between, changes: &Changes) -> String {
    let title = format!(
        "{}...{} · {}/{}",
        between.base, between.head, head.owner, head.name
    );
    let link = |name: &str| html! { a href=(address(head, Sight::Tree, name, "")) { code { (name) } } };
    let mut turned = format!("{}/compare/", head.home());
    encode(&between.head, &mut turned);
    turned.push_str("...");
    encode(&between.base, &mut turned);
    let body = html! {
        div.head {
            h1 { "Compare " (link(&between.base)) " … " (link(&between.head)) }
            a.button href=(turned) rel="nofollow" { (icon(Icon::Compare)) "Turn around" }
        }
        p.muted {
            (between.head) " is " (between.ahead) " ahead of " (between.base) " and " (between.behind) " behind."
            @if between.unrelated { " They have no history in common." }
        }
        @if between.items.is_empty() && changes.files.is_empty() {
            div.empty {
                (icon(Icon::Compare))
                @if between.behind == "0" {
                    p { strong { (words::NOTHING) } }
                    p { (words::NOTHING_HINT) }
                } @else {
                    p { strong { (words::BEHIND_ONLY) } }
                    p { (between.base) " has all that " (between.head) " has, and more. Turn around to see it." }
                }
            }
        } @else {
            details.commits-between open[between.items.len() <= 10] {
                summary { (counted(between.items.len() as i64, "commit", "commits")) }
                (rows(head, &between.items, &[]))
            }
            (files(head, changes))
        }
    };
    page(frame, head, Behind::Commits, &title, &[Script::Diff], body)
}

/// Writes the page on which people choose what to compare.
pub fn choose(frame: &Frame, head: &Head, bookmarks: &[String], tags: &[String]) -> String {
    let select = |name: &str, label: &str, chosen: &str| {
        html! {
            div.field {
                label for=(format_args!("p-{name}")) { (label) }
                select id=(format_args!("p-{name}")) name=(name) {
                    @for name in bookmarks.iter().chain(tags) { option value=(name) selected[name == chosen] { (name) } }
                }
            }
        }
    };
    let other = bookmarks.iter().find(|name| **name != head.default_bookmark);
    let body = html! {
        div.narrow {
            h1 { "Compare" }
            form action={ (head.home()) "/compare" } {
                (select("base", "From", &head.default_bookmark))
                (select("head", "To", other.unwrap_or(&head.default_bookmark)))
                button.primary.wide type="submit" { "Compare" }
            }
        }
    };
    page(frame, head, Behind::Commits, "Compare", &[], body)
}

fn files(head: &Head, changes: &Changes) -> Markup {
    let with = |choice: Choice| format!("{}{}", changes.here, choice.query());
    let choice = &changes.choice;
    let style = |style| {
        with(Choice {
            style,
            ..choice.clone()
        })
    };
    let space = with(Choice {
        no_space: !choice.no_space,
        ..choice.clone()
    });
    html! {
        div.diff-bar {
            strong { (counted(changes.total_files as i64, "file", "files")) }
            span.count { span.added { "+" (grouped(changes.additions as i64)) } " " span.removed { "−" (grouped(changes.deletions as i64)) } }
            nav.views aria-label="Ways to show the changes" {
                a href=(style(Style::Unified)) aria-current=[(choice.style == Style::Unified).then_some("true")] rel="nofollow" { (words::UNIFIED) }
                a href=(style(Style::Split)) aria-current=[(choice.style == Style::Split).then_some("true")] rel="nofollow" { (words::SPLIT) }
                a href=(space) rel="nofollow" { @if choice.no_space { (words::NO_SPACE) } @else { (words::SPACE) } }
                @if choice.file.is_some() { a href=(with(Choice { file: None, context: None, ..choice.clone() })) { "All files" } }
            }
        }
        @if changes.files.len() > 1 {
            details.file-list open[changes.files.len() <= 12] {
                summary { (words::FILES) }
                ol {
                    @for (at, file) in changes.files.iter().enumerate() {
                        li {
                            a href=(format_args!("#f{at}")) { (file.path()) }
                            " " span.muted { (file.status) }
                            span.count { span.added { "+" (file.additions) } " " span.removed { "−" (file.deletions) } }
                        }
                    }
                }
            }
        }
        @for (at, file) in changes.files.iter().enumerate() { (one(head, changes, at, file)) }
        @if changes.files.len() < changes.total_files {
            p.note {
                "Only " (grouped(changes.files.len() as i64)) " of " (grouped(changes.total_files as i64))
                " files are shown. Clone the repository to see the rest: "
                code { "git diff " @if let Some(old) = &changes.old { (short(old)) " " } (short(&changes.new)) }
            }
        }
    }
}

fn one(head: &Head, changes: &Changes, at: usize, file: &File) -> Markup {
    let choice = &changes.choice;
    let more = |context| {
        let choice = Choice {
            context: Some(context),
            file: Some(file.path().to_owned()),
            ..choice.clone()
        };
        format!("{}{}", changes.here, choice.query())
    };
    let expand = more(choice.context.unwrap_or(3).saturating_mul(8).clamp(25, 10_000));
    let view = match (&file.new_path, &file.old_path, &changes.old) {
        (Some(path), _, _) => Some(address(head, Sight::Blob, &changes.new, path)),
        (None, Some(path), Some(old)) => Some(address(head, Sight::Blob, old, path)),
        _ => None,
    };
    let why = match file.folded {
        Some(Folded::Generated) => Some("Generated"),
        Some(Folded::Vendored) => Some("Vendored"),
        Some(Folded::Suppressed) => Some("Not meant to be read"),
        None => None,
    };
    html! {
        details.file-diff id=(format_args!("f{at}")) open[why.is_none()] data-file=(file.path()) data-version=(file.version) {
            summary data-row {
                (icon(Icon::ChevronDown))
                strong.path {
                    @match (&file.old_path, &file.new_path) {
                        (Some(old), Some(new)) if old != new => { (old) " → " (new) }
                        _ => (file.path()),
                    }
                }
                span.muted { (file.status) }
                @if let Some(modes) = &file.modes { code { (modes) } }
                @if let Some(why) = why { span.badge { (why) } }
                span.count { span.added { "+" (grouped(file.additions as i64)) } " " span.removed { "−" (grouped(file.deletions as i64)) } }
            }
            div.file-tools {
                @if let Some(view) = &view { a href=(view) rel="nofollow" { (words::VIEW) } }
                label.viewed.scripted { input type="checkbox" data-viewed; (words::VIEWED) }
            }
            @if file.binary {
                p.note { (words::BINARY) }
            } @else if file.hunks.is_empty() && file.cut.is_none() {
                p.note { (words::SAME) }
            } @else {
                div.wide-table tabindex="0" role="region" aria-label=(file.path()) { (table(file, choice.style, Some(&expand))) }
            }
            @if let Some(cut) = file.cut {
                p.note {
                    @match cut {
                        Cut::File => "This file changed too much to be shown whole. ",
                        Cut::Whole => "All files together changed too much to show this one here. ",
                    }
                    @if choice.file.is_none() { a href=(more(3)) rel="nofollow" { "Show this file alone" } }
                    @else { "Clone the repository to see the rest." }
                }
            }
        }
    }
}
