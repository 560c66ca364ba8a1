//! Profile and password.

use super::Section;
use crate::forms::{Field, Wrong, alert, token};
use crate::frame::{Frame, Viewer};
use maud::html;

mod words {
    pub const PROFILE: &str = "Profile";
    pub const DISPLAY_NAME: &str = "Name";
    pub const DISPLAY_NAME_HINT: &str = "What people call you. Your account's name stays what it is.";
    pub const BIO: &str = "About you";
    pub const SAVE: &str = "Save profile";
    pub const PASSWORD: &str = "Password";
    pub const HAS_NONE: &str = "You have no password yet: you signed in by a link, or use tokens and keys.";
    pub const OTHERS_END: &str = "A new password ends all your other sessions. Tokens and keys stay.";
    pub const CURRENT: &str = "Current password";
    pub const NEW: &str = "New password";
    pub const NEW_HINT: &str =
        "At least 8 characters; a few words that nobody would guess are better than signs.";
    pub const SET: &str = "Set password";
}

/// The profile, with what was typed.
#[derive(Default)]
pub struct Profile {
    /// What people call the account.
    pub display_name: String,
    /// What it says of itself.
    pub bio: String,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

/// Writes the page of the profile.
pub fn page(frame: &Frame, viewer: &Viewer, profile: &Profile) -> String {
    let wrong = |field| Wrong::at(&profile.wrong, field);
    let body = html! {
        h1 { (words::PROFILE) }
        (alert(Wrong::elsewhere(&profile.wrong, &["displayName", "bio"])))
        form method="post" action="/-/settings" {
            (token(viewer))
            (Field::new("displayName", words::DISPLAY_NAME).value(&profile.display_name).autocomplete("name")
                .hint(words::DISPLAY_NAME_HINT).wrong(wrong("displayName")).max(255))
            (Field::new("bio", words::BIO).value(&profile.bio).area(4).wrong(wrong("bio")).max(2000))
            div.submit { button.primary type="submit" { (words::SAVE) } }
        }
    };
    super::page(frame, Section::Profile, &body)
}

/// The password, of which nothing is shown.
#[derive(Default)]
pub struct Password {
    /// Whether there is one.
    pub is_set: bool,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

/// Writes the page of the password.
pub fn password(frame: &Frame, viewer: &Viewer, password: &Password) -> String {
    let wrong = |field| Wrong::at(&password.wrong, field);
    let body = html! {
        h1 { (words::PASSWORD) }
        (alert(Wrong::elsewhere(&password.wrong, &["current", "password"])))
        form method="post" action="/-/settings/password" {
            (token(viewer))
            input type="text" name="username" value=(viewer.name) autocomplete="username" hidden;
            @if password.is_set {
                p { (words::OTHERS_END) }
                (Field::new("current", words::CURRENT).password("current-password").required().wrong(wrong("current")))
            } @else {
                p { (words::HAS_NONE) }
            }
            (Field::new("password", words::NEW).password("new-password").required().hint(words::NEW_HINT)
                .wrong(wrong("password")))
            div.submit { button.primary type="submit" { (words::SET) } }
        }
    };
    super::page(frame, Section::Password, &body)
}
