//! A folder: what is in it, and which commit changed each entry last.

use super::{Behind, Change, Head, Sight, Spot, address, bar, commit_address, last, page};
use crate::frame::Frame;
use crate::icons::{Icon, icon};
use crate::moment::when;
use maud::{Markup, PreEscaped, html};

mod words {
    pub const NAME: &str = "Name";
    pub const CHANGE: &str = "Last change";
    pub const WHEN: &str = "When";
    pub const UP: &str = "Parent folder";
    pub const MORE: &str = "more entries are not shown; go to a file by its name.";
    pub const UNKNOWN: &str = "Last changes are still being looked up.";
}

/// So many entries are shown.
pub const MAX_ENTRIES: usize = 2_000;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A file.
    File,
    /// A symbolic link.
    Link,
    /// Another repository at one of its commits.
    Submodule,
}

/// One entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The last commit that changed it, where that is known.
    pub last: Option<Change>,
}

/// A folder.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    /// What is in it, folders first.
    pub entries: Vec<Entry>,
    /// The last commit that changed anything in it.
    pub last: Option<Change>,
    /// Whether some last changes are not known yet.
    pub looking: bool,
}

/// A rendered README, or whatever speaks for a folder.
#[derive(Clone, Debug)]
pub struct Readme {
    /// The name of the file.
    pub name: String,
    /// Its path.
    pub path: String,
    /// HTML that was made safe.
    pub html: String,
    /// Whether it is prose, and not the source of one.
    pub prose: bool,
}

/// Writes the page.
pub fn folder(frame: &Frame, head: &Head, spot: &Spot, folder: &Folder, readme: Option<&Readme>) -> String {
    let title = match spot.path.as_str() {
        "" => format!("{}/{} at {}", head.owner, head.name, spot.name),
        path => format!("{path} · {}/{}", head.owner, head.name),
    };
    let body = html! {
        h1.hidden { (title) }
        (bar(head, spot, Sight::Tree, false))
        (table(head, spot, folder))
        @if let Some(readme) = readme { (shown(head, spot, readme)) }
    };
    page(frame, head, Behind::Code, &title, &[], body)
}

/// The table of a folder.
pub fn table(head: &Head, spot: &Spot, folder: &Folder) -> Markup {
    let within = |name: &str| match spot.path.as_str() {
        "" => name.to_owned(),
        path => format!("{path}/{name}"),
    };
    html! {
        div.card.folder id="files" {
            @if let Some(change) = &folder.last { div.last { (last(head, change)) } }
            table.files {
                colgroup { col; col; col; }
                thead.hidden { tr { th scope="col" { (words::NAME) } th scope="col" { (words::CHANGE) } th scope="col" { (words::WHEN) } } }
                tbody {
                    @if !spot.path.is_empty() {
                        @let up = spot.path.rsplit_once('/').map_or("", |(up, _)| up);
                        // Three cells: a wide one would keep the middle column where the others leave it out.
                        tr { td { (icon(Icon::Folder)) a href=(address(head, Sight::Tree, &spot.name, up)) data-row aria-label=(words::UP) { ".." } } td {} td {} }
                    }
                    @for entry in folder.entries.iter().take(MAX_ENTRIES) {
                        @let path = within(&entry.name);
                        tr {
                            td {
                                @match entry.kind {
                                    Kind::Folder => { (icon(Icon::Folder)) a href=(address(head, Sight::Tree, &spot.name, &path)) data-row { (entry.name) } }
                                    Kind::File => { (icon(Icon::File)) a href=(address(head, Sight::Blob, &spot.name, &path)) data-row { (entry.name) } }
                                    Kind::Link => { (icon(Icon::Link)) a href=(address(head, Sight::Blob, &spot.name, &path)) data-row { (entry.name) } }
                                    Kind::Submodule => { (icon(Icon::Submodule)) span title="Submodule" { (entry.name) } }
                                }
                            }
                            td { @if let Some(change) = &entry.last { a href=(commit_address(head, &change.oid)) { (change.title()) } } }
                            td { @if let Some(change) = &entry.last { (when(change.when_ms)) } }
                        }
                    }
                }
            }
            @if folder.entries.len() > MAX_ENTRIES {
                p.note { (crate::figures::grouped((folder.entries.len() - MAX_ENTRIES) as i64)) " " (words::MORE) }
            }
            @if folder.looking { p.note { (words::UNKNOWN) } }
        }
    }
}

/// A README below a folder.
pub fn shown(head: &Head, spot: &Spot, readme: &Readme) -> Markup {
    html! {
        section.card.readme id="readme" aria-label=(readme.name) {
            header { (icon(Icon::Info)) a href=(address(head, Sight::Blob, &spot.name, &readme.path)) { (readme.name) } }
            @if readme.prose {
                div.prose { (PreEscaped(&readme.html)) }
            } @else {
                pre.plain-text tabindex="0" { (PreEscaped(&readme.html)) }
            }
        }
    }
}
