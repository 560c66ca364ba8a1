//! What the worker keeps of public answers, for whom it takes them out again, and what it does
//! while the coordinator is away. The coordinator here says what the test wants it to say.

use std::time::{Duration, Instant};

use plue_contract::edge::Stamp;
use plue_contract::{RepoId, TokenId, Via, Who};
use plue_tests::edge::Edge;
use plue_tests::http::{Client, Reply};

use crate::origin::Origin;
use crate::{TOKEN, ada, settings, start};

const STAMP: Stamp = Stamp {
    repository: RepoId(7),
    restore_epoch: 0,
    access_epoch: 0,
    generation: 1,
    edition: 1,
};
const REF: &str = "/api/ada/engine/refs/main";

fn cached(reply: &Reply) -> &str {
    reply.header("x-cache").unwrap_or("none")
}

/// Asks until the answer is kept, which happens beside the first answer's way to its client.
fn until_kept(client: &Client, target: &str) -> Reply {
    let began = Instant::now();
    loop {
        let reply = client.get(target).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        if cached(&reply) == "HIT" {
            return reply;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{reply:?}");
    }
}

#[test]
fn a_public_answer_is_kept_for_everybody_and_nothing_of_one_client_with_it() {
    let origin = Origin::start();
    origin.token(TOKEN, ada(Via::Token(TokenId(1))));
    origin.repository("ada/engine", STAMP);
    let edge = start(&origin);
    let first = edge
        .client()
        .with("cookie", "theme=dark")
        .with("accept-language", "de")
        .with("range", "bytes=0-1")
        .get(REF)
        .unwrap();
    assert_eq!((first.status, cached(&first)), (200, "MISS"));
    assert_eq!(first.header("cache-control"), Some("public, no-cache"));
    assert_eq!(first.header("plue-secret"), None);
    assert_eq!(first.header("plue-made-from"), None);
    let seen = origin.only();
    assert_eq!(seen.who(), Who::Anonymous);
    for varying in ["cookie", "accept-language", "range"] {
        assert!(
            seen.all(varying).is_empty(),
            "{varying} reached what is made for all"
        );
    }

    let hit = until_kept(&edge.client(), REF);
    assert_eq!((hit.body, hit.status), (first.body, 200));
    assert_eq!(
        hit.headers.iter().find(|(name, _)| name.starts_with("plue-")),
        None
    );
    assert_eq!(
        hit.headers
            .iter()
            .filter(|(name, _)| name == "x-request-id")
            .count(),
        1
    );
    origin.seen();

    // The same for somebody known, whose limit is still drawn from, and kept by no shared cache after us.
    let known = edge.client().bearer(TOKEN).get(REF).unwrap();
    assert_eq!((known.status, cached(&known)), (200, "HIT"), "{known:?}");
    assert_eq!(known.header("cache-control"), Some("private, no-cache"));
    assert!(known.header("ratelimit-remaining").is_some());

    // Whoever has it already is told so; a HEAD has no body.
    let held = edge
        .client()
        .with("if-none-match", "\"0\", W/\"1\"")
        .get(REF)
        .unwrap();
    assert_eq!((held.status, cached(&held), held.body.len()), (304, "HIT", 0));
    let head = edge.client().send("HEAD", REF, &[], b"").unwrap();
    assert_eq!((head.status, cached(&head)), (200, "HIT"));
    assert_eq!(origin.seen().len(), 0, "the coordinator was asked nothing");
    edge.stop().unwrap();
}

#[test]
fn what_the_coordinator_does_not_mark_is_kept_by_nobody() {
    let origin = Origin::start();
    let edge = start(&origin);
    for _ in 0..3 {
        let reply = edge.client().get(REF).unwrap();
        assert_eq!((reply.status, cached(&reply)), (200, "BYPASS"));
        assert_eq!(origin.seen().len(), 1);
    }
    assert!(
        origin.asked().is_empty(),
        "nobody asks how an unknown name stands"
    );
    edge.stop().unwrap();
}

#[test]
fn an_answer_made_from_an_older_state_is_never_found_under_a_newer_one() {
    let origin = Origin::start();
    origin.repository("ada/engine", STAMP);
    let edge = start(&origin);
    until_kept(&edge.client(), REF);
    // The state moves on; a notice lets go of the lease, as the coordinator's would.
    origin.repository(
        "ada/engine",
        Stamp {
            generation: 2,
            ..STAMP
        },
    );
    notice(&edge);
    let fresh = edge.client().get(REF).unwrap();
    assert_eq!(
        (fresh.json().unwrap()["generation"].as_i64(), cached(&fresh)),
        (Some(2), "MISS")
    );
    until_kept(&edge.client(), REF);
    // An object's answer stays through a push, and goes with the access epoch.
    let object = format!("/api/ada/engine/tree/{}", "0f".repeat(20));
    until_kept(&edge.client(), &object);
    origin.repository(
        "ada/engine",
        Stamp {
            generation: 3,
            ..STAMP
        },
    );
    notice(&edge);
    let same = edge.client().get(&object).unwrap();
    assert_eq!(
        (same.json().unwrap()["generation"].as_i64(), cached(&same)),
        (Some(2), "HIT")
    );
    origin.repository(
        "ada/engine",
        Stamp {
            access_epoch: 1,
            generation: 3,
            ..STAMP
        },
    );
    notice(&edge);
    let other = edge.client().get(&object).unwrap();
    assert_eq!(
        (other.json().unwrap()["generation"].as_i64(), cached(&other)),
        (Some(3), "MISS")
    );
    edge.stop().unwrap();
}

/// Tells the edge that the repository has changed, sealed as the coordinator seals it.
fn notice(edge: &Edge) {
    use plue_contract::edge::{Event, NOTICE_PATH, Notice};
    use plue_contract::seal::{Keyring, Purpose};
    let notice = Notice {
        iat_ms: crate::origin::now_ms(),
        event: Event::RepositoriesChanged {
            names: vec!["ada/engine".to_owned()],
            hidden: false,
        },
    };
    let keys = Keyring::derive(Purpose::Notice, [crate::origin::EDGE_SECRET]);
    let sealed = notice.seal(&keys).unwrap();
    let told = edge
        .client()
        .send("POST", NOTICE_PATH, &[("plue-notice", &sealed)], b"")
        .unwrap();
    assert_eq!(told.status, 204, "{}", told.text());
}

#[test]
fn while_the_coordinator_is_away_what_was_seen_is_shown_and_marked() {
    let origin = Origin::start();
    origin.repository("ada/engine", STAMP);
    let edge = settings(&origin).start().unwrap();
    until_kept(&edge.client(), REF);
    // Pushed once more, and nobody has read that: the older answer has to do.
    origin.repository(
        "ada/engine",
        Stamp {
            generation: 2,
            ..STAMP
        },
    );
    notice(&edge);
    let other = until_kept(&edge.client(), "/api/ada/engine/commits");
    assert_eq!(other.json().unwrap()["generation"], 2);
    drop(origin);
    let stale = edge.client().get(REF).unwrap();
    assert_eq!((stale.status, cached(&stale)), (200, "STALE"), "{}", stale.text());
    assert_eq!(stale.header("warning"), Some("110 - \"Response is Stale\""));
    assert!(stale.header("age").unwrap().parse::<u64>().is_ok());
    assert_eq!(stale.json().unwrap()["generation"], 1);

    // The same from an edge that was restarted would need the cache, which plain workerd keeps in memory.
    let unseen = edge.client().get("/api/ada/engine/refs/other").unwrap();
    assert_eq!(unseen.status, 503, "{}", unseen.text());
    assert!(unseen.header("retry-after").is_some());
    let private = edge.client().get("/api/ada/secret/refs/main").unwrap();
    assert_eq!(private.status, 503);
    edge.stop().unwrap();
}

#[test]
fn an_isolate_that_may_believe_what_it_was_told_asks_no_object_meanwhile() {
    let origin = Origin::start();
    origin.repository("ada/engine", STAMP);
    let next = Stamp {
        generation: 2,
        ..STAMP
    };
    let edge = settings(&origin)
        .var("PLUE_EDGE_MEMO_MS", "3000")
        .start()
        .unwrap();
    until_kept(&edge.client(), REF);
    let told = Instant::now();
    // Told by the coordinator, whoever hears the notice forgets, the isolate too.
    origin.repository("ada/engine", next);
    notice(&edge);
    assert_eq!(edge.client().get(REF).unwrap().json().unwrap()["generation"], 2);
    until_kept(&edge.client(), REF);
    assert!(told.elapsed() < Duration::from_secs(20));
    // In the seed's words to nobody in particular: what is remembered goes as well. Without any,
    // what it gives up is the freshness that the setting names, and no more.
    let later = Stamp {
        generation: 3,
        ..STAMP
    };
    let changed = Instant::now();
    origin.repository("ada/engine", later);
    let shown = |reply: &Reply| reply.json().unwrap()["generation"].as_i64();
    loop {
        let reply = edge.client().get(REF).unwrap();
        if shown(&reply) == Some(3) {
            break;
        }
        assert_eq!((shown(&reply), cached(&reply)), (Some(2), "HIT"));
        // A lease of five seconds, and the three of the setting.
        assert!(changed.elapsed() < Duration::from_secs(20), "it never learns");
        std::thread::sleep(Duration::from_millis(50));
    }
    let asked = origin.asked().len();
    let seen = origin.seen().len();
    for _ in 0..50 {
        until_kept(&edge.client(), REF);
    }
    assert!(origin.asked().len() <= 3, "the object asked {asked} times before");
    assert!(
        origin.seen().len() <= 2,
        "the coordinator made {seen} answers before"
    );
    edge.stop().unwrap();
}
