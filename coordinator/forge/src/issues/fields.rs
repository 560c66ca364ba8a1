//! What the texts of issues must be like.

use super::{MAX_BODY_CHARS, MAX_TITLE_CHARS};
use crate::Error;

/// A title: one line of 1 to [`MAX_TITLE_CHARS`] characters.
pub(super) fn title(text: &str) -> Result<String, Error> {
    let text = text.trim();
    let fits = (1..=MAX_TITLE_CHARS).contains(&text.chars().count());
    if !fits || text.contains(char::is_control) {
        return Err(Error::invalid(
            "title",
            format!("a title is one line of 1 to {MAX_TITLE_CHARS} characters"),
        ));
    }
    Ok(text.to_owned())
}

/// A body: at most [`MAX_BODY_CHARS`] characters, lines ended as in a file.
pub(super) fn body(text: &str) -> Result<String, Error> {
    let text = text.replace("\r\n", "\n");
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\u{1b}' | '\u{c}');
    if text.chars().count() > MAX_BODY_CHARS || text.contains(odd) {
        return Err(Error::invalid(
            "body",
            format!("this is a text of at most {MAX_BODY_CHARS} characters, without control characters"),
        ));
    }
    Ok(text.trim_end().to_owned())
}

/// What is said in a comment: a body that says something.
pub(super) fn comment(text: &str) -> Result<String, Error> {
    let text = body(text)?;
    if text.trim().is_empty() {
        return Err(Error::invalid("body", "a comment says something"));
    }
    Ok(text)
}

/// A name of a label or a milestone, and the same in lower case.
pub(super) fn name(field: &'static str, text: &str, limit: usize) -> Result<(String, String), Error> {
    let text = text.trim();
    let fits = (1..=limit).contains(&text.chars().count());
    if !fits || text.contains(char::is_control) {
        return Err(Error::invalid(
            field,
            format!("this is one line of 1 to {limit} characters"),
        ));
    }
    Ok((text.to_owned(), key(text)))
}

/// A name as it is compared.
pub(super) fn key(text: &str) -> String {
    text.trim().to_lowercase()
}

/// A colour, as in `#d73a4a`; the leading `#` may be left away.
pub(super) fn color(text: &str) -> Result<String, Error> {
    let digits = text.trim().trim_start_matches('#').to_ascii_lowercase();
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::invalid("color", "a colour is #rrggbb, as in #d73a4a"));
    }
    Ok(format!("#{digits}"))
}

/// A reaction: one emoji.
pub(super) fn emoji(text: &str) -> Result<&str, Error> {
    let chars = text.chars().count();
    let odd = |c: char| c.is_control() || c.is_whitespace() || c.is_alphabetic() || "<>&\"'/\\".contains(c);
    if chars == 0 || chars > 10 || text.is_ascii() || text.contains(odd) {
        return Err(Error::invalid("emoji", "a reaction is one emoji, such as 👍"));
    }
    Ok(text)
}

/// The earliest and the latest day that something may be due, in milliseconds: the years 1970 to 9999.
const DAYS_MS: std::ops::Range<i64> = 0..253_402_300_800_000;

/// When something is due.
pub(super) fn due(ms: i64) -> Result<i64, Error> {
    if DAYS_MS.contains(&ms) {
        return Ok(ms);
    }
    Err(Error::invalid(
        "due_date",
        "this is a moment of the years 1970 to 9999, in seconds since 1970",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_one_line_and_bodies_are_texts() {
        assert_eq!(title("  It breaks ").unwrap(), "It breaks");
        for bad in ["", "  ", "a\nb", "a\0b", &"x".repeat(513)] {
            assert!(title(bad).is_err(), "{bad:?}");
        }
        assert_eq!(body("a\r\n\tb\n\n").unwrap(), "a\n\tb");
        assert!(body("a\0b").is_err() && body(&"x".repeat(65_537)).is_err());
        assert!(comment(" \n ").is_err() && comment("x").is_ok());
    }

    #[test]
    fn colours_and_emoji_are_what_they_are() {
        assert_eq!(color("#D73A4A").unwrap(), "#d73a4a");
        assert_eq!(color("00ff00").unwrap(), "#00ff00");
        for bad in ["", "#fff", "red", "#gggggg", "#d73a4a;x"] {
            assert!(color(bad).is_err(), "{bad}");
        }
        for good in ["👍", "❤️", "1️⃣", "👩‍💻"] {
            assert!(emoji(good).is_ok(), "{good}");
        }
        for bad in ["", "+1", "<b>", "👍 👎", "é", "👍👍👍👍👍👍👍👍👍👍👍"] {
            assert!(emoji(bad).is_err(), "{bad}");
        }
        assert!(due(-1).is_err() && due(i64::MAX).is_err() && due(0).is_ok());
    }
}
