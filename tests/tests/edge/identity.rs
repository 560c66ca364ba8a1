//! Who calls: tokens by a question that is remembered for seconds, JSON Web Tokens without any
//! question, sessions by their Durable Object.

use plue_contract::credentials::SessionCookie;
use plue_contract::edge::{Ask, Event, NOTICE_PATH, Notice, SessionFacts};
use plue_contract::seal::{Keyring, Purpose};
use plue_contract::{AccountId, Scopes, SessionId, TokenId, Via, Who};
use plue_gateway::jwt::{Claims, Signer};
use plue_tests::edge::Edge;

use crate::origin::{EDGE_SECRET, JWT_SECRET, Origin, now_ms};
use crate::{TOKEN, ada, start};

const SESSION: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

fn session_id() -> SessionId {
    SessionId(SESSION.to_owned())
}

fn facts(expires_ms: u64) -> SessionFacts {
    SessionFacts {
        id: session_id(),
        who: ada(Via::Session(session_id())),
        created_ms: now_ms(),
        expires_ms,
        replacement: None,
    }
}

fn with_cookie(edge: &Edge, cookie: &str) -> plue_tests::http::Client {
    edge.client().with("cookie", &format!("plue_session={cookie}"))
}

fn notify(edge: &Edge, secret: &str, ids: Vec<SessionId>) -> u16 {
    let keys = Keyring::derive(Purpose::Notice, [secret]);
    let notice = Notice {
        iat_ms: now_ms(),
        event: Event::SessionsRevoked { ids },
    };
    let header = notice.seal(&keys).unwrap();
    let reply = edge
        .client()
        .send("POST", NOTICE_PATH, &[("plue-notice", &header)], b"");
    reply.unwrap().status
}

#[test]
fn a_token_is_asked_about_once_in_a_while() {
    let origin = Origin::start();
    origin.token(TOKEN, ada(Via::Token(TokenId(3))));
    let edge = start(&origin);
    for _ in 0..5 {
        let reply = edge.client().bearer(TOKEN).get("/api/auth/me").unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(origin.only().who(), ada(Via::Token(TokenId(3))));
    }
    assert_eq!(origin.asked().len(), 1);

    let wrong = TOKEN.replace('0', "9");
    for _ in 0..3 {
        let reply = edge.client().bearer(&wrong).get("/api/auth/me").unwrap();
        assert_eq!(reply.status, 401);
    }
    assert_eq!(origin.asked().len(), 1, "a wrong one is remembered as well");
    assert!(origin.seen().is_empty());
    edge.stop().unwrap();
}

#[test]
fn a_json_web_token_needs_no_question_to_read_and_a_living_session_to_write() {
    let origin = Origin::start();
    let edge = start(&origin);
    let claims = |exp: u64| Claims {
        sub: AccountId(7),
        sid: session_id(),
        name: "ada".parse().unwrap(),
        admin: false,
        scopes: Scopes::ALL,
        iat: now_ms() / 1_000,
        exp,
        nbf: None,
        iss: "plue".into(),
        aud: "plue".into(),
    };
    let sign = |secret: &str, exp: u64| {
        let ring = Keyring::derive(Purpose::Jwt, [secret]);
        Signer::new(&ring).unwrap().sign(&claims(exp))
    };
    let good = sign(JWT_SECRET, now_ms() / 1_000 + 300);
    let reply = edge.client().bearer(&good).get("/api/auth/me").unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(origin.only().who(), ada(Via::Jwt(session_id())));
    assert!(origin.asked().is_empty());

    for bad in [
        sign("another secret", now_ms() / 1_000 + 300),
        sign(JWT_SECRET, now_ms() / 1_000 - 60),
        format!("{good}x"),
    ] {
        assert_eq!(
            edge.client().bearer(&bad).get("/api/auth/me").unwrap().status,
            401
        );
    }

    let write = || {
        edge.client()
            .bearer(&good)
            .json("POST", "/api/repos", &serde_json::json!({"name": "x"}))
    };
    assert_eq!(write().unwrap().status, 401, "no such session lives");
    origin.session(
        &SessionCookie::value(&session_id(), &[1; 32]),
        facts(now_ms() + DAY_MS),
    );
    let reply = write().unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let asked = origin.asked();
    assert!(
        asked.iter().all(|ask| matches!(ask, Ask::SessionAlive { .. })),
        "{asked:?}"
    );
    edge.stop().unwrap();
}

