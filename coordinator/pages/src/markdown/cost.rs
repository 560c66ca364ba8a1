//! What it will cost to put a piece of HTML in order.
//!
//! A parser of HTML repairs what is badly nested, and is told to do so in ways that cost the square
//! of what was written: marks that were never closed are opened again in every block that follows,
//! and every new block looks through all that are open. This counts both before it is done, with
//! the parser's own tokens.

use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use std::cell::RefCell;

/// How many elements may be open at once.
const MAX_OPEN: usize = 300;
/// How many elements may be opened again because they were never closed.
const MAX_AGAIN: usize = 200_000;

/// Elements that are opened again in what follows where they were not closed in their place.
const MARKS: &[&str] = &[
    "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u",
];
const VOID: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
];
/// Elements that end the one of their kind before them.
const FOLLOWING: &[&str] = &["li", "td", "th", "tr", "dt", "dd", "option", "rp", "rt"];

/// Whether it can be put in order at little cost.
pub(super) fn is_bearable(html: &str) -> bool {
    let sink = Sink(RefCell::default());
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(html.into());
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let count = tokenizer.sink.0.borrow();
    !count.too_much
}

#[derive(Default)]
struct Count {
    open: Vec<Tag>,
    marks_open: usize,
    /// Marks that were not closed where they stood.
    left_open: usize,
    again: usize,
    too_much: bool,
}

struct Sink(RefCell<Count>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let mut count = self.0.borrow_mut();
        if count.too_much {
            return TokenSinkResult::Continue;
        }
        let Token::TagToken(tag) = token else {
            return TokenSinkResult::Continue;
        };
        match tag.kind {
            TagKind::EndTag => {
                count.end(&tag);
                TokenSinkResult::Continue
            }
            TagKind::StartTag => {
                let raw = match &*tag.name {
                    "title" | "textarea" => Some(RawKind::Rcdata),
                    "style" | "xmp" | "iframe" | "noembed" | "noframes" => Some(RawKind::Rawtext),
                    "script" => Some(RawKind::ScriptData),
                    "plaintext" => return TokenSinkResult::Plaintext,
                    _ => None,
                };
                count.start(tag);
                raw.map_or(TokenSinkResult::Continue, TokenSinkResult::RawData)
            }
        }
    }
}

impl Count {
    fn start(&mut self, tag: Tag) {
        let name = &*tag.name;
        if FOLLOWING.contains(&name) && self.open.last().is_some_and(|last| last.name == tag.name) {
            self.open.pop();
        }
        // A block inside a paragraph ends the paragraph, and not the marks in it.
        if !MARKS.contains(&name)
            && !matches!(name, "span" | "img" | "br" | "sup" | "sub" | "kbd" | "input")
            && let Some(at) = self.open.iter().rposition(|open| &*open.name == "p")
        {
            let marks = self.open[at..]
                .iter()
                .filter(|open| MARKS.contains(&&*open.name))
                .count();
            self.left_open += marks;
            self.marks_open -= marks;
            self.open.truncate(at);
        }
        self.again += self.left_open;
        if MARKS.contains(&name) {
            self.marks_open += 1;
        }
        if !VOID.contains(&name) {
            self.open.push(tag);
        } else if MARKS.contains(&name) {
            self.marks_open -= 1;
        }
        self.too_much = self.open.len() > MAX_OPEN || self.again > MAX_AGAIN;
    }

    fn end(&mut self, tag: &Tag) {
        self.again += self.left_open;
        match self.open.last() {
            Some(last) if last.name == tag.name => {
                if MARKS.contains(&&*tag.name) {
                    self.marks_open -= 1;
                }
                self.open.pop();
            }
            _ => {
                // Out of order: whatever is open may be opened again.
                self.left_open += self.marks_open;
                self.marks_open = 0;
                self.open.retain(|open| !MARKS.contains(&&*open.name));
                if let Some(at) = self.open.iter().rposition(|open| open.name == tag.name) {
                    // Only what stands directly in it is taken for ended by it.
                    if self.open.len() - at <= 2 {
                        self.open.truncate(at);
                    }
                }
            }
        }
        self.too_much |= self.again > MAX_AGAIN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_bearable() {
        let table =
            "<tr><td align=center><a href=x><img src=y><br /><sub><b>A name</b></sub></a></td></tr>\n"
                .repeat(3_000);
        assert!(is_bearable(&format!("<table>{table}</table>")));
        let sloppy = "<p><b>one<p>two<li>three<li>four<br>".repeat(100);
        assert!(is_bearable(&sloppy));
        assert!(is_bearable(&"<td>x".repeat(10_000)));
    }

    #[test]
    fn what_costs_the_square_of_its_length_is_not() {
        let marks: String = (0..5_000).map(|n| format!("<font color={n}>")).collect();
        for hostile in [
            format!("{marks}{}", "<p>x".repeat(5_000)),
            (0..5_000).map(|n| format!("<p><font color={n}>")).collect(),
            (0..5_000).map(|n| format!("<font color={n}></i>")).collect(),
            (0..5_000)
                .map(|n| format!("<b id={n}><table><td></b></table>"))
                .collect(),
            (0..5_000)
                .map(|n| format!("<b id={n}><!-- </b> --><p>"))
                .collect(),
            (0..5_000)
                .map(|n| format!("<b id={n}><img alt='</b>'><p>"))
                .collect(),
            (0..5_000)
                .map(|n| format!("<b id={n}><textarea></b></textarea><p>"))
                .collect(),
            "<div>".repeat(100_000),
            "<blockquote><ul><li>".repeat(1_000),
        ] {
            assert!(!is_bearable(&hostile), "{}", &hostile[..60]);
        }
    }
}
