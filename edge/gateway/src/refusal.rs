//! How a refusal looks: one problem, rendered in the dialect that the route's clients read.

use crate::routes::Dialect;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Response, StatusCode};
use plue_contract::{Code, Problem};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// Renders a problem. The answer is not finished: [`crate::Gateway::finish`] adds what every
/// answer bears.
pub fn render(dialect: Dialect, problem: &Problem, request_id: &str) -> Response<Vec<u8>> {
    let status = StatusCode::from_u16(problem.code.status())
        .expect("because every code has a status between 400 and 599");
    let (media_type, body) = body(dialect, problem, request_id);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if dialect == Dialect::Page {
        headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    }
    if let Some(seconds) = problem.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.code == Code::Unauthenticated {
        let challenge = match dialect {
            Dialect::Git | Dialect::Lfs => "Basic realm=\"Plue\"",
            _ => "Bearer realm=\"Plue\"",
        };
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

/// A refusal for a method that the path does not have.
pub(crate) fn allow(response: &mut Response<Vec<u8>>, methods: &str) {
    if let Ok(value) = HeaderValue::from_str(methods) {
        response.headers_mut().insert(ALLOW, value);
    }
}

fn body(dialect: Dialect, problem: &Problem, request_id: &str) -> (&'static str, Vec<u8>) {
    const JSON: &str = "application/json";
    let status = problem.code.status();
    let detail = &problem.detail;
    let (media_type, value) = match dialect {
        Dialect::Plue => ("application/problem+json", problem.to_json(Some(request_id))),
        Dialect::Page => return ("text/html; charset=utf-8", page(problem, request_id)),
        Dialect::Git | Dialect::Text => {
            return ("text/plain; charset=utf-8", format!("{detail}\n").into_bytes());
        }
        Dialect::Lfs => (
            "application/vnd.git-lfs+json",
            json!({ "message": detail, "request_id": request_id }),
        ),
        Dialect::Message => (JSON, json!({ "message": detail })),
        Dialect::Happy => (
            JSON,
            json!({ "error": problem.code.title(), "message": detail, "statusCode": status }),
        ),
        Dialect::OAuth => (
            JSON,
            json!({ "error": oauth_error(problem.code), "error_description": detail }),
        ),
        Dialect::Oci => (
            JSON,
            json!({ "errors": [{ "code": oci_error(problem.code), "message": detail }] }),
        ),
        Dialect::BetterAuth => (JSON, json!({ "code": spoken(problem), "message": detail })),
        Dialect::Trpc => {
            let (name, number) = trpc_error(problem.code);
            let data = json!({ "code": name, "httpStatus": status });
            (
                JSON,
                json!({ "error": { "json": { "message": detail, "code": number, "data": data } } }),
            )
        }
    };
    (media_type, value.to_string().into_bytes())
}

/// A code as Better-Auth's client writes them, in capitals.
fn spoken(problem: &Problem) -> String {
    problem.code.slug().replace('-', "_").to_ascii_uppercase()
}

/// RFC 6749, section 5.2.
fn oauth_error(code: Code) -> &'static str {
    match code {
        Code::Unauthenticated => "invalid_client",
        Code::Forbidden | Code::CsrfFailed => "access_denied",
        Code::InsufficientScope => "invalid_scope",
        Code::RateLimited | Code::Unavailable | Code::BadGateway | Code::GatewayTimeout => {
            "temporarily_unavailable"
        }
        Code::Internal | Code::NotBuilt | Code::InsufficientStorage => "server_error",
        _ => "invalid_request",
    }
}

/// The error codes of the OCI distribution specification.
fn oci_error(code: Code) -> &'static str {
    match code {
        Code::Unauthenticated => "UNAUTHORIZED",
        Code::Forbidden | Code::InsufficientScope | Code::CsrfFailed => "DENIED",
        Code::NotFound | Code::Gone => "NAME_UNKNOWN",
        Code::RateLimited => "TOOMANYREQUESTS",
        Code::TooLarge => "SIZE_INVALID",
        _ => "UNSUPPORTED",
    }
}

