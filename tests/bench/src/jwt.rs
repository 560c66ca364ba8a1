//! Signing and verifying HS256 tokens, against jsonwebtoken with its pure-Rust provider.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use plue_contract::seal::{Keyring, Purpose};
use plue_contract::{AccountId, Scope, Scopes, SessionId};
use plue_gateway::jwt::{Claims, Signer, Verifier};
use serde::{Deserialize, Serialize};

use crate::{Row, Verdict, in_turn, per_second};

const NOW_S: u64 = 1_800_000_000;
const ROUNDS: usize = 9;

/// The same members with the same values, in the peer's hands.
#[derive(Clone, Serialize, Deserialize)]
struct PeerClaims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    name: String,
    admin: bool,
    scopes: String,
    iat: u64,
    exp: u64,
}

pub fn run() -> anyhow::Result<Vec<Row>> {
    let ring = Keyring::derive(Purpose::Jwt, ["a secret of the benchmark that opens nothing"]);
    let secret = ring.current().context("the ring has a key")?.bytes();
    let claims = Claims {
        sub: AccountId(42),
        sid: SessionId("01ARZ3NDEKTSV4RRFFQ69G5FAV".into()),
        name: "ada".parse().context("a plain name")?,
        admin: false,
        scopes: Scopes::of([Scope::Repo, Scope::User]),
        iat: NOW_S,
        exp: u64::MAX / 4,
        nbf: None,
        iss: "plue".into(),
        aud: "plue-api".into(),
    };
    let peer_claims = PeerClaims {
        iss: claims.iss.to_string(),
        aud: claims.aud.to_string(),
        sub: "42".into(),
        sid: claims.sid.0.clone(),
        name: "ada".into(),
        admin: false,
        scopes: "repo user".into(),
        iat: claims.iat,
        exp: claims.exp,
    };
    let signer = Signer::new(&ring).context("the ring has a key")?;
    let verifier = Verifier::new(&ring, "plue", "plue-api", 60);
    let token = signer.sign(&claims);
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("benchmark".into());
    let encoding = EncodingKey::from_secret(secret);
    let decoding = DecodingKey::from_secret(secret);
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&["plue"]);
    validation.set_audience(&["plue-api"]);
    let peer_token = jsonwebtoken::encode(&header, &peer_claims, &encoding)?;
    // A side that fails would look quick.
    anyhow::ensure!(verifier.verify(&token, NOW_S).is_ok_and(|found| found == claims));
    jsonwebtoken::decode::<PeerClaims>(&peer_token, &decoding, &validation)?;

    let verify = in_turn(
        ROUNDS,
        || {
            rate(|| {
                let decoded =
                    jsonwebtoken::decode::<PeerClaims>(black_box(&peer_token), &decoding, &validation);
                black_box(decoded).is_ok()
            })
        },
        || rate(|| black_box(verifier.verify(black_box(&token), NOW_S)).is_ok()),
    )?;
    let sign = in_turn(
        ROUNDS,
        || rate(|| black_box(jsonwebtoken::encode(&header, black_box(&peer_claims), &encoding)).is_ok()),
        || rate(|| !black_box(signer.sign(black_box(&claims))).is_empty()),
    )?;
    let row = |what: &str, (peer, plue): (f64, f64), bar: f64| {
        let verdict = Verdict::AtLeast(plue / peer, bar);
        Row::new(
            what,
            "jsonwebtoken (rust_crypto)",
            per_second(peer),
            per_second(plue),
            verdict,
        )
    };
    Ok(vec![
        row("JWT HS256 verify, one thread", verify, 1.5),
        row("JWT HS256 sign, one thread", sign, 1.0),
    ])
}

/// Calls for a third of a second and answers how often a second, failing where a call fails.
fn rate(mut call: impl FnMut() -> bool) -> anyhow::Result<f64> {
    let began = Instant::now();
    let mut calls = 0_u64;
    let mut good = true;
    while began.elapsed() < Duration::from_millis(333) {
        for _ in 0..256 {
            good &= call();
        }
        calls += 256;
    }
    anyhow::ensure!(good, "a call failed");
    Ok(calls as f64 / began.elapsed().as_secs_f64())
}
