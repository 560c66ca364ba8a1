//! Organisations: the page that everybody sees, and the form that makes one. Its settings are in
//! [`settings`], its teams in [`teams`].

pub mod settings;
pub mod teams;

use crate::assets::Script;
use crate::forms::{Field, Wrong, alert, token};
use crate::frame::{Frame, Page, Step, Viewer, avatar, layout};
use crate::icons::{Icon, icon};
use crate::moment::when;
use crate::repositories::{self, Listing};
use maud::{Markup, html};

mod words {
    pub const HERE_SINCE: &str = "Here since ";
    pub const PART_OF: &str = "Part of ";
    pub const SETTINGS: &str = "Settings";
    pub const PEOPLE: &str = "People and teams";
    pub const NEW_REPOSITORY: &str = "New repository";
    pub const REPOSITORIES: &str = "Repositories";
    pub const WITHIN: &str = "Organisations in it";
    pub const NONE: &str = "has no repository that you may see.";
    pub const NONE_FOUND: &str = "No repository of this list has these words in its name or description.";
    pub const TITLE: &str = "New organisation";
    pub const ABOUT: &str = "An organisation owns repositories together with others. It can lie in another one: who has a role there has it here too.";
    pub const NAME: &str = "Name";
    pub const NAME_HINT: &str =
        "Letters, digits and single hyphens. It stands in the address of its repositories.";
    pub const DISPLAY: &str = "What people call it";
    pub const DESCRIPTION: &str = "Description";
    pub const PARENT: &str = "It lies in";
    pub const PARENT_HINT: &str = "The name of an organisation that you administer. Empty: in none.";
    pub const MAKE: &str = "Create organisation";
}

/// One organisation, as a list names it.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// What people call it; may be empty.
    pub display_name: String,
    /// What stands beside it; may be empty.
    pub note: String,
}

/// Writes organisations as rows.
pub fn rows(all: &[Named]) -> Markup {
    html! {
        ul.rows {
            @for each in all {
                li {
                    div.line {
                        (avatar(&each.name))
                        a.name href={ "/" (each.name) } data-row { strong { (each.name) } }
                        @if !each.display_name.is_empty() { span.muted { (each.display_name) } }
                        @if !each.note.is_empty() { span.badge { (each.note) } }
                    }
                }
            }
        }
    }
}

/// The page of an organisation.
pub struct Organisation {
    /// Its name.
    pub name: String,
    /// What people call it; may be empty.
    pub display_name: String,
    /// What it says of itself; may be empty.
    pub description: String,
    /// Where more about it stands.
    pub website: Option<String>,
    /// Where it is; may be empty.
    pub location: String,
    /// The organisation in which it lies.
    pub parent: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// The organisations that lie directly in it.
    pub within: Vec<Named>,
    /// Whether the visitor belongs to it, and sees who else does.
    pub belongs: bool,
    /// Whether the visitor administers it.
    pub administers: bool,
    /// Whether the visitor may make repositories in it.
    pub makes: bool,
    /// The repositories of it that the visitor may see.
    pub repositories: Listing,
}

/// Writes the page that everybody sees.
pub fn page(frame: &Frame, of: &Organisation) -> String {
    let called = match of.display_name.as_str() {
        "" => of.name.as_str(),
        display => display,
    };
    let list = &of.repositories;
    let own = format!("/-/orgs/{}", of.name);
    let new = format!("/new?owner={}", of.name);
    let empty = html! {
        div.empty {
            (icon(Icon::Repository))
            @if !list.text.is_empty() {
                p { (words::NONE_FOUND) }
            } @else {
                p { (of.name) " " (words::NONE) }
                @if of.makes { a.button.primary href=(new) { (words::NEW_REPOSITORY) } }
            }
        }
    };
    let body = html! {
        header.person {
            span.face { (avatar(&of.name)) }
            div {
                h1 { (called) }
                @if called != of.name { p.muted { (of.name) } }
                @if !of.description.is_empty() { p.bio { (of.description) } }
                p.meta {
                    @if let Some(parent) = &of.parent {
                        (words::PART_OF) a href={ "/" (parent) } { (parent) } " · "
                    }
                    @if !of.location.is_empty() { (of.location) " · " }
                    @if let Some(website) = &of.website {
                        a href=(website) rel="nofollow noopener" { (website) } " · "
                    }
                    (words::HERE_SINCE) (when(of.created_at_ms))
                }
            }
            @if of.belongs {
                div.actions {
                    @if of.makes { a.button href=(new) { (words::NEW_REPOSITORY) } }
                    a.button href={ (own) "/members" } { (words::PEOPLE) }
                    @if of.administers { a.button href=(own) { (words::SETTINGS) } }
                }
            }
        }
        @if !of.within.is_empty() {
            div.head { h2 { (words::WITHIN) } }
            (rows(&of.within))
        }
        div.head {
            h2 { (words::REPOSITORIES) }
            span.muted { (repositories::count(list.total)) }
        }
        (list.controls())
        (list.list(&empty))
    };
    let address = format!("/{}", of.name);
    layout(
        frame,
        &Page {
            title: called,
            place: &[Step {
                label: &of.name,
                href: &address,
            }],
            tabs: &[],
            scripts: &[Script::Times],
            body,
        },
    )
}

/// The form that makes one, with what was typed.
#[derive(Default)]
pub struct Create {
    /// The name.
    pub name: String,
    /// What people are to call it.
    pub display_name: String,
    /// What it is to say of itself.
    pub description: String,
    /// The organisation in which it is to lie; may be empty.
    pub parent: String,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

/// Writes the form that makes one.
pub fn create(frame: &Frame, viewer: &Viewer, create: &Create) -> String {
    const FIELDS: [&str; 4] = ["name", "displayName", "description", "parent"];
    let wrong = |field| Wrong::at(&create.wrong, field);
    let body = html! {
        div.column.spaced {
            div { h1 { (words::TITLE) } p.muted { (words::ABOUT) } }
            (alert(Wrong::elsewhere(&create.wrong, &FIELDS)))
            form method="post" action="/-/orgs/new" {
                (token(viewer))
                (Field::new("name", words::NAME).value(&create.name).hint(words::NAME_HINT).wrong(wrong("name"))
                    .required().focus().max(39))
                (Field::new("displayName", words::DISPLAY).value(&create.display_name)
                    .wrong(wrong("displayName")).max(255))
                (Field::new("description", words::DESCRIPTION).value(&create.description).area(3)
                    .wrong(wrong("description")).max(2000))
                (Field::new("parent", words::PARENT).value(&create.parent).hint(words::PARENT_HINT)
                    .wrong(wrong("parent")).max(39))
                div.submit { button.primary type="submit" { (words::MAKE) } }
            }
        }
    };
    layout(
        frame,
        &Page {
            title: words::TITLE,
            place: &[],
            tabs: &[],
            scripts: &[] as &[Script],
            body,
        },
    )
}
