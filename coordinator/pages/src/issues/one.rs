//! One issue: what it says, what was said and done about it, and how it is sorted.

use super::{Label, State, badge, label, words as own};
use crate::figures::counted;
use crate::forms::{Field, Wrong, alert, button, select, token};
use crate::frame::{Frame, Viewer, avatar};
use crate::icons::{Icon, icon};
use crate::moment::{day, when};
use crate::repo::{Behind, Head, page};
use maud::{Markup, PreEscaped, html};

mod words {
    pub const SAID: &str = "What was said";
    pub const SAY: &str = "Say something";
    pub const SAY_HINT: &str = "Markdown; @name and #12 become links.";
    pub const COMMENT: &str = "Comment";
    pub const CLOSE: &str = "Close issue";
    pub const CLOSE_TOO: &str = "Comment and close";
    pub const DROP: &str = "Close as not planned";
    pub const REOPEN: &str = "Open again";
    pub const EDIT: &str = "Edit";
    pub const SAVE: &str = "Save";
    pub const TITLE: &str = "Title";
    pub const BODY: &str = "Text";
    pub const REMOVE: &str = "Remove";
    pub const EDITED: &str = "edited";
    pub const NOTHING: &str = "Nothing more was said.";
    pub const SORT: &str = "Sort this issue";
    pub const ASSIGNEES: &str = "Assigned to";
    pub const ASSIGNEES_HINT: &str = "Names of accounts, with spaces between.";
    pub const NOBODY: &str = "Nobody";
    pub const LABELS: &str = "Labels";
    pub const NO_LABELS: &str = "None";
    pub const MILESTONE: &str = "Milestone";
    pub const NO_MILESTONE: &str = "None";
    pub const DUE: &str = "Due on";
    pub const DUE_HINT: &str = "As in 2026-12-24.";
    pub const NEVER: &str = "Not set";
    pub const RELATIONS: &str = "Related";
    pub const PART_OF: &str = "is a part of";
    pub const PARTS: &str = "Parts";
    pub const RELATE: &str = "Relate to another issue";
    pub const HOW: &str = "This issue";
    pub const HOWS: [(&str, &str); 5] = [
        ("relates_to", "has to do with"),
        ("blocks", "blocks"),
        ("blocked_by", "waits for"),
        ("part_of", "is a part of"),
        ("duplicates", "says the same as, and is closed for it"),
    ];
    pub const OTHER: &str = "The other issue";
    pub const OTHER_HINT: &str = "Its number, as in #12.";
    pub const HEARING: &str = "What you hear of it";
    pub const SUBSCRIBED: &str = "You hear of all that happens here.";
    pub const MUTED: &str = "You hear of nothing that happens here, not even where you are named.";
    pub const USUAL: &str = "You hear of it where you take part, or watch the repository.";
    pub const SUBSCRIBE: &str = "Subscribe";
    pub const UNSUBSCRIBE: &str = "Unsubscribe";
    pub const MUTE: &str = "Mute";
    pub const UNMUTE: &str = "Unmute";
    pub const LOCK: &str = "Lock";
    pub const UNLOCK: &str = "Unlock";
    pub const PIN: &str = "Pin";
    pub const UNPIN: &str = "Unpin";
    pub const LOCKED: &str = "Locked: only those who sort the issues may say more.";
    pub const SIGN_IN: &str = "Sign in to say something.";
    pub const PEOPLE: &str = "Details";
}

/// The reactions that are offered.
pub const EMOJI: [&str; 6] = ["👍", "👎", "🎉", "❤️", "🚀", "👀"];

/// How many reacted in one way.
#[derive(Clone, Debug)]
pub struct Felt {
    /// With what.
    pub emoji: String,
    /// Who.
    pub people: Vec<String>,
}

/// Something that was said.
#[derive(Clone, Debug)]
pub struct Said {
    /// The comment's id; none for the issue's own text.
    pub id: Option<i64>,
    /// Who said it.
    pub author: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Whether it was changed since.
    pub edited: bool,
    /// What it says, as HTML that is clean.
    pub html: String,
    /// What it says, as it was typed.
    pub source: String,
    /// Whether the visitor may change it.
    pub own: bool,
    /// What people feel about it.
    pub felt: Vec<Felt>,
}

