//! Who wrote a repository.

use super::{Behind, Head, page};
use crate::figures::{counted, grouped};
use crate::frame::{Frame, avatar};
use crate::icons::{Icon, icon};
use crate::moment::when;
use maud::html;

/// Somebody who wrote commits.
#[derive(Clone, Debug)]
pub struct Person {
    /// Their name.
    pub name: String,
    /// How many commits.
    pub commits: usize,
    /// When they wrote the first, in milliseconds since 1970.
    pub first_ms: i64,
    /// When they wrote the last.
    pub last_ms: i64,
}

/// So many are shown.
pub const MAX_PEOPLE: usize = 500;

/// Of what the people were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum People {
    /// The whole history.
    All,
    /// The newest commits of it, so many.
    OfTheNewest(usize),
    /// Nothing yet: it is being counted.
    Uncounted,
}

/// Writes the page.
pub fn people(frame: &Frame, head: &Head, people: &[Person], of: People) -> String {
    let most = people
        .iter()
        .map(|person| person.commits)
        .max()
        .unwrap_or(1)
        .max(1);
    let body = html! {
        div.head { h1 { "Contributors " @if of != People::Uncounted { span.muted { (grouped(people.len() as i64)) } } } }
        @if let People::OfTheNewest(commits) = of { p.note { "The newest " (counted(commits as i64, "commit", "commits")) " were counted." } }
        @if of == People::Uncounted {
            div.empty { (icon(Icon::People)) p { strong { "The commits are being counted." } } p { "That happens after each push and takes a moment. " a href=(frame.path) { "Look again" } } }
        } @else if people.is_empty() {
            div.empty { (icon(Icon::People)) p { strong { "Nobody has written anything yet." } } p { "Whoever writes a commit that is pushed here is shown." } }
        } @else {
            ol.rows.contributors {
                @for person in people.iter().take(MAX_PEOPLE) {
                    li {
                        (avatar(&person.name))
                        span.name { (person.name) }
                        svg.share viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" { rect width=(person.commits * 100 / most) height="6" {} }
                        span { (counted(person.commits as i64, "commit", "commits")) }
                        span.muted { (when(person.first_ms)) " – " (when(person.last_ms)) }
                    }
                }
            }
            @if people.len() > MAX_PEOPLE { p.note { "And " (grouped((people.len() - MAX_PEOPLE) as i64)) " more." } }
        }
    };
    page(
        frame,
        head,
        Behind::People,
        &format!("Contributors · {}/{}", head.owner, head.name),
        &[],
        body,
    )
}
