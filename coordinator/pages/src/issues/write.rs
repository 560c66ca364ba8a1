//! A new issue: from a template where the repository has any.

use super::words as own;
use crate::forms::{Field, Wrong, alert, token};
use crate::frame::{Frame, Viewer, encode};
use crate::repo::{Behind, Head, page};
use maud::html;

mod words {
    pub const TITLE: &str = "Title";
    pub const BODY: &str = "Text";
    pub const BODY_HINT: &str = "Markdown; @name and #12 become links.";
    pub const OPEN: &str = "Open issue";
    pub const CHOOSE: &str = "What is it about?";
    pub const BLANK: &str = "Something else";
    pub const BLANK_ABOUT: &str = "Begin with an empty page.";
    pub const ARCHIVED: &str = "The repository is archived: nobody opens issues in it.";
}

/// A template to begin with.
#[derive(Clone, Debug)]
pub struct Template {
    /// The name of its file, by which it is chosen.
    pub file: String,
    /// What it is called.
    pub name: String,
    /// What it is for; may be empty.
    pub about: String,
}

/// A new issue, with what was typed.
#[derive(Default)]
pub struct New {
    /// The template that was chosen.
    pub template: String,
    /// Its title.
    pub title: String,
    /// What it says.
    pub body: String,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

/// Writes the choice of templates.
pub fn choose(frame: &Frame, head: &Head, templates: &[Template]) -> String {
    let address = |file: &str| {
        let mut address = format!("{}/issues/new?template=", head.home());
        encode(file, &mut address);
        address
    };
    let body = html! {
        div.column {
            h1 { (own::NEW) }
            p.muted { (words::CHOOSE) }
            ul.rows {
                @for template in templates {
                    li { a.name href=(address(&template.file)) data-row { strong { (template.name) } } @if !template.about.is_empty() { p.about { (template.about) } } }
                }
                li { a.name href=(address("-")) data-row { strong { (words::BLANK) } } p.about { (words::BLANK_ABOUT) } }
            }
        }
    };
    page(frame, head, Behind::Issues, own::NEW, &[], body)
}

/// Writes the form.
pub fn form(frame: &Frame, viewer: &Viewer, head: &Head, new: &New) -> String {
    let body = html! {
        div.column {
            h1 { (own::NEW) }
            @if head.archived { p.notice { (words::ARCHIVED) } }
            (alert(Wrong::elsewhere(&new.wrong, &["title", "body"])))
            form method="post" action={ (head.home()) "/issues/new" } {
                (token(viewer))
                input type="hidden" name="template" value=(new.template);
                (Field::new("title", words::TITLE).value(&new.title).required().focus().wrong(Wrong::at(&new.wrong, "title")).max(512))
                (Field::new("body", words::BODY).value(&new.body).hint(words::BODY_HINT).wrong(Wrong::at(&new.wrong, "body")).area(14))
                div.submit { button.primary type="submit" { (words::OPEN) } }
            }
        }
    };
    page(frame, head, Behind::Issues, own::NEW, &[], body)
}