/// Something that was done.
#[derive(Clone, Debug)]
pub struct Done {
    /// Who did it; the forge where nobody did.
    pub actor: Option<String>,
    /// What was done, as a part of a sentence.
    pub what: String,
    /// Where more of it is, if anywhere.
    pub link: Option<(String, String)>,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// One thing of the story.
#[derive(Clone, Debug)]
pub enum Item {
    /// Something was said.
    Said(Said),
    /// Something was done.
    Done(Done),
}

/// Another issue.
#[derive(Clone, Debug)]
pub struct Other {
    /// Its number.
    pub number: i64,
    /// What it is called.
    pub title: String,
    /// Whether it is open.
    pub open: bool,
}

/// How an issue stands to another.
#[derive(Clone, Debug)]
pub struct Relation {
    /// How, as a form sends it.
    pub kind: &'static str,
    /// How, as in `waits for`.
    pub how: &'static str,
    /// The other one's number.
    pub number: i64,
    /// What it is called.
    pub title: String,
    /// Whether it is open.
    pub open: bool,
}

/// Which form something was wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// What the issue says.
    Edit,
    /// A new comment.
    Comment,
    /// How it is sorted.
    Sort,
    /// How it stands to others.
    Relate,
}

/// What a visitor may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct May {
    /// Say something.
    pub speak: bool,
    /// Change what it says, close it and open it again.
    pub edit: bool,
    /// Sort it.
    pub sort: bool,
}

/// One issue.
pub struct One {
    /// Its number.
    pub number: i64,
    /// What it is called.
    pub title: String,
    /// How it stands.
    pub state: State,
    /// Whether it is locked.
    pub locked: bool,
    /// Whether it is pinned.
    pub pinned: bool,
    /// What it says.
    pub said: Said,
    /// What was said and done since, in order.
    pub items: Vec<Item>,
    /// How many comments it has.
    pub comments: i64,
    /// Whose it is.
    pub assignees: Vec<String>,
    /// Its labels.
    pub labels: Vec<Label>,
    /// Its milestone: id and title.
    pub milestone: Option<(i64, String)>,
    /// When it is due.
    pub due_at_ms: Option<i64>,
    /// How it stands to others.
    pub relations: Vec<Relation>,
    /// The issue of which it is a part.
    pub whole: Option<Other>,
    /// Its parts, in their order.
    pub parts: Vec<Other>,
    /// What the visitor may do.
    pub may: May,
    /// The labels to choose from, of those who sort.
    pub all_labels: Vec<Label>,
    /// The milestones to choose from: id and title.
    pub all_milestones: Vec<(String, String)>,
    /// What the visitor said that they want to hear of it: `subscribed`, `muted`, `named` or nothing;
    /// none of who is not signed in.
    pub heard: Option<&'static str>,
    /// What was wrong, with which form, and what was typed: of a comment its text, of the rest title
    /// and text, of how it is sorted assignees and day, of a relation which and to which.
    pub wrong: Option<(Form, Wrong, [String; 2])>,
}

/// Writes the page of one issue.
pub fn one(frame: &Frame, head: &Head, issue: &One) -> String {
    let at = format!("{}/issues/{}", head.home(), issue.number);
    let viewer = frame.viewer.as_ref();
    let body = html! {
        header.issue-head {
            h1 { (issue.title) " " small { "#" (issue.number) } }
            div.line {
                (badge(issue.state))
                span { a href={ "/" (issue.said.author) } { (issue.said.author) } " opened it, " (when(issue.said.at_ms)) " · " (counted(issue.comments, "comment", "comments")) }
            }
        }
        div.sides {
            div {
                h2.hidden { (words::SAID) }
                ol.timeline {
                    li { (said(head, &at, issue, &issue.said, viewer)) }
                    @for item in &issue.items {
                        @match item {
                            Item::Said(one) => li id=[one.id.map(|id| format!("comment-{id}"))] { (said(head, &at, issue, one, viewer)) },
                            Item::Done(done) => li { (event(done)) },
                        }
                    }
                }
                @if issue.locked { p.notice { (icon(Icon::Lock)) span { (words::LOCKED) } } }
                (write(&at, issue, frame))
            }
            aside.sorting aria-label=(words::PEOPLE) { (sorting(head, &at, issue, viewer)) }
        }
    };
    let title = format!("{} #{}", issue.title, issue.number);
    page(frame, head, Behind::Issues, &title, &[], body)
}

