//! Our tokens and those of `jose`, each verified by the other.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use plue_contract::seal::{Keyring, Purpose};
use plue_contract::{AccountId, Scope, Scopes, SessionId};
use plue_gateway::jwt::{Claims, Signer, Verifier};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const NOW_S: u64 = 1_800_000_000;

/// Runs the script beside this file; none where node or jose is not installed.
fn jose(input: &Value) -> Option<Value> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installed = here
        .ancestors()
        .any(|folder| folder.join("node_modules/jose").is_dir());
    let node = Command::new("node").arg("--version").output();
    if !installed || node.is_err() {
        println!("skipped: jose is not installed; `npm ci` in the root folder installs it");
        return None;
    }
    let mut child = Command::new("node")
        .arg("tests/jose.mjs")
        .current_dir(here)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.to_string().as_bytes()).expect("node reads");
    drop(stdin);
    let output = child.wait_with_output().expect("node ends");
    assert!(output.status.success(), "jose refused");
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(value.clone()).expect("an object of texts")
}

#[test]
fn jose_and_we_read_each_other() {
    let ring = Keyring::derive(Purpose::Jwt, ["what users hold"]);
    let key = ring.current().expect("a key");
    let claims = Claims {
        sub: AccountId(42),
        sid: SessionId("01ARZ3NDEKTSV4RRFFQ69G5FAV".into()),
        name: "ada".parse().expect("a name"),
        admin: true,
        scopes: Scopes::of([Scope::Repo, Scope::UserRead]),
        iat: NOW_S,
        exp: NOW_S + 900,
        nbf: Some(NOW_S),
        iss: "plue".into(),
        aud: "plue".into(),
    };
    let wire = json!({
        "sub": "42", "sid": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "name": "ada", "admin": true,
        "scopes": ["repo", "user:read"], "iat": NOW_S, "exp": NOW_S + 900, "nbf": NOW_S,
        "iss": "plue", "aud": "plue",
    });
    let header = json!({ "alg": "HS256", "typ": "JWT", "kid": key.kid });
    let Some(answer) = jose(&json!({
        "key": URL_SAFE_NO_PAD.encode(key.bytes()),
        "token": Signer::new(&ring).expect("a key").sign(&claims),
        "now": NOW_S + 1,
        "claims": wire,
        "header": header,
    })) else {
        return;
    };
    assert_eq!(answer["header"], header);
    assert_eq!(answer["verified"], wire);

    let verifier = Verifier::new(&ring, "plue", "plue", 5);
    let made = answer["made"].as_str().expect("a token");
    assert_eq!(verifier.verify(made, NOW_S + 1), Ok(claims.clone()));
    for (what, token) in texts(&answer["variants"]) {
        assert_eq!(verifier.verify(&token, NOW_S + 1), Ok(claims.clone()), "{what}");
    }
    let refused = texts(&answer["refused"]);
    assert_eq!(refused.len(), 6);
    for (what, token) in refused {
        assert!(verifier.verify(&token, NOW_S + 1).is_err(), "{what}");
    }
}
