//! What strangers cannot make the coordinator believe, and what they read when it is away.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use plue_contract::seal::{Keyring, Purpose};
use plue_contract::statement::Statement;
use plue_contract::{Caller, TokenId, Via, Who};

use crate::origin::{EDGE_SECRET, Origin, now_ms};
use crate::{TOKEN, ada, settings, start};

#[test]
fn forged_headers_of_ours_do_not_pass() {
    let origin = Origin::start();
    let edge = start(&origin);
    let foreign = Keyring::derive(Purpose::Caller, ["somebody else's secret"]);
    let mine = Keyring::derive(Purpose::Caller, [EDGE_SECRET]);
    let system = || Statement::new(Caller::system("forged-1"), "GET", "/api/repos", now_ms());
    let forged = system().seal(&foreign).unwrap();
    // Even one that the coordinator itself would have made says nothing here.
    let replayed = system().seal(&mine).unwrap();
    for value in [forged.as_str(), replayed.as_str(), "x.y.z"] {
        for name in ["Plue-Caller", "PLUE-CALLER", "plue_caller"] {
            let reply = edge
                .client()
                .send(
                    "GET",
                    "/api/repos",
                    &[
                        (name, value),
                        ("Plue-Bridge", value),
                        ("plue-notice", value),
                        ("Plue-Admin", "yes"),
                        ("X-Forwarded-Host", "evil.example"),
                    ],
                    b"",
                )
                .unwrap();
            assert_eq!(reply.status, 200, "{}", reply.text());
            let seen = origin.only();
            assert_eq!(seen.who(), Who::Anonymous, "{name}");
            let ours: Vec<_> = seen
                .headers
                .iter()
                .filter(|(name, _)| name.replace('_', "-").starts_with("plue-"))
                .collect();
            assert_eq!(ours.len(), 1, "the edge's own statement only: {ours:?}");
            assert_eq!(
                seen.all("x-forwarded-host"),
                [edge.url().trim_start_matches("http://")]
            );
        }
    }
    edge.stop().unwrap();
}

#[test]
fn the_statement_names_the_request_that_arrives() {
    let origin = Origin::start();
    let edge = start(&origin);
    for target in [
        "/api/repos?limit=2&q=a%20b",
        "/api/repos?q='x'&r=\"y\"<z>{w}|v^u`t\\s",
        "/api/ada/engine/refs/refs%2Fheads%2Fmain",
        "/api/ada/engine/blob/0000000000000000000000000000000000000000/a%20b/%C3%A9.txt",
        "/api/ada/engine/blob/0000000000000000000000000000000000000000/it's {here}|there",
    ] {
        let target = target.replace(' ', "%20");
        let reply = edge.client().get(&target).unwrap();
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        let seen = origin.only();
        let statement = seen
            .statement
            .clone()
            .expect("it verifies for the target that arrived");
        assert_eq!(statement.target, seen.target);
        assert_eq!(
            statement.caller.address,
            Some([127, 0, 0, 1].into()),
            "the socket's"
        );
        assert_eq!(
            reply.header("x-request-id"),
            Some(statement.caller.request_id.as_str())
        );
    }
    edge.stop().unwrap();
}

#[test]
fn malformed_requests_are_refused_before_the_coordinator() {
    let origin = Origin::start();
    let edge = start(&origin);
    for target in [
        "/api/ada/%00/refs/main",
        "/ada/x%0a/info/refs?service=git-upload-pack",
        "/api/%2e%2e/%2e%2e/refs/main",
    ] {
        let reply = edge.client().get(target).unwrap();
        assert_eq!(reply.status, 400, "{target}: {}", reply.text());
    }
    assert_eq!(edge.client().get("/internal/introspect").unwrap().status, 404);
    let posted = edge
        .client()
        .send("POST", "/internal/introspect", &[], b"x")
        .unwrap();
    assert_eq!(
        posted.status, 404,
        "the coordinator's inner rooms do not exist at the edge"
    );
    assert!(origin.seen().is_empty() && origin.asked().is_empty());
    edge.stop().unwrap();
}

#[test]
fn redirects_cookies_and_heads_are_the_clients_own() {
    let origin = Origin::start();
    let edge = start(&origin);
    let reply = edge.client().get("/api/repos").unwrap();
    let cookies: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .collect();
    assert_eq!(cookies.len(), 2, "{:?}", reply.headers);
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    let head = edge.client().send("HEAD", "/api/repos", &[], b"").unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0));
    let moved = edge.client().get("/api/ada/moved").unwrap();
    assert_eq!(moved.status, 301, "a redirect is not followed at the edge");
    assert_eq!(moved.header("location"), Some("/api/ada/engine"));
    edge.stop().unwrap();
}

#[test]
fn an_absent_coordinator_is_said_in_the_routes_own_dialect() {
    let origin = Origin::start();
    origin.token(TOKEN, ada(Via::Token(TokenId(1))));
    let edge = start(&origin);
    assert_eq!(edge.client().get("/api/repos").unwrap().status, 200);
    let address = origin.address();
    drop(origin);

    let reply = edge.client().get("/api/repos").unwrap();
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert!(reply.header("retry-after").is_some());
    let problem = reply.json().unwrap();
    assert_eq!(problem["code"], "unavailable");
    assert!(
        !reply.text().contains(&address.to_string()),
        "where it is, is nobody's business"
    );

    let git = edge
        .client()
        .get("/ada/engine/info/refs?service=git-upload-pack")
        .unwrap();
    assert_eq!(git.status, 503);
    assert!(git.header("content-type").unwrap().starts_with("text/plain"));

    // Whoever shows a token is not taken for nobody while the token cannot be checked.
    let shown = edge.client().bearer(TOKEN).get("/api/auth/me").unwrap();
    assert_eq!(shown.status, 503, "{}", shown.text());

    // It comes back, and the edge has not to be told.
    let origin = Origin::start_on(address);
    assert_eq!(edge.client().get("/api/repos").unwrap().status, 200);
    assert_eq!(origin.only().who(), Who::Anonymous);
    edge.stop().unwrap();
}

#[test]
fn a_coordinator_that_breaks_off_or_stays_silent_is_an_answer_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = Origin::start();
    let edge = settings(&origin)
        .origin(&format!("http://{}", listener.local_addr().unwrap()))
        .var("ORIGIN_DEADLINE_MS", "500")
        .start()
        .unwrap();
    let ask = || {
        let client = edge.client();
        std::thread::spawn(move || client.get("/api/repos").unwrap())
    };

    let asked = ask();
    let (mut socket, _) = listener.accept().unwrap();
    let mut some = [0; 64];
    socket.read_exact(&mut some).unwrap();
    drop(socket);
    assert_eq!(asked.join().unwrap().status, 503);

    let asked = ask();
    let (_silent, _) = listener.accept().unwrap();
    let reply = asked.join().unwrap();
    assert_eq!(reply.status, 504, "{}", reply.text());
    assert_eq!(reply.json().unwrap()["code"], "gateway-timeout");

    // One that stops in the middle of a body cuts the client's answer short; it is not completed.
    let client = edge.client();
    let asked = std::thread::spawn(move || client.get("/api/repos"));
    let (mut socket, _) = listener.accept().unwrap();
    socket.read_exact(&mut some).unwrap();
    socket
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\ncontent-type: text/plain\r\n\r\nhalf of it")
        .unwrap();
    drop(socket);
    let half = asked.join().unwrap();
    assert!(half.is_err(), "{half:?}");
    assert!(origin.seen().is_empty());
    edge.stop().unwrap();
}
