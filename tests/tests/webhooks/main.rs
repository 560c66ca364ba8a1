//! Webhooks: what happens is told, signed, in the shape and the order that was asked for, to a
//! receiver that fails, hangs and leads elsewhere, by a forge that dies; and nothing that only the
//! forge's own machine reaches is ever asked.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

mod receiver;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use plue_tests::http::{Client, Reply};
use plue_tests::serve::{Plue, Settings};
use receiver::{Arrived, Manner, OUTSIDE, PATIENCE, Receiver, SECRET};
use serde_json::{Value, json};

fn settings() -> Settings {
    Settings::new()
        .unwrap()
        .without_limits()
        .env("PLUE_WEBHOOK_NETWORKS", OUTSIDE)
        .env("PLUE_WEBHOOK_TIMEOUT", "1")
}

fn ask(client: &Client, method: &str, path: &str, body: &Value) -> Reply {
    match body {
        Value::Null => client.send(method, path, &[], b"").unwrap(),
        body => client.json(method, path, body).unwrap(),
    }
}

/// Asks for something that is granted, and answers what came back.
fn done(client: &Client, method: &str, path: &str, body: Value) -> Value {
    let reply = ask(client, method, path, &body);
    assert!(
        (200..300).contains(&reply.status),
        "{method} {path}: {}",
        reply.text()
    );
    serde_json::from_slice(&reply.body).unwrap_or_default()
}

fn hook(client: &Client, url: &str, more: Value) -> i64 {
    let mut body = json!({ "url": url, "secret": SECRET, "events": ["*"] });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let made = done(client, "POST", "/api/ada/engine/hooks", body);
    made["hook"]["id"].as_i64().unwrap()
}

/// What each event of a webhook says happened.
fn words(taken: &[Arrived]) -> Vec<String> {
    let word = |one: &Arrived| one.header("x-plue-event").to_owned();
    taken.iter().map(word).collect()
}