/// tRPC's names and JSON-RPC numbers.
fn trpc_error(code: Code) -> (&'static str, i32) {
    match code {
        Code::InvalidRequest | Code::UriTooLong | Code::HeadersTooLarge => ("BAD_REQUEST", -32600),
        Code::Unauthenticated => ("UNAUTHORIZED", -32001),
        Code::Forbidden | Code::InsufficientScope | Code::CsrfFailed | Code::Locked => ("FORBIDDEN", -32003),
        Code::NotFound | Code::Gone => ("NOT_FOUND", -32004),
        Code::MethodNotAllowed => ("METHOD_NOT_SUPPORTED", -32005),
        Code::Conflict => ("CONFLICT", -32009),
        Code::TooLarge => ("PAYLOAD_TOO_LARGE", -32013),
        Code::UnsupportedMediaType => ("UNSUPPORTED_MEDIA_TYPE", -32015),
        Code::Unprocessable => ("UNPROCESSABLE_CONTENT", -32022),
        Code::RateLimited => ("TOO_MANY_REQUESTS", -32029),
        Code::NotBuilt => ("NOT_IMPLEMENTED", -32603),
        Code::BadGateway => ("BAD_GATEWAY", -32603),
        Code::Unavailable => ("SERVICE_UNAVAILABLE", -32603),
        Code::GatewayTimeout => ("GATEWAY_TIMEOUT", -32603),
        Code::Internal | Code::InsufficientStorage => ("INTERNAL_SERVER_ERROR", -32603),
    }
}

/// Everything that could be a tag or an attribute's end, made harmless.
fn escape(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut safe, c| {
            match c {
                '&' => safe.push_str("&amp;"),
                '<' => safe.push_str("&lt;"),
                '>' => safe.push_str("&gt;"),
                '"' => safe.push_str("&quot;"),
                '\'' => safe.push_str("&#39;"),
                other => safe.push(other),
            }
            safe
        })
}

/// Leads a browser to the sign-in page, which leads back to `target`.
pub(crate) fn to_sign_in(target: &str) -> Response<Vec<u8>> {
    let mut location = String::from("/login?to=");
    for byte in target.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                location.push(byte.into());
            }
            _ => location.push_str(&format!("%{byte:02X}")),
        }
    }
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// The look of a refusal, within it: it is needed just when nothing else can be fetched. It is
/// that of `coordinator/pages`, as far as one page needs it.
const STYLE: &str = "\
:root{color-scheme:light dark;--text:light-dark(#1c2025,#e3e6ea);--muted:light-dark(#5a626c,#9aa3ae);\
--surface:light-dark(#fff,#131519);--raised:light-dark(#f6f7f9,#1b1e23);--border:light-dark(#dfe2e7,#2c3138);\
--accent:light-dark(#2b5fd0,#8ab0ff)}\
body{margin:0;background:var(--surface);color:var(--text);font:.875rem/1.25rem system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}\
header{background:var(--raised);border-bottom:1px solid var(--border)}\
header a{display:block;max-width:80rem;margin:0 auto;padding:.875rem 1rem;height:1.5rem}\
svg{width:1.5rem;height:1.5rem;fill:none;stroke:var(--accent);stroke-width:2.5;stroke-linecap:round}\
circle{fill:var(--accent);stroke:none}\
main{max-width:36rem;margin:0 auto;padding:4rem 1rem}\
h1{font-size:1.625rem;line-height:2rem;font-weight:600;letter-spacing:-.015em;margin:0 0 .5rem}\
p{font-size:1rem;line-height:1.5rem;margin:0 0 1.5rem}.quiet{color:var(--muted);font-size:.75rem}\
a{color:var(--accent)}main a{display:inline-block;margin-right:1rem;font-size:.875rem}\
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}";

/// Nothing but that one style sheet, by its hash.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    HeaderValue::from_str(&format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ))
    .expect("because base64 stands in a header")
});

