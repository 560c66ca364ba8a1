//! The first page: for everybody what this site is and what is public on it, for who is signed in
//! their own repositories.

use crate::assets::Script;
use crate::frame::{Frame, Page, layout};
use crate::icons::{Icon, icon};
use crate::repositories::Listing;
use maud::{Markup, html};

mod words {
    pub const PUBLIC: &str = "Public repositories";
    pub const YOURS: &str = "Your repositories";
    pub const NONE: &str = "There is no public repository here yet.";
    pub const NONE_NEXT: &str = "Sign in to make the first one.";
    pub const NONE_YOURS: &str = "You have no repository yet.";
    pub const NONE_YOURS_NEXT: &str =
        "Make one here, or push to a name of yours that is free: it is made by the push.";
    pub const NONE_FOUND: &str = "No repository of this list has these words in its name or description.";
    pub const NEW: &str = "New repository";
    pub const EXPLORE: &str = "Explore what is public";
}

/// The first page.
pub struct Home {
    /// Public ones for everybody, their own for who is signed in.
    pub repositories: Listing,
    /// What to type to push a first repository; for who has none.
    pub push: Vec<String>,
}

fn nothing(home: &Home, signed_in: bool) -> Markup {
    html! {
        div.empty {
            (icon(Icon::Repository))
            @if !home.repositories.text.is_empty() {
                p { (words::NONE_FOUND) }
            } @else if signed_in {
                p { strong { (words::NONE_YOURS) } }
                p { (words::NONE_YOURS_NEXT) }
                @if !home.push.is_empty() { pre tabindex="0" { code { (home.push.join("\n")) } } }
                p { a.button.primary href="/new" { (words::NEW) } }
            } @else {
                p { strong { (words::NONE) } }
                p { (words::NONE_NEXT) }
            }
        }
    }
}

/// Writes the page.
pub fn page(frame: &Frame, home: &Home) -> String {
    let signed_in = frame.viewer.is_some();
    let title = if signed_in { words::YOURS } else { words::PUBLIC };
    let body = html! {
        div.head {
            h1 { (title) }
            @if signed_in && home.repositories.total > 0 {
                div.actions {
                    a.button href="/explore" { (words::EXPLORE) }
                    a.button.primary href="/new" { (icon(Icon::Plus)) (words::NEW) }
                }
            }
        }
        (home.repositories.controls())
        (home.repositories.list(&nothing(home, signed_in)))
    };
    layout(
        frame,
        &Page {
            title: if signed_in { title } else { &frame.site },
            place: &[],
            tabs: &[],
            scripts: &[Script::Times],
            body,
        },
    )
}
