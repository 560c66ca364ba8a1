//! The milestones of a repository.

use super::{Part, parts, quoted, searched, words as own};
use crate::figures::grouped;
use crate::forms::{Field, Wrong, alert, button, token};
use crate::frame::Frame;
use crate::icons::{Icon, icon};
use crate::moment::day;
use crate::repo::{Behind, Head, page};
use maud::html;

mod words {
    pub const NONE: &str = "There is no milestone yet.";
    pub const NONE_HINT: &str = "A milestone gathers the issues that belong to one aim, such as a release.";
    pub const MAKE: &str = "Create a milestone";
    pub const TITLE: &str = "Title";
    pub const ABOUT: &str = "What it is about";
    pub const DUE: &str = "Due on";
    pub const DUE_HINT: &str = "As in 2026-12-24; may be empty.";
    pub const CLOSE: &str = "Close";
    pub const REOPEN: &str = "Open again";
    pub const REMOVE: &str = "Remove";
}

/// A milestone.
#[derive(Clone, Debug)]
pub struct Milestone {
    /// Its id.
    pub id: i64,
    /// What it is called.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// Whether it is still worked towards.
    pub open: bool,
    /// When it is due.
    pub due_at_ms: Option<i64>,
    /// How many of its issues are open, and how many closed.
    pub issues: (i64, i64),
}

/// The milestones, and what was typed: title, text and day.
#[derive(Default)]
pub struct Milestones {
    /// Those that are there.
    pub milestones: Vec<Milestone>,
    /// Whether the visitor may open issues.
    pub may_write: bool,
    /// Whether they may change milestones.
    pub sorts: bool,
    /// What was typed.
    pub typed: [String; 3],
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

/// Writes them.
pub fn list(frame: &Frame, head: &Head, list: &Milestones) -> String {
    let action = format!("{}/milestones", head.home());
    let [title, about, due] = &list.typed;
    let body = html! {
        h1.hidden { (own::MILESTONES) }
        (parts(head, Part::Milestones, list.may_write))
        @if list.milestones.is_empty() {
            div.empty { (icon(Icon::Bookmark)) p { strong { (words::NONE) } } p { (words::NONE_HINT) } }
        } @else {
            ul.rows {
                @for one in &list.milestones {
                    @let all = one.issues.0 + one.issues.1;
                    @let done = (one.issues.1 * 100).checked_div(all).unwrap_or(0);
                    li {
                        div.line {
                            a.name href=(searched(head, &format!("is:open milestone:{}", quoted(&one.title)))) data-row { strong { (one.title) } }
                            @if !one.open { span.badge { (own::CLOSED) } }
                            @if let Some(ms) = one.due_at_ms { span.muted { (words::DUE) " " (day(ms)) } }
                            @if let (true, Some(viewer)) = (list.sorts, &frame.viewer) {
                                span.end-of-line {
                                    (button(viewer, &format!("{action}/{}/{}", one.id, if one.open { "close" } else { "open" }), if one.open { words::CLOSE } else { words::REOPEN }, &one.title, false))
                                    " "
                                    (button(viewer, &format!("{action}/{}/remove", one.id), words::REMOVE, &one.title, true))
                                }
                            }
                        }
                        @if !one.description.is_empty() { p.about { (one.description) } }
                        svg.progress viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label={ (done) " %" } {
                            rect width="100" height="4" {} rect width=(done) height="4" {}
                        }
                        div.meta { (grouped(one.issues.0)) " " (own::OPEN) " · " (grouped(one.issues.1)) " " (own::CLOSED) }
                    }
                }
            }
        }
        @if let (true, Some(viewer)) = (list.sorts, &frame.viewer) {
            section.group.column {
                h2 { (words::MAKE) }
                (alert(Wrong::elsewhere(&list.wrong, &["title", "description", "due_date"])))
                form method="post" action=(action) {
                    (token(viewer))
                    (Field::new("title", words::TITLE).value(title).required().wrong(Wrong::at(&list.wrong, "title")).max(255))
                    (Field::new("description", words::ABOUT).value(about).wrong(Wrong::at(&list.wrong, "description")).area(3))
                    (Field::new("due_date", words::DUE).value(due).hint(words::DUE_HINT).wrong(Wrong::at(&list.wrong, "due_date")).max(10))
                    div.submit { button.primary type="submit" { (words::MAKE) } }
                }
            }
        }
    };
    page(frame, head, Behind::Issues, own::MILESTONES, &[], body)
}
