//! A request that changes something asks its session and its limit at the same time, and what was
//! taken for somebody whom it turned out not to be is given back.

mod fake;

use fake::{Fake, config, credentials, now};
use http::Request;
use plue_contract::AccountId;
use plue_gateway::conformance::{Asked, HostState};
use plue_gateway::limits::{BucketKey, Lane, Preset, Subject};
use plue_gateway::{Gateway, Statements, Verdict};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

fn gateway(state: &HostState) -> Gateway<Fake> {
    Gateway::new(Fake::with(state), config(Statements::Neither))
}

/// A request for a new repository that shows this credential.
fn parts(header: &str, value: &str) -> http::request::Parts {
    let asked: Asked = serde_json::from_str(r#"{"target": "/api/repos"}"#).expect("a request");
    let request = Request::post("/api/repos")
        .header("host", credentials::HOST)
        .header("content-type", "application/json")
        .header("content-length", "2")
        .header("x-csrf-token", credentials::fill("{csrf:ada}", &asked))
        .header(header, credentials::fill(value, &asked));
    request.body(()).expect("a request").into_parts().0
}

const COOKIE: (&str, &str) = ("cookie", "{cookie:ada}");
const JWT: (&str, &str) = ("authorization", "Bearer {jwt:ada}");

fn status(verdict: Verdict) -> u16 {
    match verdict {
        Verdict::Reply(answer) => answer.status().as_u16(),
        Verdict::Forward(_) => 200,
    }
}

fn left(gateway: &Gateway<Fake>, account: AccountId) -> u32 {
    let key = BucketKey {
        preset: Preset::Api,
        lane: Lane::People,
        subject: Subject::Account(account),
    };
    gateway
        .host()
        .left(&key, gateway.config().limits.rate(Preset::Api))
}

#[test]
fn the_limit_is_asked_while_the_session_is() {
    for ((header, value), remembers, early) in [(JWT, false, 1), (COOKIE, true, 1), (COOKIE, false, 0)] {
        let gateway = gateway(&HostState::default());
        if remembers {
            gateway.host().remember();
        }
        gateway.host().let_sessions_wait(true);
        let mut deciding = pin!(gateway.decide(parts(header, value), None));
        let mut context = Context::from_waker(Waker::noop());
        assert!(deciding.as_mut().poll(&mut context).is_pending());
        assert_eq!(gateway.host().draws(), early, "{header}, remembered: {remembers}");
        gateway.host().let_sessions_wait(false);
        assert_eq!(status(now(deciding)), 200);
        assert_eq!(gateway.host().draws(), 1, "one request draws once");
    }
}

#[test]
fn a_session_that_ended_takes_nothing_from_its_account() {
    let ended = HostState {
        session_ended: true,
        ..HostState::default()
    };
    for (header, value) in [JWT, COOKIE] {
        let gateway = gateway(&ended);
        gateway.host().remember();
        let before = left(&gateway, credentials::ADA);
        for _ in 0..3 {
            assert_eq!(status(now(gateway.decide(parts(header, value), None))), 401);
        }
        assert_eq!(left(&gateway, credentials::ADA), before, "{header}");
    }
}

#[test]
fn what_reads_asks_one_after_the_other() {
    let gateway = gateway(&HostState::default());
    gateway.host().remember();
    let mut reading = parts(COOKIE.0, COOKIE.1);
    reading.method = http::Method::GET;
    assert_eq!(status(now(gateway.decide(reading, None))), 200);
    assert_eq!(gateway.host().draws(), 1);
}
