//! The list of issues, with what is searched for, and the change of many at once.

use super::{Issue, Label, Part, label, mark, parts, searched, words as own};
use crate::figures::grouped;
use crate::forms::{Wrong, alert, select, token};
use crate::frame::{Frame, encode};
use crate::icons::{Icon, icon};
use crate::moment::when;
use crate::repo::{Behind, Head, page};
use maud::{Markup, html};

mod words {
    pub const SEARCH: &str = "Search issues";
    pub const GO: &str = "Search";
    pub const HINT: &str = "is:open label:bug author:ada crash";
    pub const HELP: &str = "What can be asked for";
    pub const STATES: &str = "State";
    pub const SORT: &str = "Sorted by";
    pub const ORDERS: [(&str, &str); 4] = [
        ("created-desc", "Newest"),
        ("created-asc", "Oldest"),
        ("updated-desc", "Lately changed"),
        ("comments-desc", "Most discussed"),
    ];
    pub const NONE: &str = "No issue is like that.";
    pub const NONE_HINT: &str = "Take something out of the search, or look at all of them.";
    pub const EMPTY: &str = "There is no issue yet.";
    pub const EMPTY_HINT: &str =
        "An issue is where people report what breaks, ask for what is missing and plan what is next.";
    pub const ALL: &str = "All open issues";
    pub const MORE: &str = "Further issues";
    pub const PINNED: &str = "Pinned issues";
    pub const PICK: &str = "Pick";
    pub const MANY: &str = "Change the picked ones";
    pub const DO: &str = "Change them";
    pub const STATE: &str = "State";
    pub const LABEL: &str = "Label";
    pub const KEEP: &str = "as it is";
    pub const HELPS: [(&str, &str); 8] = [
        ("is:open, is:closed, is:locked", "how it stands"),
        (
            "label:bug, -label:bug, no:label",
            "with a label, without it, without any",
        ),
        ("author:ada, author:@me", "who opened it"),
        ("assignee:ada, no:assignee", "whose it is"),
        ("milestone:v1, no:milestone", "what it belongs to"),
        ("reason:completed, reason:not_planned", "why it was closed"),
        ("sort:updated-desc", "created, updated or comments; asc or desc"),
        ("crash \"at start\"", "words of title and text"),
    ];
}

/// The list, and what was asked for.
#[derive(Default)]
pub struct List {
    /// What was asked for, as it is said.
    pub text: String,
    /// The same without a state, and which state that was.
    pub without_state: String,
    /// `open`, `closed` or none.
    pub state: Option<&'static str>,
    /// The same without an order, and the word of the order.
    pub without_order: String,
    /// Its word, as in `updated-desc`.
    pub order: &'static str,
    /// What was found.
    pub issues: Vec<Issue>,
    /// How many issues there are that are open and closed.
    pub counts: (i64, i64),
    /// How many were found in all.
    pub total: i64,
    /// What stands above the list.
    pub pinned: Vec<Issue>,
    /// The cursor of what follows.
    pub next: Option<String>,
    /// Whether the visitor may open issues.
    pub may_write: bool,
    /// Whether they sort them: the labels that they may put on many at once.
    pub sorts: Option<Vec<Label>>,
    /// What was wrong with a change of many.
    pub wrong: Option<Wrong>,
}

