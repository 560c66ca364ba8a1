//! The page on which people sign in: with name and password, or with the one button of a link
//! that signs in once.

use crate::assets::Script;
use crate::forms::{Field, Wrong, alert};
use crate::frame::{Frame, Page, encode, layout};
use maud::html;

mod words {
    pub const TITLE: &str = "Sign in";
    pub const SECOND_STEP: &str = "Second step";
    pub const CODE: &str = "Code";
    pub const CODE_HINT: &str = "The six digits that your app shows now, or one of your recovery codes.";
    pub const NAME: &str = "Name";
    pub const NAME_HINT: &str = "Your account's name, or its address for mail.";
    pub const PASSWORD: &str = "Password";
    pub const ONCE: &str = "This link signs you in once.";
    pub const FORGOT: &str = "Forgotten your password?";
    pub const GITHUB: &str = "Sign in by GitHub";
    pub const SIGN_UP: &str = "Make an account";
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
    /// Whether everybody may make an account.
    pub sign_up: bool,
    /// Whether the site sends letters.
    pub sends_mail: bool,
    /// Whether people may sign in by GitHub.
    pub github: bool,
    /// What was wrong.
    pub wrong: Option<String>,
}

/// The second step of signing in.
#[derive(Default)]
pub struct SecondStep {
    /// What the first step gave.
    pub ticket: String,
    /// Where to go afterwards; may be empty.
    pub to: String,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

/// Writes the page of the second step.
pub fn second_step(frame: &Frame, step: &SecondStep) -> String {
    let body = html! {
        div.narrow {
            h1 { (words::SECOND_STEP) }
            (alert(Wrong::elsewhere(&step.wrong, &["code"])))
            form method="post" action="/-/second-step" {
                @if !step.to.is_empty() { input type="hidden" name="to" value=(step.to); }
                input type="hidden" name="ticket" value=(step.ticket);
                (Field::new("code", words::CODE).hint(words::CODE_HINT).autocomplete("one-time-code")
                    .wrong(Wrong::at(&step.wrong, "code")).required().focus().max(32))
                button.primary.wide type="submit" { (words::TITLE) }
            }
        }
    };
    layout(
        frame,
        &Page {
            title: words::SECOND_STEP,
            place: &[],
            tabs: &[],
            scripts: &[],
            body,
        },
    )
}

/// Where a browser is sent off to GitHub; it comes back to `to`.
fn by_github(to: &str) -> String {
    let mut address = String::from("/-/sign-in/github");
    if !to.is_empty() {
        address.push_str("?to=");
        encode(to, &mut address);
    }
    address
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
                    (Field::new("username", words::NAME).value(&sign_in.name).autocomplete("username").hint(words::NAME_HINT)
                        .required().focus())
                    (Field::new("password", words::PASSWORD).password("current-password").required())
                }
                button.primary.wide type="submit" { (words::TITLE) }
            }
            @if sign_in.token.is_none() {
                @if sign_in.github { p { a.button.wide href=(by_github(&sign_in.to)) { (words::GITHUB) } } }
                (crate::wallet::sign_in(&sign_in.to))
                @if sign_in.sends_mail {
                    p { a href="/-/forgot" { (words::FORGOT) } }
                } @else {
                    p.hint { (words::OTHERWISE) }
                }
                @if sign_in.sign_up { p { a href="/-/sign-up" { (words::SIGN_UP) } } }
            }
        }
    };
    layout(
        frame,
        &Page {
            title: words::TITLE,
            place: &[],
            tabs: &[],
            scripts: &[Script::Wallet],
            body,
        },
    )
}
