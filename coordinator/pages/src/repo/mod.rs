//! The pages of one repository. What stands around all of them — the tabs, the ref chooser, the
//! way to a path, the switch between file, blame and history — is here, so that it stays in one
//! place whatever is looked at.

pub mod blame;
pub mod changes;
pub mod commits;
pub mod file;
pub mod find;
pub mod home;
pub mod people;
pub mod refs;
pub mod stars;
pub mod tree;

use crate::frame::{Frame, Page, Step, Tab, encode, layout};
use crate::icons::{Icon, icon};
use crate::moment::when;
use crate::{Script, repositories::badges};
use maud::{Markup, html};

mod words {
    pub const CODE: &str = "Code";
    pub const COMMITS: &str = "Commits";
    pub const BOOKMARKS: &str = "Bookmarks";
    pub const TAGS: &str = "Tags";
    pub const PEOPLE: &str = "Contributors";
    pub const ISSUES: &str = "Issues";
    pub const SETTINGS: &str = "Settings";
    pub const FILE: &str = "File";
    pub const FOLDER: &str = "Files";
    pub const BLAME: &str = "Blame";
    pub const HISTORY: &str = "History";
    pub const CHOOSE: &str = "Choose a bookmark or tag";
    pub const FIND: &str = "Go to file";
    pub const PERMALINK: &str = "Permalink";
    pub const PATH: &str = "Path";
    pub const VIEWS: &str = "Views of this path";
    pub const ALL: &str = "All bookmarks";
    pub const ALL_TAGS: &str = "All tags";
}

/// What every page of a repository says of it.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// Whose it is.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// What it says of itself; may be empty.
    pub description: String,
    /// Who sees it: `public`, `internal` or `private`.
    pub visibility: &'static str,
    /// Whether it may only be read.
    pub archived: bool,
    /// The bookmark that is shown where none is named.
    pub default_bookmark: String,
    /// Whether the visitor may change its settings.
    pub administers: bool,
}

impl Head {
    /// Where it is: `/ada/engine`.
    pub fn home(&self) -> String {
        format!("/{}/{}", self.owner, self.name)
    }
}

/// What the name in an address is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefKind {
    /// A bookmark.
    #[default]
    Bookmark,
    /// A tag.
    Tag,
    /// A commit.
    Commit,
}

/// What is looked at: a ref and a path.
#[derive(Clone, Debug, Default)]
pub struct Spot {
    /// The name as the address has it.
    pub name: String,
    /// What it is.
    pub kind: RefKind,
    /// The commit that it stands for.
    pub commit: String,
    /// The path; empty for the root.
    pub path: String,
    /// Bookmarks to choose from, the default one first.
    pub bookmarks: Vec<String>,
    /// Tags to choose from.
    pub tags: Vec<String>,
}

/// In which way a path is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// A folder.
    Tree,
    /// A file.
    Blob,
    /// A file, each line with where it is from.
    Blame,
    /// Who changed it when.
    Commits,
    /// Which files there are.
    Find,
    /// The bytes of a file.
    Raw,
}

impl Sight {
    /// The word in the address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Blame => "blame",
            Self::Commits => "commits",
            Self::Find => "find",
            Self::Raw => "raw",
        }
    }
}

/// The address of a path at a ref.
pub fn address(head: &Head, sight: Sight, name: &str, path: &str) -> String {
    let mut address = format!("{}/{}/", head.home(), sight.as_str());
    encode(name, &mut address);
    if !path.is_empty() && sight != Sight::Find {
        address.push('/');
        encode(path, &mut address);
    }
    address
}

/// The address of a commit.
pub fn commit_address(head: &Head, oid: &str) -> String {
    format!("{}/commit/{oid}", head.home())
}

/// The first digits of an object id.
pub fn short(oid: &str) -> &str {
    oid.get(..8).unwrap_or(oid)
}

/// Which tab a page is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// Files and folders.
    Code,
    /// Commits.
    Commits,
    /// Bookmarks.
    Bookmarks,
    /// Tags.
    Tags,
    /// Contributors.
    People,
    /// Issues, labels and milestones.
    Issues,
    /// Settings.
    Settings,
}

/// Writes a page of a repository.
pub fn page(
    frame: &Frame,
    head: &Head,
    behind: Behind,
    title: &str,
    scripts: &[Script],
    body: Markup,
) -> String {
    let home = head.home();
    let owner = format!("/{}", head.owner);
    let [issues, commits, bookmarks, tags, people, settings] = [
        "issues",
        "commits",
        "bookmarks",
        "tags",
        "contributors",
        "settings",
    ]
    .map(|word| format!("{home}/{word}"));
    let tab = |label, href, icon, keys, at| Tab {
        label,
        href,
        icon,
        keys,
        current: at == behind,
    };
    let mut tabs = vec![
        tab(words::CODE, &home, Icon::Code, "g c", Behind::Code),
        tab(words::ISSUES, &issues, Icon::Issue, "g i", Behind::Issues),
        tab(words::COMMITS, &commits, Icon::History, "g h", Behind::Commits),
        tab(
            words::BOOKMARKS,
            &bookmarks,
            Icon::Bookmark,
            "g b",
            Behind::Bookmarks,
        ),
        tab(words::TAGS, &tags, Icon::Tag, "g t", Behind::Tags),
        tab(words::PEOPLE, &people, Icon::People, "g u", Behind::People),
    ];
    if head.administers {
        tabs.push(tab(
            words::SETTINGS,
            &settings,
            Icon::Settings,
            "g s",
            Behind::Settings,
        ));
    }
    let mut all = vec![Script::Times];
    all.extend(scripts);
    layout(
        frame,
        &Page {
            title,
            place: &[
                Step {
                    label: &head.owner,
                    href: &owner,
                },
                Step {
                    label: &head.name,
                    href: &home,
                },
            ],
            tabs: &tabs,
            scripts: &all,
            body,
        },
    )
}

