//! Sign-In with Ethereum through the door, with a real key: the nonce, the message, the signature,
//! and what is refused.

use super::world::{Answer, ORIGIN, World};
use axum::body::Body;
use http::Request;
use k256::ecdsa::SigningKey;
use plue_gateway::siwe;
use serde_json::{Value, json};
use sha3::{Digest, Keccak256};

/// A wallet, as a browser has one.
struct Wallet(SigningKey);

impl Wallet {
    fn of(byte: u8) -> Self {
        Self(SigningKey::from_slice(&[byte; 32]).unwrap())
    }

    fn address(&self) -> String {
        siwe::checksummed(&siwe::address_of(self.0.verifying_key()))
    }

    fn sign(&self, message: &str) -> String {
        let mut hash = Keccak256::new();
        hash.update(format!("\u{19}Ethereum Signed Message:\n{}", message.len()));
        hash.update(message);
        let (signature, id) = self.0.sign_prehash_recoverable(&hash.finalize());
        let mut bytes = signature.to_bytes().to_vec();
        bytes.push(27 + id.to_byte());
        format!(
            "0x{}",
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        )
    }

    /// A message of the server for this wallet, signed.
    async fn signed(&self, world: &World) -> Value {
        let path = format!("/api/auth/siwe/nonce?address={}", self.address());
        let answer = world.get(&path, None).await;
        assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(answer.json()["nonce"].as_str().unwrap()));
        json!({ "message": message, "signature": self.sign(&message) })
    }
}

async fn post(world: &World, path: &str, cookie: &str, body: &Value) -> Answer {
    let request = Request::post(path)
        .header("host", "plue.test")
        .header("origin", ORIGIN)
        .header("cookie", cookie)
        .header("content-type", "application/json");
    world
        .send(request.body(Body::from(body.to_string())).unwrap())
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_key_signs_in_at_both_addresses() {
    let world = World::new().await;
    let wallet = Wallet::of(7);
    let signed = wallet.signed(&world).await;
    let first = post(&world, "/api/auth/siwe/verify", "", &signed).await;
    assert_eq!(first.status.as_u16(), 200, "{first:?}");
    let address = wallet.address().to_lowercase();
    let name = format!("{}{}", &address[..6], &address[38..]);
    assert_eq!(first.json()["user"]["username"], json!(name));
    assert_eq!(first.json()["user"]["walletAddress"], json!(address));
    let again = post(&world, "/api/auth/siwe/verify", "", &signed).await;
    assert_eq!(again.status.as_u16(), 401, "a nonce is used once: {again:?}");

    // The form that the edge's clients know.
    let nonce = world.get("/api/auth/nonce", None).await.json()["nonce"].clone();
    let message = siwe::message(
        ORIGIN,
        &wallet.address(),
        1,
        nonce.as_str().unwrap(),
        "2026-01-01T00:00:00Z",
        "",
    );
    let message = message.unwrap();
    let body = json!({ "message": message, "signature": wallet.sign(&message) });
    let short = post(&world, "/api/auth/verify", "", &body).await;
    assert_eq!(short.status.as_u16(), 200, "{short:?}");
    assert_eq!(
        short.json(),
        json!({ "message": "Authentication successful", "address": address })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_for_this_site_opens_nothing() {
    let world = World::new().await;
    let (wallet, other) = (Wallet::of(7), Wallet::of(8));
    let good = wallet.signed(&world).await;
    let message = good["message"].as_str().unwrap().to_owned();
    let evil = message.replace("plue.test", "evil.test");
    let made_up = {
        let (before, _) = message.split_once("Nonce: ").unwrap();
        format!("{before}Nonce: 0123456789abcdef0123456789abcdef\nIssued At: 2026-01-01T00:00:00Z")
    };
    let chain = message.replace("Chain ID: 1", "Chain ID: 137");
    let wrapped = format!("{}{}", wallet.sign(&message), "6492".repeat(16));
    for (name, body, status) in [
        ("nothing", json!({}), 400),
        ("no signature", json!({ "message": message }), 400),
        ("no text", json!({ "message": 1, "signature": "0x" }), 400),
        (
            "no message",
            json!({ "message": "Hello", "signature": "0x" }),
            400,
        ),
        (
            "another key",
            json!({ "message": message, "signature": other.sign(&message) }),
            401,
        ),
        (
            "another site",
            json!({ "message": evil, "signature": wallet.sign(&evil) }),
            401,
        ),
        (
            "another chain",
            json!({ "message": chain, "signature": wallet.sign(&chain) }),
            401,
        ),
        (
            "a nonce of one's own",
            json!({ "message": made_up, "signature": wallet.sign(&made_up) }),
            401,
        ),
        (
            "EIP-6492",
            json!({ "message": message, "signature": wrapped }),
            401,
        ),
    ] {
        for path in ["/api/auth/siwe/verify", "/api/auth/verify"] {
            let answer = post(&world, path, "", &body).await;
            assert_eq!(answer.status.as_u16(), status, "{name} {path}: {answer:?}");
            assert!(answer.header("set-cookie").is_empty(), "{name}");
        }
    }
    // None of it has used the nonce up.
    let answer = post(&world, "/api/auth/siwe/verify", "", &good).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    for path in [
        "/api/auth/siwe/nonce?address=0x12",
        &format!(
            "/api/auth/siwe/nonce?address={}&domain=evil.test",
            wallet.address()
        ),
    ] {
        assert_eq!(world.get(path, None).await.status.as_u16(), 400, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_registers_a_name_and_is_linked_and_removed_in_a_session() {
    let world = World::new().await;
    world.account("bob", false).await;
    let wallet = Wallet::of(7);
    let mut body = wallet.signed(&world).await;
    body["username"] = json!("bob");
    let taken = post(&world, "/api/auth/siwe/register", "", &body).await;
    assert_eq!(taken.status.as_u16(), 409, "{taken:?}");
    body["username"] = json!("ada");
    body["displayName"] = json!("Ada");
    let made = post(&world, "/api/auth/siwe/register", "", &body).await;
    assert_eq!(made.status.as_u16(), 201, "{made:?}");
    let cookie = made.header("set-cookie").split(';').next().unwrap().to_owned();
    let csrf = {
        let request = Request::get("/api/auth/csrf")
            .header("host", "plue.test")
            .header("cookie", &cookie);
        let token = world.send(request.body(Body::empty()).unwrap()).await.json();
        token["token"].as_str().unwrap().to_owned()
    };
    let send = async |method: &str, path: &str, body: &Value| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "plue.test")
            .header("origin", ORIGIN)
            .header("cookie", &cookie)
            .header("x-csrf-token", &csrf)
            .header("content-type", "application/json");
        world
            .send(request.body(Body::from(body.to_string())).unwrap())
            .await
    };
    let other = Wallet::of(8);
    let linked = send("POST", "/api/user/wallets", &other.signed(&world).await).await;
    assert_eq!(linked.status.as_u16(), 201, "{linked:?}");
    assert_eq!(linked.json()["wallets"].as_array().unwrap().len(), 2);
    let path = format!("/api/user/wallets/{}", wallet.address());
    let gone = send("DELETE", &path, &json!({})).await;
    assert_eq!(gone.status.as_u16(), 204, "{gone:?}");
    let path = format!("/api/user/wallets/{}", other.address());
    let last = send("DELETE", &path, &json!({})).await;
    assert_eq!(last.status.as_u16(), 422, "the last way in stays: {last:?}");
    let opened = post(&world, "/api/auth/siwe/verify", "", &other.signed(&world).await).await;
    assert_eq!(opened.json()["user"]["username"], json!("ada"));
}
