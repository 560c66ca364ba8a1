//! Rate limits: exact under concurrency, kept over a restart, and cheap under a flood.

use std::time::{Duration, Instant};

use plue_contract::{AccountId, Scopes, TokenId, Via, Who};
use plue_gateway::limits::Preset;
use plue_tests::edge::Edge;
use serde_json::json;

use crate::origin::Origin;
use crate::{TOKEN, ada, start};

/// Tries to sign in and answers the status and how long to wait.
fn sign_in(edge: &Edge) -> (u16, Option<u64>) {
    let body = json!({"username": "ada", "password": "guess"});
    let reply = edge.client().json("POST", "/api/auth/login", &body).unwrap();
    let wait = reply.header("retry-after").map(|text| text.parse().unwrap());
    (reply.status, wait)
}

#[test]
fn the_limit_is_exact_with_many_at_once_and_over_a_restart() {
    let origin = Origin::start();
    let edge = start(&origin);
    let rate = Preset::Login.default_rate();
    let began = Instant::now();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let client = edge.client();
        let tries: Vec<_> = (0..40)
            .map(|_| {
                let client = client.clone();
                scope.spawn(move || {
                    let body = json!({"username": "ada", "password": "guess"});
                    client.json("POST", "/api/auth/login", &body).unwrap()
                })
            })
            .collect();
        tries.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let passed = answers.iter().filter(|reply| reply.status == 200).count();
    assert!(
        began.elapsed() < Duration::from_millis(rate.per_ms / u64::from(rate.burst)),
        "the machine is too slow for this test to say anything"
    );
    assert_eq!(passed, rate.burst as usize);
    assert_eq!(origin.seen().len(), passed, "refused before the coordinator");
    for refused in answers.iter().filter(|reply| reply.status != 200) {
        assert_eq!(refused.status, 429);
        assert_eq!(refused.header("ratelimit-remaining"), Some("0"));
        assert_eq!(refused.json().unwrap()["code"], "rate-limited");
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=12).contains(&wait), "{wait}");
    }

    // A new process remembers no refusals; the objects on disk do.
    let edge = edge.kill().unwrap().start().unwrap();
    let (status, wait) = sign_in(&edge);
    let slept = began.elapsed();
    if slept < Duration::from_millis(rate.per_ms / u64::from(rate.burst)) {
        assert_eq!(status, 429);
        let wait = Duration::from_secs(wait.unwrap());
        std::thread::sleep(wait);
        assert_eq!(sign_in(&edge).0, 200, "one comes back when it was said to");
        assert_eq!(sign_in(&edge).0, 429, "and only one");
    } else {
        panic!("the restart took {slept:?}, too long for this test to say anything");
    }
    edge.stop().unwrap();
}

#[test]
fn accounts_and_addresses_draw_from_buckets_of_their_own() {
    let origin = Origin::start();
    let other = TOKEN.replace('0', "1");
    origin.token(TOKEN, ada(Via::Token(TokenId(1))));
    origin.token(
        &other,
        Who::Account {
            id: AccountId(8),
            name: "bob".parse().unwrap(),
            admin: false,
            via: Via::Token(TokenId(2)),
            scopes: Scopes::ALL,
            repositories: None,
        },
    );
    let edge = start(&origin);
    let remaining = |token: Option<&str>| -> u32 {
        let client = token.map_or(edge.client(), |token| edge.client().bearer(token));
        let reply = client.get("/api/repos").unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("x-ratelimit-limit"), Some("100"));
        reply.header("ratelimit-remaining").unwrap().parse().unwrap()
    };
    assert_eq!([remaining(Some(TOKEN)), remaining(Some(TOKEN))], [99, 98]);
    assert_eq!(remaining(Some(&other)), 99);
    assert_eq!([remaining(None), remaining(None)], [99, 98]);
    edge.stop().unwrap();
}
