//! The settings of a repository: what it says of itself, who may use it, what machines may, and
//! what cannot be taken back lightly.

use crate::figures::size;
use crate::forms::{Field, Wrong, alert, button, choices, select, token};
use crate::frame::{Frame, Viewer, avatar};
use crate::icons::{Icon, icon};
use crate::log::{self, Log};
use crate::moment::when;
use crate::repo::{self, Behind, Head};
use crate::repositories::VISIBILITIES;
use crate::settings::keys::{self, Keys};
use maud::{Markup, html};

mod words {
    pub const TITLE: &str = "Settings";
    pub const GENERAL: &str = "General";
    pub const ACCESS: &str = "Collaborators";
    pub const KEYS: &str = "Deploy keys";
    pub const DESCRIPTION: &str = "Description";
    pub const BOOKMARK: &str = "Default bookmark";
    pub const BOOKMARK_HINT: &str = "The branch that people see first, and that a clone checks out.";
    pub const SEES: &str = "Who sees it";
    pub const SAVE: &str = "Save";
    pub const SAVE_TOPICS: &str = "Save topics";
    pub const FACTS: &str = "Size";
    pub const TOPICS: &str = "Topics";
    pub const ABOUT: &str = "It is about";
    pub const TOPICS_HINT: &str =
        "Words by which others find it, with spaces between, as in version-control git.";
    pub const RENAME: &str = "Rename";
    pub const RENAME_ABOUT: &str =
        "Links and clones of the old name lead to the new one, until another repository takes it.";
    pub const NAME: &str = "New name";
    pub const ARCHIVE: &str = "Archive";
    pub const ARCHIVE_ABOUT: &str =
        "Everybody who may read it still can; nobody can change it, until it is opened again.";
    pub const UNARCHIVE: &str = "Open it again";
    pub const UNARCHIVE_ABOUT: &str = "It is archived: it can be read and not changed.";
    pub const TRANSFER: &str = "Give away";
    pub const TRANSFER_ABOUT: &str = "It gets another owner, under whose name you may make repositories. Links of the old address lead to the new one.";
    pub const OWNER: &str = "New owner";
    pub const DELETE: &str = "Delete";
    pub const DELETE_ABOUT: &str = "It is gone for everybody at once. For a while an administrator of this site can bring it back; then it is removed for good.";
    pub const CONFIRM: &str = "To confirm, type";
    pub const DELETE_IT: &str = "Delete this repository";
    pub const ACCESS_ABOUT: &str = "Who may use this repository beside its owner.";
    pub const NOBODY: &str = "Nobody but you may use it yet.";
    pub const NOBODY_NEXT: &str = "Let somebody in below.";
    pub const LET_IN: &str = "Let somebody in";
    pub const WHO: &str = "Name of their account";
    pub const ROLE: &str = "They may";
    pub const ROLES: [(&str, &str); 5] = [
        ("read", "read it"),
        ("triage", "read it, and sort what is reported"),
        ("write", "read it and push to it"),
        ("maintain", "push to it, and change what it says of itself"),
        ("admin", "do everything with it, deletion too"),
    ];
    pub const HOOKS: &str = "Webhooks";
    pub const LOG: &str = "Log";
    pub const LOG_ABOUT: &str = "What was done to this repository. Nobody can change or remove an entry.";
    pub const CHANGE: &str = "Change";
    pub const REMOVE: &str = "Remove";
    pub const SINCE: &str = "Since ";
    pub const KEYS_ABOUT: &str = "The key of a machine that uses this repository and no other. Whoever has it can read, and push where you say so.";
    pub const NO_KEYS: &str = "No machine has a key to this repository.";
    pub const MAY_PUSH: &str = "It may push";
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    General,
    Access,
    Keys,
    Hooks,
    Log,
}

impl Section {
    const ALL: [Self; 5] = [Self::General, Self::Access, Self::Keys, Self::Hooks, Self::Log];

    const fn label(self) -> &'static str {
        match self {
            Self::General => words::GENERAL,
            Self::Access => words::ACCESS,
            Self::Keys => words::KEYS,
            Self::Hooks => words::HOOKS,
            Self::Log => words::LOG,
        }
    }

    const fn rest(self) -> &'static str {
        match self {
            Self::General => "/settings",
            Self::Access => "/settings/access",
            Self::Keys => "/settings/keys",
            Self::Hooks => "/settings/hooks",
            Self::Log => "/settings/log",
        }
    }

    const fn icon(self) -> Icon {
        match self {
            Self::General => Icon::Settings,
            Self::Access => Icon::People,
            Self::Keys => Icon::Key,
            Self::Hooks => Icon::Link,
            Self::Log => Icon::History,
        }
    }
}

