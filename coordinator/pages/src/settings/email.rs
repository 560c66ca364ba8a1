//! The address for mail.

use super::Section;
use crate::forms::{Field, Wrong, alert, token};
use crate::frame::{Frame, Viewer};
use crate::icons::{Icon, icon};
use maud::html;

mod words {
    pub const TITLE: &str = "Mail";
    pub const ABOUT: &str =
        "Letters about your account go to this address, such as a link that sets a forgotten password.";
    pub const NONE: &str = "Your account has no address yet. Without one, a forgotten password is lost.";
    pub const PROVEN: &str = "Confirmed";
    pub const UNPROVEN: &str = "Not confirmed yet";
    pub const SEND: &str = "Send the letter again";
    pub const CHANGE: &str = "Another address";
    pub const EMAIL: &str = "Mail";
    pub const EMAIL_HINT: &str =
        "Seen by you and by those who administer this site. Empty takes the address away.";
    pub const CURRENT: &str = "Current password";
    pub const SAVE: &str = "Save address";
}

/// The address, with what was typed.
#[derive(Default)]
pub struct Email {
    /// The account's address; may be empty.
    pub address: String,
    /// Whether it is proven.
    pub proven: bool,
    /// Whether a letter can be sent.
    pub sends_mail: bool,
    /// Whether another address asks for the password.
    pub asks_password: bool,
    /// The address that was typed.
    pub typed: String,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

/// Writes the page.
pub fn page(frame: &Frame, viewer: &Viewer, email: &Email) -> String {
    let wrong = |field| Wrong::at(&email.wrong, field);
    let body = html! {
        h1 { (words::TITLE) }
        p.muted { (words::ABOUT) }
        @if email.address.is_empty() {
            p { (words::NONE) }
        } @else {
            ul.rows {
                li {
                    div.line {
                        strong.name { (email.address) }
                        @if email.proven {
                            span.badge { (icon(Icon::Check)) (words::PROVEN) }
                        } @else {
                            span.badge { (words::UNPROVEN) }
                            @if email.sends_mail {
                                span.end-of-line {
                                    form.inline method="post" action="/-/settings/email/verify" {
                                        (token(viewer))
                                        button.small type="submit" { (words::SEND) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        h2 { (words::CHANGE) }
        (alert(Wrong::elsewhere(&email.wrong, &["email", "current"])))
        form method="post" action="/-/settings/email" {
            (token(viewer))
            input type="text" name="username" value=(viewer.name) autocomplete="username" hidden;
            (Field::new("email", words::EMAIL).value(&email.typed).email().hint(words::EMAIL_HINT)
                .wrong(wrong("email")).max(255))
            @if email.asks_password {
                (Field::new("current", words::CURRENT).password("current-password").required().wrong(wrong("current")))
            }
            div.submit { button.primary type="submit" { (words::SAVE) } }
        }
    };
    super::page(frame, Section::Email, &body)
}
