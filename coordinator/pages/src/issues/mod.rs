//! Issues, their labels and milestones: lists of them, one with all that was said and done, and the
//! forms by which they are opened and sorted.

pub mod labels;
pub mod list;
pub mod milestones;
pub mod one;
pub mod write;

use crate::frame::encode;
use crate::icons::{Icon, icon};
use crate::repo::Head;
use maud::{Markup, html};

pub(crate) mod words {
    pub const ISSUES: &str = "Issues";
    pub const LABELS: &str = "Labels";
    pub const MILESTONES: &str = "Milestones";
    pub const NEW: &str = "New issue";
    pub const OPEN: &str = "Open";
    pub const CLOSED: &str = "Closed";
    pub const DROPPED: &str = "Not planned";
    pub const DUPLICATE: &str = "Duplicate";
    pub const ABOUT: &str = "Issues and what sorts them";
}

/// A label.
#[derive(Clone, Debug, Default)]
pub struct Label {
    /// Its id.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// Its colour, as in `#d73a4a`.
    pub color: String,
    /// What it is for; may be empty.
    pub description: String,
}

/// How an issue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is something to do.
    Open,
    /// It is done.
    Closed,
    /// Nobody will do it.
    NotPlanned,
    /// Another one says the same.
    Duplicate,
}

impl State {
    const fn shown(self) -> (&'static str, &'static str, Icon) {
        match self {
            Self::Open => ("open", words::OPEN, Icon::Issue),
            Self::Closed => ("closed", words::CLOSED, Icon::Check),
            Self::NotPlanned => ("dropped", words::DROPPED, Icon::Archive),
            Self::Duplicate => ("dropped", words::DUPLICATE, Icon::Copy),
        }
    }
}

/// An issue, as lists show it.
#[derive(Clone, Debug)]
pub struct Issue {
    /// Its number.
    pub number: i64,
    /// What it is called.
    pub title: String,
    /// How it stands.
    pub state: State,
    /// Who opened it.
    pub author: String,
    /// When, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// Its labels.
    pub labels: Vec<Label>,
    /// Whose it is.
    pub assignees: Vec<String>,
    /// The milestone that it belongs to.
    pub milestone: Option<String>,
    /// How many comments it has.
    pub comments: i64,
    /// Whether only those who triage may say more.
    pub locked: bool,
}

/// The mark of a state, in a list.
fn mark(state: State) -> Markup {
    let (class, word, drawn) = state.shown();
    html! { span class=(format_args!("state-mark {class}")) title=(word) { (icon(drawn)) span.hidden { (word) } } }
}

/// A state, in words.
fn badge(state: State) -> Markup {
    let (class, word, drawn) = state.shown();
    html! { span class=(format_args!("state {class}")) { (icon(drawn)) (word) } }
}

/// A label, as a link to what bears it. Its colour is a drawing's, since nothing inline is styled.
fn label(head: &Head, label: &Label) -> Markup {
    html! {
        a.label href=(searched(head, &format!("is:open label:{}", quoted(&label.name)))) title=[(!label.description.is_empty()).then_some(&label.description)] {
            (swatch(&label.color)) (label.name)
        }
    }
}

/// A colour.
fn swatch(color: &str) -> Markup {
    html! { svg viewBox="0 0 10 10" aria-hidden="true" { circle cx="5" cy="5" r="4.5" fill=(color) {} } }
}

/// The list of what is searched for.
fn searched(head: &Head, text: &str) -> String {
    let mut address = format!("{}/issues?q=", head.home());
    encode(text, &mut address);
    address
}

fn quoted(text: &str) -> String {
    match text.contains(|c: char| c.is_whitespace() || c == ':') {
        true => format!("\"{text}\""),
        false => text.to_owned(),
    }
}

/// Which of the lists a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Issues,
    Labels,
    Milestones,
}

/// The way between issues, labels and milestones, and to a new issue.
fn parts(head: &Head, part: Part, may_write: bool) -> Markup {
    let link = |of, word, name: &str| {
        html! { a href={ (head.home()) "/" (name) } aria-current=[(of == part).then_some("page")] { (word) } }
    };
    html! {
        div.head {
            nav.views aria-label=(words::ABOUT) {
                (link(Part::Issues, words::ISSUES, "issues"))
                (link(Part::Labels, words::LABELS, "labels"))
                (link(Part::Milestones, words::MILESTONES, "milestones"))
            }
            @if may_write {
                div.actions { a.button.primary href={ (head.home()) "/issues/new" } data-key="n" { (icon(Icon::Plus)) (words::NEW) } }
            }
        }
    }
}