/// Writes the list.
pub fn list(frame: &Frame, head: &Head, list: &List) -> String {
    let body = html! {
        h1.hidden { (own::ISSUES) }
        (parts(head, Part::Issues, list.may_write))
        form.searching role="search" aria-label=(words::SEARCH) action={ (head.home()) "/issues" } {
            input type="search" name="q" value=(list.text) aria-label=(words::SEARCH) placeholder=(words::HINT) maxlength="500" autocomplete="off";
            button type="submit" { (words::GO) }
        }
        div.controls {
            nav.orders aria-label=(words::STATES) {
                (state(head, list, Some("open"), own::OPEN, Some(list.counts.0)))
                (state(head, list, Some("closed"), own::CLOSED, Some(list.counts.1)))
            }
            nav.orders aria-label=(words::SORT) {
                @for (word, said) in words::ORDERS {
                    a href=(searched(head, format!("{} sort:{word}", list.without_order).trim())) aria-current=[(word == list.order).then_some("true")] rel="nofollow" { (said) }
                }
            }
            details {
                summary { (words::HELP) }
                dl.keys { @for (asked, means) in words::HELPS { dt { code { (asked) } } dd { (means) } } }
            }
        }
        @if !list.pinned.is_empty() {
            h2.hidden { (words::PINNED) }
            ul.pinned { @for issue in &list.pinned { li { (mark(issue.state)) " " a href=(address(head, issue)) { strong { (issue.title) } } div.meta { (about(head, issue)) } } } }
        }
        (alert(list.wrong.as_ref().map(|wrong| wrong.text.as_str())))
        @match (&list.sorts, &frame.viewer) {
            (Some(labels), Some(viewer)) if !list.issues.is_empty() => {
                form method="post" action={ (head.home()) "/issues/many" } {
                    (token(viewer))
                    input type="hidden" name="q" value=(list.text);
                    (rows(head, list, true))
                    fieldset.many-at-once {
                        legend { (words::MANY) }
                        (select("state", words::STATE, "", &[("", words::KEEP), ("open", own::OPEN), ("closed", own::CLOSED), ("not_planned", own::DROPPED)]))
                        (select("label", words::LABEL, "", &choices(labels)))
                        button type="submit" { (words::DO) }
                    }
                }
            }
            _ => (rows(head, list, false)),
        }
        @if let Some(next) = &list.next {
            nav.pages aria-label=(words::MORE) { a href=(onward(head, &list.text, next)) rel="next nofollow" { (words::MORE) } }
        }
    };
    page(frame, head, Behind::Issues, own::ISSUES, &[], body)
}

fn choices(labels: &[Label]) -> Vec<(&str, &str)> {
    let mut all = vec![("", words::KEEP)];
    all.extend(
        labels
            .iter()
            .map(|label| (label.name.as_str(), label.name.as_str())),
    );
    all
}

fn onward(head: &Head, text: &str, next: &str) -> String {
    let mut address = searched(head, text);
    address.push_str("&cursor=");
    encode(next, &mut address);
    address
}

fn state(head: &Head, list: &List, state: Option<&'static str>, word: &str, count: Option<i64>) -> Markup {
    let asked = match state {
        Some(state) => format!("is:{state} {}", list.without_state),
        None => list.without_state.clone(),
    };
    html! {
        a href=(searched(head, asked.trim())) aria-current=[(state == list.state).then_some("true")] {
            (word) @if let Some(count) = count { " " (grouped(count)) }
        }
    }
}

/// Where an issue is.
fn address(head: &Head, issue: &Issue) -> String {
    format!("{}/issues/{}", head.home(), issue.number)
}

fn about(head: &Head, issue: &Issue) -> Markup {
    html! {
        "#" (issue.number) " by " a href={ "/" (issue.author) } { (issue.author) } ", " (when(issue.created_at_ms))
        @if let Some(milestone) = &issue.milestone { " · " a href=(searched(head, &format!("is:open milestone:{}", super::quoted(milestone)))) { (milestone) } }
        @if !issue.assignees.is_empty() { " · for " (issue.assignees.join(", ")) }
        @if issue.locked { " · locked" }
    }
}

fn rows(head: &Head, list: &List, picked: bool) -> Markup {
    let empty = list.counts == (0, 0);
    html! {
        @if list.issues.is_empty() {
            div.empty {
                (icon(Icon::Issue))
                p { strong { (if empty { words::EMPTY } else { words::NONE }) } }
                p { (if empty { words::EMPTY_HINT } else { words::NONE_HINT }) }
                @if empty && list.may_write {
                    a.button href={ (head.home()) "/issues/new" } { (own::NEW) }
                } @else if !empty {
                    a.button href={ (head.home()) "/issues" } { (words::ALL) }
                }
            }
        } @else {
            ul.rows.issues.picked[picked] {
                @for issue in &list.issues {
                    li {
                        @if picked { input type="checkbox" name="number" value=(issue.number) aria-label={ (words::PICK) " #" (issue.number) }; }
                        (mark(issue.state))
                        div {
                            div.line {
                                a.name href=(address(head, issue)) data-row { (issue.title) }
                                span.labels { @for one in &issue.labels { (label(head, one)) } }
                            }
                            div.meta { (about(head, issue)) }
                        }
                        @if issue.comments > 0 { span.said title=(crate::figures::counted(issue.comments, "comment", "comments")) { (icon(Icon::More)) (grouped(issue.comments)) } }
                    }
                }
            }
        }
    }
}