#[test]
fn what_happens_is_told_in_both_shapes() {
    let receiver = Receiver::start(|_, _| Manner::Takes);
    let plue = settings().start().unwrap();
    let (home, token) = plue.newcomer("ada").unwrap();
    plue.user("grace", "repo,user").unwrap();
    let client = plue.client().bearer(&token);
    done(&client, "POST", "/api/repos", json!({ "name": "engine" }));
    let native = hook(&client, &receiver.url("/native"), json!({ "ordered": true }));
    let github = hook(
        &client,
        &receiver.url("/github"),
        json!({ "ordered": true, "format": "github" }),
    );
    let of_push = json!({ "events": ["push"] });
    hook(&client, &receiver.url("/pushes"), of_push);

    let engine = "/api/ada/engine";
    let at = |rest: &str| format!("{engine}{rest}");
    done(
        &client,
        "POST",
        &at("/labels"),
        json!({ "name": "bug", "color": "#d73a4a" }),
    );
    let issue = json!({ "title": "It breaks", "body": "Since today", "labels": ["bug"] });
    done(&client, "POST", &at("/issues"), issue);
    done(&client, "PATCH", &at("/issues/1"), json!({ "title": "It broke" }));
    done(
        &client,
        "PATCH",
        &at("/issues/1"),
        json!({ "assignees": ["ada"] }),
    );
    let said = done(
        &client,
        "POST",
        &at("/issues/1/comments"),
        json!({ "body": "Here too" }),
    );
    let comment = said["comment"]["id"].as_i64().or(said["id"].as_i64()).unwrap();
    let comment = at(&format!("/issues/1/comments/{comment}"));
    done(&client, "PATCH", &comment, json!({ "body": "There too" }));
    done(&client, "DELETE", &comment, Value::Null);
    done(&client, "POST", &at("/issues/1/close"), Value::Null);
    done(&client, "POST", &at("/issues/1/reopen"), Value::Null);
    done(&client, "DELETE", &at("/issues/1"), Value::Null);
    done(
        &client,
        "PUT",
        &at("/collaborators/grace"),
        json!({ "permission": "read" }),
    );
    done(
        &client,
        "PUT",
        &at("/collaborators/grace"),
        json!({ "permission": "write" }),
    );
    done(&client, "DELETE", &at("/collaborators/grace"), Value::Null);
    let work = home.small_repository("work").unwrap();
    home.git(&work, &["push", "-q", &plue.url("ada/engine"), "main"])
        .unwrap();
    let second = home.commit(&work, "b", "b", "The second").unwrap();
    home.git(&work, &["tag", "v1"]).unwrap();
    home.git(&work, &["push", "-q", &plue.url("ada/engine"), "main"])
        .unwrap();
    home.git(&work, &["push", "-q", &plue.url("ada/engine"), "v1"])
        .unwrap();
    home.git(&work, &["push", "-q", &plue.url("ada/engine"), ":v1"])
        .unwrap();
    home.git(&work, &["commit", "-q", "--amend", "-m", "Another second"])
        .unwrap();
    home.git(&work, &["push", "-q", "-f", &plue.url("ada/engine"), "main"])
        .unwrap();
    done(
        &client,
        "PATCH",
        engine,
        json!({ "description": "Runs", "private": true }),
    );
    done(&client, "DELETE", engine, Value::Null);

    let expected = [
        "ping",
        "issue.created",
        "issue.labeled",
        "issue.edited",
        "issue.assigned",
        "issue.commented",
        "issue.comment_edited",
        "issue.comment_deleted",
        "issue.closed",
        "issue.reopened",
        "issue.deleted",
        "member.added",
        "member.edited",
        "member.removed",
        "bookmark.created",
        "repo.pushed",
        "repo.pushed",
        "bookmark.created",
        "repo.pushed",
        "repo.pushed",
        "bookmark.deleted",
        "repo.pushed",
        "repo.updated",
        "repo.deleted",
    ];
    let told = receiver.wait("native", expected.len());
    assert_eq!(words(&told), expected);
    for one in receiver.arrived() {
        one.expect_signature();
        assert_eq!(one.header("content-type"), "application/json");
        assert!(one.header("user-agent").starts_with("Plue/"));
        assert_eq!(one.header("x-wit-delivery"), one.header("x-github-delivery"));
    }
    let numbers: Vec<i64> = told
        .iter()
        .map(|one| one.json()["id"].as_i64().unwrap())
        .collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    for one in &told {
        let body = one.json();
        assert_eq!(
            (&body["version"], &body["type"], &body["actor"]["name"]),
            (&json!(1), &json!(one.header("x-plue-event")), &json!("ada"))
        );
        assert_eq!(body["repository"]["fullName"], "ada/engine");
        assert_eq!(one.header("x-github-hook-id"), native.to_string());
    }
    let payload = |nth: usize| told[nth].json()["payload"].clone();
    assert_eq!(payload(0), json!({ "hook": native }));
    assert_eq!(payload(1)["issue"]["body"], "Since today");
    assert_eq!(payload(2)["label"], json!({ "name": "bug", "color": "#d73a4a" }));
    assert_eq!(payload(3)["title"], json!({ "from": "It breaks" }));
    assert_eq!(payload(4)["assignee"]["name"], "ada");
    assert_eq!(payload(6)["body"], json!({ "from": "Here too" }));
    assert_eq!(payload(8)["issue"]["state"], "closed");
    assert_eq!(payload(12)["role"], "write");
    assert_eq!(payload(14)["kind"], "branch");
    let push = payload(16);
    assert_eq!(
        (&push["ref"], &push["after"]),
        (&json!("refs/heads/main"), &json!(second))
    );
    assert_eq!(push["commits"][0]["sha"], json!(second));
    assert_eq!(
        (&push["commits"][0]["message"], &push["forced"]),
        (&json!("The second\n"), &json!(false))
    );
    assert_eq!(payload(17), json!({ "name": "v1", "kind": "tag", "at": second }));
    assert_eq!(
        (&payload(19)["before"], &payload(19)["after"]),
        (&json!(second), &Value::Null)
    );
    assert_eq!(payload(21)["forced"], true);
    assert_eq!(payload(22)["visibility"], json!({ "from": "public" }));

    let hub = receiver.wait("github", expected.len());
    let shapes: Vec<(String, Value)> = hub
        .iter()
        .map(|one| {
            (
                one.header("x-github-event").to_owned(),
                one.json()["action"].clone(),
            )
        })
        .collect();
    let of = |event: &str, action: &str| (event.to_owned(), json!(action));
    assert_eq!(shapes[1], of("issues", "opened"));
    assert_eq!(shapes[2], of("issues", "labeled"));
    assert_eq!(shapes[5], of("issue_comment", "created"));
    assert_eq!(shapes[11], of("member", "added"));
    assert_eq!(shapes[14], ("create".to_owned(), Value::Null));
    assert_eq!(shapes[16], ("push".to_owned(), Value::Null));
    assert_eq!(shapes[20], ("delete".to_owned(), Value::Null));
    assert_eq!(shapes[22], of("repository", "privatized"));
    assert_eq!(shapes[23], of("repository", "deleted"));
    let push = hub[16].json();
    assert_eq!(push["head_commit"]["id"], json!(second));
    assert_eq!(
        (&push["forced"], &push["sender"]["login"]),
        (&json!(false), &json!("ada"))
    );
    assert_eq!(push["repository"]["full_name"], "ada/engine");
    let ended = hub[19].json();
    assert_eq!(
        (&ended["after"], &ended["deleted"]),
        (&json!("0".repeat(40)), &json!(true))
    );
    assert_eq!(hub[0].json()["hook_id"], json!(github));

    // In no order, since none was asked for.
    let mut pushes = words(&receiver.wait("pushes", 6));
    pushes.sort();
    assert_eq!(
        pushes,
        [
            "ping",
            "repo.pushed",
            "repo.pushed",
            "repo.pushed",
            "repo.pushed",
            "repo.pushed"
        ]
    );
    plue.stop().unwrap();
}

