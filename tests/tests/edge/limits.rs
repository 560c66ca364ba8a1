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

#[test]
fn ten_who_hammer_the_sign_in_get_the_models_count_and_no_more_over_restarts() {
    let origin = Origin::start();
    let mut edge = start(&origin);
    let rate = Preset::Login.default_rate();
    let mut bucket = plue_gateway::limits::Bucket::default();
    let began = Instant::now();
    let (mut passed, mut model_at_most) = (0, 0);
    let mut began_ms = None;
    for _ in 0..2 {
        let came: usize = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..10)
                .map(|_| {
                    let client = edge.client();
                    scope.spawn(move || {
                        let body = json!({"username": "ada", "password": "guess"});
                        let tries =
                            (0..20).map(|_| client.json("POST", "/api/auth/login", &body).unwrap().status);
                        tries.filter(|status| *status == 200).count()
                    })
                })
                .collect();
            clients.into_iter().map(|client| client.join().unwrap()).sum()
        });
        passed += came;
        // The model under the test's own clock: everything that could be taken by now was tried for.
        let now_ms = crate::origin::now_ms();
        let first_ms =
            *began_ms.get_or_insert_with(|| now_ms - u64::try_from(began.elapsed().as_millis()).unwrap());
        let mut at_ms = first_ms;
        while at_ms <= now_ms {
            while bucket.take(at_ms, rate, 1).allowed {
                model_at_most += 1;
            }
            at_ms += 1;
        }
        assert!(
            passed <= model_at_most,
            "{passed} passed, and the model lets through {model_at_most}"
        );
        assert!(
            passed >= rate.burst as usize,
            "{passed} passed of a burst of {}",
            rate.burst
        );
        edge = edge.kill().unwrap().start().unwrap();
    }
    if began.elapsed() < Duration::from_millis(rate.per_ms / u64::from(rate.burst)) {
        assert_eq!(passed, rate.burst as usize, "nothing had come back yet");
    }
    assert_eq!(origin.seen().len(), passed, "refused before the coordinator");
    edge.stop().unwrap();
}

#[test]
fn the_platforms_limiter_takes_floods_off_the_exact_ones() {
    let origin = Origin::start();
    let edge = crate::settings(&origin).floods("20/60").start().unwrap();
    let answers: Vec<_> = (0..30)
        .map(|_| edge.client().get("/api/repos").unwrap())
        .collect();
    let statuses: Vec<u16> = answers.iter().map(|reply| reply.status).collect();
    assert_eq!(
        statuses,
        [[200_u16; 20].as_slice(), [429; 10].as_slice()].concat()
    );
    // The hundred of the preset were not touched by what the platform refused.
    assert_eq!(answers[19].header("ratelimit-remaining"), Some("80"));
    let flooded = &answers[20];
    assert_eq!(flooded.header("retry-after"), Some("10"));
    assert_eq!(flooded.json().unwrap()["code"], "rate-limited");
    assert_eq!(origin.seen().len(), 20);
    // Each key has its own: somebody else is not held back by it.
    origin.token(TOKEN, ada(Via::Token(TokenId(1))));
    assert_eq!(edge.client().bearer(TOKEN).get("/api/repos").unwrap().status, 200);
    edge.stop().unwrap();
}
