//! The webhooks of a repository: which there are, what each was told, and how that went.

use crate::forms::{Choice, Field, Wrong, alert, button, checks, choices, token};
use crate::frame::{Frame, Viewer};
use crate::icons::{Icon, icon};
use crate::moment::when;
use crate::repo::Head;
use crate::repository_settings::{Section, framed};
use maud::{Markup, html};

mod words {
    use super::Choice;

    pub const TITLE: &str = "Webhooks";
    pub const ABOUT: &str = "Who outside is told of what happens here. Each of them gets a request by POST.";
    pub const NONE: &str = "Nobody outside is told of what happens here.";
    pub const NONE_NEXT: &str = "Add a webhook below.";
    pub const ADD: &str = "Add a webhook";
    pub const URL: &str = "Address";
    pub const URL_HINT: &str = "Where requests go: https://host/path. It must be reached from everywhere.";
    pub const SECRET: &str = "Secret";
    pub const SECRET_HINT: &str =
        "What is told is signed with it (X-Hub-Signature-256), so that the receiver knows who calls.";
    pub const SECRET_KEPT: &str = "It has one, which is not shown again. Leave this empty to keep it.";
    pub const SECRET_GONE: &str = "Take its secret away";
    pub const EVENTS: &str = "It is told of";
    pub const FORMAT: &str = "In the shape";
    pub const ORDERED: &str =
        "In order: nothing is told before all that came before it has arrived or was given up";
    pub const ACTIVE: &str = "It is switched on";
    pub const OFF: &str = "Switched off";
    pub const SIGNED: &str = "Signed";
    pub const IN_ORDER: &str = "In order";
    pub const SAVE: &str = "Save";
    pub const TEST: &str = "Send a test";
    pub const REMOVE: &str = "Remove this webhook";
    pub const REMOVE_ABOUT: &str = "It is told nothing any more, not even what it is still owed.";
    pub const TOLD: &str = "What it was told";
    pub const TOLD_ABOUT: &str = "The latest first. What arrived, or was given up, is kept for a week.";
    pub const TOLD_NOTHING: &str = "It was told nothing yet.";
    pub const OLDER: &str = "Older ones";
    pub const SINCE: &str = "Owed since ";
    pub const TRIED: &str = "tried ";
    pub const ONCE: &str = "once";
    pub const TIMES: &str = " times";
    pub const AGAIN_AT: &str = "next try ";
    pub const TOOK: &str = " ms";
    pub const REQUEST: &str = "What was sent";
    pub const RESPONSE: &str = "What came back";
    pub const NOT_SENT: &str = "Nothing was sent yet.";
    pub const NO_ANSWER: &str = "No answer.";
    pub const EMPTY: &str = "An empty answer.";
    pub const AGAIN: &str = "Tell it again";
    pub const ID: &str = "Delivery";
    pub const STATES: [(&str, &str); 3] =
        [("owed", "Owed"), ("delivered", "Arrived"), ("failed", "Given up")];
    pub const FORMATS: [Choice<'static>; 2] = [
        Choice {
            value: "native",
            label: "Of this site",
            hint: "As /api/events/schema.json describes it.",
        },
        Choice {
            value: "github",
            label: "Of GitHub",
            hint: "For programs that were written for GitHub.",
        },
    ];
    pub const TOPICS: [Choice<'static>; 9] = [
        Choice {
            value: "*",
            label: "Everything",
            hint: "What is added later too.",
        },
        Choice {
            value: "push",
            label: "Pushes",
            hint: "",
        },
        Choice {
            value: "create",
            label: "Bookmarks and tags that are made",
            hint: "",
        },
        Choice {
            value: "delete",
            label: "Bookmarks and tags that are removed",
            hint: "",
        },
        Choice {
            value: "repository",
            label: "The repository itself",
            hint: "",
        },
        Choice {
            value: "issue",
            label: "Issues",
            hint: "",
        },
        Choice {
            value: "issue_comment",
            label: "Comments on issues",
            hint: "",
        },
        Choice {
            value: "member",
            label: "Collaborators",
            hint: "",
        },
        Choice {
            value: "star",
            label: "Stars",
            hint: "",
        },
    ];
}

