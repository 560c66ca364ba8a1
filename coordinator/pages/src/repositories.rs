//! Lists of repositories: one entry, the list with its search, its order and its parts.

use crate::figures::counted;
use crate::frame::encode;
use crate::icons::{Icon, icon};
use crate::moment::when;
use maud::{Markup, html};

mod words {
    use crate::forms::Choice;

    pub const PRIVATE: &str = "Private";
    pub const INTERNAL: &str = "Internal";
    /// Who may see a repository, as it is offered.
    pub const VISIBILITIES: [Choice<'static>; 3] = [
        Choice {
            value: "public",
            label: "Public",
            hint: "Everybody can read and clone it.",
        },
        Choice {
            value: "internal",
            label: "Internal",
            hint: "Everybody who has an account here.",
        },
        Choice {
            value: "private",
            label: "Private",
            hint: "Only you and those who are let in.",
        },
    ];
    pub const ARCHIVED: &str = "Archived";
    pub const EMPTY: &str = "Empty";
    pub const PUSHED: &str = "Pushed ";
    pub const MADE: &str = "Created ";
    pub const FIND: &str = "Find a repository";
    pub const ORDER: &str = "Order";
    pub const UPDATED: &str = "Recently pushed";
    pub const CREATED: &str = "Newest";
    pub const NAME: &str = "Name";
    pub const PAGES: &str = "Pages";
    pub const NEWER: &str = "Previous";
    pub const OLDER: &str = "Next";
}

/// One repository, as a list shows it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Whose it is.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// What it says of itself; may be empty.
    pub description: String,
    /// Who sees it: `public`, `internal` or `private`.
    pub visibility: &'static str,
    /// Whether it may only be read.
    pub archived: bool,
    /// When something was pushed last, in milliseconds since 1970; none if nothing ever was.
    pub pushed_at_ms: Option<i64>,
    /// When it was made.
    pub created_at_ms: i64,
}

/// In which order a list comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The latest pushed first.
    #[default]
    Updated,
    /// The newest first.
    Created,
    /// By name.
    Name,
}

impl Order {
    /// Every order, as it is offered.
    pub const ALL: [Self; 3] = [Self::Updated, Self::Created, Self::Name];

    /// The order as an address has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Created => "created",
            Self::Name => "name",
        }
    }

    /// The order that an address names; the usual one where it names none.
    pub fn read(text: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|order| order.as_str() == text)
            .unwrap_or_default()
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Updated => words::UPDATED,
            Self::Created => words::CREATED,
            Self::Name => words::NAME,
        }
    }
}

/// Part of a list, and how it was asked for.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The address of the list, without its query.
    pub path: String,
    /// What was searched for; may be empty.
    pub text: String,
    /// In which order.
    pub order: Order,
    /// Which part, from 1.
    pub part: i64,
    /// How many a part has at most.
    pub limit: i64,
    /// How many there are in all.
    pub total: i64,
    /// The topic that they are about; may be empty.
    pub topic: String,
    /// Whether all are of one owner, who is then not named with each.
    pub of_one: bool,
    /// What is in this part.
    pub entries: Vec<Entry>,
}

impl Listing {
    /// The address of the list with other words, order or part; what is usual is left out.
    fn href(&self, order: Order, part: i64) -> String {
        let mut pairs = Vec::new();
        if !self.text.is_empty() {
            let mut pair = String::from("q=");
            encode(&self.text, &mut pair);
            pairs.push(pair);
        }
        if !self.topic.is_empty() {
            pairs.push(format!("topic={}", self.topic));
        }
        if order != Order::default() {
            pairs.push(format!("sort={}", order.as_str()));
        }
        if part > 1 {
            pairs.push(format!("page={part}"));
        }
        match pairs.is_empty() {
            true => self.path.clone(),
            false => format!("{}?{}", self.path, pairs.join("&")),
        }
    }

    fn parts(&self) -> i64 {
        if self.limit < 1 {
            1
        } else {
            (self.total + self.limit - 1) / self.limit
        }
    }