fn wrong_with(issue: &One, form: Form) -> (Option<Wrong>, Option<&[String; 2]>) {
    match &issue.wrong {
        Some((with, wrong, typed)) if *with == form => (Some(wrong.clone()), Some(typed)),
        _ => (None, None),
    }
}

fn said(_: &Head, at: &str, issue: &One, said: &Said, viewer: Option<&Viewer>) -> Markup {
    let (wrong, typed) = match said.id {
        None => wrong_with(issue, Form::Edit),
        Some(_) => (None, None),
    };
    let (action, remove) = match said.id {
        None => (format!("{at}/edit"), None),
        Some(id) => (
            format!("{at}/comments/{id}"),
            Some(format!("{at}/comments/{id}/remove")),
        ),
    };
    html! {
        article.card.said-card {
            header {
                (avatar(&said.author)) a href={ "/" (said.author) } { strong { (said.author) } }
                @match said.id {
                    Some(id) => a.muted href=(format_args!("#comment-{id}")) { (when(said.at_ms)) },
                    None => span.muted { (when(said.at_ms)) },
                }
                @if said.edited { span.muted { "· " (words::EDITED) } }
                @if let (true, Some(remove), Some(viewer)) = (said.own, &remove, viewer) {
                    span.end-of-line { (button(viewer, remove, words::REMOVE, &format!("comment by {}", said.author), true)) }
                }
            }
            @if said.html.is_empty() { p.note { (words::NOTHING) } } @else { div.prose { (PreEscaped(&said.html)) } }
            (felt(at, said, viewer, issue.may.speak))
            @if let (true, Some(viewer)) = (said.own, viewer) {
                details open[wrong.is_some()] {
                    summary { (words::EDIT) }
                    (alert(Wrong::elsewhere(&wrong, &["title", "body"])))
                    form method="post" action=(action) {
                        (token(viewer))
                        @if said.id.is_none() {
                            (Field::new("title", words::TITLE).value(typed.map_or(issue.title.as_str(), |typed| typed[0].as_str())).required()
                                .wrong(Wrong::at(&wrong, "title")).max(512))
                            (Field::new("body", words::BODY).value(typed.map_or(said.source.as_str(), |typed| typed[1].as_str())).area(10)
                                .wrong(Wrong::at(&wrong, "body")))
                        } @else {
                            textarea name="body" rows="6" required aria-label=(words::BODY) { "\n" (said.source) }
                        }
                        div.submit { button type="submit" { (words::SAVE) } }
                    }
                }
            }
        }
    }
}

fn felt(at: &str, said: &Said, viewer: Option<&Viewer>, may: bool) -> Markup {
    let offered = EMOJI
        .iter()
        .filter(|emoji| !said.felt.iter().any(|felt| felt.emoji == **emoji));
    html! {
        @match viewer.filter(|_| may) {
            Some(viewer) => {
                form.reactions method="post" action={ (at) "/react" } {
                    (token(viewer))
                    @if let Some(id) = said.id { input type="hidden" name="comment" value=(id); }
                    @for felt in &said.felt {
                        button.plain type="submit" name="emoji" value=(felt.emoji) aria-pressed=(felt.people.contains(&viewer.name)) title=(felt.people.join(", ")) { (felt.emoji) " " (felt.people.len()) }
                    }
                    @for emoji in offered {
                        button.plain type="submit" name="emoji" value=(emoji) aria-pressed="false" { (emoji) }
                    }
                }
            }
            None if !said.felt.is_empty() => {
                div.reactions { @for felt in &said.felt { span title=(felt.people.join(", ")) { (felt.emoji) " " (felt.people.len()) } } }
            }
            None => {}
        }
    }
}

fn event(done: &Done) -> Markup {
    html! {
        div.event {
            (icon(Icon::Change))
            @match &done.actor { Some(actor) => strong { a href={ "/" (actor) } { (actor) } }, None => strong { "Plue" } }
            span { (done.what) @if let Some((address, text)) = &done.link { " " a href=(address) { (text) } } }
            (when(done.at_ms))
        }
    }
}

