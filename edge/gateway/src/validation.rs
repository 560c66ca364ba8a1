//! What no request may look like, whoever sends it. Asked first, of the head alone: bodies are
//! limited where they are read.

use crate::routes::{Body, Route};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use plue_contract::seal::MAX_SEALED_BYTES;
use plue_contract::{Code, Problem, headers};

/// The longest path and query, in bytes.
pub const MAX_TARGET_BYTES: usize = 8 * 1024;
/// The most headers.
pub const MAX_HEADERS: usize = 100;
/// The most bytes in all headers together.
pub const MAX_HEADER_BYTES: usize = 32 * 1024;
/// The most segments of a path.
pub const MAX_SEGMENTS: usize = 256;

/// Headers that change what a request means if they come twice.
const SINGLETONS: [HeaderName; 6] = [
    HOST,
    AUTHORIZATION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    ORIGIN,
    HeaderName::from_static(headers::CSRF),
];

fn invalid(detail: &str) -> Problem {
    Problem::new(Code::InvalidRequest, detail)
}

/// Checks everything about a head that does not depend on the route.
pub(crate) fn head(parts: &Parts) -> Result<(), Problem> {
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    if target.len() > MAX_TARGET_BYTES {
        return Err(Problem::new(
            Code::UriTooLong,
            format!("The address is longer than {MAX_TARGET_BYTES} bytes."),
        ));
    }
    // The edge's own statement, which it adds to whatever passed here before.
    let is_statement = |name: &str, length| name == headers::CALLER && length <= MAX_SEALED_BYTES;
    let header_bytes: usize = parts
        .headers
        .iter()
        .filter(|(name, value)| !is_statement(name.as_str(), value.len()))
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if parts.headers.len() > MAX_HEADERS || header_bytes > MAX_HEADER_BYTES {
        return Err(Problem::new(
            Code::HeadersTooLarge,
            format!("The headers are more than {MAX_HEADERS}, or larger than {MAX_HEADER_BYTES} bytes."),
        ));
    }
    for name in SINGLETONS {
        let mut values = parts.headers.get_all(&name).iter();
        let joined = values.next().is_some_and(|value| is_joined(value.as_bytes()));
        if joined || values.next().is_some() {
            return Err(invalid(&format!("The header `{name}` came more than once.")));
        }
    }
    if let Some(host) = parts.headers.get(HOST) {
        let well_formed = host.as_bytes().iter().all(
            |b| matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b':' | b'[' | b']'),
        );
        if !well_formed || host.is_empty() {
            return Err(invalid("The header `host` is not a host's name."));
        }
    }
    if let Some(length) = parts.headers.get(CONTENT_LENGTH)
        && !(length.len() <= 19 && !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit))
    {
        return Err(invalid("The header `content-length` is not a number."));
    }
    query(parts.uri.query().unwrap_or_default())
}

/// Whether a value is several, which something on the way has joined by commas: some platforms do
/// so before anybody can count them. A comma in quotes is part of a value.
fn is_joined(value: &[u8]) -> bool {
    let mut quoted = false;
    value.iter().any(|&byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    })
}

/// The bytes of a percent-encoded text; a problem where an escape is broken.
fn decode(text: &str) -> Result<Vec<u8>, Problem> {
    let digit = |byte: Option<&u8>| byte.and_then(|&byte| (byte as char).to_digit(16));
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'%' {
            decoded.push(byte);
            at += 1;
            continue;
        }
        let (Some(high), Some(low)) = (digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) else {
            return Err(invalid("The address holds a broken percent escape."));
        };
        decoded.push((high * 16 + low) as u8);
        at += 3;
    }
    Ok(decoded)
}

/// Refuses NUL and control characters, in the words by which clients know them.
fn no_controls(bytes: &[u8]) -> Result<(), Problem> {
    if bytes.contains(&0) {
        return Err(invalid("Request contains null bytes."));
    }
    if bytes.iter().any(u8::is_ascii_control) {
        return Err(invalid("Request contains invalid control characters."));
    }
    Ok(())
}

fn query(query: &str) -> Result<(), Problem> {
    no_controls(&decode(query)?)
}

