//! One's own access tokens.

use super::Section;
use crate::forms::{Choice, Field, Wrong, alert, button, checks, select, token};
use crate::frame::{Frame, Viewer};
use crate::icons::{Icon, icon};
use crate::moment::{day, when};
use maud::html;

mod words {
    use crate::forms::Choice;

    pub const TITLE: &str = "Access tokens";
    pub const ABOUT: &str =
        "A token stands in for your password: git asks for it over HTTPS, and programs send it to the API.";
    pub const NEW_TOKEN: &str = "Copy the token now; it is not shown again.";
    pub const TOKEN: &str = "The new token";
    pub const COPY: &str = "Copy";
    pub const NONE: &str = "You have no token yet.";
    pub const NONE_NEXT: &str = "Make one below for git on a machine of yours, or for a program.";
    pub const MAKE: &str = "Create a token";
    pub const NAME: &str = "Name";
    pub const NAME_HINT: &str = "What it is for, as in “laptop” or “backup”.";
    pub const SCOPES: &str = "What it may do";
    pub const REPOSITORIES: &str = "Only for these repositories";
    pub const REPOSITORIES_HINT: &str = "One owner/name a line. Empty: for all that you may use.";
    pub const EXPIRES: &str = "Ends";
    pub const LIFETIMES: [(&str, &str); 5] = [
        ("7", "in 7 days"),
        ("30", "in 30 days"),
        ("90", "in 90 days"),
        ("365", "in a year"),
        ("never", "never"),
    ];
    pub const REMOVE: &str = "Remove";
    pub const MADE: &str = "Created ";
    pub const USED: &str = "last used ";
    pub const UNUSED: &str = "never used";
    pub const ENDS: &str = "ends ";
    pub const NEVER_ENDS: &str = "never ends";
    pub const ONLY: &str = "only ";
    pub const OUT_OF_SIGHT: &str = "one that you cannot see any more";
    pub const ALL_REPOSITORIES: &str = "all repositories";
    pub const ADMIN: Choice<'static> = Choice {
        value: "admin",
        label: "admin",
        hint: "Everything, the site's administration among it.",
    };
    pub const AGENT: &str = "For an agent";
    pub const AGENT_HINT: &str = "Its name, which stands beside what it does. Empty: for yourself.";
    pub const OF_AGENT: &str = "agent ";
    pub const CHOICES: [Choice<'static>; 9] = [
        Choice {
            value: "repo:read",
            label: "repo:read",
            hint: "Read repositories: clone, fetch, browse.",
        },
        Choice {
            value: "repo:propose",
            label: "repo:propose",
            hint: "Propose: push to bookmarks that are not the default one.",
        },
        Choice {
            value: "repo:write",
            label: "repo:write",
            hint: "Merge: push to every bookmark, and make repositories.",
        },
        Choice {
            value: "repo",
            label: "repo",
            hint: "Everything about repositories: settings, collaborators, deletion.",
        },
        Choice {
            value: "user:read",
            label: "user:read",
            hint: "Read what only you see of your account.",
        },
        Choice {
            value: "user:write",
            label: "user:write",
            hint: "Change your profile, keys and tokens.",
        },
        Choice {
            value: "user",
            label: "user",
            hint: "Everything about your account.",
        },
        Choice {
            value: "org:read",
            label: "org:read",
            hint: "See who belongs to your organisations.",
        },
        Choice {
            value: "org:write",
            label: "org:write",
            hint: "Make and change organisations, their members and teams.",
        },
    ];
}

/// One token, without its secret.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its number.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// The last eight digits of its secret.
    pub last_eight: String,
    /// The agent that it was made for.
    pub agent: Option<String>,
    /// What it may do.
    pub scopes: Vec<&'static str>,
    /// The only repositories for which it counts, those without a name being out of the owner's
    /// sight; none for all.
    pub repositories: Option<Vec<Option<String>>>,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it ends.
    pub expires_at_ms: Option<i64>,
    /// When it was last used.
    pub last_used_at_ms: Option<i64>,
}