fn write(at: &str, issue: &One, frame: &Frame) -> Markup {
    let (wrong, typed) = wrong_with(issue, Form::Comment);
    let open = issue.state == State::Open;
    html! {
        @match &frame.viewer {
            None => p.write.muted { a href=(crate::frame::sign_in_link(&frame.path)) rel="nofollow" { (words::SIGN_IN) } },
            Some(viewer) if issue.may.speak => {
                section.write {
                    (alert(Wrong::elsewhere(&wrong, &["body"])))
                    form method="post" action={ (at) "/comments" } {
                        (token(viewer))
                        (Field::new("comment", words::SAY).area(6).hint(words::SAY_HINT)
                            .value(typed.map_or("", |typed| typed[0].as_str())).wrong(Wrong::at(&wrong, "body")))
                        div.submit {
                            button.primary type="submit" name="then" value="" { (words::COMMENT) }
                            @if issue.may.edit && open {
                                button type="submit" name="then" value="closed" title=(words::CLOSE_TOO) { (words::CLOSE) }
                                button type="submit" name="then" value="not_planned" { (words::DROP) }
                            } @else if issue.may.edit {
                                button type="submit" name="then" value="open" { (words::REOPEN) }
                            }
                        }
                    }
                }
            }
            Some(_) => {}
        }
    }
}

fn sorting(head: &Head, at: &str, issue: &One, viewer: Option<&Viewer>) -> Markup {
    let (wrong, typed) = wrong_with(issue, Form::Sort);
    let due = issue
        .due_at_ms
        .map(|ms| crate::moment::machine(ms)[..10].to_owned());
    html! {
        section {
            h2 { (words::ASSIGNEES) }
            @if issue.assignees.is_empty() { p.muted { (words::NOBODY) } }
            ul { @for name in &issue.assignees { li { (avatar(name)) " " a href={ "/" (name) } { (name) } } } }
        }
        section {
            h2 { (words::LABELS) }
            @if issue.labels.is_empty() { p.muted { (words::NO_LABELS) } }
            ul { @for one in &issue.labels { li { (label(head, one)) } } }
        }
        section {
            h2 { (words::MILESTONE) }
            @match &issue.milestone { Some((_, title)) => p { (title) }, None => p.muted { (words::NO_MILESTONE) } }
        }
        section {
            h2 { (words::DUE) }
            @match issue.due_at_ms { Some(ms) => p { (day(ms)) }, None => p.muted { (words::NEVER) } }
        }
        (others(head, at, issue, viewer))
        @if let (Some(heard), Some(viewer)) = (issue.heard, viewer) { section { (hearing(at, heard, viewer)) } }
        @if let (true, Some(viewer)) = (issue.may.sort, viewer) {
            section {
                details open[wrong.is_some()] {
                    summary { (words::SORT) }
                    (alert(Wrong::elsewhere(&wrong, &["assignees", "due_date"])))
                    form method="post" action={ (at) "/sort" } {
                        (token(viewer))
                        (Field::new("assignees", words::ASSIGNEES).hint(words::ASSIGNEES_HINT)
                            .value(&typed.map_or_else(|| issue.assignees.join(" "), |typed| typed[0].clone()))
                            .wrong(Wrong::at(&wrong, "assignees")))
                        @if !issue.all_labels.is_empty() {
                            fieldset.field {
                                legend { (words::LABELS) }
                                div.choices tabindex="0" { @for one in &issue.all_labels {
                                    label.choice {
                                        input type="checkbox" name="label" value=(one.name) checked[issue.labels.iter().any(|label| label.id == one.id)];
                                        span { (one.name) }
                                    }
                                } }
                            }
                        }
                        (select("milestone", words::MILESTONE, &issue.milestone.as_ref().map_or(String::new(), |(id, _)| id.to_string()), &milestones(issue)))
                        (Field::new("due_date", words::DUE).hint(words::DUE_HINT)
                            .value(&typed.map_or_else(|| due.clone().unwrap_or_default(), |typed| typed[1].clone()))
                            .wrong(Wrong::at(&wrong, "due_date")).max(10))
                        div.submit { button type="submit" { (words::SAVE) } }
                    }
                }
                div.submit {
                    (flag(viewer, at, "locked", issue.locked, words::LOCK, words::UNLOCK, issue.number))
                    (flag(viewer, at, "pinned", issue.pinned, words::PIN, words::UNPIN, issue.number))
                }
            }
        }
    }
}

