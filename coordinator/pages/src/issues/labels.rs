//! The labels of a repository.

use super::{Label, Part, label, parts, words as own};
use crate::forms::{Field, Wrong, alert, button, token};
use crate::frame::Frame;
use crate::icons::{Icon, icon};
use crate::repo::{Behind, Head, page};
use maud::html;

mod words {
    pub const NONE: &str = "There is no label yet.";
    pub const NONE_HINT: &str = "Labels say what an issue is: a bug, a wish, something for beginners.";
    pub const MAKE: &str = "Create a label";
    pub const NAME: &str = "Name";
    pub const COLOR: &str = "Colour";
    pub const COLOR_HINT: &str = "As in #d73a4a.";
    pub const ABOUT: &str = "What it is for";
    pub const CHANGE: &str = "Change";
    pub const SAVE: &str = "Save";
    pub const REMOVE: &str = "Remove";
}

/// The labels, and what was typed.
#[derive(Default)]
pub struct Labels {
    /// Those that are there.
    pub labels: Vec<Label>,
    /// Whether the visitor may open issues.
    pub may_write: bool,
    /// Whether they may change labels.
    pub sorts: bool,
    /// What was typed: of a new one where its id is 0.
    pub typed: Label,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

/// Writes them.
pub fn list(frame: &Frame, head: &Head, list: &Labels) -> String {
    let action = format!("{}/labels", head.home());
    let at = |id: i64| {
        if list.typed.id == id {
            list.wrong.clone()
        } else {
            None
        }
    };
    let making = at(0);
    let body = html! {
        h1.hidden { (own::LABELS) }
        (parts(head, Part::Labels, list.may_write))
        @if list.labels.is_empty() {
            div.empty { (icon(Icon::Tag)) p { strong { (words::NONE) } } p { (words::NONE_HINT) } }
        } @else {
            ul.rows {
                @for one in &list.labels {
                    @let wrong = at(one.id);
                    @let shown = if wrong.is_some() { &list.typed } else { one };
                    li {
                        div.line {
                            (label(head, one))
                            span.muted { (one.description) }
                            @if let (true, Some(viewer)) = (list.sorts, &frame.viewer) {
                                span.end-of-line { (button(viewer, &format!("{action}/{}/remove", one.id), words::REMOVE, &one.name, true)) }
                            }
                        }
                        @if let (true, Some(viewer)) = (list.sorts, &frame.viewer) {
                            details open[wrong.is_some()] {
                                summary aria-label={ (words::CHANGE) ": " (one.name) } { (words::CHANGE) }
                                (alert(wrong.as_ref().map(|wrong| wrong.text.as_str())))
                                form.many-at-once method="post" action={ (action) "/" (one.id) } {
                                    (token(viewer))
                                    input name="name" value=(shown.name) required maxlength="50" aria-label=(words::NAME);
                                    input name="color" value=(shown.color) required maxlength="7" aria-label=(words::COLOR);
                                    input name="description" value=(shown.description) maxlength="500" aria-label=(words::ABOUT);
                                    button type="submit" { (words::SAVE) }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if let (true, Some(viewer)) = (list.sorts, &frame.viewer) {
            section.group.column {
                h2 { (words::MAKE) }
                (alert(Wrong::elsewhere(&making, &["name", "color", "description"])))
                form method="post" action=(action) {
                    (token(viewer))
                    (Field::new("name", words::NAME).value(&list.typed.name).required().wrong(Wrong::at(&making, "name")).max(50))
                    (Field::new("color", words::COLOR).value(if list.typed.color.is_empty() { "#888888" } else { &list.typed.color }).hint(words::COLOR_HINT)
                        .required().wrong(Wrong::at(&making, "color")).max(7))
                    (Field::new("description", words::ABOUT).value(&list.typed.description).wrong(Wrong::at(&making, "description")).max(500))
                    div.submit { button.primary type="submit" { (words::MAKE) } }
                }
            }
        }
    };
    page(frame, head, Behind::Issues, own::LABELS, &[], body)
}
