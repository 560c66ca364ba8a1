//! The repositories to which somebody gave a star.

use crate::assets::Script;
use crate::frame::{Frame, Page, layout};
use crate::icons::{Icon, icon};
use crate::repositories::{self, Listing};
use maud::html;

mod words {
    pub const TITLE: &str = "Your stars";
    pub const NONE: &str = "You have given no star yet.";
    pub const NONE_NEXT: &str = "Give one on the first page of a repository, and you find it here.";
    pub const EXPLORE: &str = "Explore what is public";
}

/// Writes the page.
pub fn page(frame: &Frame, list: &Listing) -> String {
    let empty = html! {
        div.empty {
            (icon(Icon::Star))
            p { strong { (words::NONE) } }
            p { (words::NONE_NEXT) }
            p { a.button.primary href="/explore" { (words::EXPLORE) } }
        }
    };
    let body = html! {
        div.head {
            h1 { (words::TITLE) }
            span.muted { (repositories::count(list.total)) }
        }
        (list.list(&empty))
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
