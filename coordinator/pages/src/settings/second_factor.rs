//! The second factor: whether there is one, setting it up, and its recovery codes.

use super::Section;
use crate::forms::{Field, Wrong, alert, token};
use crate::frame::{Frame, Viewer};
use crate::icons::{Icon, icon};
use maud::{Markup, html};
use qrcodegen::{QrCode, QrCodeEcc};

mod words {
    pub const TITLE: &str = "Second factor";
    pub const ABOUT: &str = "With a second factor, a password alone opens nothing: an app on your telephone shows a code that is asked for too. Over git, a token then takes the password's place.";
    pub const SET: &str = "Your second factor is set.";
    pub const CODES_LEFT: &str = "Recovery codes left: ";
    pub const UNSET: &str = "You have no second factor.";
    pub const CURRENT: &str = "Current password";
    pub const BEGIN: &str = "Set up a second factor";
    pub const REMOVE: &str = "Take it away";
    pub const REMOVE_ABOUT: &str = "From then on your password is enough again.";
    pub const RENEW: &str = "Make new recovery codes";
    pub const RENEW_ABOUT: &str = "The codes that you have are worthless from then on.";
    pub const SCAN: &str = "Read this picture with your app, or type the secret into it.";
    pub const PICTURE: &str = "The secret as a picture for your app";
    pub const SECRET: &str = "Secret";
    pub const CODES: &str = "Recovery codes";
    pub const CODES_ABOUT: &str = "Each of these opens your account once in place of the app's code. Keep them where you find them without your telephone: they are shown only now.";
    pub const CODE: &str = "Code";
    pub const CODE_HINT: &str = "The six digits that the app shows now.";
    pub const CONFIRM: &str = "Confirm";
    pub const DONE: &str = "To your second factor";
}

const ACTION: &str = "/-/settings/second-factor";

/// How it stands.
#[derive(Default)]
pub struct SecondFactor {
    /// Whether there is one.
    pub set: bool,
    /// How many recovery codes are left.
    pub codes_left: i64,
    /// Whether the account has a password, which is then asked for.
    pub asks_password: bool,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

fn password(name: &str, asks: bool, wrong: Option<&str>) -> Markup {
    html! {
        @if asks {
            (Field::new(name, words::CURRENT).password("current-password").required().wrong(wrong))
        }
    }
}

/// Writes the page.
pub fn page(frame: &Frame, viewer: &Viewer, factor: &SecondFactor) -> String {
    let wrong = Wrong::at(&factor.wrong, "current");
    let body = html! {
        h1 { (words::TITLE) }
        p.muted { (words::ABOUT) }
        (alert(Wrong::elsewhere(&factor.wrong, &["current"])))
        @if factor.set {
            p { (icon(Icon::Check)) " " strong { (words::SET) } " " (words::CODES_LEFT) (factor.codes_left) "." }
            form method="post" action={ (ACTION) "/codes" } {
                h2 { (words::RENEW) }
                (token(viewer))
                p { (words::RENEW_ABOUT) }
                (password("current", factor.asks_password, wrong))
                div.submit { button type="submit" { (words::RENEW) } }
            }
            form method="post" action={ (ACTION) "/remove" } {
                h2 { (words::REMOVE) }
                (token(viewer))
                p { (words::REMOVE_ABOUT) }
                (password("present", factor.asks_password, None))
                div.submit { button.danger type="submit" { (words::REMOVE) } }
            }
        } @else {
            p { (words::UNSET) }
            form method="post" action=(ACTION) {
                (token(viewer))
                (password("current", factor.asks_password, wrong))
                div.submit { button.primary type="submit" { (words::BEGIN) } }
            }
        }
    };
    super::page(frame, Section::SecondFactor, &body)
}

/// What is shown once.
pub struct Setup {
    /// The secret, as it is typed.
    pub secret: String,
    /// The same as an address, for the picture.
    pub uri: String,
    /// The recovery codes.
    pub codes: Vec<String>,
}

/// A text as a picture that telephones read.
fn picture(text: &str) -> Markup {
    const QUIET: i32 = 4;
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Medium) else {
        return html! {};
    };
    let size = code.size();
    let mut path = String::new();
    for y in 0..size {
        for x in 0..size {
            if code.get_module(x, y) {
                path.push_str(&format!("M{} {}h1v1h-1z", x + QUIET, y + QUIET));
            }
        }
    }
    let side = size + 2 * QUIET;
    html! {
        svg.qr role="img" aria-label=(words::PICTURE) viewBox={ "0 0 " (side) " " (side) } width="240" height="240" {
            rect width="100%" height="100%" fill="#fff" {}
            path d=(path) fill="#000" {}
        }
    }
}

fn list(codes: &[String]) -> Markup {
    html! {
        h2 { (words::CODES) }
        p { (words::CODES_ABOUT) }
        pre tabindex="0" { code #codes { @for code in codes { (code) "\n" } } }
    }
}

/// Writes the page on which a second factor is set up.
pub fn setup(frame: &Frame, viewer: &Viewer, setup: &Setup) -> String {
    let body = html! {
        h1 { (words::BEGIN) }
        p { (words::SCAN) }
        (picture(&setup.uri))
        p { (words::SECRET) ": " code #secret { (setup.secret) } }
        (list(&setup.codes))
        (confirmation(viewer, &None))
    };
    super::page(frame, Section::SecondFactor, &body)
}

fn confirmation(viewer: &Viewer, wrong: &Option<Wrong>) -> Markup {
    html! {
        (alert(Wrong::elsewhere(wrong, &["code"])))
        form method="post" action={ (ACTION) "/confirm" } {
            (token(viewer))
            (Field::new("code", words::CODE).hint(words::CODE_HINT).autocomplete("one-time-code")
                .wrong(Wrong::at(wrong, "code")).required().max(16))
            div.submit { button.primary type="submit" { (words::CONFIRM) } }
        }
    }
}

/// Writes the page that asks for a code once more; the secret is not shown a second time.
pub fn confirm(frame: &Frame, viewer: &Viewer, wrong: &Option<Wrong>) -> String {
    let body = html! { h1 { (words::BEGIN) } (confirmation(viewer, wrong)) };
    super::page(frame, Section::SecondFactor, &body)
}

/// Writes the page with new recovery codes.
pub fn codes(frame: &Frame, codes: &[String]) -> String {
    let body = html! {
        h1 { (words::TITLE) }
        (list(codes))
        p { a href=(ACTION) { (words::DONE) } }
    };
    super::page(frame, Section::SecondFactor, &body)
}
