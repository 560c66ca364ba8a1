//! What somebody has heard of issues: what they have not seen yet, or all of it.

use crate::assets::Script;
use crate::figures::grouped;
use crate::forms::{Choice, choices, token};
use crate::frame::{Frame, Page, Viewer, layout};
use crate::icons::{Icon, icon};
use crate::moment::when;
use maud::{Markup, html};

mod words {
    use super::Choice;

    pub const TITLE: &str = "Notifications";
    pub const UNREAD: &str = "New";
    pub const ALL: &str = "All";
    pub const WHICH: &str = "Which notifications";
    pub const WHY: &str = "Why you hear of it";
    pub const ANY: &str = "For any reason";
    pub const REASONS: [(&str, &str); 6] = [
        ("mention", "You are named"),
        ("assign", "Assigned to you"),
        ("author", "You opened it"),
        ("comment", "You commented"),
        ("subscribed", "You asked for it"),
        ("watching", "You watch it"),
    ];
    pub const NONE: &str = "There is nothing new.";
    pub const NONE_NEXT: &str =
        "You hear of issues that you take part in, and of all in repositories that you watch.";
    pub const NONE_AT_ALL: &str = "You have heard of nothing yet.";
    pub const SEEN: &str = "Seen";
    pub const UNSEEN: &str = "Not seen";
    pub const ALL_SEEN: &str = "Mark all as seen";
    pub const OLDER: &str = "Older ones";
    pub const CLOSED: &str = "Closed";
    pub const SETTINGS: &str = "What is mailed to you";
    pub const SETTINGS_ABOUT: &str = "Letters go to the address of your account, once it is proven.";
    pub const MAILS: [Choice<'static>; 3] = [
        Choice {
            value: "participating",
            label: "What you take part in",
            hint: "Where you are named or assigned, opened it, commented, or asked for it.",
        },
        Choice {
            value: "all",
            label: "Everything that you hear",
            hint: "What happens in repositories that you watch too.",
        },
        Choice {
            value: "none",
            label: "Nothing",
            hint: "It is all on this page.",
        },
    ];
    pub const SAVE: &str = "Save";
}

/// One notification.
#[derive(Clone, Debug)]
pub struct Notification {
    /// Its id.
    pub id: i64,
    /// Why it was heard, as in `mention`.
    pub reason: &'static str,
    /// The number of its event.
    pub event: i64,
    /// Whether it was not seen yet.
    pub unread: bool,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// `owner/name`.
    pub repository: String,
    /// The number.
    pub number: i64,
    /// What it is called.
    pub title: String,
    /// Whether it is open.
    pub open: bool,
}

/// What somebody has heard.
#[derive(Clone, Debug, Default)]
pub struct Notifications {
    /// A part of it, the latest first.
    pub entries: Vec<Notification>,
    /// How many they have not seen.
    pub unread: i64,
    /// Whether what was seen is shown too.
    pub all: bool,
    /// The only reason that is shown; may be empty.
    pub reason: String,
    /// The address of what follows, if there is more.
    pub older: Option<String>,
    /// What is mailed: `all`, `participating` or `none`.
    pub mails: &'static str,
}

/// The address of the list of these.
fn address(all: bool, reason: &str) -> String {
    let mut pairs = Vec::new();
    if all {
        pairs.push("all=true".to_owned());
    }
    if !reason.is_empty() {
        pairs.push(format!("reason={reason}"));
    }
    match pairs.is_empty() {
        true => "/notifications".to_owned(),
        false => format!("/notifications?{}", pairs.join("&")),
    }
}

/// Writes the page.
pub fn page(frame: &Frame, viewer: &Viewer, heard: &Notifications) -> String {
    let newest = heard.entries.iter().map(|one| one.event).max();
    let body = html! {
        div.head {
            h1 { (words::TITLE) " " span.muted { (grouped(heard.unread)) } }
            @if let (Some(newest), true) = (newest, heard.unread > 0) {
                div.actions {
                    form.inline method="post" action="/notifications" {
                        (token(viewer))
                        button type="submit" name="up_to" value=(newest) { (icon(Icon::Check)) (words::ALL_SEEN) }
                    }
                }
            }
        }
        div.controls {
            nav.orders aria-label=(words::WHICH) {
                a href=(address(false, &heard.reason)) aria-current=[(!heard.all).then_some("true")] { (words::UNREAD) }
                a href=(address(true, &heard.reason)) aria-current=[heard.all.then_some("true")] { (words::ALL) }
            }
            nav.orders aria-label=(words::WHY) {
                a href=(address(heard.all, "")) aria-current=[heard.reason.is_empty().then_some("true")] { (words::ANY) }
                @for (reason, label) in words::REASONS {
                    a href=(address(heard.all, reason)) aria-current=[(heard.reason == reason).then_some("true")] { (label) }
                }
            }
        }
        @if heard.entries.is_empty() {
            div.empty {
                (icon(Icon::Check))
                p { strong { @if heard.all { (words::NONE_AT_ALL) } @else { (words::NONE) } } }
                p { (words::NONE_NEXT) }
            }
        } @else {
            ul.rows { @for one in &heard.entries { (row(viewer, one)) } }
        }
        @if let Some(older) = &heard.older { nav.pages { a rel="next" href=(older) { (words::OLDER) } } }
        section.group {
            h2 { (words::SETTINGS) }
            p.muted { (words::SETTINGS_ABOUT) }
            form method="post" action="/notifications/settings" {
                (token(viewer))
                (choices("mail", words::SETTINGS, heard.mails, &words::MAILS))
                div.submit { button type="submit" { (words::SAVE) } }
            }
        }
    };
    layout(
        frame,
        &Page {
            title: words::TITLE,
            place: &[],
            tabs: &[],
            scripts: &[Script::Times],
            body,
        },
    )
}

fn row(viewer: &Viewer, one: &Notification) -> Markup {
    let reason = words::REASONS
        .iter()
        .find(|(reason, _)| *reason == one.reason)
        .map_or("", |(_, label)| label);
    let (value, word) = match one.unread {
        true => ("no", words::SEEN),
        false => ("yes", words::UNSEEN),
    };
    html! {
        li {
            div.line {
                a.name href={ "/" (one.repository) "/issues/" (one.number) } data-row {
                    span.owner { (one.repository) " " } @if one.unread { strong { (one.title) } } @else { (one.title) }
                    " " span.muted { "#" (one.number) }
                }
                @if !one.open { span.badge { (words::CLOSED) } }
                span.end-of-line {
                    form.inline method="post" action="/notifications" {
                        (token(viewer))
                        input type="hidden" name="id" value=(one.id);
                        button.small type="submit" name="unread" value=(value) aria-label={ (word) ": " (one.title) } { (word) }
                    }
                }
            }
            p.meta { (reason) " · " (when(one.at_ms)) }
        }
    }
}
