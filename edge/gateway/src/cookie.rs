//! The session cookie on the wire: how it is read from a request and set on an answer.

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use plue_contract::credentials::SESSION_COOKIE;

/// How long a session and its cookie live, in seconds.
pub const SESSION_LIFETIME_S: u64 = 30 * 24 * 60 * 60;

/// The `Set-Cookie` value that gives a browser its session; `value` is what
/// [`plue_contract::credentials::SessionCookie::value`] made.
pub fn session(value: &str, max_age_s: u64, secure: bool) -> HeaderValue {
    // A value with a separator in it would become an attribute.
    let value: String = value
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .collect();
    let secure = if secure { "; Secure" } else { "" };
    format!("{SESSION_COOKIE}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}")
        .parse()
        .expect("because it is made of visible ASCII only")
}

/// The `Set-Cookie` value that takes it away.
pub fn expired(secure: bool) -> HeaderValue {
    session("", 0, secure)
}

/// Whether an answer sets or takes away the session cookie already.
pub(crate) fn sets_session(headers: &HeaderMap) -> bool {
    headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|value| value.as_bytes().split(|&byte| byte == b'=').next())
        .any(|name| name.trim_ascii() == SESSION_COOKIE.as_bytes())
}

/// What a request says about its session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent<'a> {
    /// No cookie of ours.
    None,
    /// One.
    One(&'a str),
    /// Several, of which none can be believed: somebody planted one from a neighbouring domain.
    Several,
}

/// Finds the session cookie among all cookies.
pub(crate) fn sent(headers: &HeaderMap) -> Sent<'_> {
    let mut found = Sent::None;
    for pair in headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        // No cookie's value holds a comma (RFC 6265, 4.1.1); some platforms join two headers by one.
        .flat_map(|value| value.split([';', ',']))
    {
        let Some((name, value)) = pair.split_once('=') else {
            continue;
        };
        if name.trim() != SESSION_COOKIE {
            continue;
        }
        let value = value.trim();
        found = match found {
            Sent::None => Sent::One(value),
            Sent::One(first) if first == value => Sent::One(value),
            _ => return Sent::Several,
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_set_with_every_guard() {
        assert_eq!(
            session("01A.x_y-z", 60, true),
            "plue_session=01A.x_y-z; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            session("a; Domain=evil", 60, false),
            "plue_session=aDomainevil; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            expired(false),
            "plue_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn one_cookie_is_found_and_two_different_ones_are_none() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(COOKIE, value.parse().expect("a value"));
            }
            match sent(&headers) {
                Sent::None => "none".to_owned(),
                Sent::One(value) => value.to_owned(),
                Sent::Several => "several".to_owned(),
            }
        };
        assert_eq!(read(&[]), "none");
        assert_eq!(read(&["a=b; plue_session=x.y; c=d"]), "x.y");
        assert_eq!(read(&["a=b", "plue_session=x.y"]), "x.y");
        assert_eq!(read(&["a=b, plue_session=x.y"]), "x.y");
        assert_eq!(read(&["plue_session=x.y, plue_session=x.z"]), "several");
        assert_eq!(read(&["xplue_session=x.y"]), "none");
        assert_eq!(read(&["plue_session=x.y; plue_session=x.y"]), "x.y");
        assert_eq!(read(&["plue_session=x.y; plue_session=x.z"]), "several");
    }
}