/// What it is a part of, what its parts are, and how it stands to others; with the forms of those who
/// sort.
fn others(head: &Head, at: &str, issue: &One, viewer: Option<&Viewer>) -> Markup {
    let sorts = viewer.filter(|_| issue.may.sort);
    let done = issue.parts.iter().filter(|part| !part.open).count();
    let line = |how: &str, kind: &str, number: i64, title: &str, open: bool, end: bool| {
        html! {
            li {
                @if !how.is_empty() { (how) " " }
                a href={ (head.home()) "/issues/" (number) } { "#" (number) " " (title) }
                @if !open { " · " (own::CLOSED) }
                @if let (Some(viewer), true) = (sorts, end) {
                    " "
                    form.inline method="post" action={ (at) "/relate" } {
                        (token(viewer))
                        input type="hidden" name="how" value=(kind);
                        input type="hidden" name="other" value=(number);
                        button.small type="submit" name="ends" value="yes" aria-label={ (words::REMOVE) ": #" (number) } { (words::REMOVE) }
                    }
                }
            }
        }
    };
    html! {
        @if issue.whole.is_some() || !issue.relations.is_empty() {
            section {
                h2 { (words::RELATIONS) }
                ul {
                    @if let Some(one) = &issue.whole { (line(words::PART_OF, "part_of", one.number, &one.title, one.open, true)) }
                    @for one in &issue.relations { (line(one.how, one.kind, one.number, &one.title, one.open, true)) }
                }
            }
        }
        @if !issue.parts.is_empty() {
            section {
                h2 { (words::PARTS) " " span.muted { (done) " / " (issue.parts.len()) } }
                ol { @for one in &issue.parts { (line("", "", one.number, &one.title, one.open, false)) } }
            }
        }
        @if let Some(viewer) = sorts { section { (relate(at, issue, viewer)) } }
    }
}

/// The form that relates it to another one.
fn relate(at: &str, issue: &One, viewer: &Viewer) -> Markup {
    let (wrong, typed) = wrong_with(issue, Form::Relate);
    let (how, other) = typed.map_or(("relates_to", ""), |typed| (typed[0].as_str(), typed[1].as_str()));
    html! {
        details open[wrong.is_some()] {
            summary { (words::RELATE) }
            (alert(Wrong::elsewhere(&wrong, &["other"])))
            form method="post" action={ (at) "/relate" } {
                (token(viewer))
                (select("how", words::HOW, how, &words::HOWS))
                (Field::new("other", words::OTHER).hint(words::OTHER_HINT).value(other).required().wrong(Wrong::at(&wrong, "other")).max(20))
                div.submit { button type="submit" { (words::SAVE) } }
            }
        }
    }
}

/// What somebody wants to hear of it.
fn hearing(at: &str, heard: &str, viewer: &Viewer) -> Markup {
    let (said, offered): (&str, &[(&str, &str)]) = match heard {
        "muted" => (words::MUTED, &[("", words::UNMUTE)]),
        "subscribed" | "named" => (
            words::SUBSCRIBED,
            &[("", words::UNSUBSCRIBE), ("muted", words::MUTE)],
        ),
        _ => (
            words::USUAL,
            &[("subscribed", words::SUBSCRIBE), ("muted", words::MUTE)],
        ),
    };
    html! {
        h2 { (words::HEARING) }
        p.muted { (said) }
        form.inline method="post" action={ (at) "/subscription" } {
            (token(viewer))
            @for (value, word) in offered { button.small type="submit" name="state" value=(value) { (word) } }
        }
    }
}

fn milestones(issue: &One) -> Vec<(&str, &str)> {
    let mut all = vec![("", words::NO_MILESTONE)];
    all.extend(
        issue
            .all_milestones
            .iter()
            .map(|(id, title)| (id.as_str(), title.as_str())),
    );
    all
}

fn flag(viewer: &Viewer, at: &str, name: &str, set: bool, do_it: &str, undo: &str, number: i64) -> Markup {
    let (value, word) = if set { ("no", undo) } else { ("yes", do_it) };
    html! {
        form.inline method="post" action={ (at) "/flag" } {
            (token(viewer))
            button.small type="submit" name=(name) value=(value) aria-label={ (word) " #" (number) } { (word) }
        }
    }
}
