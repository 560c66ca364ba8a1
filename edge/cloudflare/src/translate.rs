//! Between the runtime's requests and answers and those of the `http` crate. Bodies pass by.

use crate::glue;
use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, UPGRADE,
};
use std::net::{IpAddr, SocketAddr};
use wasm_bindgen::JsValue;
use worker::Result;
use worker::js_sys::Uint8Array;
use worker::worker_sys::web_sys::{Headers, Response};

/// The head of a request as `glue.js` writes it, its URL reduced to path and query, and the
/// address of the socket's other end, which plain workerd tells and Cloudflare does not; none
/// where it is malformed.
///
/// What the runtime would escape when the request is passed on is escaped here already, so that
/// what is judged, stated and sent is the same text. Dots are left: the gateway refuses them.
pub fn read(head: &str) -> Option<(http::request::Parts, Option<IpAddr>)> {
    let mut lines = head.splitn(4, '\n');
    let (method, url, peer, rest) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?);
    let after_scheme = url.split_once(':')?.1.strip_prefix("//")?;
    let target = after_scheme
        .find(['/', '?'])
        .map_or("/", |at| &after_scheme[at..]);
    let (mut parts, ()) = http::Request::builder()
        .method(method)
        .uri(escape(target))
        .body(())
        .ok()?
        .into_parts();
    parts.headers = headers(rest)?;
    let socket = peer.parse::<SocketAddr>().map(|socket| socket.ip());
    Some((parts, socket.ok().or_else(|| peer.parse().ok())))
}

/// Escapes what the URL standard escapes in a path and in a query, and the backslash, which it
/// would take for a slash.
fn escape(target: &str) -> String {
    let mut escaped = String::with_capacity(target.len());
    let mut in_query = false;
    for byte in target.bytes() {
        let must = match byte {
            0..=b' ' | 0x7f.. | b'"' | b'<' | b'>' => true,
            b'\'' => in_query,
            b'\\' | b'^' | b'`' | b'{' | b'}' => !in_query,
            _ => false,
        };
        in_query |= byte == b'?';
        if must {
            escaped.push_str(&format!("%{byte:02X}"));
        } else {
            escaped.push(char::from(byte));
        }
    }
    escaped
}

/// Headers from lines, whose texts hold one byte a character; none where one is malformed.
pub fn headers(lines: &str) -> Option<HeaderMap> {
    let mut map = HeaderMap::with_capacity(24);
    for line in lines.split_terminator('\n') {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = if value.is_ascii() {
            HeaderValue::from_str(value)
        } else {
            let bytes: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
            HeaderValue::from_bytes(&bytes?)
        };
        map.append(name, value.ok()?);
    }
    Some(map)
}

/// Headers as lines, without those for which `skip` says so.
pub fn lines(from: &HeaderMap, skip: impl Fn(&HeaderName) -> bool) -> String {
    let mut lines = String::with_capacity(1_024);
    for (name, value) in from {
        if !skip(name) {
            lines.push_str(name.as_str());
            lines.push(':');
            match value.to_str() {
                Ok(text) => lines.push_str(text),
                Err(_) => lines.extend(value.as_bytes().iter().map(|&byte| char::from(byte))),
            }
            lines.push('\n');
        }
    }
    lines
}

/// The head of an answer as `glue.js` reads it: the request's id, the status and `+` where what was
/// kept is the body, and the other headers, each a line.
pub fn answer_head(parts: &http::response::Parts, has_body: bool) -> String {
    const REQUEST_ID: HeaderName = HeaderName::from_static(plue_contract::headers::REQUEST_ID);
    let mark = if has_body { '+' } else { '-' };
    let id = parts.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let lines = lines(&parts.headers, |name| name == REQUEST_ID);
    let id = id.unwrap_or_default();
    format!("{id}\n{}{mark}\n{lines}", parts.status.as_u16())
}

