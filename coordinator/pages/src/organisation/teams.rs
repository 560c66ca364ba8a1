//! Teams of an organisation: the list, and one of them with who is in it and what it may use.

use super::settings::{Head, Section, framed, words as own_words};
use crate::forms::{Field, Wrong, alert, button, select, token};
use crate::frame::{Frame, Viewer, avatar};
use crate::icons::{Icon, icon};
use maud::html;

mod words {
    pub const ABOUT: &str = "A team gives its members a role together: in all repositories of the organisation, or in single ones.";
    pub const NONE: &str = "There is no team yet.";
    pub const MAKE: &str = "Create a team";
    pub const NAME: &str = "Name";
    pub const NAME_HINT: &str = "Letters, digits and single hyphens.";
    pub const DESCRIPTION: &str = "What it is for";
    pub const ROLE: &str = "In every repository its members";
    pub const ROLES: [(&str, &str); 6] = [
        ("member", "get nothing from it"),
        ("read", "read"),
        ("triage", "read, and sort what is reported"),
        ("write", "push"),
        ("maintain", "maintain"),
        ("admin", "administer"),
    ];
    pub const SAVE: &str = "Save";
    pub const MEMBERS: &str = "Its members";
    pub const NOBODY: &str = "Nobody is in it yet.";
    pub const ADD: &str = "Add somebody";
    pub const WHO: &str = "Name of their account";
    pub const WHO_HINT: &str = "They have to belong to the organisation.";
    pub const REPOSITORIES: &str = "Its repositories";
    pub const NO_REPOSITORY: &str = "It has a role of its own in no repository.";
    pub const LET_IN: &str = "Let it into a repository";
    pub const REPOSITORY: &str = "Name of the repository";
    pub const THERE: &str = "There its members";
    pub const REMOVE: &str = "Remove";
    pub const DELETE: &str = "Remove this team";
    pub const TEAM: &str = "Team";
}

/// A team, as a list shows it.
#[derive(Clone, Debug)]
pub struct Team {
    /// Its name.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// What its members may do everywhere.
    pub role: &'static str,
}

/// The teams, and one that was typed.
#[derive(Default)]
pub struct Teams {
    /// Those that are there.
    pub teams: Vec<Team>,
    /// The name that was typed.
    pub name: String,
    /// The description that was typed.
    pub description: String,
    /// The role that was chosen.
    pub role: String,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

/// Writes the list.
pub fn list(frame: &Frame, viewer: &Viewer, head: &Head, page: &Teams) -> String {
    let action = format!("{}/teams", head.address());
    let role = if page.role.is_empty() {
        "member"
    } else {
        &page.role
    };
    let body = html! {
        h1 { (own_words::TEAMS) }
        p.muted { (words::ABOUT) }
        @if page.teams.is_empty() {
            div.empty { (icon(Icon::People)) p { strong { (words::NONE) } } }
        } @else {
            ul.rows {
                @for team in &page.teams {
                    li {
                        div.line {
                            a.name href={ (action) "/" (team.name) } data-row { strong { (team.name) } }
                            @if team.role != "member" { span.badge { (team.role) } }
                        }
                        @if !team.description.is_empty() { p.about { (team.description) } }
                    }
                }
            }
        }
        @if head.administers {
            h2 { (words::MAKE) }
            (alert(Wrong::elsewhere(&page.wrong, &["name", "description"])))
            form method="post" action=(action) {
                (token(viewer))
                (Field::new("name", words::NAME).value(&page.name).hint(words::NAME_HINT).required()
                    .wrong(Wrong::at(&page.wrong, "name")).max(39))
                (Field::new("description", words::DESCRIPTION).value(&page.description)
                    .wrong(Wrong::at(&page.wrong, "description")).max(2000))
                (select("role", words::ROLE, role, &words::ROLES))
                div.submit { button.primary type="submit" { (words::MAKE) } }
            }
        }
    };
    framed(frame, head, Section::Teams, &body)
}

/// Which form of a team's page something was wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// What it is.
    About,
    /// Who is in it.
    Member,
    /// What it may use.
    Repository,
}

