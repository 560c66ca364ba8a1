//! The page of an account: who it is, and the repositories of it that the visitor may see.

use crate::assets::Script;
use crate::frame::{Frame, Page, Step, avatar, layout};
use crate::icons::{Icon, icon};
use crate::moment::when;
use crate::organisation::{self, Named};
use crate::repositories::{self, Listing};
use maud::html;

mod words {
    pub const HERE_SINCE: &str = "Here since ";
    pub const EDIT: &str = "Edit your profile";
    pub const NEW: &str = "New repository";
    pub const REPOSITORIES: &str = "Repositories";
    pub const ORGANISATIONS: &str = "Your organisations";
    pub const NEW_ORGANISATION: &str = "New organisation";
    pub const NONE: &str = "has no repository that you may see.";
    pub const NONE_YOURS: &str = "You have no repository yet.";
    pub const NONE_YOURS_NEXT: &str = "Make one, or push to a name of yours that is free.";
    pub const NONE_FOUND: &str = "No repository of this list has these words in its name or description.";
}

/// One account.
pub struct Person {
    /// Its name.
    pub name: String,
    /// What people call it; may be empty.
    pub display_name: String,
    /// What it says of itself; may be empty.
    pub bio: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// The organisations to which it belongs; for itself only.
    pub organisations: Vec<Named>,
    /// The repositories of it that the visitor may see.
    pub repositories: Listing,
}

/// Writes the page.
pub fn page(frame: &Frame, person: &Person) -> String {
    let own = frame
        .viewer
        .as_ref()
        .is_some_and(|viewer| viewer.name == person.name);
    let called = match person.display_name.as_str() {
        "" => person.name.as_str(),
        display => display,
    };
    let list = &person.repositories;
    let empty = html! {
        div.empty {
            (icon(Icon::Repository))
            @if !list.text.is_empty() {
                p { (words::NONE_FOUND) }
            } @else if own {
                p { strong { (words::NONE_YOURS) } }
                p { (words::NONE_YOURS_NEXT) }
                a.button.primary href="/new" { (words::NEW) }
            } @else {
                p { (person.name) " " (words::NONE) }
            }
        }
    };
    let body = html! {
        header.person {
            span.face { (avatar(&person.name)) }
            div {
                h1 { (called) }
                @if called != person.name { p.muted { (person.name) } }
                @if !person.bio.is_empty() { p.bio { (person.bio) } }
                p.meta { (words::HERE_SINCE) (when(person.created_at_ms)) }
            }
            @if own { div.actions { a.button href="/-/settings" { (words::EDIT) } } }
        }
        @if own {
            div.head {
                h2 { (words::ORGANISATIONS) }
                a href="/-/orgs/new" { (words::NEW_ORGANISATION) }
            }
            (organisation::rows(&person.organisations))
        }
        div.head {
            h2 { (words::REPOSITORIES) }
            span.muted { (repositories::count(list.total)) }
        }
        (list.controls())
        (list.list(&empty))
    };
    let address = format!("/{}", person.name);
    layout(
        frame,
        &Page {
            title: called,
            place: &[Step {
                label: &person.name,
                href: &address,
            }],
            tabs: &[],
            scripts: &[Script::Times],
            body,
        },
    )
}
