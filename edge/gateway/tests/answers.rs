//! What the gateway makes of an answer that already says something about cookies and caches.

mod fake;

use fake::{Fake, config, credentials, now};
use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use http::{HeaderMap, Request, Response};
use plue_gateway::conformance::HostState;
use plue_gateway::{Gateway, Statements, Verdict};

/// Sends a request with ada's cookie, or without any where no session is named, and finishes the
/// answer that the forge gave.
fn finished(session: Option<&HostState>, target: &str, forge: &[(&str, &str)]) -> HeaderMap {
    let fake = session.map_or_else(Fake::default, Fake::with);
    let gateway = Gateway::new(fake, config(Statements::Neither));
    let mut request = Request::get(target).header("host", credentials::HOST);
    if session.is_some() {
        request = request.header(COOKIE, credentials::cookie());
    }
    let (parts, ()) = request.body(()).expect("a request").into_parts();
    let Verdict::Forward(forward) = now(gateway.decide(parts, None)) else {
        panic!("{target} was refused");
    };
    let mut answer = Response::builder();
    for (name, value) in forge {
        answer = answer.header(*name, *value);
    }
    let (mut parts, ()) = answer.body(()).expect("an answer").into_parts();
    gateway.finish(&forward.plan, &mut parts);
    parts.headers
}

fn ended() -> HostState {
    HostState {
        session_ended: true,
        ..HostState::default()
    }
}

fn rotated() -> HostState {
    HostState {
        session_rotated: true,
        ..HostState::default()
    }
}

fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let values = headers.get_all(name).iter();
    values.map(|value| value.to_str().expect("text")).collect()
}

const TREE: &str = "/api/ada/engine/tree/0f";

#[test]
fn the_session_cookie_that_the_forge_sets_is_the_only_one() {
    let new = "plue_session=new; Path=/";
    let gone = "plue_session=; Path=/; Max-Age=0";
    let headers = finished(Some(&ended()), "/", &[("set-cookie", new)]);
    assert_eq!(all(&headers, "set-cookie"), [new]);
    let headers = finished(
        Some(&rotated()),
        "/",
        &[("set-cookie", "a=b"), ("set-cookie", gone)],
    );
    assert_eq!(all(&headers, "set-cookie"), ["a=b", gone]);
}

#[test]
fn beside_other_cookies_ours_is_set() {
    let other = "plue_session_hint=plue_session=x";
    let headers = finished(Some(&ended()), "/", &[("set-cookie", other)]);
    let set = all(&headers, "set-cookie");
    assert_eq!(set.len(), 2);
    assert!(set[1].starts_with("plue_session=; "), "{set:?}");
    let headers = finished(Some(&rotated()), "/", &[]);
    assert!(
        headers[SET_COOKIE]
            .to_str()
            .expect("text")
            .contains("Max-Age=1000;")
    );
}

#[test]
fn an_answer_with_a_cookie_is_kept_by_no_shared_cache() {
    let cookie = ("set-cookie", "theme=dark");
    for target in [TREE, "/api/ada/engine/refs/main", "/"] {
        for said in ["public, max-age=60", "max-age=60", "private, max-age=60"] {
            // On an ended session the gateway sets a cookie, else the forge does.
            let said = ("cache-control", said);
            let by_gateway = finished(Some(&ended()), target, &[said]);
            let by_forge = finished(None, target, &[said, cookie]);
            let to_somebody = finished(Some(&HostState::default()), target, &[said, cookie]);
            let by_both = finished(Some(&ended()), target, &[said, cookie]);
            for headers in [by_gateway, by_forge, to_somebody, by_both] {
                assert_eq!(headers[CACHE_CONTROL], "private, no-cache", "{target}: {said:?}");
            }
        }
        let strict = finished(Some(&ended()), target, &[("cache-control", "no-store"), cookie]);
        assert_eq!(strict[CACHE_CONTROL], "no-store", "{target}");
    }
}
