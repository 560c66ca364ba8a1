//! Between the runtime's requests and answers and those of the `http` crate. Bodies pass by.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use std::net::{IpAddr, SocketAddr};
use wasm_bindgen::JsValue;
use worker::{Headers, Request, Response, ResponseBody, Result, js_sys};

/// The head of a request, its URL reduced to path and query; none where it is malformed.
///
/// What the runtime would escape when the request is passed on is escaped here already, so that
/// what is judged, stated and sent is the same text. Dots are left: the gateway refuses them.
pub fn parts(request: &Request) -> Option<http::request::Parts> {
    let raw = request.inner();
    let url = raw.url();
    let after_scheme = &url[url.find("://")? + 3..];
    let target = after_scheme
        .find(['/', '?'])
        .map_or("/", |at| &after_scheme[at..]);
    let (mut parts, ()) = http::Request::builder()
        .method(raw.method().as_str())
        .uri(escape(target))
        .body(())
        .ok()?
        .into_parts();
    parts.headers = headers(request.headers())?;
    Some(parts)
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

/// The runtime's headers, whose texts hold one byte a character; none where one is malformed.
fn headers(from: &Headers) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in from.entries() {
        let bytes: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        map.append(name, HeaderValue::from_bytes(&bytes?).ok()?);
    }
    Some(map)
}

/// The same headers for the runtime, without those for which `skip` says so.
pub fn runtime_headers(from: &HeaderMap, skip: impl Fn(&HeaderName) -> bool) -> Result<Headers> {
    let headers = Headers::new();
    for (name, value) in from {
        if !skip(name) {
            let text: String = value.as_bytes().iter().map(|&byte| char::from(byte)).collect();
            headers.append(name.as_str(), &text)?;
        }
    }
    Ok(headers)
}

/// The address of the socket's other end, which plain workerd tells and Cloudflare does not.
pub fn peer(request: &Request) -> Option<IpAddr> {
    let get = |object: &JsValue, name: &str| js_sys::Reflect::get(object, &JsValue::from_str(name)).ok();
    let cf = get(request.inner(), "cf").filter(JsValue::is_object)?;
    let text = get(&cf, "clientIp")?.as_string()?;
    let socket = text.parse::<SocketAddr>().map(|socket| socket.ip());
    socket.ok().or_else(|| text.parse().ok())
}

/// An answer whose body is at hand, for the runtime.
pub fn response(from: http::Response<Vec<u8>>) -> Result<Response> {
    let (parts, body) = from.into_parts();
    let body = if body.is_empty() {
        ResponseBody::Empty
    } else {
        ResponseBody::Body(body)
    };
    Ok(Response::builder()
        .with_status(parts.status.as_u16())
        .with_headers(runtime_headers(&parts.headers, |_| false)?)
        .body(body))
}

/// The head of an answer of the coordinator.
pub fn answer_parts(answer: &Response) -> Result<http::response::Parts> {
    let malformed = || worker::Error::RustError("the coordinator's answer has a malformed head".into());
    let (mut parts, ()) = http::Response::builder()
        .status(answer.status_code())
        .body(())
        .map_err(|_| malformed())?
        .into_parts();
    parts.headers = headers(answer.headers()).ok_or_else(malformed)?;
    Ok(parts)
}

/// An answer of the coordinator under a new head; its body is passed on as it arrives.
pub fn streamed(answer: Response, parts: &http::response::Parts) -> Result<Response> {
    let (builder, body) = answer.into_parts();
    Ok(builder
        .with_status(parts.status.as_u16())
        .with_headers(runtime_headers(&parts.headers, |_| false)?)
        .body(body))
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
}