/// The tokens, one that was just made, and one that was typed.
pub struct Tokens {
    /// Those that are there.
    pub tokens: Vec<Token>,
    /// The secret of the one just made, shown this once.
    pub made: Option<String>,
    /// The name that was typed.
    pub name: String,
    /// The agent that was typed.
    pub agent: String,
    /// The scopes that were chosen.
    pub scopes: Vec<String>,
    /// The repositories that were typed.
    pub repositories: String,
    /// The lifetime that was chosen: days, or `never`.
    pub expires: String,
    /// Whether the scope of administrators is offered.
    pub admin: bool,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

impl Tokens {
    /// The page before anything was typed.
    pub fn of(tokens: Vec<Token>, admin: bool) -> Self {
        Self {
            tokens,
            made: None,
            name: String::new(),
            agent: String::new(),
            scopes: vec!["repo:read".to_owned(), "repo:write".to_owned()],
            repositories: String::new(),
            expires: "90".to_owned(),
            admin,
            wrong: None,
        }
    }
}

/// Writes the page.
pub fn page(frame: &Frame, viewer: &Viewer, tokens: &Tokens) -> String {
    const ACTION: &str = "/-/settings/tokens";
    const FIELDS: [&str; 5] = ["name", "agent", "scopes", "repositories", "expires"];
    let wrong = |field| Wrong::at(&tokens.wrong, field);
    let mut scopes: Vec<Choice<'_>> = words::CHOICES.to_vec();
    scopes.extend(tokens.admin.then_some(words::ADMIN));
    let body = html! {
        h1 { (words::TITLE) }
        p.muted { (words::ABOUT) }
        @if let Some(secret) = &tokens.made {
            div.notice.done role="status" {
                (icon(Icon::Check))
                div.spaced {
                    p { (words::NEW_TOKEN) }
                    div.copying {
                        input.mono #made value=(secret) readonly aria-label=(words::TOKEN);
                        button.scripted type="button" data-copy="made" { (icon(Icon::Copy)) span data-said { (words::COPY) } }
                    }
                }
            }
        }
        @if tokens.tokens.is_empty() {
            div.empty { (icon(Icon::Token)) p { strong { (words::NONE) } } p { (words::NONE_NEXT) } }
        } @else {
            ul.rows { @for token in &tokens.tokens { (row(viewer, ACTION, token)) } }
        }
        h2 { (words::MAKE) }
        (alert(Wrong::elsewhere(&tokens.wrong, &FIELDS)))
        form method="post" action=(ACTION) {
            (token(viewer))
            (Field::new("name", words::NAME).value(&tokens.name).hint(words::NAME_HINT).wrong(wrong("name"))
                .required().max(255))
            (Field::new("agent", words::AGENT).value(&tokens.agent).hint(words::AGENT_HINT).wrong(wrong("agent"))
                .max(255))
            (checks("scopes", words::SCOPES, &tokens.scopes, &scopes, wrong("scopes")))
            (Field::new("repositories", words::REPOSITORIES).value(&tokens.repositories).code_area(3)
                .hint(words::REPOSITORIES_HINT).wrong(wrong("repositories")))
            (select("expires", words::EXPIRES, &tokens.expires, &words::LIFETIMES))
            div.submit { button.primary type="submit" { (words::MAKE) } }
        }
    };
    super::page(frame, Section::Tokens, &body)
}

fn row(viewer: &Viewer, action: &str, token: &Token) -> maud::Markup {
    html! {
        li {
            div.line {
                (icon(Icon::Token))
                strong.name { (token.name) }
                code.muted { "…" (token.last_eight) }
                span.end-of-line {
                    (button(viewer, &format!("{action}/{}/remove", token.id), words::REMOVE, &token.name, true))
                }
            }
            p.about {
                @if let Some(agent) = &token.agent { (words::OF_AGENT) (agent) " · " }
                (token.scopes.join(", ")) " · "
                @match &token.repositories {
                    None => (words::ALL_REPOSITORIES),
                    Some(only) => {
                        (words::ONLY)
                        @for (nth, path) in only.iter().enumerate() {
                            @if nth > 0 { ", " }
                            @match path {
                                Some(path) => a href={ "/" (path) } { (path) },
                                None => (words::OUT_OF_SIGHT),
                            }
                        }
                    },
                }
            }
            p.meta {
                (words::MADE) (when(token.created_at_ms)) ", "
                @match token.last_used_at_ms {
                    Some(ms) => { (words::USED) (when(ms)) },
                    None => (words::UNUSED),
                }
                ", "
                @match token.expires_at_ms {
                    Some(ms) => { (words::ENDS) span title=(crate::moment::exact(ms)) { (day(ms)) } },
                    None => (words::NEVER_ENDS),
                }
            }
        }
    }
}