#[test]
fn what_was_told_is_kept_and_told_again() {
    let receiver = Receiver::start(|nth, path| match path {
        "/broken" if nth < 3 => Manner::Fails,
        _ => Manner::Takes,
    });
    let plue = settings().start().unwrap();
    let (_, token) = plue.newcomer("ada").unwrap();
    let client = plue.client().bearer(&token);
    done(&client, "POST", "/api/repos", json!({ "name": "engine" }));
    let id = hook(&client, &receiver.url("/broken"), json!({}));
    let at = |rest: &str| format!("/api/ada/engine/hooks/{id}{rest}");
    receiver.wait("broken", 1);
    let until = Instant::now() + PATIENCE;
    let first = loop {
        let list = done(&client, "GET", &at("/deliveries"), Value::Null);
        let first = list["deliveries"][0].clone();
        if first["state"] == "delivered" {
            break first;
        }
        assert!(Instant::now() < until, "{list}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!((&first["event"], &first["attempts"]), (&json!("ping"), &json!(4)));
    assert_eq!(first["statusCode"], 200);
    let first = first["id"].as_i64().unwrap();
    let whole = done(&client, "GET", &at(&format!("/deliveries/{first}")), Value::Null);
    let sent = receiver.arrived();
    assert_eq!(whole["delivery"]["responseBody"], "taken");
    assert_eq!(whole["delivery"]["requestBody"], json!(sent[0].body));
    assert!(
        sent.iter().all(|one| one.body == sent[0].body),
        "each attempt says the same"
    );

    let again = done(
        &client,
        "POST",
        &at(&format!("/deliveries/{first}/redeliver")),
        Value::Null,
    );
    let until = Instant::now() + PATIENCE;
    while receiver.arrived().len() < sent.len() + 1 {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(20));
    }
    let repeated = receiver.arrived().pop().unwrap();
    assert_eq!(repeated.body, sent[0].body);
    assert_eq!(
        repeated.header("x-wit-delivery"),
        sent[0].header("x-wit-delivery")
    );
    let listed = done(&client, "GET", &at("/deliveries?limit=1"), Value::Null);
    assert_eq!(
        (
            &listed["deliveries"][0]["id"],
            &listed["deliveries"][0]["redeliveryOf"]
        ),
        (&again["delivery"], &json!(first))
    );
    let cursor = listed["nextCursor"].as_str().unwrap();
    let rest = done(
        &client,
        "GET",
        &at(&format!("/deliveries?cursor={cursor}")),
        Value::Null,
    );
    assert_eq!(rest["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(
        ask(&client, "GET", &at("/deliveries?cursor=none"), &Value::Null).status,
        400
    );

    // The secret is never shown again, and what was shown in its place changes nothing.
    let shown = done(&client, "GET", &at(""), Value::Null);
    assert_eq!(shown["hook"]["secret"], "********");
    assert!(!shown.to_string().contains(SECRET));
    done(
        &client,
        "PATCH",
        &at(""),
        json!({ "secret": "********", "events": ["issues"] }),
    );
    done(&client, "POST", &at("/test"), Value::Null);
    receiver.wait("broken", 2).last().unwrap().expect_signature();
    let database = std::fs::read(plue.data().join("plue.db")).unwrap();
    let stands = database
        .windows(SECRET.len())
        .any(|part| part == SECRET.as_bytes());
    assert!(!stands, "the secret lies open in the database");

    // Switched off it is told nothing, and on again what happens then.
    done(&client, "PATCH", &at(""), json!({ "active": false }));
    assert_eq!(ask(&client, "POST", &at("/test"), &Value::Null).status, 409);
    done(
        &client,
        "POST",
        "/api/ada/engine/issues",
        json!({ "title": "Unheard" }),
    );
    done(
        &client,
        "PATCH",
        &at(""),
        json!({ "active": true, "secret": null }),
    );
    done(
        &client,
        "POST",
        "/api/ada/engine/issues",
        json!({ "title": "Heard" }),
    );
    let heard = receiver.wait("broken", 3).pop().unwrap();
    assert_eq!(heard.json()["payload"]["issue"]["title"], "Heard");
    assert_eq!(
        heard.header("x-hub-signature-256"),
        "",
        "without a secret nothing is signed"
    );

    for wrong in [
        json!({ "events": [] }),
        json!({ "events": ["pull"] }),
        json!({ "format": "xml" }),
        json!({ "url": "" }),
        json!({ "url": format!("http://{OUTSIDE}/{}", "a".repeat(3000)) }),
        json!({ "secret": "a\u{0}b" }),
        json!({ "secret": "a".repeat(256) }),
    ] {
        let refused = ask(&client, "PATCH", &at(""), &wrong);
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text());
    }
    // Every id is one of the repository in the address.
    done(&client, "POST", "/api/repos", json!({ "name": "other" }));
    for (method, rest) in [
        ("GET", ""),
        ("PATCH", ""),
        ("POST", "/test"),
        ("GET", "/deliveries"),
        ("DELETE", ""),
    ] {
        let body = if method == "PATCH" {
            json!({ "active": false })
        } else {
            Value::Null
        };
        let path = format!("/api/ada/other/hooks/{id}{rest}");
        assert_eq!(ask(&client, method, &path, &body).status, 404, "{method} {path}");
    }
    done(&client, "DELETE", &at(""), Value::Null);
    assert_eq!(ask(&client, "GET", &at(""), &Value::Null).status, 404);
    for nth in 0..20 {
        hook(
            &client,
            &receiver.url(&format!("/{nth}")),
            json!({ "active": false }),
        );
    }
    let body = json!({ "url": receiver.url("/more") });
    assert_eq!(ask(&client, "POST", "/api/ada/engine/hooks", &body).status, 409);
    plue.stop().unwrap();
}

/// CVE-2025-64522, CVE-2026-30832, GHSA-c4v7-xg93-qf8g, GHSA-g2f5-gjr4-qjvm, GHSA-r2x7-427f-rq69: every
/// form of an inner address, where a webhook is made and where a receiver leads on. Names whose
/// address changes are asked of a resolver of the test's own, in `coordinator/src/outgoing.rs`.
#[test]
fn no_inner_address_is_ever_asked() {
    let inner = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = inner.local_addr().unwrap().port();
    inner.set_nonblocking(true).unwrap();
    let forms = [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://0177.0.0.1:{port}/"),
        format!("http://0x7f000001:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://[::ffff:7f00:1]:{port}/"),
        format!("http://[::127.0.0.1]:{port}/"),
        format!("http://[64:ff9b::7f00:1]:{port}/"),
        format!("http://[2002:7f00:1::]:{port}/"),
        format!("http://user@127.0.0.1:{port}/"),
        format!("http://{OUTSIDE}@127.0.0.1:{port}/"),
        format!("//127.0.0.1:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[fd00:ec2::254]/".to_owned(),
        "http://10.0.0.1/".to_owned(),
        "http://192.168.0.1/".to_owned(),
        "http://172.16.0.1/".to_owned(),
        "http://100.64.0.1/".to_owned(),
        "git://127.0.0.1/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ];
    let plue = settings().start().unwrap();
    let (_, token) = plue.newcomer("ada").unwrap();
    let client = plue.client().bearer(&token);
    done(&client, "POST", "/api/repos", json!({ "name": "engine" }));
    for url in &forms {
        let body = json!({ "url": url });
        let refused = ask(&client, "POST", "/api/ada/engine/hooks", &body);
        assert_eq!(refused.status, 400, "{url}: {}", refused.text());
        assert_eq!(refused.json().unwrap()["field"], "url", "{url}");
    }
    for url in [
        "/etc/passwd",
        "http://a\r\nX-Evil: 1/",
        "http://a b/",
        "http://\u{e4}.example/",
    ] {
        let refused = ask(&client, "POST", "/api/ada/engine/hooks", &json!({ "url": url }));
        assert_eq!(refused.status, 400, "{url}: {}", refused.text());
    }

    // A receiver that may be reached leads to each of them in turn.
    for url in &forms {
        let listener = TcpListener::bind((OUTSIDE, 0)).unwrap();
        let at = format!("http://{}/hook", listener.local_addr().unwrap());
        let location = url.clone();
        let leading = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 8192];
            let _ = stream.read(&mut head).unwrap();
            let answer = format!("HTTP/1.1 302 There\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        });
        let id = hook(&client, &at, json!({}));
        leading.join().unwrap();
        let path = format!("/api/ada/engine/hooks/{id}");
        let until = Instant::now() + PATIENCE;
        let tried = loop {
            let list = done(&client, "GET", &format!("{path}/deliveries"), Value::Null);
            let tried = list["deliveries"][0].clone();
            if tried["attempts"].as_i64() > Some(0) {
                break tried;
            }
            assert!(Instant::now() < until, "{list}");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(tried["statusCode"], Value::Null, "{url}: {tried}");
        let why = tried["error"].as_str().unwrap();
        assert!(
            why.contains("not reached from here") || why.contains("not followed"),
            "{url}: {why}"
        );
        done(&client, "DELETE", &path, Value::Null);
    }
    assert!(inner.accept().is_err(), "somebody came to an inner address");
    plue.stop().unwrap();
}

/// A stream of events, read as far as it has come.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(plue: &Plue, token: &str, query: &str, last: Option<&str>) -> Stream {
        let mut socket = plue.client().connect().unwrap();
        let last = last.map_or(String::new(), |last| format!("last-event-id: {last}\r\n"));
        let head = format!(
            "GET /api/events?{query} HTTP/1.1\r\nhost: plue.test\r\nauthorization: Bearer {token}\r\n{last}\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut reader = BufReader::new(socket);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{line}");
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        // The first comment: from here on everything is told.
        while !line.starts_with(": still there") {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        Stream(reader)
    }

    /// The next event: its id, its kind, and its envelope; none where the stream ends.
    fn next(&mut self) -> Option<(String, String, Value)> {
        let (mut id, mut kind) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            let line = line.trim_end();
            if let Some(text) = line.strip_prefix("id: ") {
                id = text.to_owned();
            } else if let Some(text) = line.strip_prefix("event: ") {
                kind = text.to_owned();
            } else if let Some(text) = line.strip_prefix("data: ") {
                return Some((id, kind, serde_json::from_str(text).unwrap()));
            }
        }
    }
}

#[test]
fn what_happens_is_streamed_to_whoever_may_read_it() {
    let plue = settings().start().unwrap();
    let (_, token) = plue.newcomer("ada").unwrap();
    let grace = plue.user("grace", "repo,user").unwrap();
    let client = plue.client().bearer(&token);
    for name in ["engine", "loom"] {
        done(&client, "POST", "/api/repos", json!({ "name": name }));
    }
    let open = |name: &str, title: &str| {
        done(
            &client,
            "POST",
            &format!("/api/ada/{name}/issues"),
            json!({ "title": title }),
        );
    };
    let mut all = Stream::open(&plue, &token, "topics=ada/engine,ada/loom:issue", None);
    let mut hers = Stream::open(&plue, &grace, "topics=ada/engine", None);
    open("engine", "One");
    open("loom", "Two");
    done(
        &client,
        "PATCH",
        "/api/ada/loom",
        json!({ "description": "Not asked for" }),
    );
    open("engine", "Three");
    let mut ids = Vec::new();
    for (name, title) in [("engine", "One"), ("loom", "Two"), ("engine", "Three")] {
        let (id, kind, envelope) = all.next().unwrap();
        assert_eq!(
            (kind.as_str(), &envelope["type"]),
            ("issue.created", &json!("issue.created"))
        );
        assert_eq!(envelope["repository"]["name"], name);
        assert_eq!(envelope["payload"]["issue"]["title"], title);
        ids.push(id);
    }
    for title in ["One", "Three"] {
        assert_eq!(hers.next().unwrap().2["payload"]["issue"]["title"], title);
    }
    // What becomes private is told to nobody who may not read it any more.
    done(
        &client,
        "PATCH",
        "/api/ada/engine",
        json!({ "visibility": "private" }),
    );
    open("engine", "Hidden");
    assert_eq!(all.next().unwrap().1, "repo.updated");
    assert_eq!(all.next().unwrap().2["payload"]["issue"]["title"], "Hidden");
    // Long enough that what is hidden was passed over for her too.
    std::thread::sleep(Duration::from_secs(2));
    done(
        &client,
        "PATCH",
        "/api/ada/engine",
        json!({ "visibility": "public" }),
    );
    let next = hers.next().unwrap();
    assert_eq!(
        (next.1.as_str(), &next.2["payload"]["visibility"]),
        ("repo.updated", &json!({ "from": "private" })),
        "what happened meanwhile was not told"
    );
    drop((all, hers));

    // After a death, from the last one that was seen.
    let plue = plue.kill().unwrap().start().unwrap();
    let mut again = Stream::open(&plue, &token, "topics=ada/engine,ada/loom:issue", Some(&ids[1]));
    assert_eq!(again.next().unwrap().2["payload"]["issue"]["title"], "Three");
    assert_eq!(again.next().unwrap().1, "repo.updated");

    let reader = plue.client().bearer(&grace);
    let client = plue.client().bearer(&token);
    done(
        &client,
        "PATCH",
        "/api/ada/loom",
        json!({ "visibility": "private" }),
    );
    for (query, status) in [
        ("", 400),
        ("topics=", 400),
        ("topics=engine", 400),
        ("topics=ada/engine:pull", 400),
        ("topics=ada/engine&lastEventId=7", 400),
        ("topics=ada/none", 404),
        ("topics=ada/loom", 404),
        ("topics=ada/engine,ada/loom", 404),
    ] {
        let refused = reader.get(&format!("/api/events?{query}")).unwrap();
        assert_eq!(refused.status, status, "{query}: {}", refused.text());
    }
    for path in ["/api/events/schema.json", "/api/events/asyncapi.json"] {
        let published = reader.get(path).unwrap();
        assert_eq!(published.status, 200);
        assert!(published.text().contains("issue.created"));
    }
    plue.stop().unwrap();
}

fn number(name: &str, usual: usize) -> usize {
    let given = std::env::var(name).ok().and_then(|text| text.parse().ok());
    given.unwrap_or(usual)
}

/// 120 deliveries and 4 kills, or as many as `PLUE_TESTS_DELIVERIES` and `PLUE_TESTS_KILLS` say.
#[test]
fn everything_arrives_whatever_dies() {
    let (deliveries, kills) = (
        number("PLUE_TESTS_DELIVERIES", 120),
        number("PLUE_TESTS_KILLS", 4),
    );
    let receiver = Receiver::start(|nth, path| match (nth * 7 + nth / 5) % 12 {
        _ if path.starts_with("/elsewhere") => Manner::Takes,
        0 | 5 => Manner::Fails,
        3 => Manner::HangsUp,
        7 if nth % 4 == 0 => Manner::Hangs,
        8 | 10 => Manner::LeadsOn,
        _ => Manner::Takes,
    });
    let mut plue = settings().start().unwrap();
    let (_, token) = plue.newcomer("ada").unwrap();
    let first = plue.client().bearer(&token);
    done(&first, "POST", "/api/repos", json!({ "name": "engine" }));
    let hooks = ["ordered", "loose", "github"];
    hook(
        &first,
        &receiver.url("/ordered"),
        json!({ "ordered": true, "events": ["issue"] }),
    );
    hook(&first, &receiver.url("/loose"), json!({ "events": ["issue"] }));
    let shape = json!({ "ordered": true, "format": "github", "events": ["issues"] });
    hook(&first, &receiver.url("/github"), shape);

    // Each issue is owed to three webhooks. The forge dies while they are told and while issues are opened.
    let issues = deliveries.div_ceil(hooks.len());
    let dies_after: BTreeSet<usize> = (1..=kills).map(|nth| nth * issues / (kills + 1)).collect();
    let mut opened = BTreeSet::new();
    for nth in 0..issues {
        let client = plue.client().bearer(&token);
        let body = json!({ "title": format!("Issue {nth}") });
        let made = done(&client, "POST", "/api/ada/engine/issues", body);
        opened.insert(
            made["number"]
                .as_i64()
                .or(made["issue"]["number"].as_i64())
                .unwrap(),
        );
        if dies_after.contains(&nth) {
            std::thread::sleep(Duration::from_millis((nth as u64 * 131) % 700));
            plue = plue.kill().unwrap().start().unwrap();
        }
    }
    assert_eq!(opened.len(), issues);
    let until = Instant::now() + PATIENCE + Duration::from_secs(15 * kills as u64 + deliveries as u64);
    let number_of = |one: &Arrived| {
        let body = one.json();
        let issue = if one.hook() == "github" {
            &body["issue"]
        } else {
            &body["payload"]["issue"]
        };
        issue["number"].as_i64().unwrap()
    };
    for hook in hooks {
        loop {
            let taken = receiver.taken(hook);
            let told = taken
                .iter()
                .filter(|one| one.header("x-plue-event") == "issue.created");
            let told: BTreeSet<i64> = told.map(number_of).collect();
            if told == opened {
                break;
            }
            assert!(
                Instant::now() < until,
                "{hook} was not told of {:?}",
                opened.difference(&told).collect::<Vec<_>>()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let arrived = receiver.arrived();
    arrived.iter().for_each(Arrived::expect_signature);
    // In order: nothing arrives for the first time before all that came before it was taken.
    for hook in ["ordered", "github"] {
        let (mut begun, mut taken) = (BTreeSet::new(), BTreeSet::new());
        let of_hook = arrived.iter().filter(|one| one.hook() == hook);
        for one in of_hook.filter(|one| one.header("x-plue-event") == "issue.created") {
            let number = number_of(one);
            if begun.insert(number) {
                let before: BTreeSet<i64> = opened.range(..number).copied().collect();
                assert_eq!(taken, before, "{hook}: {number} came too early");
            }
            if one.taken {
                taken.insert(number);
            }
        }
    }
    let attempts = arrived.len();
    println!("{attempts} requests for {deliveries} deliveries, {kills} kills");
    assert!(attempts > deliveries, "nothing ever failed");
    plue.stop().unwrap();
}