#[test]
fn a_session_is_learned_once_kept_over_a_restart_and_ended_by_a_notice() {
    let origin = Origin::start();
    let cookie = SessionCookie::value(&session_id(), &[1; 32]);
    origin.session(&cookie, facts(now_ms() + DAY_MS));
    let edge = start(&origin);
    let who = |edge: &Edge, cookie: &str| -> Who {
        assert_eq!(with_cookie(edge, cookie).get("/api/repos").unwrap().status, 200);
        origin.only().who()
    };

    let ada = ada(Via::Session(session_id()));
    for _ in 0..3 {
        assert_eq!(who(&edge, &cookie), ada);
    }
    assert_eq!(origin.asked().len(), 1);

    // Another secret for the same session proves nothing, and spoils nothing.
    let guessed = SessionCookie::value(&session_id(), &[2; 32]);
    assert_eq!(who(&edge, &guessed), Who::Anonymous);
    assert_eq!(who(&edge, &cookie), ada);
    assert_eq!(origin.asked().len(), 1);

    let edge = edge.kill().unwrap().start().unwrap();
    assert_eq!(who(&edge, &cookie), ada);
    assert_eq!(origin.asked().len(), 1, "a new process has to be told once");

    assert_eq!(notify(&edge, "a stranger's secret", vec![session_id()]), 404);
    assert_eq!(who(&edge, &cookie), ada, "a stranger's notice is none");
    for _ in 0..2 {
        assert_eq!(notify(&edge, EDGE_SECRET, vec![session_id()]), 204);
        assert_eq!(who(&edge, &cookie), Who::Anonymous);
    }
    assert!(origin.asked().is_empty(), "what was revoked is not asked about");

    let edge = edge.stop().unwrap().start().unwrap();
    assert_eq!(who(&edge, &cookie), Who::Anonymous, "nor forgotten by a restart");
    edge.stop().unwrap();
}

#[test]
fn a_session_ends_by_itself() {
    let origin = Origin::start();
    let cookie = SessionCookie::value(&session_id(), &[1; 32]);
    let edge = start(&origin);
    edge.client().get("/api/repos").unwrap();
    origin.seen();
    origin.session(&cookie, facts(now_ms() + 2_000));
    let who = || {
        with_cookie(&edge, &cookie).get("/api/repos").unwrap();
        origin.only().who()
    };
    assert_ne!(who(), Who::Anonymous);
    origin.end_sessions();
    assert_ne!(
        who(),
        Who::Anonymous,
        "it is fresh, and the coordinator has the last word anyway"
    );
    std::thread::sleep(std::time::Duration::from_millis(2_500));
    assert_eq!(who(), Who::Anonymous);
    assert_eq!(origin.asked().len(), 2, "its end made the edge ask again");
    edge.stop().unwrap();
}

#[test]
fn a_changed_cookie_reaches_the_browser_once() {
    let origin = Origin::start();
    let cookie = SessionCookie::value(&session_id(), &[1; 32]);
    let new = SessionCookie::value(&session_id(), &[2; 32]);
    let mut facts = facts(now_ms() + DAY_MS);
    facts.replacement = Some(new.clone());
    origin.session(&cookie, facts);
    let edge = start(&origin);
    let cookies = || -> Vec<String> {
        let reply = with_cookie(&edge, &cookie).get("/api/repos").unwrap();
        let set = reply.headers.into_iter().filter(|(name, _)| name == "set-cookie");
        set.map(|(_, value)| value)
            .filter(|value| value.starts_with("plue_session="))
            .collect()
    };
    let first = cookies();
    assert_eq!(first.len(), 1);
    assert!(
        first[0].starts_with(&format!("plue_session={new};")) && first[0].contains("HttpOnly"),
        "{first:?}"
    );
    assert!(cookies().is_empty());
    edge.stop().unwrap();
}