/// One webhook of a list.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Its id.
    pub id: i64,
    /// Where it is told.
    pub url: String,
    /// What it hears of.
    pub topics: Vec<String>,
    /// Whether it has a secret.
    pub signed: bool,
    /// Whether it is told in order.
    pub ordered: bool,
    /// Whether it is told at all.
    pub active: bool,
}

/// A webhook as the form has it.
#[derive(Clone, Debug)]
pub struct Form {
    /// Its address.
    pub url: String,
    /// What it hears of.
    pub topics: Vec<String>,
    /// `native` or `github`.
    pub format: String,
    /// Whether it is told in order.
    pub ordered: bool,
    /// Whether it is told at all.
    pub active: bool,
    /// Whether it has a secret already.
    pub has_secret: bool,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            url: String::new(),
            topics: vec!["push".to_owned()],
            format: "native".to_owned(),
            ordered: false,
            active: true,
            has_secret: false,
            wrong: None,
        }
    }
}

/// One delivery.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its id.
    pub id: i64,
    /// The id that its receiver sees.
    pub guid: String,
    /// What happened.
    pub kind: String,
    /// `owed`, `delivered` or `failed`.
    pub state: &'static str,
    /// How often it was tried.
    pub attempts: i64,
    /// Since when it was owed, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it is tried next, where it was tried and is owed.
    pub next_at_ms: Option<i64>,
    /// How long the last attempt took, in milliseconds.
    pub took_ms: Option<i64>,
    /// What the receiver answered.
    pub status: Option<i64>,
    /// Why there was no answer.
    pub error: Option<String>,
    /// What was sent.
    pub request: Option<String>,
    /// What came back.
    pub response: Option<String>,
}

fn fields(viewer: &Viewer, action: &str, form: &Form, submit: &str) -> Markup {
    let wrong = |field| Wrong::at(&form.wrong, field);
    html! {
        (alert(Wrong::elsewhere(&form.wrong, &["url", "secret", "events"])))
        form method="post" action=(action) {
            (token(viewer))
            (Field::new("url", words::URL).url().value(&form.url).hint(words::URL_HINT).wrong(wrong("url"))
                .required().max(2048))
            (Field::new("secret", words::SECRET).password("new-password").wrong(wrong("secret")).max(255)
                .hint(if form.has_secret { words::SECRET_KEPT } else { words::SECRET_HINT }))
            @if form.has_secret {
                label.choice {
                    input type="checkbox" name="no_secret" value="yes";
                    span { (words::SECRET_GONE) }
                }
            }
            (checks("events", words::EVENTS, &form.topics, &words::TOPICS, wrong("events")))
            (choices("format", words::FORMAT, &form.format, &words::FORMATS))
            label.choice {
                input type="checkbox" name="ordered" value="yes" checked[form.ordered];
                span { (words::ORDERED) }
            }
            label.choice {
                input type="checkbox" name="active" value="yes" checked[form.active];
                span { (words::ACTIVE) }
            }
            div.submit { button.primary type="submit" { (submit) } }
        }
    }
}

/// Writes the page of all webhooks, with the form for another one.
pub fn list(frame: &Frame, viewer: &Viewer, head: &Head, hooks: &[Hook], form: &Form) -> String {
    let at = format!("{}/settings/hooks", head.home());
    let body = html! {
        h1 { (words::TITLE) }
        p.muted { (words::ABOUT) }
        @if hooks.is_empty() {
            div.empty { (icon(Icon::Link)) p { strong { (words::NONE) } } p { (words::NONE_NEXT) } }
        } @else {
            ul.rows {
                @for hook in hooks {
                    li {
                        div.line {
                            a.name href={ (at) "/" (hook.id) } { strong { (hook.url) } }
                            span.end-of-line.line {
                                @if !hook.active { span.badge.warn { (words::OFF) } }
                                @if hook.signed { span.badge { (words::SIGNED) } }
                                @if hook.ordered { span.badge { (words::IN_ORDER) } }
                            }
                        }
                        p.meta { (topics(&hook.topics)) }
                    }
                }
            }
        }
        h2 { (words::ADD) }
        (fields(viewer, &at, form, words::ADD))
    };
    framed(frame, head, Section::Hooks, &body)
}