/// The segments of a path, each percent-decoded by itself, so that an encoded slash stays inside
/// its segment. Refused are empty segments other than the last, `.` and `..` in any spelling,
/// control characters, and what is not UTF-8.
pub fn segments(path: &str) -> Result<Vec<String>, Problem> {
    let Some(path) = path.strip_prefix('/') else {
        return Err(invalid("The address does not begin with `/`."));
    };
    if path.split('/').count() > MAX_SEGMENTS {
        return Err(Problem::new(
            Code::UriTooLong,
            format!("The address has more than {MAX_SEGMENTS} segments."),
        ));
    }
    let mut segments = Vec::new();
    for raw in path.split('/') {
        let bytes = decode(raw)?;
        no_controls(&bytes)?;
        let segment =
            String::from_utf8(bytes).map_err(|_| invalid("The address is not UTF-8 when it is decoded."))?;
        if segment.split('/').any(|part| part == "." || part == "..") {
            return Err(invalid("The address holds `.` or `..` as a segment."));
        }
        segments.push(segment);
    }
    let (_, inner) = segments.split_last().unwrap_or((&String::new(), &[]));
    if inner.iter().any(String::is_empty) {
        return Err(invalid("The address holds an empty segment."));
    }
    Ok(segments)
}

/// Whether the body is what the route reads, as far as the head tells.
pub(crate) fn body(route: &Route, headers: &HeaderMap) -> Result<(), Problem> {
    match route.body {
        Body::AnyStream => Ok(()),
        Body::Stream(wanted) => {
            let stated = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
            if stated == Some(wanted.as_bytes()) {
                return Ok(());
            }
            let detail = format!("This address reads {wanted} and nothing else.");
            Err(Problem::new(Code::UnsupportedMediaType, detail))
        }
        Body::UpTo(limit) => {
            let length = headers
                .get(CONTENT_LENGTH)
                .and_then(|length| length.to_str().ok())
                .and_then(|length| length.parse::<u64>().ok());
            if length.is_some_and(|length| length > limit) {
                let detail = format!("The body is larger than the {limit} bytes that this address reads.");
                return Err(Problem::new(Code::TooLarge, detail));
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn code(request: http::request::Builder) -> Option<Code> {
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        head(&parts).err().map(|problem| problem.code)
    }

    #[test]
    fn paths() {
        let good = |path: &str| segments(path).expect("a good path");
        assert_eq!(good("/"), [""]);
        assert_eq!(good("/a/b%2Fc/d%20e"), ["a", "b/c", "d e"]);
        assert_eq!(good("/v2/"), ["v2", ""]);
        for bad in [
            "a",
            "*",
            "//",
            "//a",
            "/a//b",
            "/a/../b",
            "/a/%2e%2E/b",
            "/a/.%2e",
            "/a/./b",
            "/a%2F..%2Fb",
            "/a%00",
            "/a%0d%0a",
            "/a%7f",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%ff",
            &"/a".repeat(MAX_SEGMENTS + 1),
        ] {
            assert!(segments(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn heads() {
        let get = |target: &str| Request::get(target);
        assert_eq!(code(get("/a?b=c%20d")), None);
        assert_eq!(code(get("/a?b=%00")), Some(Code::InvalidRequest));
        assert_eq!(code(get("/a?b=%0a")), Some(Code::InvalidRequest));
        assert_eq!(code(get("/a?b=%x")), Some(Code::InvalidRequest));
        assert_eq!(
            code(get(&format!("/{}", "a".repeat(MAX_TARGET_BYTES)))),
            Some(Code::UriTooLong)
        );
        assert_eq!(
            code(get("/").header("x", "a".repeat(MAX_HEADER_BYTES))),
            Some(Code::HeadersTooLarge)
        );
        let many = (0..=MAX_HEADERS).fold(get("/"), |request, i| request.header(format!("x-{i}"), "a"));
        assert_eq!(code(many), Some(Code::HeadersTooLarge));
        for name in SINGLETONS {
            let twice = get("/").header(&name, "1").header(&name, "1");
            assert_eq!(code(twice), Some(Code::InvalidRequest), "{name}");
        }
        let boundary = "multipart/form-data; boundary=\"a,b\"";
        assert_eq!(code(get("/").header("content-type", boundary)), None);
        let joined = get("/").header("authorization", "Bearer a, Bearer b");
        assert_eq!(code(joined), Some(Code::InvalidRequest));
        for length in ["", "-1", "1x", "99999999999999999999"] {
            assert_eq!(
                code(get("/").header("content-length", length)),
                Some(Code::InvalidRequest)
            );
        }
        for host in ["", "a b", "a/b", "user@host"] {
            assert_eq!(
                code(get("/").header("host", host)),
                Some(Code::InvalidRequest),
                "{host}"
            );
        }
        assert_eq!(code(get("/").header("host", "[::1]:4000")), None);
    }
}
