//! The list of everything that is public, and the search of repositories and people.

use crate::assets::Script;
use crate::figures::counted;
use crate::frame::{Frame, Page, avatar, encode, layout};
use crate::icons::{Icon, icon};
use crate::repositories::{self, Listing};
use maud::{Markup, html};

mod words {
    pub const EXPLORE: &str = "Explore";
    pub const ABOUT: &str = "About";
    pub const NONE_ABOUT: &str = "No public repository is about this.";
    pub const ALL: &str = "Look at all of them.";
    pub const NONE: &str = "There is no public repository here yet.";
    pub const NONE_NEXT: &str = "Whoever has an account can make one, or push one.";
    pub const NONE_FOUND: &str = "No public repository has these words in its name or description.";
    pub const SEARCH: &str = "Search";
    pub const FIELD: &str = "Search repositories and people";
    pub const KINDS: &str = "What is searched for";
    pub const REPOSITORIES: &str = "Repositories";
    pub const PEOPLE: &str = "People";
    pub const ASK: &str = "Type a name, or a word of a description.";
    pub const SHORT: &str = "A search for people needs at least two characters.";
    pub const NO_REPOSITORY: &str =
        "No repository that you may see has these words in its name or description.";
    pub const NO_PERSON: &str = "Nobody here has these letters in their name.";
    pub const OTHER_WORDS: &str = "Try fewer or other words.";
}

/// Everything that is public.
pub struct Explore {
    /// The repositories.
    pub repositories: Listing,
}

fn nothing(first: &str, then: &str) -> Markup {
    html! { div.empty { (icon(Icon::Search)) p { strong { (first) } } p { (then) } } }
}

/// Writes the page of everything that is public.
pub fn page(frame: &Frame, explore: &Explore) -> String {
    let list = &explore.repositories;
    let empty = match list.text.is_empty() {
        true if !list.topic.is_empty() => html! {
            (nothing(words::NONE_ABOUT, ""))
            p { a href="/explore" { (words::ALL) } }
        },
        true => nothing(words::NONE, words::NONE_NEXT),
        false => nothing(words::NONE_FOUND, words::OTHER_WORDS),
    };
    let body = html! {
        div.head {
            h1 { @if list.topic.is_empty() { (words::EXPLORE) } @else { (words::ABOUT) " " (list.topic) } }
            span.muted { (repositories::count(list.total)) }
        }
        (list.controls())
        (list.list(&empty))
    };
    layout(
        frame,
        &Page {
            title: words::EXPLORE,
            place: &[],
            tabs: &[],
            scripts: &[Script::Times],
            body,
        },
    )
}

/// One account, as a search shows it.
#[derive(Clone, Debug)]
pub struct Person {
    /// Its name.
    pub name: String,
    /// What people call it; may be empty.
    pub display_name: String,
    /// What it says of itself; may be empty.
    pub bio: String,
    /// How many public repositories it has.
    pub repositories: i64,
}

/// What was found, of one kind.
pub enum Found {
    /// Nothing was searched for.
    Nothing,
    /// Repositories.
    Repositories(Listing),
    /// People; none where the words were too short to search for.
    People(Option<Vec<Person>>),
}

/// A search.
pub struct Search {
    /// What was searched for; may be empty.
    pub text: String,
    /// What was found.
    pub found: Found,
}

/// Writes the page of a search.
pub fn search(frame: &Frame, search: &Search) -> String {
    let people = matches!(search.found, Found::People(_));
    let href = |kind: &str| {
        let mut href = String::from("/search?q=");
        encode(&search.text, &mut href);
        href + kind
    };
    let body = html! {
        h1.said { (words::SEARCH) }
        form.searching role="search" aria-label=(words::SEARCH) action="/search" {
            input type="search" name="q" value=(search.text) aria-label=(words::FIELD) placeholder=(words::FIELD)
                maxlength="200" autofocus[search.text.is_empty()];
            @if people { input type="hidden" name="type" value="people"; }
            button.primary type="submit" { (words::SEARCH) }
        }
        @if !matches!(search.found, Found::Nothing) {
            nav.orders aria-label=(words::KINDS) {
                a href=(href("")) aria-current=[(!people).then_some("true")] { (words::REPOSITORIES) }
                a href=(href("&type=people")) aria-current=[people.then_some("true")] { (words::PEOPLE) }
            }
        }
        div.results {
            @match &search.found {
                Found::Nothing => (nothing(words::ASK, "")),
                Found::Repositories(list) => {
                    p.muted { (repositories::count(list.total)) }
                    (list.list(&nothing(words::NO_REPOSITORY, words::OTHER_WORDS)))
                },
                Found::People(None) => (nothing(words::SHORT, "")),
                Found::People(Some(people)) => {
                    p.muted { (counted(people.len() as i64, "person", "people")) }
                    @if people.is_empty() {
                        (nothing(words::NO_PERSON, words::OTHER_WORDS))
                    } @else {
                        ul.rows { @for person in people { (row(person)) } }
                    }
                },
            }
        }
    };
    layout(
        frame,
        &Page {
            title: words::SEARCH,
            place: &[],
            tabs: &[],
            scripts: &[Script::Times],
            body,
        },
    )
}

fn row(person: &Person) -> Markup {
    html! {
        li {
            div.line {
                (avatar(&person.name))
                a.name href={ "/" (person.name) } data-row { strong { (person.name) } }
                @if !person.display_name.is_empty() { span.muted { (person.display_name) } }
                span.end-of-line.muted { (repositories::count(person.repositories)) }
            }
            @if !person.bio.is_empty() { p.about { (person.bio) } }
        }
    }
}
