//! What the texts of an account, and the names of what it owns, must be like.

use crate::Error;

/// A name that somebody gives to a thing of theirs: one line of 1 to 255 characters.
pub(crate) fn check_label(field: &'static str, text: &str) -> Result<String, Error> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 255 || text.contains(char::is_control) {
        return Err(Error::invalid(field, "a name is one line of 1 to 255 characters"));
    }
    Ok(text.to_owned())
}

/// A text without control characters, save the ends of lines.
pub(crate) fn check_text(field: &'static str, text: &str, limit: usize) -> Result<String, Error> {
    let text = text.trim();
    if text.chars().count() > limit || text.contains(|c: char| c.is_control() && c != '\n' && c != '\r') {
        return Err(Error::invalid(
            field,
            format!("this is a text of at most {limit} characters"),
        ));
    }
    Ok(text.to_owned())
}

/// An address for mail that a letter can be sent to; none for an empty text.
pub(crate) fn check_email(text: &str) -> Result<Option<String>, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let is_address = plue_mail::is_address(text)
        && text.chars().count() <= 255
        && !text.contains(|c: char| c.is_control() || c.is_whitespace() || "<>,;\"".contains(c));
    if !is_address {
        return Err(Error::invalid(
            "email",
            "this is not an address for mail, such as ada@example.org",
        ));
    }
    Ok(Some(text.to_owned()))
}

/// A URL that a browser may be sent to; none for an empty text.
pub(crate) fn check_url(field: &'static str, text: &str) -> Result<Option<String>, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let is_url = ["https://", "http://"]
        .iter()
        .any(|scheme| text.len() > scheme.len() && text.starts_with(scheme))
        && text.len() <= 2048
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"\"'<>\\`".contains(&b));
    if !is_url {
        return Err(Error::invalid(
            field,
            "a URL begins with https:// and has at most 2048 characters",
        ));
    }
    Ok(Some(text.to_owned()))
}