/// One team, with what was typed.
pub struct One {
    /// The team as it is.
    pub team: Team,
    /// The name that stands in the form.
    pub new_name: String,
    /// Who is in it.
    pub members: Vec<String>,
    /// The repositories that it was let into, and what it may do there.
    pub repositories: Vec<(String, &'static str)>,
    /// What was typed, as a name of an account or a repository.
    pub typed: String,
    /// What was wrong, and with which form.
    pub wrong: Option<(Form, Wrong)>,
}

/// Writes the page of one team.
pub fn one(frame: &Frame, viewer: &Viewer, head: &Head, page: &One) -> String {
    let wrong = |form: Form| {
        let (with, wrong) = page.wrong.as_ref()?;
        (*with == form).then(|| wrong.clone())
    };
    let typed = |form: Form| match &page.wrong {
        Some((with, _)) if *with == form => page.typed.as_str(),
        _ => "",
    };
    let (about, member, repository) = (wrong(Form::About), wrong(Form::Member), wrong(Form::Repository));
    let action = format!("{}/teams/{}", head.address(), page.team.name);
    let roles = &words::ROLES[1..];
    let body = html! {
        h1 { (words::TEAM) " " (page.team.name) }
        @if !page.team.description.is_empty() { p { (page.team.description) } }
        h2 { (words::MEMBERS) }
        @if page.members.is_empty() {
            p.muted { (words::NOBODY) }
        } @else {
            ul.rows {
                @for name in &page.members {
                    li {
                        div.line {
                            (avatar(name))
                            a.name href={ "/" (name) } data-row { strong { (name) } }
                            @if head.administers {
                                span.end-of-line {
                                    (button(viewer, &format!("{action}/members/{name}/remove"), words::REMOVE, name, true))
                                }
                            }
                        }
                    }
                }
            }
        }
        @if head.administers {
            (alert(Wrong::elsewhere(&member, &["name"])))
            form method="post" action={ (action) "/members" } {
                (token(viewer))
                (Field::new("name", words::WHO).value(typed(Form::Member)).hint(words::WHO_HINT).required()
                    .wrong(Wrong::at(&member, "name")).max(39))
                div.submit { button type="submit" { (words::ADD) } }
            }
        }
        h2 { (words::REPOSITORIES) }
        @if page.repositories.is_empty() {
            p.muted { (words::NO_REPOSITORY) }
        } @else {
            ul.rows {
                @for (name, role) in &page.repositories {
                    li {
                        div.line {
                            a.name href={ "/" (head.name) "/" (name) } data-row { strong { (name) } }
                            span.badge { (role) }
                            @if head.administers {
                                span.end-of-line {
                                    (button(viewer, &format!("{action}/repos/{name}/remove"), words::REMOVE, name, true))
                                }
                            }
                        }
                    }
                }
            }
        }
        @if head.administers {
            (alert(Wrong::elsewhere(&repository, &["repository"])))
            form method="post" action={ (action) "/repos" } {
                (token(viewer))
                (Field::new("repository", words::REPOSITORY).value(typed(Form::Repository)).required()
                    .wrong(Wrong::at(&repository, "repository")).max(100))
                (select("permission", words::THERE, "write", roles))
                div.submit { button type="submit" { (words::LET_IN) } }
            }
            section.group {
                h2 { (own_words::GENERAL) }
                (alert(Wrong::elsewhere(&about, &["name", "description"])))
                form method="post" action=(action) {
                    (token(viewer))
                    (Field::new("new-name", words::NAME).value(&page.new_name).hint(words::NAME_HINT).required()
                        .wrong(Wrong::at(&about, "name")).max(39))
                    (Field::new("description", words::DESCRIPTION).value(&page.team.description)
                        .wrong(Wrong::at(&about, "description")).max(2000))
                    (select("role", words::ROLE, page.team.role, &words::ROLES))
                    div.submit { button type="submit" { (words::SAVE) } }
                }
                (button(viewer, &format!("{action}/delete"), words::DELETE, &page.team.name, true))
            }
        }
    };
    framed(frame, head, Section::Teams, &body)
}
