//! The settings of an organisation: what it says of itself, where it lies, who belongs to it, and
//! what was done.

use crate::assets::Script;
use crate::forms::{Field, Wrong, alert, button, select, token};
use crate::frame::{Frame, Page, Step, Viewer, avatar, layout};
use crate::icons::{Icon, icon};
use crate::log::{self, Log};
use crate::moment::when;
use maud::{Markup, html};

pub(super) mod words {
    pub const TITLE: &str = "Organisation";
    pub const GENERAL: &str = "General";
    pub const MEMBERS: &str = "People";
    pub const TEAMS: &str = "Teams";
    pub const LOG: &str = "Log";
    pub const DISPLAY: &str = "What people call it";
    pub const DESCRIPTION: &str = "Description";
    pub const EMAIL: &str = "Address for mail";
    pub const WEBSITE: &str = "Website";
    pub const LOCATION: &str = "Location";
    pub const SAVE: &str = "Save";
    pub const MOVE: &str = "Move";
    pub const MOVE_ABOUT: &str = "Who has a role in an organisation has it in everything that lies in it. The repositories keep their addresses.";
    pub const PARENT: &str = "It lies in";
    pub const PARENT_HINT: &str = "The name of an organisation that you administer. Empty: in none.";
    pub const DELETE: &str = "Delete";
    pub const DELETE_ABOUT: &str = "Only an empty organisation can be deleted: no repository, none that can still be restored, and no organisation in it. Its name is free afterwards.";
    pub const CONFIRM: &str = "To confirm, type";
    pub const DELETE_IT: &str = "Delete this organisation";
    pub const MEMBERS_ABOUT: &str = "A role counts in every repository of the organisation, and in those of the organisations that lie in it. The highest role counts.";
    pub const ADD: &str = "Add somebody";
    pub const WHO: &str = "Name of their account";
    pub const ROLE: &str = "They";
    pub const ROLES: [(&str, &str); 7] = [
        ("member", "belong to it, and see who else does"),
        ("read", "read its repositories"),
        ("triage", "read them, and sort what is reported"),
        ("write", "push to them"),
        ("maintain", "maintain them, and make more"),
        ("admin", "administer them and the organisation"),
        ("owner", "own it: give it away and end it"),
    ];
    pub const CHANGE: &str = "Change";
    pub const REMOVE: &str = "Remove";
    pub const LEAVE: &str = "Leave";
    pub const SINCE: &str = "Since ";
    pub const OUTSIDE: &str = "Outside collaborators";
    pub const OUTSIDE_ABOUT: &str =
        "They have a role in single repositories, and do not belong to the organisation.";
    pub const LOG_ABOUT: &str =
        "What was done to this organisation and by its leave. Nobody can change or remove an entry.";
}

/// Which page of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    General,
    Members,
    Teams,
    Log,
}

impl Section {
    const ALL: [Self; 4] = [Self::General, Self::Members, Self::Teams, Self::Log];

    const fn label(self) -> &'static str {
        match self {
            Self::General => words::GENERAL,
            Self::Members => words::MEMBERS,
            Self::Teams => words::TEAMS,
            Self::Log => words::LOG,
        }
    }

    const fn rest(self) -> &'static str {
        match self {
            Self::General => "",
            Self::Members => "/members",
            Self::Teams => "/teams",
            Self::Log => "/log",
        }
    }

    const fn icon(self) -> Icon {
        match self {
            Self::General => Icon::Settings,
            Self::Members => Icon::Person,
            Self::Teams => Icon::People,
            Self::Log => Icon::History,
        }
    }

    /// Whether the visitor finds the page open.
    const fn is_open(self, head: &Head) -> bool {
        match self {
            Self::Members | Self::Teams => true,
            Self::General => head.administers,
            Self::Log => head.owns,
        }
    }
}

/// Which organisation it is, and what the visitor may do.
#[derive(Clone, Debug)]
pub struct Head {
    /// Its name.
    pub name: String,
    /// Whether the visitor administers it.
    pub administers: bool,
    /// Whether the visitor owns it.
    pub owns: bool,
}