pub(crate) fn framed(frame: &Frame, head: &Head, section: Section, body: &Markup) -> String {
    let address = head.home();
    let title = format!("{} · {}/{}", section.label(), head.owner, head.name);
    let body = html! {
        div.sides.left {
            nav.side-tabs aria-label=(words::TITLE) {
                ul {
                    @for each in Section::ALL {
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
    repo::page(frame, head, Behind::Settings, &title, &[], body)
}

/// Which form of the general page something was wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// What it says of itself.
    About,
    /// What it is about.
    Topics,
    /// Its name.
    Rename,
    /// Whether it is archived.
    Archive,
    /// Its owner.
    Transfer,
    /// Its end.
    Delete,
}

/// The general page, with what was typed.
pub struct General {
    /// What it says of itself.
    pub description: String,
    /// Its default bookmark.
    pub default_bookmark: String,
    /// Who sees it: `public`, `internal` or `private`.
    pub visibility: String,
    /// Whether it may only be read.
    pub archived: bool,
    /// The size of its packs, in bytes.
    pub size_bytes: i64,
    /// What it is about, with spaces between.
    pub topics: String,
    /// The new name that was typed.
    pub new_name: String,
    /// The new owner that was typed.
    pub new_owner: String,
    /// What was typed to confirm the deletion.
    pub confirm: String,
    /// What was wrong, and with which form.
    pub wrong: Option<(Form, Wrong)>,
}

impl General {
    fn wrong(&self, form: Form) -> Option<Wrong> {
        let (with, wrong) = self.wrong.as_ref()?;
        (*with == form).then(|| wrong.clone())
    }
}

/// Writes the general page.
pub fn general(frame: &Frame, viewer: &Viewer, head: &Head, general: &General) -> String {
    let settings = format!("{}/settings", head.home());
    let at = |wrong: &Option<Wrong>, field: &str| Wrong::at(wrong, field).map(str::to_owned);
    let (own, rename) = (general.wrong(Form::About), general.wrong(Form::Rename));
    let (archive, transfer) = (general.wrong(Form::Archive), general.wrong(Form::Transfer));
    let (delete, topics) = (general.wrong(Form::Delete), general.wrong(Form::Topics));
    let path = format!("{}/{}", head.owner, head.name);
    let body = html! {
        h1 { (words::GENERAL) }
        @if general.archived {
            (alert(Wrong::elsewhere(&archive, &[])))
            p { (words::UNARCHIVE_ABOUT) }
            form method="post" action={ (settings) "/archive" } {
                (token(viewer))
                input type="hidden" name="archived" value="no";
                button.primary type="submit" { (words::UNARCHIVE) }
            }
        } @else {
            (alert(Wrong::elsewhere(&own, &["description", "default_bookmark"])))
            form method="post" action=(settings) {
                (token(viewer))
                (Field::new("description", words::DESCRIPTION).value(&general.description).area(3)
                    .wrong(at(&own, "description").as_deref()).max(2000))
                (Field::new("default_bookmark", words::BOOKMARK).value(&general.default_bookmark)
                    .hint(words::BOOKMARK_HINT).wrong(at(&own, "default_bookmark").as_deref()).required())
                (choices("visibility", words::SEES, &general.visibility, &VISIBILITIES))
                div.submit { button.primary type="submit" { (words::SAVE) } }
            }
            p.muted { (words::FACTS) ": " (size(general.size_bytes)) }
            section.group {
                h2 { (words::TOPICS) }
                (alert(Wrong::elsewhere(&topics, &["topics"])))
                form method="post" action={ (settings) "/topics" } {
                    (token(viewer))
                    (Field::new("topics", words::ABOUT).value(&general.topics).hint(words::TOPICS_HINT)
                        .wrong(at(&topics, "topics").as_deref()).max(1100))
                    div.submit { button type="submit" { (words::SAVE_TOPICS) } }
                }
            }
            section.group {
                h2 { (words::RENAME) }
                p { (words::RENAME_ABOUT) }
                (alert(Wrong::elsewhere(&rename, &["name"])))
                form method="post" action={ (settings) "/rename" } {
                    (token(viewer))
                    (Field::new("name", words::NAME).value(&general.new_name).required()
                        .wrong(at(&rename, "name").as_deref()).max(100))
                    div.submit { button type="submit" { (words::RENAME) } }
                }
            }
            section.group {
                h2 { (words::ARCHIVE) }
                p { (words::ARCHIVE_ABOUT) }
                (alert(Wrong::elsewhere(&archive, &[])))
                form method="post" action={ (settings) "/archive" } {
                    (token(viewer))
                    input type="hidden" name="archived" value="yes";
                    button.danger type="submit" { (words::ARCHIVE) }
                }
            }
        }
        section.group {
            h2 { (words::TRANSFER) }
            p { (words::TRANSFER_ABOUT) }
            (alert(Wrong::elsewhere(&transfer, &["owner"])))
            form method="post" action={ (settings) "/transfer" } {
                (token(viewer))
                (Field::new("owner", words::OWNER).value(&general.new_owner).required()
                    .wrong(at(&transfer, "owner").as_deref()).max(100))
                div.submit { button.danger type="submit" { (words::TRANSFER) } }
            }
        }
        section.group {
            h2 { (words::DELETE) }
            p { (words::DELETE_ABOUT) }
            (alert(Wrong::elsewhere(&delete, &["confirm"])))
            form method="post" action={ (settings) "/delete" } {
                (token(viewer))
                (Field::new("confirm", &format!("{} {path}", words::CONFIRM)).value(&general.confirm).required()
                    .wrong(at(&delete, "confirm").as_deref()))
                div.submit { button.danger type="submit" { (words::DELETE_IT) } }
            }
        }
    };
    framed(frame, head, Section::General, &body)
}

/// Somebody who was let in.
#[derive(Clone, Debug)]
pub struct Collaborator {
    /// Their account's name.
    pub name: String,
    /// `read`, `triage`, `write`, `maintain` or `admin`.
    pub role: &'static str,
    /// Since when, in milliseconds since 1970.
    pub created_at_ms: i64,
}

/// Who was let in, and who is about to be.
#[derive(Default)]
pub struct Access {
    /// Those who were.
    pub collaborators: Vec<Collaborator>,
    /// The name that was typed.
    pub name: String,
    /// The role that was chosen.
    pub role: String,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

/// Writes the page of those who were let in.
pub fn access(frame: &Frame, viewer: &Viewer, head: &Head, access: &Access) -> String {
    let action = format!("{}/settings/access", head.home());
    let role = if access.role.is_empty() {
        "write"
    } else {
        &access.role
    };
    let body = html! {
        h1 { (words::ACCESS) }
        p.muted { (words::ACCESS_ABOUT) }
        @if access.collaborators.is_empty() {
            div.empty { (icon(Icon::People)) p { strong { (words::NOBODY) } } p { (words::NOBODY_NEXT) } }
        } @else {
            ul.rows {
                @for one in &access.collaborators {
                    li {
                        div.line {
                            (avatar(&one.name))
                            a.name href={ "/" (one.name) } { strong { (one.name) } }
                            span.end-of-line.line {
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
                                (button(viewer, &format!("{action}/{}/remove", one.name), words::REMOVE, &one.name, true))
                            }
                        }
                        p.meta { (words::SINCE) (when(one.created_at_ms)) }
                    }
                }
            }
        }
        h2 { (words::LET_IN) }
        (alert(Wrong::elsewhere(&access.wrong, &["name"])))
        form method="post" action=(action) {
            (token(viewer))
            (Field::new("name", words::WHO).value(&access.name).required().wrong(Wrong::at(&access.wrong, "name")).max(100))
            (select("role", words::ROLE, role, &words::ROLES))
            div.submit { button.primary type="submit" { (words::LET_IN) } }
        }
    };
    framed(frame, head, Section::Access, &body)
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

/// Writes the page of the deploy keys; `may_push` is what was chosen for the one that was typed.
pub fn deploy_keys(frame: &Frame, viewer: &Viewer, head: &Head, keys: &Keys, may_push: bool) -> String {
    let action = format!("{}/settings/keys", head.home());
    let more = html! {
        label.choice {
            input type="checkbox" name="write" value="yes" checked[may_push];
            span { (words::MAY_PUSH) }
        }
    };
    let body = html! {
        h1 { (words::KEYS) }
        p.muted { (words::KEYS_ABOUT) }
        @if keys.keys.is_empty() {
            div.empty { (icon(Icon::Key)) p { strong { (words::NO_KEYS) } } }
        } @else {
            (keys::list(viewer, &action, &keys.keys))
        }
        (keys::form(viewer, &action, keys, &more))
    };
    framed(frame, head, Section::Keys, &body)
}
