//! Whatever arrives, the gateway answers or forwards, and keeps its promises while it does.

mod fake;

use fake::{Fake, config, now};
use http::{HeaderName, HeaderValue, Method, Request};
use plue_gateway::{Gateway, Statements, Verdict};
use proptest::prelude::*;

/// Pieces that mean something to some rule, and pieces that mean nothing.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "/",
            "//",
            ".",
            "..",
            "%2e",
            "%2F",
            "%00",
            "%0a",
            "%",
            "%zz",
            "%ff",
            "api",
            "repos",
            "ada",
            "engine",
            "engine.git",
            "info",
            "refs",
            "git-receive-pack",
            "v1",
            "v2",
            "trpc",
            "internal",
            "ssh",
            "exec",
            "17",
            "@scope",
            "?",
            "&",
            "=",
            "a=b",
            "-",
            "~",
            ":",
        ])
        .prop_map(str::to_owned),
        "[!-\"$-~]{1,4}",
    ]
}

fn header() -> impl Strategy<Value = (String, Vec<u8>)> {
    let name = prop_oneof![
        prop::sample::select(vec![
            "authorization",
            "cookie",
            "host",
            "origin",
            "x-csrf-token",
            "content-length",
            "content-type",
            "plue-caller",
            "Plue_Caller",
            "plue-bridge",
            "plue-x",
            "x-request-id",
            "x-forwarded-for",
            "cf-connecting-ip",
            "access-control-request-method",
            "sec-fetch-site",
        ])
        .prop_map(str::to_owned),
        "[a-z_-]{1,8}",
    ];
    let value = prop_oneof![
        prop::sample::select(vec![
            &b"Bearer a.b.c"[..],
            b"Basic YTpi",
            b"plue_session=x",
            b"POST",
            b"https://app.example",
            b"1",
            b"\xff\xfe",
            b"application/json",
            b"",
        ])
        .prop_map(<[u8]>::to_vec),
        prop::collection::vec(32_u8..=255, 0..20),
    ];
    (name, value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_request_meets_a_verdict(
        method in prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "X"]),
        pieces in prop::collection::vec(piece(), 0..12),
        headers in prop::collection::vec(header(), 0..8),
        statements in prop::sample::select(vec![Statements::Make, Statements::Believe, Statements::Neither]),
    ) {
        let mut request = Request::new(());
        *request.method_mut() = Method::from_bytes(method.as_bytes()).expect("a method");
        if let Ok(uri) = format!("/{}", pieces.concat()).parse() {
            *request.uri_mut() = uri;
        }
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(&value)) {
                request.headers_mut().append(name, value);
            }
        }
        let gateway = Gateway::new(Fake::default(), config(statements));
        let (parts, ()) = request.into_parts();
        match now(gateway.decide(parts, None)) {
            Verdict::Reply(answer) => {
                prop_assert!(answer.status().as_u16() == 204 || answer.status().is_client_error() || answer.status() == 501);
                for name in ["x-request-id", "x-content-type-options", "x-frame-options", "content-security-policy", "cache-control"] {
                    prop_assert!(answer.headers().contains_key(name), "{name} is missing");
                }
                prop_assert!(method != "HEAD" || answer.body().is_empty());
            }
            Verdict::Forward(forward) => {
                for name in forward.parts.headers.keys() {
                    let spelling = name.as_str().replace('_', "-");
                    let ours = match name.as_str() {
                        "plue-caller" => statements == Statements::Make,
                        "plue-bridge" => forward.matched.route.path.starts_with("/internal/"),
                        _ => false,
                    };
                    prop_assert!(ours || !spelling.starts_with("plue-"), "{name} went through");
                }
                for (_, value) in forward.matched.params.iter() {
                    prop_assert!(!value.chars().any(char::is_control));
                    prop_assert!(value.split('/').all(|part| part != "." && part != ".."));
                }
            }
        }
    }
}
