//! Who gave a repository a star, and what somebody who is signed in says of it: a star, and how much
//! they want to hear.

use super::{Behind, Head, page};
use crate::figures::grouped;
use crate::forms::token;
use crate::frame::{Frame, Viewer, avatar};
use crate::icons::{Icon, icon};
use crate::moment::when;
use maud::{Markup, html};

mod words {
    pub const STARS: &str = "Stars";
    pub const STAR: &str = "Star";
    pub const STARRED: &str = "Starred";
    pub const ALL: &str = "Who gave a star";
    pub const NONE: &str = "Nobody has given this repository a star yet.";
    pub const NONE_NEXT: &str = "A star is given on its first page, and found again in your menu.";
    pub const HEAR: &str = "What you want to hear of";
    pub const LEVELS: [(&str, &str); 4] = [
        ("", "What you take part in"),
        ("all", "Everything"),
        ("releases", "Releases"),
        ("ignore", "Nothing"),
    ];
    pub const SAVE: &str = "Save";
    pub const PAGES: &str = "Pages";
    pub const NEWER: &str = "Previous";
    pub const OLDER: &str = "Next";
}

/// What somebody said of a repository.
#[derive(Clone, Debug)]
pub struct Following {
    /// Whether they gave it a star.
    pub starred: bool,
    /// How many stars it has.
    pub stars: i64,
    /// `all`, `releases`, `ignore`, or nothing.
    pub level: &'static str,
}

/// The forms by which it is said.
pub fn following(head: &Head, viewer: &Viewer, said: &Following) -> Markup {
    let home = head.home();
    let (word, next) = match said.starred {
        true => (words::STARRED, "no"),
        false => (words::STAR, "yes"),
    };
    html! {
        div.following {
            form.inline method="post" action={ (home) "/star" } {
                (token(viewer))
                button.small type="submit" name="starred" value=(next) aria-pressed=(said.starred) { (icon(Icon::Star)) (word) }
            }
            a href={ (home) "/stargazers" } title=(words::ALL) aria-label={ (words::ALL) ": " (said.stars) } { (grouped(said.stars)) }
        }
        form.following method="post" action={ (home) "/watch" } {
            (token(viewer))
            label for="level" { (words::HEAR) }
            select #level name="level" {
                @for (value, label) in words::LEVELS { option value=(value) selected[value == said.level] { (label) } }
            }
            button.small type="submit" { (words::SAVE) }
        }
    }
}

/// Somebody who gave a star.
#[derive(Clone, Debug)]
pub struct Stargazer {
    /// Their account's name.
    pub name: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// A part of those who gave one.
#[derive(Clone, Debug, Default)]
pub struct Stargazers {
    /// Who, the first first.
    pub people: Vec<Stargazer>,
    /// How many in all.
    pub total: i64,
    /// Which part, from 1.
    pub part: i64,
    /// How many a part has at most.
    pub limit: i64,
}

/// Writes the page of those who gave a star.
pub fn stargazers(frame: &Frame, head: &Head, stars: &Stargazers) -> String {
    let at = format!("{}/stargazers", head.home());
    let more = stars.part * stars.limit < stars.total;
    let body = html! {
        div.head { h1 { (words::STARS) " " span.muted { (grouped(stars.total)) } } }
        @if stars.people.is_empty() {
            div.empty { (icon(Icon::Star)) p { strong { (words::NONE) } } p { (words::NONE_NEXT) } }
        } @else {
            ul.rows {
                @for one in &stars.people {
                    li { div.line {
                        (avatar(&one.name))
                        a.name href={ "/" (one.name) } data-row { strong { (one.name) } }
                        span.end-of-line.muted { (when(one.at_ms)) }
                    } }
                }
            }
        }
        @if stars.part > 1 || more {
            nav.pages aria-label=(words::PAGES) {
                @if stars.part > 1 { a rel="prev" href={ (at) "?page=" (stars.part - 1) } { (words::NEWER) } }
                @if more { a rel="next" href={ (at) "?page=" (stars.part + 1) } { (words::OLDER) } }
            }
        }
    };
    let title = format!("{} · {}/{}", words::STARS, head.owner, head.name);
    page(frame, head, Behind::Code, &title, &[], body)
}
