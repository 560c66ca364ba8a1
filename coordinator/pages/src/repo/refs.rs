//! Bookmarks and tags.

use super::{Behind, Change, Head, Sight, address, commit_address, page, short};
use crate::figures::counted;
use crate::frame::{Frame, encode};
use crate::icons::{Icon, icon};
use crate::moment::when;
use maud::html;

/// One ref.
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// Its short name.
    pub name: String,
    /// The commit that it stands for, if it is one.
    pub change: Option<Change>,
    /// Whether it is the default bookmark.
    pub is_default: bool,
    /// How many commits it has that the default bookmark has not, and the other way round, in
    /// words; none where that is not known.
    pub apart: Option<(String, String)>,
    /// What an annotated tag says; may be empty.
    pub note: String,
}

/// A part of the list.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// Whether these are tags.
    pub tags: bool,
    /// The refs of this part.
    pub items: Vec<Item>,
    /// How many there are in all.
    pub total: usize,
    /// What was searched for; may be empty.
    pub text: String,
    /// Where the next part begins, if there is one.
    pub next: Option<String>,
}

/// Writes the page.
pub fn refs(frame: &Frame, head: &Head, list: &List) -> String {
    let (title, word, behind, mark) = match list.tags {
        true => ("Tags", "tags", Behind::Tags, Icon::Tag),
        false => ("Bookmarks", "bookmarks", Behind::Bookmarks, Icon::Bookmark),
    };
    let here = format!("{}/{word}", head.home());
    let next = list.next.as_ref().map(|next| {
        let mut address = format!("{here}?after=");
        encode(next, &mut address);
        if !list.text.is_empty() {
            address.push_str("&q=");
            encode(&list.text, &mut address);
        }
        address
    });
    let archive = |name: &str, ending: &str| {
        let mut address = format!("{}/archive/", head.home());
        encode(name, &mut address);
        address + ending
    };
    let compare = |name: &str| {
        let mut address = format!("{}/compare/", head.home());
        encode(&head.default_bookmark, &mut address);
        address.push_str("...");
        encode(name, &mut address);
        address
    };
    let body = html! {
        div.head {
            h1 { (title) " " span.muted { (crate::figures::grouped(list.total as i64)) } }
            @if !list.tags { a.button href={ (head.home()) "/compare" } { (icon(Icon::Compare)) "Compare" } }
        }
        div.controls {
            form.filter role="search" action=(here) {
                input type="search" name="q" value=(list.text) aria-label={ "Find among the " (word) } placeholder={ "Find among the " (word) } maxlength="200";
            }
        }
        @if list.items.is_empty() {
            div.empty {
                (icon(mark))
                p { strong { "There are no " (word) @if !list.text.is_empty() { " with this in their name" } "." } }
                @if list.text.is_empty() { pre { @if list.tags { "git tag v1.0.0\ngit push origin v1.0.0" } @else { "git push origin " (head.default_bookmark) } } }
            }
        } @else {
            ul.rows.refs {
                @for item in &list.items {
                    li {
                        div.line {
                            (icon(mark))
                            a.name href=(address(head, Sight::Tree, &item.name, "")) data-row { (item.name) }
                            @if item.is_default { span.badge { "default" } }
                            span.end-of-line {
                                @if let Some((ahead, behind)) = &item.apart { span.apart title={ (ahead) " ahead of " (head.default_bookmark) ", " (behind) " behind" } { "+" (ahead) " −" (behind) } }
                                @if !list.tags && !item.is_default { a href=(compare(&item.name)) rel="nofollow" { "Compare" } }
                                a href=(archive(&item.name, ".tar.gz")) rel="nofollow" { ".tar.gz" }
                                a href=(archive(&item.name, ".zip")) rel="nofollow" { ".zip" }
                            }
                        }
                        @if !item.note.is_empty() { p.about { (item.note) } }
                        @if let Some(change) = &item.change {
                            p.meta {
                                a href=(commit_address(head, &change.oid)) { code { (short(&change.oid)) } } " "
                                (change.title()) " · " (change.author) ", " (when(change.when_ms))
                            }
                        }
                    }
                }
            }
        }
        @if let Some(next) = &next { nav.pages aria-label="Pages" { a rel="next" href=(next) { "Next" } } }
        @if list.items.is_empty() && list.total > 0 { p.note { (counted(list.total as i64, "ref", "refs")) " in all" } }
    };
    page(
        frame,
        head,
        behind,
        &format!("{title} · {}/{}", head.owner, head.name),
        &[],
        body,
    )
}
