//! The worker in front of the real coordinator: what one of them learns reaches the other.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use plue_tests::edge;
use plue_tests::http::{Client, Reply};
use plue_tests::serve;
use serde_json::json;

const PASSWORD: &str = "correct horse battery";

/// The name and value of the session cookie that an answer sets.
fn cookie(reply: &Reply) -> String {
    let set = reply.header("set-cookie").expect("a cookie");
    set.split(';').next().unwrap().to_owned()
}

#[test]
fn signing_out_at_the_coordinator_ends_the_session_at_the_edge() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plue = serve::Settings::new()
        .unwrap()
        .env("EDGE_URL", format!("http://{address}"))
        .start()
        .unwrap();
    plue.user_with_password("ada", PASSWORD).unwrap();
    let edge = edge::Settings::new(plue.http())
        .unwrap()
        .secrets_of(&plue.data())
        .unwrap()
        .listen(address)
        .start()
        .unwrap();

    let sign_in = json!({"username": "ada", "password": PASSWORD});
    let reply = edge.client().json("POST", "/api/auth/login", &sign_in).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let cookie = cookie(&reply);
    let at = |client: Client| client.with("cookie", &cookie);
    assert_eq!(at(edge.client()).get("/api/user/tokens").unwrap().status, 200);

    let csrf = at(edge.client()).get("/api/auth/csrf").unwrap().json().unwrap();
    let csrf = csrf["csrfToken"]
        .as_str()
        .or(csrf["token"].as_str())
        .unwrap()
        .to_owned();
    let new = json!({"name": "engine"});
    let forged = at(edge.client()).json("POST", "/api/repos", &new).unwrap();
    assert_eq!(forged.status, 403, "{}", forged.text());
    let made = at(edge.client())
        .with("x-csrf-token", &csrf)
        .json("POST", "/api/repos", &new)
        .unwrap();
    assert_eq!(made.status, 201, "{}", made.text());

    let out = at(plue.client())
        .with("x-csrf-token", &csrf)
        .json("POST", "/api/auth/logout", &json!({}))
        .unwrap();
    assert!(out.status < 300, "{}", out.text());
    // Well before the edge would have asked again by itself.
    let began = Instant::now();
    while at(edge.client())
        .get("/api/user/tokens")
        .unwrap()
        .header("set-cookie")
        .is_none()
    {
        assert!(began.elapsed() < Duration::from_secs(20), "the edge was not told");
        std::thread::sleep(Duration::from_millis(50));
    }
    let refused = at(edge.client()).get("/api/user/tokens").unwrap();
    assert_eq!(refused.status, 401, "{}", refused.text());
    edge.stop().unwrap();
    plue.stop().unwrap();
}

#[test]
fn a_session_that_ended_unheard_of_reads_and_writes_nothing_private() {
    // Where notices go, nobody listens.
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plue = serve::Settings::new()
        .unwrap()
        .env("EDGE_URL", format!("http://{nowhere}"))
        .start()
        .unwrap();
    plue.user_with_password("ada", PASSWORD).unwrap();
    let edge = edge::Settings::new(plue.http())
        .unwrap()
        .secrets_of(&plue.data())
        .unwrap()
        .start()
        .unwrap();
    let sign_in = json!({"username": "ada", "password": PASSWORD});
    let reply = edge.client().json("POST", "/api/auth/login", &sign_in).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let (cookie, said) = (cookie(&reply), reply.json().unwrap());
    let token = said["accessToken"].as_str().unwrap().to_owned();
    let by_cookie = || edge.client().with("cookie", &cookie);
    let by_token = || edge.client().bearer(&token);
    let csrf = by_cookie().get("/api/auth/csrf").unwrap().json().unwrap();
    let csrf = csrf["token"].as_str().unwrap().to_owned();
    let make = |client: Client, name: &str| {
        let new = json!({"name": name, "isPrivate": true});
        client
            .with("x-csrf-token", &csrf)
            .json("POST", "/api/repos", &new)
            .unwrap()
            .status
    };
    assert_eq!(make(by_cookie(), "secret"), 201);
    assert_eq!(
        make(by_token(), "other"),
        201,
        "while the session lives, its token writes"
    );
    for client in [by_cookie(), by_token()] {
        assert_eq!(client.get("/api/ada/secret").unwrap().status, 200);
    }

    let out = plue
        .client()
        .with("cookie", &cookie)
        .with("x-csrf-token", &csrf)
        .json("POST", "/api/auth/logout", &json!({}))
        .unwrap();
    assert!(out.status < 300, "{}", out.text());
    // The edge takes both for somebody still; the coordinator's own look at the session decides.
    for (how, client) in [("cookie", by_cookie()), ("token", by_token())] {
        for target in ["/api/ada/secret", "/api/user/tokens", "/api/user/keys"] {
            let refused = client.get(target).unwrap();
            assert!(
                matches!(refused.status, 401 | 404),
                "{how} {target}: {} {}",
                refused.status,
                refused.text()
            );
        }
    }
    assert!(matches!(make(by_cookie(), "third"), 401 | 403));
    assert!(matches!(make(by_token(), "fourth"), 401 | 403));
    let left = plue.admin(&["repo", "list"]).unwrap().to_string();
    assert!(!left.contains("third") && !left.contains("fourth"), "{left}");
    edge.stop().unwrap();
    plue.stop().unwrap();
}