impl Head {
    pub(super) fn address(&self) -> String {
        format!("/-/orgs/{}", self.name)
    }
}

pub(super) fn framed(frame: &Frame, head: &Head, section: Section, body: &Markup) -> String {
    let address = head.address();
    let title = format!("{} · {}", section.label(), head.name);
    let body = html! {
        div.sides.left {
            nav.side-tabs aria-label=(words::TITLE) {
                ul {
                    @for each in Section::ALL.into_iter().filter(|each| each.is_open(head)) {
                        li {
                            a href={ (address) (each.rest()) } aria-current=[(each == section).then_some("page")] {
                                (icon(each.icon())) (each.label())
                            }
                        }
                    }
                }
            }
            div.column.spaced { (body) }
        }
    };
    let home = format!("/{}", head.name);
    layout(
        frame,
        &Page {
            title: &title,
            place: &[Step {
                label: &head.name,
                href: &home,
            }],
            tabs: &[],
            scripts: &[Script::Times],
            body,
        },
    )
}

/// Which form of the general page something was wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// What it says of itself.
    About,
    /// Where it lies.
    Move,
    /// Its end.
    Delete,
}

/// The general page, with what was typed.
pub struct General {
    /// What people call it.
    pub display_name: String,
    /// What it says of itself.
    pub description: String,
    /// Its address for mail.
    pub email: String,
    /// Where more about it stands.
    pub website: String,
    /// Where it is.
    pub location: String,
    /// The organisation in which it lies; empty: in none.
    pub parent: String,
    /// What was typed to confirm its end.
    pub confirm: String,
    /// What was wrong, and with which form.
    pub wrong: Option<(Form, Wrong)>,
}

/// Writes the general page.
pub fn general(frame: &Frame, viewer: &Viewer, head: &Head, general: &General) -> String {
    const ABOUT: [&str; 5] = ["displayName", "description", "email", "website", "location"];
    let wrong = |form: Form| {
        let (with, wrong) = general.wrong.as_ref()?;
        (*with == form).then(|| wrong.clone())
    };
    let (about, moving, delete) = (wrong(Form::About), wrong(Form::Move), wrong(Form::Delete));
    let address = head.address();
    let body = html! {
        h1 { (words::GENERAL) }
        (alert(Wrong::elsewhere(&about, &ABOUT)))
        form method="post" action=(address) {
            (token(viewer))
            (Field::new("displayName", words::DISPLAY).value(&general.display_name)
                .wrong(Wrong::at(&about, "displayName")).max(255))
            (Field::new("description", words::DESCRIPTION).value(&general.description).area(3)
                .wrong(Wrong::at(&about, "description")).max(2000))
            (Field::new("email", words::EMAIL).value(&general.email).email()
                .wrong(Wrong::at(&about, "email")).max(255))
            (Field::new("website", words::WEBSITE).value(&general.website).url()
                .wrong(Wrong::at(&about, "website")).max(2048))
            (Field::new("location", words::LOCATION).value(&general.location)
                .wrong(Wrong::at(&about, "location")).max(255))
            div.submit { button.primary type="submit" { (words::SAVE) } }
        }
        @if head.owns {
            section.group {
                h2 { (words::MOVE) }
                p { (words::MOVE_ABOUT) }
                (alert(Wrong::elsewhere(&moving, &["parent"])))
                form method="post" action={ (address) "/move" } {
                    (token(viewer))
                    (Field::new("parent", words::PARENT).value(&general.parent).hint(words::PARENT_HINT)
                        .wrong(Wrong::at(&moving, "parent")).max(39))
                    div.submit { button type="submit" { (words::MOVE) } }
                }
            }
            section.group {
                h2 { (words::DELETE) }
                p { (words::DELETE_ABOUT) }
                (alert(Wrong::elsewhere(&delete, &["confirm"])))
                form method="post" action={ (address) "/delete" } {
                    (token(viewer))
                    (Field::new("confirm", &format!("{} {}", words::CONFIRM, head.name)).value(&general.confirm)
                        .required().wrong(Wrong::at(&delete, "confirm")))
                    div.submit { button.danger type="submit" { (words::DELETE_IT) } }
                }
            }
        }
    };
    framed(frame, head, Section::General, &body)
}