/// The bar above a path: the ref chooser, the way to it, and the ways to look at it.
pub fn bar(head: &Head, spot: &Spot, sight: Sight, is_file: bool) -> Markup {
    let here = |sight| address(head, sight, &spot.name, &spot.path);
    let look = if is_file { Sight::Blob } else { Sight::Tree };
    html! {
        div.spot {
            (chooser(head, spot, sight))
            (crumbs(head, spot, is_file))
            nav.views aria-label=(words::VIEWS) {
                @if is_file {
                    a href=(here(look)) aria-current=[(sight == look).then_some("page")] data-key="v" { (words::FILE) }
                    a href=(here(Sight::Blame)) aria-current=[(sight == Sight::Blame).then_some("page")] data-key="b" { (words::BLAME) }
                } @else {
                    a href=(here(look)) aria-current=[(sight == look).then_some("page")] data-key="v" { (words::FOLDER) }
                }
                a href=(here(Sight::Commits)) aria-current=[(sight == Sight::Commits).then_some("page")] data-key="h" { (words::HISTORY) }
                a href=(address(head, Sight::Find, &spot.name, "")) data-key="t" { (words::FIND) }
                @if spot.kind != RefKind::Commit {
                    a.permalink href=(address(head, sight, &spot.commit, &spot.path)) data-key="y" data-permalink rel="nofollow" { (words::PERMALINK) }
                }
            }
        }
    }
}

/// The bookmarks and tags to choose from; each keeps the path and the way it is looked at.
fn chooser(head: &Head, spot: &Spot, sight: Sight) -> Markup {
    let (mark, shown) = match spot.kind {
        RefKind::Bookmark => (Icon::Bookmark, spot.name.as_str()),
        RefKind::Tag => (Icon::Tag, spot.name.as_str()),
        RefKind::Commit => (Icon::Commit, short(&spot.name)),
    };
    let link = |kind: RefKind, name: &String| {
        let current = kind == spot.kind && *name == spot.name;
        html! {
            a href=(address(head, sight, name, &spot.path)) aria-current=[current.then_some("true")] { (name) }
        }
    };
    html! {
        details.menu.chooser {
            summary title=(words::CHOOSE) data-key="w" data-key-label=(words::CHOOSE) { (icon(mark)) span { (shown) } (icon(Icon::ChevronDown)) }
            div.sheet {
                p { (words::BOOKMARKS) }
                @for name in &spot.bookmarks { (link(RefKind::Bookmark, name)) }
                a.all href={ (head.home()) "/bookmarks" } { (words::ALL) }
                @if !spot.tags.is_empty() {
                    p { (words::TAGS) }
                    @for name in &spot.tags { (link(RefKind::Tag, name)) }
                    a.all href={ (head.home()) "/tags" } { (words::ALL_TAGS) }
                }
            }
        }
    }
}

fn crumbs(head: &Head, spot: &Spot, is_file: bool) -> Markup {
    let parts: Vec<&str> = spot.path.split('/').filter(|part| !part.is_empty()).collect();
    html! {
        nav.crumbs aria-label=(words::PATH) {
            a href=(address(head, Sight::Tree, &spot.name, "")) { (head.name) }
            @for (at, part) in parts.iter().enumerate() {
                " / "
                @if at + 1 == parts.len() {
                    strong { (part) }
                    @if !is_file { " /" }
                } @else {
                    a href=(address(head, Sight::Tree, &spot.name, &parts[..=at].join("/"))) { (part) }
                }
            }
        }
    }
}

/// A commit, as lists show it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Its id.
    pub oid: String,
    /// The first line of its message; may be empty.
    pub summary: String,
    /// Who wrote it.
    pub author: String,
    /// When it was made, in milliseconds since 1970.
    pub when_ms: i64,
}

impl Change {
    /// The first line of the message, or what stands for it.
    pub fn title(&self) -> &str {
        if self.summary.trim().is_empty() {
            "(no message)"
        } else {
            &self.summary
        }
    }
}

/// The line above a folder or file: the last change of it.
pub fn last(head: &Head, change: &Change) -> Markup {
    html! {
        (crate::frame::avatar(&change.author))
        strong.who { (change.author) }
        a.what href=(commit_address(head, &change.oid)) title=(change.title()) { (change.title()) }
        a.id href=(commit_address(head, &change.oid)) { (short(&change.oid)) }
        (when(change.when_ms))
    }
}

/// Name, description and what the repository is beside being one.
pub fn about(head: &Head) -> Markup {
    html! {
        @if !head.description.is_empty() { p.description { (head.description) } }
        (badges(head.visibility, head.archived))
    }
}

/// A number of columns as one of the sheet's classes.
pub fn tab_class(width: Option<usize>) -> &'static str {
    match width {
        Some(1) => "tab1",
        Some(2) => "tab2",
        Some(3) => "tab3",
        Some(4) => "tab4",
        Some(5) => "tab5",
        Some(6) => "tab6",
        Some(7) => "tab7",
        Some(10) => "tab10",
        Some(12) => "tab12",
        Some(16) => "tab16",
        _ => "tab8",
    }
}

#[cfg(test)]
mod tests;
