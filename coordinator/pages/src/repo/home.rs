//! The first page of a repository: its files, its README, how it is cloned, what is in it.

use super::stars::{self, Following};
use super::tree::{self, Folder, Readme};
use super::{Behind, Head, Sight, Spot, about, address, bar, page};
use crate::Script;
use crate::figures::{grouped, size};
use crate::frame::{Frame, avatar};
use crate::icons::{Icon, icon};
use crate::moment::when;
use maud::{Markup, PreEscaped, html};

mod words {
    pub const ABOUT: &str = "About";
    pub const CLONE: &str = "Clone";
    pub const COPY: &str = "Copy";
    pub const NONE: &str = "No description.";
    pub const LANGUAGES: &str = "Languages";
    pub const PEOPLE: &str = "Contributors";
    pub const ARCHIVE: &str = "Download";
    pub const EMPTY: &str = "Nothing has been pushed yet";
    pub const EMPTY_HINT: &str =
        "Push what you have, or begin with a clone. Only people who may write can push.";
    pub const EXISTING: &str = "An existing repository";
    pub const FRESH: &str = "A new one";
    pub const NO_DEFAULT: &str = "The default bookmark is not there. Choose another one.";
}

/// A language and its share.
#[derive(Clone, Debug)]
pub struct Language {
    /// Its name.
    pub name: String,
    /// Its colour, as `#dea584`.
    pub colour: String,
    /// How many bytes are written in it.
    pub bytes: u64,
}

/// What stands beside the files.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// Where it is cloned from over HTTP.
    pub clone_http: String,
    /// Where it is cloned from over SSH, if there is such a door.
    pub clone_ssh: Option<String>,
    /// How many bookmarks there are.
    pub bookmarks: i64,
    /// How many tags there are.
    pub tags: i64,
    /// The size of its packs, in bytes.
    pub size_bytes: i64,
    /// When something was pushed last.
    pub pushed_at_ms: Option<i64>,
    /// What it is written in.
    pub languages: Vec<Language>,
    /// Who wrote most of it: names and their commits.
    pub people: Vec<(String, i64)>,
    /// How many people wrote it.
    pub people_total: i64,
    /// What it is about.
    pub topics: Vec<String>,
    /// What who is signed in said of it.
    pub following: Option<Following>,
}

/// Writes the page of a repository with something in it.
pub fn home(
    frame: &Frame,
    head: &Head,
    spot: &Spot,
    folder: &Folder,
    readme: Option<&Readme>,
    side: &Side,
) -> String {
    let title = format!("{}/{}", head.owner, head.name);
    let body = html! {
        h1.hidden { (title) }
        div.sides {
            div.main-side {
                (bar(head, spot, Sight::Tree, false))
                (tree::table(head, spot, folder))
                @if let Some(readme) = readme { (tree::shown(head, spot, readme)) }
            }
            aside.notes aria-label=(words::ABOUT) {
                @if let (Some(viewer), Some(said)) = (&frame.viewer, &side.following) { section { (stars::following(head, viewer, said)) } }
                (beside(head, spot, side))
            }
        }
    };
    page(frame, head, Behind::Code, &title, &[Script::Copy], body)
}

fn beside(head: &Head, spot: &Spot, side: &Side) -> Markup {
    let archive = |ending: &str| {
        let mut address = format!("{}/archive/", head.home());
        crate::frame::encode(&spot.name, &mut address);
        address + ending
    };
    html! {
        section {
            h2 { (words::ABOUT) }
            @if head.description.is_empty() { p.muted { (words::NONE) } }
            (about(head))
            @if !side.topics.is_empty() {
                ul.topics { @for topic in &side.topics { li { a.badge href={ "/explore?topic=" (topic) } { (topic) } } } }
            }
            ul.facts {
                li { a href={ (head.home()) "/bookmarks" } { (icon(Icon::Bookmark)) strong { (grouped(side.bookmarks)) } @if side.bookmarks == 1 { " bookmark" } @else { " bookmarks" } } }
                li { a href={ (head.home()) "/tags" } { (icon(Icon::Tag)) strong { (grouped(side.tags)) } @if side.tags == 1 { " tag" } @else { " tags" } } }
                li { (icon(Icon::Archive)) (size(side.size_bytes)) }
                @if let Some(ms) = side.pushed_at_ms { li { (icon(Icon::History)) "pushed " (when(ms)) } }
            }
        }
        section { h2 { (words::CLONE) } (clone(side)) }
        section {
            h2 { (words::ARCHIVE) }
            p.downloads {
                a href=(archive(".tar.gz")) rel="nofollow" download { (icon(Icon::Download)) ".tar.gz" }
                a href=(archive(".zip")) rel="nofollow" download { (icon(Icon::Download)) ".zip" }
            }
        }
        @if !side.languages.is_empty() { section { h2 { (words::LANGUAGES) } (languages(&side.languages)) } }
        @if !side.people.is_empty() {
            section {
                h2 { a href={ (head.home()) "/contributors" } { (words::PEOPLE) " " span.muted { (grouped(side.people_total)) } } }
                ul.people {
                    @for (name, commits) in &side.people {
                        li title=(crate::figures::counted(*commits, "commit", "commits")) { (avatar(name)) span { (name) } }
                    }
                }
            }
        }
    }
}

