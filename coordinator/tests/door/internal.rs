//! What the edge and SSH bridges ask, and what they get without their seals.

use super::world::{World, now_ms, secrets};
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use plue_contract::bridge::{Ask as BridgeAsk, BridgeStatement, EXEC_PATH, Frame, IDENTIFY_PATH, Stream};
use plue_contract::credentials::Credential;
use plue_contract::edge::{Answer, Ask, INTROSPECT_PATH, Question};
use plue_contract::headers::{BRIDGE, CALLER};
use plue_contract::seal::{Keyring, Purpose};
use plue_contract::statement::Statement;
use plue_contract::{Caller, Who};
use serde_json::json;

async fn introspect(world: &World, keys: &Keyring, ask: Ask) -> super::world::Answer {
    let question = Question {
        iat_ms: now_ms().cast_unsigned(),
        ask,
    };
    let request = Request::post(INTROSPECT_PATH).header("host", "plue.test");
    let body = Body::from(question.seal(keys).unwrap());
    world.send(request.body(body).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_learns_who_holds_a_credential() {
    let world = World::new().await;
    world.account("ada", false).await;
    let token = world.token("ada", "repo:read").await;
    let keys = Keyring::derive(Purpose::Introspect, secrets().edge);
    let ask = |secret: &str| Ask::Credential {
        credential: Credential::Token {
            secret: secret.to_owned(),
        },
    };
    let known: Answer = serde_json::from_value(introspect(&world, &keys, ask(&token)).await.json()).unwrap();
    let Answer::Holder {
        who: Who::Account { name, scopes, .. },
    } = known
    else {
        panic!("{known:?}");
    };
    assert_eq!((name.as_str(), scopes.to_string().as_str()), ("ada", "repo:read"));
    let strange = format!("plt_{}", "0".repeat(64));
    let unknown = introspect(&world, &keys, ask(&strange)).await;
    assert_eq!(unknown.json(), json!({ "answer": "nobody" }));
    let password = Ask::Credential {
        credential: Credential::Password {
            name: "ADA".into(),
            password: "ada has a long password".into(),
        },
    };
    assert_eq!(
        introspect(&world, &keys, password).await.json()["answer"],
        "holder"
    );
    for wrong in [
        Keyring::derive(Purpose::Introspect, ["another secret, as long as the right one"]),
        Keyring::derive(Purpose::Caller, secrets().edge),
    ] {
        assert_eq!(introspect(&world, &wrong, ask(&token)).await.status.as_u16(), 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_of_the_edge_is_believed_and_a_strangers_is_not() {
    let world = World::new().await;
    world.account("ada", false).await;
    let token = world.token("ada", "repo,user").await;
    let me = world.get("/api/auth/me", Some(&token)).await.json();
    let keys = Keyring::derive(Purpose::Introspect, secrets().edge);
    let ask = Ask::Credential {
        credential: Credential::Token { secret: token },
    };
    let known: Answer = serde_json::from_value(introspect(&world, &keys, ask).await.json()).unwrap();
    let Answer::Holder { who } = known else {
        panic!("{known:?}")
    };
    let caller = Caller {
        who,
        address: None,
        request_id: "from-the-edge-1".into(),
    };
    let ask = |keys: &Keyring, path: &str| {
        let statement = Statement::new(caller.clone(), "GET", "/api/auth/me", now_ms().cast_unsigned());
        let sealed = statement.seal(keys).unwrap();
        let request = Request::get(path)
            .header("host", "plue.test")
            .header(CALLER, sealed);
        request.body(Body::empty()).unwrap()
    };
    let right = Keyring::derive(Purpose::Caller, secrets().edge);
    let believed = world.send(ask(&right, "/api/auth/me")).await;
    assert_eq!(believed.json(), me);
    assert_eq!(believed.header("x-request-id"), "from-the-edge-1");
    let elsewhere = world.send(ask(&right, "/api/auth/me?x=1")).await;
    assert_eq!(elsewhere.json(), json!({ "user": null }), "for another request");
    let wrong = Keyring::derive(Purpose::Caller, ["another secret, as long as the right one"]);
    let stranger = world.send(ask(&wrong, "/api/auth/me")).await;
    assert_eq!(stranger.json(), json!({ "user": null }));
}

fn statement(ask: BridgeAsk, fingerprint: Option<&str>) -> BridgeStatement {
    BridgeStatement {
        iat_ms: now_ms().cast_unsigned(),
        connection_id: "0123456789abcdef".into(),
        fingerprint: fingerprint.map(str::to_owned),
        address: [192, 0, 2, 9].into(),
        ask,
    }
}

fn to_bridge(path: &str, statement: &BridgeStatement, keys: &Keyring, body: &'static str) -> Request<Body> {
    let request = Request::post(path)
        .header("host", "plue.test")
        .header(BRIDGE, statement.seal(keys).unwrap());
    request.body(Body::from(body)).unwrap()
}

/// The bytes of each stream, and the status.
fn unframe(mut bytes: &[u8]) -> (String, String, Option<u32>) {
    let (mut output, mut errors, mut exit) = (Vec::new(), Vec::new(), None);
    while let Some((head, rest)) = bytes.split_at_checked(Frame::HEAD_BYTES) {
        let frame = Frame::decode(head.try_into().unwrap()).unwrap();
        let (payload, rest) = rest.split_at(frame.length);
        match frame.stream {
            Stream::Output => output.extend_from_slice(payload),
            Stream::Error => errors.extend_from_slice(payload),
            Stream::Exit => exit = Some(u32::from_be_bytes(payload.try_into().unwrap())),
        }
        bytes = rest;
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (text(output), text(errors), exit)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_identifies_and_runs_commands() {
    let world = World::new().await;
    world.account("ada", false).await;
    let token = world.token("ada", "repo,user").await;
    let commit = world.repository(&token, "secret", true).await;
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwsmykMk9tR2mTSqdwaBkS5S9bD7XlLGRmVgqhVbgV5 ada";
    let added = world
        .ask(
            "POST",
            "/api/ssh-keys",
            Some(&token),
            Some(json!({ "name": "laptop", "publicKey": key })),
        )
        .await;
    assert_eq!(added.status.as_u16(), 201, "{added:?}");
    let fingerprint = added.json()["key"]["fingerprint"].as_str().unwrap().to_owned();
    let keys = Keyring::derive(Purpose::Bridge, secrets().bridge);

    let identify = statement(BridgeAsk::Identify, Some(&fingerprint));
    let known = world.send(to_bridge(IDENTIFY_PATH, &identify, &keys, "")).await;
    assert_eq!(known.json(), json!({ "known": true }));
    let nobody = statement(
        BridgeAsk::Identify,
        Some("SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    );
    let unknown = world.send(to_bridge(IDENTIFY_PATH, &nobody, &keys, "")).await;
    assert_eq!(unknown.json(), json!({ "known": false }));

    let exec = |command: Option<&str>, fingerprint: Option<&str>| {
        let ask = BridgeAsk::Exec {
            command: command.map(str::to_owned),
            git_protocol: None,
        };
        statement(ask, fingerprint)
    };
    let run = async |statement: BridgeStatement| {
        let request = to_bridge(EXEC_PATH, &statement, &keys, "0000");
        let answer = world.door.answer(request, None).await;
        assert_eq!(answer.status().as_u16(), 200);
        unframe(&answer.into_body().collect().await.unwrap().to_bytes())
    };
    let (greeting, _, status) = run(exec(None, Some(&fingerprint))).await;
    assert!(greeting.contains("Hi ada!"), "{greeting}");
    assert_eq!(status, Some(0));
    let (refs, _, status) = run(exec(Some("git-upload-pack 'ada/secret.git'"), Some(&fingerprint))).await;
    assert!(refs.contains(&commit), "{refs}");
    assert_eq!(status, Some(0));
    for (command, who) in [
        ("git-upload-pack 'ada/secret.git'", None),
        ("git-upload-pack 'ada/nothing.git'", Some(fingerprint.as_str())),
        ("git-upload-pack '../../etc'", Some(fingerprint.as_str())),
        ("git-upload-pack --exec=sh ada/secret", Some(fingerprint.as_str())),
        ("rm -rf /", Some(fingerprint.as_str())),
    ] {
        let (output, errors, status) = run(exec(Some(command), who)).await;
        assert_eq!(status, Some(128), "{command}");
        assert!(
            output.is_empty() && errors.starts_with("plue: "),
            "{command}: {output} {errors}"
        );
    }

    let wrong = Keyring::derive(Purpose::Bridge, ["another secret, as long as the right one"]);
    let edge = Keyring::derive(Purpose::Caller, secrets().edge);
    for keys in [wrong, edge] {
        for (path, statement) in [
            (IDENTIFY_PATH, &identify),
            (EXEC_PATH, &exec(None, Some(&fingerprint))),
        ] {
            let refused = world.send(to_bridge(path, statement, &keys, "")).await;
            assert_eq!(refused.status.as_u16(), 401);
        }
    }
    let crossed = world.send(to_bridge(EXEC_PATH, &identify, &keys, "")).await;
    assert_eq!(
        crossed.status.as_u16(),
        401,
        "a statement for one path is none for the other"
    );
}
