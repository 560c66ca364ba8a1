//! The question whether an application may act for somebody.

use crate::forms::{alert, token};
use crate::frame::{Frame, Page, Viewer, layout};
use maud::{Markup, html};

mod words {
    pub const TITLE: &str = "Allow an application";
    pub const WANTS: &str = " wants to act for you here. It was made by ";
    pub const WOULD: &str = "It would";
    pub const BACK: &str = "Your answer is sent to ";
    pub const UNDO: &str = "You can withdraw this in your settings at any time.";
    pub const ALLOW: &str = "Allow";
    pub const DENY: &str = "Do not allow";
    pub const STRANGER: &str = "This question cannot be asked";
    pub const STRANGER_NEXT: &str = "Nothing was told to the application. Whoever runs it can mend this.";
}

/// The question.
pub struct Consent {
    /// What the application calls itself.
    pub app: String,
    /// Where people read of it; may be empty.
    pub website: String,
    /// Who made it.
    pub made_by: String,
    /// Where the answer goes.
    pub back_to: String,
    /// What it asks for: its words, and what they mean.
    pub asked: Vec<(&'static str, &'static str)>,
    /// What the form sends on.
    pub fields: Vec<(&'static str, String)>,
}

fn whole(frame: &Frame, title: &str, body: Markup) -> String {
    layout(
        frame,
        &Page {
            title,
            place: &[],
            tabs: &[],
            scripts: &[],
            body: html! { div.narrow { (body) } },
        },
    )
}

/// Writes the question.
pub fn consent(frame: &Frame, viewer: &Viewer, consent: &Consent) -> String {
    let body = html! {
        h1 { (words::TITLE) }
        p {
            @if consent.website.is_empty() { strong { (consent.app) } }
            @else { a href=(consent.website) rel="nofollow noreferrer" { strong { (consent.app) } } }
            (words::WANTS) a href={ "/" (consent.made_by) } { (consent.made_by) } "."
        }
        h2 { (words::WOULD) }
        ul { @for (word, about) in &consent.asked { li { code { (word) } " " (about) } } }
        p.muted { (words::BACK) code { (consent.back_to) } ". " (words::UNDO) }
        form method="post" action="/oauth/authorize" {
            (token(viewer))
            @for (name, value) in &consent.fields { input type="hidden" name=(name) value=(value); }
            div.submit {
                button.primary type="submit" name="decision" value="allow" { (words::ALLOW) }
                button type="submit" name="decision" value="deny" { (words::DENY) }
            }
        }
    };
    whole(frame, words::TITLE, body)
}

/// Writes why nobody is asked.
pub fn stranger(frame: &Frame, why: &str) -> String {
    let body = html! {
        h1 { (words::STRANGER) }
        (alert(Some(why)))
        p { (words::STRANGER_NEXT) }
    };
    whole(frame, words::STRANGER, body)
}