    /// The search and the orders, to stand before the list.
    pub fn controls(&self) -> Markup {
        // Nothing is searched for where nothing is.
        if self.total == 0 && self.text.is_empty() {
            return html! {};
        }
        html! {
            div.controls {
                form.filter role="search" aria-label=(words::FIND) action=(self.path) {
                    input type="search" name="q" value=(self.text) aria-label=(words::FIND)
                        placeholder=(words::FIND) maxlength="200";
                    @if !self.topic.is_empty() { input type="hidden" name="topic" value=(self.topic); }
                    @if self.order != Order::default() {
                        input type="hidden" name="sort" value=(self.order.as_str());
                    }
                }
                nav.orders aria-label=(words::ORDER) {
                    @for order in Order::ALL {
                        a href=(self.href(order, 1)) aria-current=[(order == self.order).then_some("true")] {
                            (order.label())
                        }
                    }
                }
            }
        }
    }

    /// The list and the way to its other parts. `empty` stands in place of an empty list.
    pub fn list(&self, empty: &Markup) -> Markup {
        html! {
            @if self.entries.is_empty() {
                (empty)
            } @else {
                ul.rows.repositories { @for entry in &self.entries { (row(entry, self.of_one)) } }
            }
            (self.pages())
        }
    }

    fn pages(&self) -> Markup {
        let (part, parts) = (self.part, self.parts());
        html! {
            @if parts > 1 || part > 1 {
                nav.pages aria-label=(words::PAGES) {
                    @if part > 1 { a rel="prev" href=(self.href(self.order, part - 1)) { (words::NEWER) } }
                    span { (part) " / " (parts) }
                    @if part < parts { a rel="next" href=(self.href(self.order, part + 1)) { (words::OLDER) } }
                }
            }
        }
    }
}

pub use words::VISIBILITIES;

/// What a repository is beside being one: internal or private, archived.
pub fn badges(visibility: &str, archived: bool) -> Markup {
    html! {
        @match visibility {
            "public" => {},
            "internal" => span.badge { (icon(Icon::People)) (words::INTERNAL) },
            _ => span.badge { (icon(Icon::Lock)) (words::PRIVATE) },
        }
        @if archived { span.badge.warn { (icon(Icon::Archive)) (words::ARCHIVED) } }
    }
}

fn row(entry: &Entry, of_one: bool) -> Markup {
    html! {
        li {
            div.line {
                a.name href={ "/" (entry.owner) "/" (entry.name) } data-row {
                    @if !of_one { span.owner { (entry.owner) " / " } } strong { (entry.name) }
                }
                (badges(entry.visibility, entry.archived))
            }
            @if !entry.description.is_empty() { p.about { (entry.description) } }
            p.meta {
                @match entry.pushed_at_ms {
                    Some(ms) => { (words::PUSHED) (when(ms)) },
                    None => { (words::EMPTY) " · " (words::MADE) (when(entry.created_at_ms)) },
                }
            }
        }
    }
}

/// "12 repositories".
pub fn count(total: i64) -> String {
    counted(total, "repository", "repositories")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(part: i64, total: i64) -> Listing {
        Listing {
            path: "/explore".into(),
            text: "a b".into(),
            order: Order::Name,
            part,
            limit: 30,
            total,
            topic: String::new(),
            of_one: false,
            entries: Vec::new(),
        }
    }

    #[test]
    fn other_parts_keep_what_was_asked_for() {
        let html = listing(2, 100).list(&html! {}).into_string();
        assert!(html.contains("href=\"/explore?q=a%20b&amp;sort=name\""), "{html}");
        assert!(
            html.contains("href=\"/explore?q=a%20b&amp;sort=name&amp;page=3\""),
            "{html}"
        );
        assert!(html.contains("2 / 4"));
        assert!(!listing(1, 30).list(&html! {}).into_string().contains("<nav"));
    }

    #[test]
    fn an_order_that_nobody_offers_is_the_usual_one() {
        assert_eq!(Order::read("name"), Order::Name);
        assert_eq!(Order::read("stars"), Order::Updated);
    }
}
