//! A part of an answer: one range of bytes (RFC 9110, 14). Several at once are not answered in
//! parts, which the standard leaves to us.

use http::header::{IF_RANGE, RANGE};
use http::{HeaderMap, Method};

/// What of the bytes is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of them.
    Whole,
    /// From a first byte on, so many.
    Bytes {
        /// The first, from 0.
        first: u64,
        /// How many; at least one.
        length: u64,
    },
    /// None that are there.
    Nowhere,
}

/// Which part of `size_bytes` bytes a request asks for. The entity tag is a strong one: a client
/// that has a part of other bytes gets all of these.
pub fn part(method: &Method, headers: &HeaderMap, tag: &str, size_bytes: u64) -> Part {
    let mut asked = headers.get_all(RANGE).iter();
    let (Some(range), None) = (asked.next(), asked.next()) else {
        return Part::Whole;
    };
    let same = headers
        .get(IF_RANGE)
        .is_none_or(|held| held.as_bytes() == tag.as_bytes());
    if method != Method::GET || !same {
        return Part::Whole;
    }
    let read = || {
        let (unit, set) = range.to_str().ok()?.split_once('=')?;
        let (first, last) = set.trim().split_once('-')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let digits = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            // What is beyond any file is still a number.
            is_number.then(|| text.parse().unwrap_or(u64::MAX))
        };
        match (first, last) {
            ("", last) => {
                let length = digits(last)?.min(size_bytes);
                Some((size_bytes - length, length))
            }
            (first, "") => {
                let first = digits(first)?;
                Some((first, size_bytes.saturating_sub(first)))
            }
            (first, last) => {
                let (first, last) = (digits(first)?, digits(last)?);
                let after = last.saturating_add(1).min(size_bytes);
                (first <= last).then_some((first, after.saturating_sub(first)))
            }
        }
    };
    match read() {
        None => Part::Whole,
        Some((_, 0)) => Part::Nowhere,
        Some((first, length)) => Part::Bytes { first, length },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const TAG: &str = "\"abc\"";

    fn of(range: &'static str) -> Part {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static(range));
        part(&Method::GET, &headers, TAG, 100)
    }

    #[test]
    fn one_range_is_a_part() {
        let bytes = |first, length| Part::Bytes { first, length };
        assert_eq!(of("bytes=0-0"), bytes(0, 1));
        assert_eq!(of("bytes=10-19"), bytes(10, 10));
        assert_eq!(of("Bytes=90-"), bytes(90, 10));
        assert_eq!(of("bytes=-7"), bytes(93, 7));
        assert_eq!(of("bytes=50-1000"), bytes(50, 50));
        assert_eq!(of("bytes=-1000"), bytes(0, 100));
        assert_eq!(of("bytes=0-99999999999999999999999"), bytes(0, 100));
    }

    #[test]
    fn what_is_not_there_is_nowhere_and_what_is_no_range_is_not_looked_at() {
        for range in ["bytes=100-", "bytes=100-200", "bytes=-0"] {
            assert_eq!(of(range), Part::Nowhere, "{range}");
        }
        for range in [
            "bytes=5-4",
            "bytes=0-1,3-4",
            "lines=1-2",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes",
        ] {
            assert_eq!(of(range), Part::Whole, "{range}");
        }
        assert_eq!(part(&Method::GET, &HeaderMap::new(), TAG, 100), Part::Whole);
    }

    #[test]
    fn a_part_is_of_the_bytes_that_the_client_has_already() {
        let with = |tag: &'static str, method: Method| {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, HeaderValue::from_static("bytes=1-2"));
            headers.insert(IF_RANGE, HeaderValue::from_static(tag));
            part(&method, &headers, TAG, 100)
        };
        assert_eq!(with(TAG, Method::GET), Part::Bytes { first: 1, length: 2 });
        assert_eq!(with("\"other\"", Method::GET), Part::Whole);
        assert_eq!(with("W/\"abc\"", Method::GET), Part::Whole);
        assert_eq!(with("Sat, 29 Oct 1994 19:43:31 GMT", Method::GET), Part::Whole);
        assert_eq!(with(TAG, Method::HEAD), Part::Whole);
    }
}
