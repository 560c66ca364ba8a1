//! Applications: what one allowed them, and those that one has made.

use super::Section;
use crate::forms::{Field, Wrong, alert, button, choices, token};
use crate::frame::{Frame, Viewer};
use crate::icons::{Icon, icon};
use crate::moment::when;
use maud::{Markup, html};

mod words {
    use crate::forms::Choice;

    pub const TITLE: &str = "Applications";
    pub const ABOUT: &str = "Programs of others that act for you here, because you allowed it.";
    pub const NONE: &str = "You have allowed no application anything.";
    pub const WITHDRAW: &str = "Withdraw";
    pub const ALLOWED: &str = "Allowed ";
    pub const OWN: &str = "Applications that you have made";
    pub const OWN_ABOUT: &str = "An application asks people whether it may act for them here, by OAuth 2 with PKCE, and can let them sign in by OpenID Connect.";
    pub const MAKE: &str = "Make an application";
    pub const NAME: &str = "Name";
    pub const NAME_HINT: &str = "What people read who are asked.";
    pub const WEBSITE: &str = "Website";
    pub const REDIRECTS: &str = "Addresses to go back to";
    pub const REDIRECTS_HINT: &str = "One a line, compared sign by sign: https://…, http://127.0.0.1…, or a program's own scheme such as org.example.app:/back.";
    pub const KIND: &str = "Where it runs";
    pub const KINDS: [Choice<'static>; 2] = [
        Choice {
            value: "server",
            label: "On a server",
            hint: "It keeps a secret, and shows it for each token.",
        },
        Choice {
            value: "device",
            label: "With the people themselves",
            hint: "In a browser or on their machines, where no secret is one.",
        },
    ];
    pub const CLIENT_ID: &str = "Client id";
    pub const SECRET: &str = "Client secret";
    pub const SECRET_ONCE: &str = "Copy the secret now; it is not shown again.";
    pub const SAVE: &str = "Save";
    pub const RENEW: &str = "Make a new secret";
    pub const RENEW_ABOUT: &str = "The secret that the application has is worthless from then on.";
    pub const REMOVE: &str = "Remove the application";
    pub const REMOVE_ABOUT: &str = "Whatever people allowed it ends with it.";
}

const ACTION: &str = "/-/settings/apps";
const FIELDS: [&str; 3] = ["name", "website", "redirectUris"];

/// What somebody allowed an application.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// Its id.
    pub id: i64,
    /// What the application calls itself.
    pub app: String,
    /// What it may.
    pub scopes: Vec<&'static str>,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
}

/// An application that somebody has made.
#[derive(Clone, Debug, Default)]
pub struct App {
    /// Its id.
    pub id: i64,
    /// What it calls itself.
    pub name: String,
    /// The name that it goes by.
    pub client_id: String,
    /// Whether it has a secret.
    pub confidential: bool,
}

/// An application as the form has it.
#[derive(Clone, Debug, Default)]
pub struct AppForm {
    /// What it calls itself.
    pub name: String,
    /// Where people read of it.
    pub website: String,
    /// What it may be sent back to, one a line.
    pub redirect_uris: String,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

/// The page of all of them.
#[derive(Clone, Debug, Default)]
pub struct Apps {
    /// What was allowed.
    pub allowed: Vec<Allowed>,
    /// Those that one has made.
    pub own: Vec<App>,
    /// One that was typed.
    pub form: AppForm,
    /// `server` or `device`.
    pub kind: String,
}

fn fields(form: &AppForm) -> Markup {
    let wrong = |field| Wrong::at(&form.wrong, field);
    html! {
        (Field::new("name", words::NAME).value(&form.name).hint(words::NAME_HINT).wrong(wrong("name")).required().max(255))
        (Field::new("website", words::WEBSITE).url().value(&form.website).wrong(wrong("website")).max(2048))
        (Field::new("redirectUris", words::REDIRECTS).value(&form.redirect_uris).code_area(3).hint(words::REDIRECTS_HINT)
            .wrong(wrong("redirectUris")).required())
    }
}

/// Writes the page of all of them.
pub fn page(frame: &Frame, viewer: &Viewer, apps: &Apps) -> String {
    let body = html! {
        h1 { (words::TITLE) }
        p.muted { (words::ABOUT) }
        @if apps.allowed.is_empty() {
            div.empty { (icon(Icon::Shield)) p { strong { (words::NONE) } } }
        } @else {
            ul.rows {
                @for one in &apps.allowed {
                    li {
                        div.line {
                            span.name { (one.app) }
                            span.end-of-line {
                                (button(viewer, &format!("/-/settings/authorizations/{}/remove", one.id),
                                    words::WITHDRAW, &one.app, true))
                            }
                        }
                        p.meta { (words::ALLOWED) (when(one.since_ms)) ": " (one.scopes.join(", ")) }
                    }
                }
            }
        }
        h2 { (words::OWN) }
        p.muted { (words::OWN_ABOUT) }
        @if !apps.own.is_empty() {
            ul.rows {
                @for app in &apps.own {
                    li {
                        a.name href={ (ACTION) "/" (app.id) } { (app.name) }
                        p.meta { code { (app.client_id) } }
                    }
                }
            }
        }
        h2 { (words::MAKE) }
        (alert(Wrong::elsewhere(&apps.form.wrong, &FIELDS)))
        form method="post" action=(ACTION) {
            (token(viewer))
            (fields(&apps.form))
            (choices("kind", words::KIND, if apps.kind == "device" { "device" } else { "server" }, &words::KINDS))
            div.submit { button.primary type="submit" { (words::MAKE) } }
        }
    };
    super::page(frame, Section::Apps, &body)
}

/// Writes the page of one application; `secret` is shown this once.
pub fn app(frame: &Frame, viewer: &Viewer, app: &App, form: &AppForm, secret: Option<&str>) -> String {
    let at = format!("{ACTION}/{}", app.id);
    let body = html! {
        h1 { (app.name) }
        @if let Some(secret) = secret {
            div.notice.done role="status" {
                (icon(Icon::Check))
                div.spaced {
                    p { (words::SECRET_ONCE) }
                    p { (words::SECRET) ": " code #secret { (secret) } }
                }
            }
        }
        p { (words::CLIENT_ID) ": " code #client-id { (app.client_id) } }
        (alert(Wrong::elsewhere(&form.wrong, &FIELDS)))
        form method="post" action=(at) {
            (token(viewer))
            (fields(form))
            div.submit { button.primary type="submit" { (words::SAVE) } }
        }
        @if app.confidential {
            form method="post" action={ (at) "/secret" } {
                h2 { (words::RENEW) }
                (token(viewer))
                p { (words::RENEW_ABOUT) }
                div.submit { button type="submit" { (words::RENEW) } }
            }
        }
        form method="post" action={ (at) "/remove" } {
            h2 { (words::REMOVE) }
            (token(viewer))
            p { (words::REMOVE_ABOUT) }
            div.submit { button.danger type="submit" { (words::REMOVE) } }
        }
    };
    super::page(frame, Section::Apps, &body)
}