fn page(problem: &Problem, request_id: &str) -> Vec<u8> {
    let (status, title) = (problem.code.status(), problem.code.title());
    let (detail, id) = (escape(&problem.detail), escape(request_id));
    let sign_in = match problem.code {
        Code::Unauthenticated => "<a href=\"/login\">Sign in</a>",
        _ => "",
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title} · Plue</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header><a href=\"/\" aria-label=\"Start\"><svg viewBox=\"0 0 24 24\" aria-hidden=\"true\">\
         <path d=\"M7 20V9a5 5 0 1 1 5 5H7\"/><circle cx=\"7\" cy=\"20\" r=\"2\"/></svg></a></header>\n\
         <main>\n<h1>{title}</h1>\n<p>{detail}</p>\n<p>{sign_in}<a href=\"/\">Back to the start</a>\
         <a href=\"/explore\">Explore</a></p>\n<p class=\"quiet\">{status} · request {id}</p>\n</main>\n\
         </body>\n</html>\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALECTS: [Dialect; 10] = [
        Dialect::Plue,
        Dialect::Page,
        Dialect::Git,
        Dialect::Lfs,
        Dialect::Message,
        Dialect::Happy,
        Dialect::OAuth,
        Dialect::Oci,
        Dialect::Trpc,
        Dialect::Text,
    ];

    #[test]
    fn every_code_keeps_its_status_in_every_dialect() {
        for dialect in DIALECTS {
            for code in Code::ALL {
                let answer = render(dialect, &Problem::new(code, "Because <b>so</b>."), "r1");
                assert_eq!(answer.status().as_u16(), code.status());
                let text = String::from_utf8(answer.body().clone()).expect("UTF-8");
                assert!(text.contains("Because"), "{dialect:?} {code:?}: {text}");
                let is_json = answer.headers()[CONTENT_TYPE].as_bytes().ends_with(b"json");
                assert!(!is_json || serde_json::from_str::<serde_json::Value>(&text).is_ok());
                assert_eq!(
                    answer.headers().contains_key(WWW_AUTHENTICATE),
                    code == Code::Unauthenticated
                );
            }
        }
    }

    #[test]
    fn each_dialect_has_its_own_shape() {
        let problem = Problem::new(Code::RateLimited, "Slow down.").retry_after(7);
        let text = |dialect| {
            let answer = render(dialect, &problem, "r1");
            assert_eq!(answer.headers()[RETRY_AFTER], "7");
            String::from_utf8(answer.into_body()).expect("UTF-8")
        };
        assert_eq!(text(Dialect::Git), "Slow down.\n");
        assert_eq!(text(Dialect::Text), "Slow down.\n");
        assert_eq!(text(Dialect::Message), r#"{"message":"Slow down."}"#);
        assert_eq!(
            text(Dialect::Lfs),
            r#"{"message":"Slow down.","request_id":"r1"}"#
        );
        assert_eq!(
            text(Dialect::Happy),
            r#"{"error":"Too many requests","message":"Slow down.","statusCode":429}"#
        );
        assert_eq!(
            text(Dialect::OAuth),
            r#"{"error":"temporarily_unavailable","error_description":"Slow down."}"#
        );
        assert_eq!(
            text(Dialect::Oci),
            r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"Slow down."}]}"#
        );
        assert_eq!(
            text(Dialect::Trpc),
            r#"{"error":{"json":{"code":-32029,"data":{"code":"TOO_MANY_REQUESTS","httpStatus":429},"message":"Slow down."}}}"#
        );
        let plue: serde_json::Value = serde_json::from_str(&text(Dialect::Plue)).expect("JSON");
        assert_eq!(
            plue,
            json!({
                "type": "urn:plue:problem:rate-limited", "title": "Too many requests", "status": 429,
                "code": "rate-limited", "detail": "Slow down.", "error": "Slow down.",
                "retryAfter": 7, "requestId": "r1",
            })
        );
    }

    #[test]
    fn a_page_shows_text_and_runs_nothing() {
        let problem = Problem::new(Code::NotFound, "<script>alert('x')</script>");
        let answer = render(Dialect::Page, &problem, "\"><img>");
        let text = String::from_utf8(answer.into_body()).expect("UTF-8");
        assert!(!text.contains("<script") && !text.contains("<img"), "{text}");
        let policy = answer_policy();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert!(
            !policy.contains("unsafe") && !policy.contains("script-src"),
            "{policy}"
        );
    }

    fn answer_policy() -> String {
        let answer = render(Dialect::Page, &Problem::not_found(), "r1");
        answer.headers()[CONTENT_SECURITY_POLICY]
            .to_str()
            .expect("text")
            .to_owned()
    }

    #[test]
    fn the_way_to_the_sign_in_page_leads_back() {
        let answer = to_sign_in("/-/settings?tab=a&b=\"");
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(
            answer.headers()[LOCATION],
            "/login?to=/-/settings%3Ftab%3Da%26b%3D%22"
        );
    }

    #[test]
    fn git_is_asked_for_basic_and_others_for_a_bearer() {
        let problem = Problem::new(Code::Unauthenticated, "Sign in first.");
        let challenge = |dialect| render(dialect, &problem, "r1").headers()[WWW_AUTHENTICATE].clone();
        assert_eq!(challenge(Dialect::Git), "Basic realm=\"Plue\"");
        assert_eq!(challenge(Dialect::Plue), "Bearer realm=\"Plue\"");
    }
}
