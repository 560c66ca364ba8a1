//! Going to a file by parts of its path.

use super::{Behind, Head, Sight, Spot, address, bar, page};
use crate::Script;
use crate::frame::Frame;
use crate::highlight::escape;
use maud::{Markup, PreEscaped, html};

/// So many files are listed.
pub const MAX_FOUND: usize = 100;
/// The longest text that is searched for, in characters.
pub const MAX_TEXT_CHARS: usize = 100;

/// How well a path matches, and where; none where it does not.
fn rank(path: &str, wanted: &[char]) -> Option<(i64, Vec<usize>)> {
    let name = path.rfind('/').map_or(0, |at| at + 1);
    // From the end, so that the name counts before the folders.
    let mut places = Vec::with_capacity(wanted.len());
    let mut chars = path.char_indices().rev().peekable();
    for want in wanted.iter().rev() {
        let (at, _) = chars
            .by_ref()
            .find(|(_, c)| c.eq_ignore_ascii_case(want) || c.to_lowercase().eq(want.to_lowercase()))?;
        places.push(at);
    }
    places.reverse();
    let mut score = -(path.len() as i64);
    for (nth, at) in places.iter().enumerate() {
        let before = path[..*at].chars().next_back();
        let begins = before.is_none_or(|c| !c.is_alphanumeric());
        let joined = nth > 0
            && path[places[nth - 1]..]
                .chars()
                .next()
                .is_some_and(|c| places[nth - 1] + c.len_utf8() == *at);
        score += 20 * i64::from(*at >= name) + 15 * i64::from(begins) + 25 * i64::from(joined);
    }
    Some((score, places))
}

/// The paths that match a text, the best first, each with the places of its letters; and how many
/// match in all.
pub fn found<'a>(paths: &'a [String], text: &str) -> (Vec<(&'a str, Vec<usize>)>, usize) {
    let wanted: Vec<char> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .take(MAX_TEXT_CHARS)
        .collect();
    if wanted.is_empty() {
        let first = paths
            .iter()
            .take(MAX_FOUND)
            .map(|path| (path.as_str(), Vec::new()));
        return (first.collect(), paths.len());
    }
    let mut all: Vec<_> = paths
        .iter()
        .filter_map(|path| rank(path, &wanted).map(|(score, places)| (score, path.as_str(), places)))
        .collect();
    all.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
    let total = all.len();
    all.truncate(MAX_FOUND);
    (
        all.into_iter().map(|(_, path, places)| (path, places)).collect(),
        total,
    )
}

fn marked(path: &str, places: &[usize]) -> Markup {
    let mut html = String::with_capacity(path.len() + places.len() * 7);
    for (at, c) in path.char_indices() {
        let mark = places.binary_search(&at).is_ok();
        html.push_str(if mark { "<b>" } else { "" });
        escape(c.encode_utf8(&mut [0; 4]), &mut html);
        html.push_str(if mark { "</b>" } else { "" });
    }
    PreEscaped(html)
}

/// Writes the page. `cut` says whether the repository has more files than were searched.
pub fn find(frame: &Frame, head: &Head, spot: &Spot, paths: &[String], text: &str, cut: bool) -> String {
    let (shown, total) = found(paths, text);
    let body = html! {
        h1.hidden { "Go to file" }
        (bar(head, spot, Sight::Find, false))
        form.finder role="search" action=(address(head, Sight::Find, &spot.name, "")) data-find {
            input type="search" name="q" value=(text) autofocus autocomplete="off" spellcheck="false"
                aria-label="Parts of a file's path" placeholder="Parts of a file's path" maxlength=(MAX_TEXT_CHARS);
            button type="submit" { "Find" }
        }
        div id="p-found" aria-live="polite" {
            p.muted {
                (crate::figures::counted(total as i64, "file", "files"))
                @if total > shown.len() { ", the first " (shown.len()) " are shown" }
                @if cut { "; not all files of this repository were searched" }
            }
            ul.found { @for (path, places) in &shown { li { a href=(address(head, Sight::Blob, &spot.name, path)) data-row { (marked(path, places)) } } } }
        }
    };
    page(frame, head, Behind::Code, "Go to file", &[Script::Find], body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_counts_before_the_folders_and_letters_together_before_scattered_ones() {
        let paths: Vec<String> = [
            "src/main/long/other.rs",
            "docs/src.md",
            "src/main.rs",
            "a/m/a/i/n.txt",
        ]
        .map(String::from)
        .to_vec();
        let names = |text| {
            found(&paths, text)
                .0
                .into_iter()
                .map(|(path, _)| path)
                .collect::<Vec<_>>()
        };
        assert_eq!(names("main")[0], "src/main.rs");
        assert_eq!(names("MAIN RS"), ["src/main.rs", "src/main/long/other.rs"]);
        assert_eq!(names("zzz"), [""; 0]);
        assert_eq!(names("").len(), 4);
    }

    #[test]
    fn found_letters_are_marked_and_names_are_text() {
        let html = marked("<b>.rs", &[1, 3]).into_string();
        assert_eq!(html, "&lt;<b>b</b>&gt;<b>.</b>rs");
    }
}