/// What topics are called.
fn topics(chosen: &[String]) -> String {
    let label = |topic: &String| {
        let known = words::TOPICS.iter().find(|choice| choice.value == topic);
        known.map_or(topic.as_str(), |choice| choice.label).to_owned()
    };
    chosen.iter().map(label).collect::<Vec<_>>().join(" · ")
}

fn state(delivery: &Delivery) -> Markup {
    let known = words::STATES.iter().find(|(state, _)| *state == delivery.state);
    let label = known.map_or(delivery.state, |(_, label)| label);
    html! { span.badge.warn[delivery.state == "failed"] { (label) } }
}

fn outcome(delivery: &Delivery) -> Markup {
    html! {
        (words::SINCE) (when(delivery.created_at_ms))
        @if delivery.attempts > 0 {
            ", " (words::TRIED)
            @if delivery.attempts == 1 { (words::ONCE) } @else { (delivery.attempts) (words::TIMES) }
        }
        @if let Some(status) = delivery.status { ", " (status) }
        @if let Some(took) = delivery.took_ms { ", " (took) (words::TOOK) }
        @if let Some(next) = delivery.next_at_ms { ", " (words::AGAIN_AT) (when(next)) }
    }
}

/// Writes the page of one webhook: `id`, what it was told, and where older deliveries begin.
pub fn one(
    frame: &Frame,
    viewer: &Viewer,
    head: &Head,
    id: i64,
    form: &Form,
    (told, next): (&[Delivery], Option<&str>),
) -> String {
    let at = format!("{}/settings/hooks/{id}", head.home());
    let body = html! {
        h1 { (words::TITLE) }
        (fields(viewer, &at, form, words::SAVE))
        section.group {
            h2 { (words::TOLD) }
            p.muted { (words::TOLD_ABOUT) }
            @if told.is_empty() {
                div.empty { (icon(Icon::History)) p { strong { (words::TOLD_NOTHING) } } }
            } @else {
                ul.rows {
                    @for delivery in told {
                        li {
                            div.line {
                                a.name href={ (at) "/deliveries/" (delivery.id) } { strong { (delivery.kind) } }
                                span.end-of-line { (state(delivery)) }
                            }
                            @if let Some(error) = &delivery.error { p.about { (error) } }
                            p.meta { (outcome(delivery)) }
                        }
                    }
                }
            }
            div.line {
                @if form.active { (button(viewer, &format!("{at}/test"), words::TEST, &form.url, false)) }
                @if let Some(next) = next {
                    a.button rel="next" href={ (at) "?cursor=" (next) } { (words::OLDER) }
                }
            }
        }
        section.group {
            h2 { (words::REMOVE) }
            p { (words::REMOVE_ABOUT) }
            form method="post" action={ (at) "/remove" } {
                (token(viewer))
                button.danger type="submit" { (words::REMOVE) }
            }
        }
    };
    framed(frame, head, Section::Hooks, &body)
}

/// Writes the page of one delivery of the webhook `id`; whether it may be told again.
pub fn delivery(
    frame: &Frame,
    viewer: &Viewer,
    head: &Head,
    (id, url): (i64, &str),
    delivery: &Delivery,
    again: bool,
) -> String {
    let at = format!("{}/settings/hooks/{id}", head.home());
    let body = html! {
        h1 { (delivery.kind) " " (state(delivery)) }
        p { a href=(at) { (url) } }
        @if let Some(error) = &delivery.error { (alert(Some(error))) }
        p.muted { (outcome(delivery)) }
        p.meta { (words::ID) " " code { (delivery.guid) } }
        @if again {
            (button(viewer, &format!("{at}/deliveries/{}/redeliver", delivery.id), words::AGAIN, &delivery.kind, false))
        }
        h2 { (words::REQUEST) }
        @match &delivery.request {
            Some(request) => pre.wrapped { (request) },
            None => p { (words::NOT_SENT) },
        }
        h2 { (words::RESPONSE) }
        @match delivery.response.as_deref() {
            Some("") => p { (words::EMPTY) },
            Some(response) => pre.wrapped { (response) },
            None => p { (words::NO_ANSWER) },
        }
    };
    framed(frame, head, Section::Hooks, &body)
}