/// Somebody who belongs to the organisation.
#[derive(Clone, Debug)]
pub struct Member {
    /// Their account's name.
    pub name: String,
    /// What people call them; may be empty.
    pub display_name: String,
    /// What they are to it.
    pub role: &'static str,
    /// Since when, in milliseconds since 1970.
    pub created_at_ms: i64,
}

/// Somebody who has a role in one of its repositories only.
#[derive(Clone, Debug)]
pub struct Outsider {
    /// Their account's name.
    pub name: String,
    /// The repository.
    pub repository: String,
    /// What they may do there.
    pub role: &'static str,
}

/// Who belongs to the organisation, and who is about to.
#[derive(Default)]
pub struct Members {
    /// Those who do.
    pub members: Vec<Member>,
    /// How many there are in all, where more are than are shown.
    pub total: i64,
    /// Those who have a role in single repositories.
    pub outsiders: Vec<Outsider>,
    /// The name that was typed.
    pub name: String,
    /// The role that was chosen.
    pub role: String,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

/// Writes the page of those who belong to it.
pub fn members(frame: &Frame, viewer: &Viewer, head: &Head, page: &Members) -> String {
    let action = format!("{}/members", head.address());
    let role = if page.role.is_empty() {
        "member"
    } else {
        &page.role
    };
    let body = html! {
        h1 { (words::MEMBERS) }
        p.muted { (words::MEMBERS_ABOUT) }
        ul.rows {
            @for one in &page.members {
                @let own = one.name == viewer.name;
                li {
                    div.line {
                        (avatar(&one.name))
                        a.name href={ "/" (one.name) } data-row { strong { (one.name) } }
                        @if !one.display_name.is_empty() { span.muted { (one.display_name) } }
                        @if !head.administers { span.badge { (one.role) } }
                        span.end-of-line.line {
                            @if head.administers {
                                form.inline method="post" action=(action) {
                                    (token(viewer))
                                    input type="hidden" name="name" value=(one.name);
                                    select.small name="role" aria-label={ (words::ROLE) ": " (one.name) } {
                                        @for (value, label) in words::ROLES {
                                            option value=(value) selected[value == one.role] { (label) }
                                        }
                                    }
                                    button.small type="submit" aria-label={ (words::CHANGE) ": " (one.name) } { (words::CHANGE) }
                                }
                            }
                            @if head.administers || own {
                                @let label = if own { words::LEAVE } else { words::REMOVE };
                                (button(viewer, &format!("{action}/{}/remove", one.name), label, &one.name, true))
                            }
                        }
                    }
                    p.meta { (words::SINCE) (when(one.created_at_ms)) }
                }
            }
        }
        @if !page.outsiders.is_empty() {
            h2 { (words::OUTSIDE) }
            p.muted { (words::OUTSIDE_ABOUT) }
            ul.rows {
                @for one in &page.outsiders {
                    li {
                        div.line {
                            (avatar(&one.name))
                            a.name href={ "/" (one.name) } { strong { (one.name) } }
                            a href={ "/" (head.name) "/" (one.repository) } { (head.name) "/" (one.repository) }
                            span.badge { (one.role) }
                        }
                    }
                }
            }
        }
        @if head.administers {
            h2 { (words::ADD) }
            (alert(Wrong::elsewhere(&page.wrong, &["name"])))
            form method="post" action=(action) {
                (token(viewer))
                (Field::new("name", words::WHO).value(&page.name).required()
                    .wrong(Wrong::at(&page.wrong, "name")).max(39))
                (select("role", words::ROLE, role, &words::ROLES))
                div.submit { button.primary type="submit" { (words::ADD) } }
            }
        }
    };
    framed(frame, head, Section::Members, &body)
}

/// Writes the page of what was done.
pub fn log(frame: &Frame, head: &Head, entries: &Log) -> String {
    let body = html! {
        h1 { (words::LOG) }
        p.muted { (words::LOG_ABOUT) }
        (log::list(entries))
    };
    framed(frame, head, Section::Log, &body)
}