/// The same headers for the runtime, without those for which `skip` says so.
pub fn runtime_headers(from: &HeaderMap, skip: impl Fn(&HeaderName) -> bool) -> Result<Headers> {
    Ok(glue::headers(&lines(from, skip))?)
}

/// An answer whose body is at hand, for the runtime.
pub fn response(from: http::Response<Vec<u8>>) -> Result<Response> {
    let (parts, body) = from.into_parts();
    let body = if body.is_empty() {
        JsValue::NULL
    } else {
        Uint8Array::from(&body[..]).into()
    };
    with_head(&parts, &body)
}

/// The head of an answer of the coordinator, or of one that was kept.
pub fn answer_parts(answer: &Response) -> Result<http::response::Parts> {
    let malformed = || worker::Error::RustError("the coordinator's answer has a malformed head".into());
    let (mut parts, ()) = http::Response::builder()
        .status(answer.status())
        .body(())
        .map_err(|_| malformed())?
        .into_parts();
    parts.headers = headers(&glue::answer_head(answer)).ok_or_else(malformed)?;
    Ok(parts)
}

/// An answer under a new head; its body is passed on as it arrives.
pub fn streamed(answer: &Response, parts: &http::response::Parts) -> Result<Response> {
    with_head(parts, &answer.body().map_or(JsValue::NULL, Into::into))
}

/// The answer to an upgrade that the coordinator accepted; what is said then passes by.
pub fn joined(answer: &Response, parts: &http::response::Parts) -> Result<Response> {
    // The runtime writes what belongs to the handshake.
    let lines = lines(&parts.headers, |name| {
        *name == UPGRADE
            || *name == CONNECTION
            || *name == SEC_WEBSOCKET_ACCEPT
            || *name == SEC_WEBSOCKET_EXTENSIONS
    });
    Ok(glue::joined(answer, &lines)?)
}

/// An answer without a body.
pub fn empty(parts: &http::response::Parts) -> Result<Response> {
    with_head(parts, &JsValue::NULL)
}

fn with_head(parts: &http::response::Parts, body: &JsValue) -> Result<Response> {
    let lines = lines(&parts.headers, |_| false);
    Ok(glue::answer(parts.status.as_u16(), &lines, body)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_escaped_as_the_runtime_would() {
        for target in ["/a/b?c=d&e=%20", "/a/../b", "/%2e%2e/x", "/a|b;c=d", "/?a={b}^`|"] {
            assert_eq!(escape(target), target, "left as it is");
        }
        assert_eq!(
            escape("/a\"b<c>{d}\\e'f g\u{e9}?q='x' \"y\""),
            "/a%22b%3Cc%3E%7Bd%7D%5Ce'f%20g%C3%A9?q=%27x%27%20%22y%22"
        );
    }

    #[test]
    fn a_head_crosses_as_lines_and_comes_back_as_it_was() {
        let head = "GET\nhttps://forge.example/a?b=c:d\n10.0.0.1:99\nhost:a:1\nx:\u{e9} \u{7f}: \nset-cookie:a\nset-cookie:b\n";
        assert!(read(head).is_none(), "a DEL is no part of a value");
        let head = head.replace('\u{7f}', "");
        let (parts, peer) = read(&head).expect("a head");
        assert_eq!(
            (parts.method.as_str(), parts.uri.to_string().as_str()),
            ("GET", "/a?b=c:d")
        );
        assert_eq!(peer, Some([10, 0, 0, 1].into()));
        assert_eq!(parts.headers["x"].as_bytes(), b"\xe9 : ");
        assert_eq!(parts.headers["host"], "a:1");
        let told = lines(&parts.headers, |name| name == "host");
        assert_eq!(told, "x:\u{e9} : \nset-cookie:a\nset-cookie:b\n");
        assert_eq!(headers(&told).map(|map| map.len()), Some(3));
        for bad in ["a b:c\n", "a\n", ":c\n", "a:\u{100}\n"] {
            assert!(headers(bad).is_none(), "{bad:?}");
        }
    }
}
