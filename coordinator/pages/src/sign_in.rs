//! The page on which people sign in: with name and password, or with the one button of a link
//! that signs in once.

use crate::forms::{Field, alert};
use crate::frame::{Frame, Page, layout};
use maud::html;

mod words {
    pub const TITLE: &str = "Sign in";
    pub const NAME: &str = "Name";
    pub const PASSWORD: &str = "Password";
    pub const ONCE: &str = "This link signs you in once.";
    pub const OTHERWISE: &str = "No password, or a forgotten one? An administrator of this site can send you a link that signs you in once.";
}

/// The sign-in page.
#[derive(Default)]
pub struct SignIn {
    /// The token of a link that signs in once.
    pub token: Option<String>,
    /// The name that was typed.
    pub name: String,
    /// Where to go afterwards, as an address of this site; may be empty.
    pub to: String,
    /// What was wrong.
    pub wrong: Option<String>,
}

/// Writes the page.
pub fn page(frame: &Frame, sign_in: &SignIn) -> String {
    let body = html! {
        div.narrow {
            h1 { (words::TITLE) }
            (alert(sign_in.wrong.as_deref()))
            form method="post" action="/login" {
                @if !sign_in.to.is_empty() { input type="hidden" name="to" value=(sign_in.to); }
                @if let Some(token) = &sign_in.token {
                    p { (words::ONCE) }
                    input type="hidden" name="token" value=(token);
                } @else {
                    (Field::new("username", words::NAME).value(&sign_in.name).autocomplete("username").required().focus())
                    (Field::new("password", words::PASSWORD).password("current-password").required())
                }
                button.primary.wide type="submit" { (words::TITLE) }
            }
            @if sign_in.token.is_none() { p.hint { (words::OTHERWISE) } }
        }
    };
    layout(
        frame,
        &Page {
            title: words::TITLE,
            place: &[],
            tabs: &[],
            scripts: &[],
            body,
        },
    )
}
