//! The pages of who is not signed in yet: making an account, asking for another password, and
//! what the links of letters lead to.

use crate::forms::{Field, Wrong, alert};
use crate::frame::{Frame, Page, layout};
use maud::{Markup, html};

mod words {
    pub const SIGN_UP: &str = "Make an account";
    pub const NAME: &str = "Name";
    pub const NAME_HINT: &str = "Stands in addresses: small letters, digits and hyphens are best.";
    pub const EMAIL: &str = "Mail";
    pub const EMAIL_HINT: &str = "Seen by you and by those who administer this site.";
    pub const PASSWORD: &str = "Password";
    pub const PASSWORD_HINT: &str =
        "At least 8 characters; a few words that nobody would guess are better than signs.";
    pub const HAVE_ONE: &str = "You have an account? ";
    pub const SIGN_IN: &str = "Sign in";
    pub const FORGOT: &str = "Forgotten password";
    pub const FORGOT_ABOUT: &str =
        "A letter to the address of your account brings a link that sets another password.";
    pub const SEND: &str = "Send the link";
    pub const RESET: &str = "Another password";
    pub const RESET_ABOUT: &str =
        "It takes the place of the one you have forgotten, and every session of your account ends.";
    pub const NEW_PASSWORD: &str = "New password";
    pub const SET: &str = "Set password";
    pub const GONE: &str = "This link has been used, or its time is over.";
    pub const ANOTHER: &str = "Ask for another link";
    pub const VERIFY: &str = "Your address";
    pub const VERIFY_ABOUT: &str =
        "You followed the link of a letter. This tells the site that it reached you.";
    pub const CONFIRM: &str = "This is my address";
    pub const SIGN_IN_FOR_ANOTHER: &str = "Sign in and have another letter sent from your settings.";
}

fn narrow(frame: &Frame, title: &str, inside: &Markup) -> String {
    let body = html! { div.narrow { h1 { (title) } (inside) } };
    layout(
        frame,
        &Page {
            title,
            place: &[],
            tabs: &[],
            scripts: &[],
            body,
        },
    )
}

/// The account that somebody wants, with what was typed.
#[derive(Default)]
pub struct SignUp {
    /// Its name.
    pub name: String,
    /// Its address for mail.
    pub email: String,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

/// Writes the page on which an account is made.
pub fn page(frame: &Frame, sign_up: &SignUp) -> String {
    let wrong = |field| Wrong::at(&sign_up.wrong, field);
    let inside = html! {
        (alert(Wrong::elsewhere(&sign_up.wrong, &["username", "email", "password"])))
        form method="post" action="/-/sign-up" {
            (Field::new("username", words::NAME).value(&sign_up.name).autocomplete("username")
                .hint(words::NAME_HINT).wrong(wrong("username")).required().focus().max(39))
            (Field::new("email", words::EMAIL).value(&sign_up.email).email().hint(words::EMAIL_HINT)
                .wrong(wrong("email")).required().max(255))
            (Field::new("password", words::PASSWORD).password("new-password").hint(words::PASSWORD_HINT)
                .wrong(wrong("password")).required())
            button.primary.wide type="submit" { (words::SIGN_UP) }
        }
        p.hint { (words::HAVE_ONE) a href="/login" { (words::SIGN_IN) } "." }
    };
    narrow(frame, words::SIGN_UP, &inside)
}

/// An address that was typed, and what was wrong with it.
#[derive(Default)]
pub struct Forgot {
    /// The address.
    pub email: String,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

/// Writes the page on which a link is asked for.
pub fn forgot(frame: &Frame, forgot: &Forgot) -> String {
    let wrong = |field| Wrong::at(&forgot.wrong, field);
    let inside = html! {
        (alert(Wrong::elsewhere(&forgot.wrong, &["email"])))
        p { (words::FORGOT_ABOUT) }
        form method="post" action="/-/forgot" {
            (Field::new("email", words::EMAIL).value(&forgot.email).email().wrong(wrong("email")).required()
                .focus().max(255))
            button.primary.wide type="submit" { (words::SEND) }
        }
    };
    narrow(frame, words::FORGOT, &inside)
}

/// Writes the page on which a link sets another password.
pub fn reset(frame: &Frame, token: &str, wrong: &Option<Wrong>) -> String {
    let inside = html! {
        (alert(Wrong::elsewhere(wrong, &["password"])))
        p { (words::RESET_ABOUT) }
        form method="post" action="/-/reset" {
            input type="hidden" name="token" value=(token);
            (Field::new("password", words::NEW_PASSWORD).password("new-password").hint(words::PASSWORD_HINT)
                .wrong(Wrong::at(wrong, "password")).required().focus())
            button.primary.wide type="submit" { (words::SET) }
        }
    };
    narrow(frame, words::RESET, &inside)
}

/// Writes what is shown of a link that sets no password any more.
pub fn reset_is_over(frame: &Frame) -> String {
    let inside = html! {
        (alert(Some(words::GONE)))
        p { a href="/-/forgot" { (words::ANOTHER) } }
    };
    narrow(frame, words::RESET, &inside)
}

/// Writes the page on which a link proves an address.
pub fn verify(frame: &Frame, token: &str) -> String {
    let inside = html! {
        p { (words::VERIFY_ABOUT) }
        form method="post" action="/-/verify" {
            input type="hidden" name="token" value=(token);
            button.primary.wide type="submit" { (words::CONFIRM) }
        }
    };
    narrow(frame, words::VERIFY, &inside)
}

/// Writes what is shown of a link that proves no address any more.
pub fn verify_is_over(frame: &Frame) -> String {
    let inside = html! {
        (alert(Some(words::GONE)))
        p { (words::SIGN_IN_FOR_ANOTHER) }
    };
    narrow(frame, words::VERIFY, &inside)
}