/// The addresses to clone from, each with a button that copies it.
pub fn clone(side: &Side) -> Markup {
    let line = |id: &str, label: &str, address: &str| {
        html! {
            div.copying {
                label for=(id) { (label) }
                input id=(id) value=(address) readonly;
                button.small.scripted type="button" data-copy=(id) aria-label={ (words::COPY) ": " (label) } title=(words::COPY) { (icon(Icon::Copy)) }
            }
        }
    };
    html! {
        (line("p-http", "HTTP", &side.clone_http))
        @if let Some(ssh) = &side.clone_ssh { (line("p-ssh", "SSH", ssh)) }
    }
}

/// The bar of languages and their names.
fn languages(languages: &[Language]) -> Markup {
    let total: u64 = languages
        .iter()
        .map(|language| language.bytes)
        .sum::<u64>()
        .max(1);
    let mut at = 0.0;
    let mut bars = String::new();
    for language in languages {
        let share = language.bytes as f64 * 100.0 / total as f64;
        let colour: String = language
            .colour
            .chars()
            .filter(|c| c.is_ascii_hexdigit() || *c == '#')
            .collect();
        bars.push_str(&format!(
            "<rect x={at:.2} width={share:.2} height=8 fill=\"{colour}\"></rect>"
        ));
        at += share;
    }
    html! {
        svg.languages viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" { (PreEscaped(bars)) }
        ul.language-names {
            @for language in languages.iter().take(8) {
                @let share = language.bytes as f64 * 100.0 / total as f64;
                li {
                    svg viewBox="0 0 8 8" aria-hidden="true" { circle cx="4" cy="4" r="4" fill=(language.colour) {} }
                    strong { (language.name) } " " span.muted { (format!("{share:.1} %")) }
                }
            }
        }
    }
}

/// Writes the page of a repository with nothing in it: the commands that fill it.
pub fn empty(frame: &Frame, head: &Head, side: &Side) -> String {
    let title = format!("{}/{}", head.owner, head.name);
    let (address, bookmark) = (
        side.clone_ssh.as_ref().unwrap_or(&side.clone_http),
        &head.default_bookmark,
    );
    let existing = format!("git remote add origin {address}\ngit push -u origin {bookmark}\n");
    let fresh = format!(
        "git clone {address}\ncd {}\ngit switch -c {bookmark}\necho \"# {}\" > README.md\ngit add README.md\ngit commit -m \"Begin\"\ngit push -u origin {bookmark}\n",
        head.name, head.name
    );
    let command = |id: &str, title: &str, text: &str| {
        html! {
            section.commands {
                h2 { (title) }
                pre tabindex="0" id=(id) { (text) }
                button.small.scripted type="button" data-copy=(id) { (icon(Icon::Copy)) (words::COPY) }
            }
        }
    };
    let body = html! {
        h1 { (words::EMPTY) }
        p.muted { (words::EMPTY_HINT) }
        (about(head))
        div.stack {
            section { h2 { (words::CLONE) } (clone(side)) }
            (command("p-existing", words::EXISTING, &existing))
            (command("p-fresh", words::FRESH, &fresh))
        }
    };
    page(frame, head, Behind::Code, &title, &[Script::Copy], body)
}

/// Writes the page of a repository whose default bookmark is missing.
pub fn without_default(frame: &Frame, head: &Head, bookmarks: &[String]) -> String {
    let body = html! {
        h1 { (head.owner) "/" (head.name) }
        p { (words::NO_DEFAULT) }
        ul.rows { @for name in bookmarks { li { a href=(address(head, Sight::Tree, name, "")) data-row { (name) } } } }
    };
    page(frame, head, Behind::Code, &head.name, &[], body)
}
