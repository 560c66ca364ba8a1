//! The OAuth provider through the door: an application is made, a person is asked, and what comes of
//! their yes is used, refreshed, stolen and withdrawn.

use super::jar::{Browser, FORM, location};
use super::world::{Answer, ORIGIN, World, now_ms};
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const BACK: &str = "https://app.example/back?from=plue";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn query(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    pairs.join("&")
}

/// An application.
struct App {
    id: String,
    client_id: String,
    secret: String,
}

/// What stands in the element of this id.
fn text_of(page: &Answer, id: &str) -> Option<String> {
    let (_, rest) = page.text.split_once(&format!("id=\"{id}\">"))?;
    Some(rest.split('<').next()?.to_owned())
}

async fn make(owner: &mut Browser<'_>, kind: &str) -> App {
    let fields = query(&[("name", "An app"), ("kind", kind), ("redirectUris", BACK)]);
    let made = owner.post_form("/-/settings/apps", &fields).await;
    assert_eq!(made.status.as_u16(), 200, "{made:?}");
    let (_, rest) = made.text.split_once("action=\"/-/settings/apps/").unwrap();
    App {
        id: rest.split('"').next().unwrap().to_owned(),
        client_id: text_of(&made, "client-id").expect("a client id"),
        secret: text_of(&made, "secret").unwrap_or_default(),
    }
}

/// What an application asks.
fn question<'a>(app: &'a App, challenge: &'a str, scope: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("client_id", &app.client_id),
        ("redirect_uri", BACK),
        ("response_type", "code"),
        ("scope", scope),
        ("state", "a state & more"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
        ("nonce", "n-0S6"),
    ]
}

/// The parameters that the browser was sent back with.
fn sent_back(answer: &Answer) -> Vec<(String, String)> {
    let (status, address) = location(answer);
    assert_eq!(status, 303, "{answer:?}");
    let rest = address
        .strip_prefix(&format!("{BACK}&"))
        .expect("the application's address");
    let decode = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'%' => {
                    let pair = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap()
                }
                byte => byte,
            });
        }
        String::from_utf8(bytes).unwrap()
    };
    rest.split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), decode(value)))
        .collect()
}

fn given(pairs: &[(String, String)], name: &str) -> Option<String> {
    pairs
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.clone())
}

/// Somebody says yes to what an application asks: the code that it gets.
async fn yes(browser: &mut Browser<'_>, app: &App, scope: &str) -> String {
    let challenge = challenge();
    let asked = question(app, &challenge, scope);
    let page = browser.get(&format!("/oauth/authorize?{}", query(&asked))).await;
    assert_eq!(page.status.as_u16(), 200, "{page:?}");
    let fields = format!("{}&decision=allow", query(&asked));
    let back = sent_back(&browser.post_form("/oauth/authorize", &fields).await);
    assert_eq!(given(&back, "state").as_deref(), Some("a state & more"));
    assert_eq!(given(&back, "iss").as_deref(), Some(ORIGIN));
    given(&back, "code").expect("a code")
}

/// A program, which has no cookies.
async fn program(world: &World, path: &str, basic: Option<&str>, fields: &[(&str, &str)]) -> Answer {
    let mut request = Request::post(path)
        .header("host", "plue.test")
        .header("content-type", FORM);
    if let Some(basic) = basic {
        request = request.header("authorization", format!("Basic {basic}"));
    }
    world.send(request.body(Body::from(query(fields))).unwrap()).await
}

fn exchange<'a>(app: &'a App, code: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("client_id", &app.client_id),
        ("client_secret", &app.secret),
        ("code", code),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ]
}

fn refresh<'a>(app: &'a App, token: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("grant_type", "refresh_token"),
        ("client_id", &app.client_id),
        ("client_secret", &app.secret),
        ("refresh_token", token),
    ]
}

async fn good(world: &World, fields: &[(&str, &str)]) -> Value {
    let answer = program(world, "/oauth/token", None, fields).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json()
}

async fn bad(world: &World, fields: &[(&str, &str)]) -> (u16, String) {
    let answer = program(world, "/oauth/token", None, fields).await;
    let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
    assert!(answer.json()["error_description"].is_string(), "{answer:?}");
    (answer.status.as_u16(), error)
}

fn refused(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}

fn token<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_default()
}

/// What an access token still opens.
async fn opens(world: &World, tokens: &Value) -> u16 {
    let access = token(tokens, "access_token");
    let body = json!({ "name": format!("made-{}", &access[access.len() - 8..]) });
    let answer = world.ask("POST", "/api/repos", Some(access), Some(body)).await;
    answer.status.as_u16()
}

fn with<'a>(fields: &[(&'static str, &'a str)], name: &str, value: &'a str) -> Vec<(&'static str, &'a str)> {
    let mut fields = fields.to_vec();
    for (known, old) in &mut fields {
        if *known == name {
            *old = value;
        }
    }
    fields
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_acts_for_who_allowed_it_as_far_as_that_goes() {
    let world = World::new().await;
    for name in ["ada", "bob"] {
        world.account(name, false).await;
    }
    let app = make(&mut Browser::signed_in(&world, "bob").await, "server").await;
    assert!(
        app.client_id.starts_with("wit_app_") && app.client_id.len() == 28,
        "{}",
        app.client_id
    );
    assert_eq!(app.secret.len(), 40);
    let mut ada = Browser::signed_in(&world, "ada").await;

    let challenge = challenge();
    let asked = question(&app, &challenge, "openid profile email repo:write");
    let address = format!("/oauth/authorize?{}", query(&asked));
    let nobody = Browser::new(&world).get(&address).await;
    assert_eq!(nobody.status.as_u16(), 303);
    assert!(
        nobody
            .header("location")
            .starts_with("/login?to=/oauth/authorize%3F"),
        "{nobody:?}"
    );
    let page = ada.get(&address).await;
    for text in ["An app", "repo:write", "/bob", "https://app.example"] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("form-action 'self' https://app.example;"),
        "{policy}"
    );
    // Looking says nothing, and neither does a parameter that other servers take for a yes.
    let looked = ada.get(&format!("{address}&approved=true")).await;
    assert_eq!(looked.status.as_u16(), 200);

    let code = yes(&mut ada, &app, "openid profile email repo:write").await;
    assert!(
        code.len() == 32 && code.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{code}"
    );
    let tokens = good(&world, &exchange(&app, &code)).await;
    assert!(token(&tokens, "access_token").starts_with("wit_oauth_"));
    assert!(token(&tokens, "refresh_token").starts_with("wit_refresh_"));
    assert_eq!(
        (&tokens["token_type"], &tokens["expires_in"], &tokens["scope"]),
        (
            &json!("Bearer"),
            &json!(28_800),
            &json!("openid profile email repo:write")
        )
    );
    assert_eq!(opens(&world, &tokens).await, 201);
    // No more than that, and nothing of the account.
    let access = token(&tokens, "access_token");
    for (method, path, status) in [
        ("GET", "/api/ssh-keys", 403),
        ("POST", "/api/user/tokens", 403),
        ("GET", "/oauth/apps", 403),
        ("GET", "/oauth/authorizations", 403),
        ("GET", "/-/settings", 401),
    ] {
        let body = (method == "POST").then(|| json!({ "name": "t", "scopes": ["repo:read"] }));
        let answer = world.ask(method, path, Some(access), body).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {answer:?}");
    }
    let refreshing = token(&tokens, "refresh_token");
    let no_token = world.get("/api/ssh-keys", Some(refreshing)).await;
    assert_eq!(
        no_token.status.as_u16(),
        401,
        "a refresh token opens nothing itself"
    );

    // Who it is, verified as any program would.
    let discovery = world.get("/.well-known/openid-configuration", None).await.json();
    assert_eq!(discovery["issuer"], json!(ORIGIN));
    let keys = discovery["jwks_uri"]
        .as_str()
        .unwrap()
        .strip_prefix(ORIGIN)
        .unwrap()
        .to_owned();
    let jwks = world.get(&keys, None).await.json();
    let parts: Vec<_> = token(&tokens, "id_token").split('.').collect();
    let read = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let header: Value = serde_json::from_slice(&read(parts[0])).unwrap();
    let key = jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == header["kid"]);
    let part = |name: &str| read(key.unwrap()[name].as_str().unwrap());
    let point = [vec![4], part("x"), part("y")].concat();
    let signature = Signature::from_slice(&read(parts[2])).unwrap();
    let signed = format!("{}.{}", parts[0], parts[1]);
    VerifyingKey::from_sec1_bytes(&point)
        .unwrap()
        .verify(signed.as_bytes(), &signature)
        .expect("the signature holds");
    let claims: Value = serde_json::from_slice(&read(parts[1])).unwrap();
    assert_eq!(
        (
            &claims["iss"],
            &claims["aud"],
            &claims["nonce"],
            &claims["preferred_username"]
        ),
        (
            &json!(ORIGIN),
            &json!(app.client_id),
            &json!("n-0S6"),
            &json!("ada")
        )
    );
    assert!(claims["exp"].as_i64().unwrap() > now_ms() / 1_000);

    // Shown to who allowed it, and withdrawn.
    let listed = ada.get("/oauth/authorizations").await.json();
    assert_eq!(
        listed["authorizations"][0]["app"]["clientId"],
        json!(app.client_id)
    );
    let id = &listed["authorizations"][0]["id"];
    let mut bob = Browser::signed_in(&world, "bob").await;
    let others = bob
        .post_form(&format!("/-/settings/authorizations/{id}/remove"), "")
        .await;
    assert_eq!(others.status.as_u16(), 404);
    assert_eq!(
        opens(&world, &good(&world, &refresh(&app, refreshing)).await).await,
        201
    );
    let gone = ada
        .post_form(&format!("/-/settings/authorizations/{id}/remove"), "")
        .await;
    assert_eq!(location(&gone), (303, "/-/settings/apps?done=withdrawn"));
    assert_eq!(opens(&world, &tokens).await, 401);
    assert_eq!(
        bad(&world, &refresh(&app, refreshing)).await,
        refused(400, "invalid_grant")
    );
}

/// gitea#36797, gitea#37704: a code is used once, within its time, by the application that it was
/// given to, with the address and the verifier that it was asked for with.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_one_applications_and_used_once() {
    let world = World::new().await;
    for name in ["ada", "bob"] {
        world.account(name, false).await;
    }
    let mut bob = Browser::signed_in(&world, "bob").await;
    let app = make(&mut bob, "server").await;
    let other = make(&mut bob, "server").await;
    let mut ada = Browser::signed_in(&world, "ada").await;

    // Another application's attempt is none, and the code stays good.
    let code = yes(&mut ada, &app, "repo:write").await;
    assert_eq!(
        bad(&world, &exchange(&other, &code)).await,
        refused(400, "invalid_grant")
    );
    for (name, value, error) in [
        (
            "client_secret",
            other.secret.as_str(),
            refused(401, "invalid_client"),
        ),
        ("client_secret", "", refused(401, "invalid_client")),
        (
            "client_id",
            "wit_app_00000000000000000000",
            refused(401, "invalid_client"),
        ),
        ("grant_type", "password", refused(400, "unsupported_grant_type")),
    ] {
        let answer = bad(&world, &with(&exchange(&app, &code), name, value)).await;
        assert_eq!(answer, error, "{name}={value}");
    }
    let tokens = good(&world, &exchange(&app, &code)).await;
    assert_eq!(opens(&world, &tokens).await, 201);
    // Shown twice, it was stolen: what came of it is over.
    assert_eq!(
        bad(&world, &exchange(&app, &code)).await,
        refused(400, "invalid_grant")
    );
    assert_eq!(opens(&world, &tokens).await, 401);
    let stale = refresh(&app, token(&tokens, "refresh_token"));
    assert_eq!(bad(&world, &stale).await, refused(400, "invalid_grant"));

    // Whatever else is wrong with an attempt, there is no second one.
    for (name, value) in [
        ("redirect_uri", "https://app.example/back"),
        ("redirect_uri", ""),
        ("code_verifier", ""),
        ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"),
    ] {
        let code = yes(&mut ada, &app, "repo:write").await;
        let wrong = bad(&world, &with(&exchange(&app, &code), name, value)).await;
        assert_eq!(wrong, refused(400, "invalid_grant"), "{name}={value}");
        let right = bad(&world, &exchange(&app, &code)).await;
        assert_eq!(right, refused(400, "invalid_grant"), "{name}={value}");
    }
    // Its time is over.
    let code = yes(&mut ada, &app, "repo:write").await;
    let late = world.door_at(|| now_ms() + 10 * 60_000);
    let request = Request::post("/oauth/token")
        .header("host", "plue.test")
        .header("content-type", FORM);
    let request = request.body(Body::from(query(&exchange(&app, &code)))).unwrap();
    let answer = late.answer(request, Some(super::world::PEER)).await;
    assert_eq!(answer.status().as_u16(), 400);

    // At once, one gets in; and since the others saw the code too, that one is over.
    let code = yes(&mut ada, &app, "repo:write").await;
    let fields = exchange(&app, &code);
    let tries = (0..4).map(|_| program(&world, "/oauth/token", None, &fields));
    let answers = futures_util::future::join_all(tries).await;
    let got: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status.as_u16() == 200)
        .collect();
    assert_eq!(got.len(), 1, "{answers:?}");
    assert_eq!(opens(&world, &got[0].json()).await, 401);
}

/// gitea#37706: a refresh token is used once, and a second use ends the family.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_is_shown_twice_ends_the_family() {
    let world = World::new().await;
    world.account("chief", true).await;
    world.account("ada", false).await;
    let mut ada = Browser::signed_in(&world, "ada").await;
    let app = make(&mut ada, "server").await;
    let other = make(&mut ada, "server").await;
    let code = yes(&mut ada, &app, "openid repo:read repo:write").await;
    let first = good(&world, &exchange(&app, &code)).await;
    let theirs = bad(&world, &refresh(&other, token(&first, "refresh_token"))).await;
    assert_eq!(theirs, refused(400, "invalid_grant"));
    let more = [
        &refresh(&app, token(&first, "refresh_token"))[..],
        &[("scope", "org:write")],
    ]
    .concat();
    assert_eq!(bad(&world, &more).await, refused(400, "invalid_scope"));
    let second = good(&world, &refresh(&app, token(&first, "refresh_token"))).await;
    assert_eq!(opens(&world, &first).await, 401, "the new one takes its place");
    assert_eq!(opens(&world, &second).await, 201);
    // Less may be asked for, and the next time all of it again.
    let less = [
        &refresh(&app, token(&second, "refresh_token"))[..],
        &[("scope", "repo:read")],
    ]
    .concat();
    let third = good(&world, &less).await;
    assert_eq!(third["scope"], json!("repo:read"));
    assert_eq!(opens(&world, &third).await, 403);
    let fourth = good(&world, &refresh(&app, token(&third, "refresh_token"))).await;
    assert_eq!(opens(&world, &fourth).await, 201);
    // A family of another yes is another one.
    let code = yes(&mut ada, &app, "repo:write").await;
    let apart = good(&world, &exchange(&app, &code)).await;
    let stolen = bad(&world, &refresh(&app, token(&second, "refresh_token"))).await;
    assert_eq!(stolen, refused(400, "invalid_grant"));
    assert_eq!(opens(&world, &fourth).await, 401);
    let after = bad(&world, &refresh(&app, token(&fourth, "refresh_token"))).await;
    assert_eq!(after, refused(400, "invalid_grant"));
    assert_eq!(opens(&world, &apart).await, 201);
    let log = ada.get("/-/settings/log").await;
    assert!(log.text.contains("app.replay"), "{}", log.text);
    // A disabled account's tokens are worth nothing, nor are they refreshed.
    let chief = plue_contract::Caller::system("test");
    let permit = plue_forge::access::accounts::administer(&world.site.forge, &chief, now_ms());
    let ada = "ada".parse().unwrap();
    plue_forge::accounts::set_disabled(&world.site.forge, permit.await.unwrap(), &ada, true, now_ms())
        .await
        .unwrap();
    assert_eq!(opens(&world, &apart).await, 401);
    let gone = bad(&world, &refresh(&app, token(&apart, "refresh_token"))).await;
    assert_eq!(gone, refused(400, "invalid_grant"));
}

/// gitea#36462: PKCE with S256, and nothing else. GHSA-3g28: nobody is led to an address that the
/// application was not registered with.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_registered_is_asked_and_led_to() {
    let world = World::new().await;
    world.account("ada", false).await;
    let mut ada = Browser::signed_in(&world, "ada").await;
    let app = make(&mut ada, "device").await;
    assert_eq!(app.secret, "", "one that can keep none gets none");
    let challenge = challenge();
    let asked = question(&app, &challenge, "repo:read");
    for (name, value) in [
        ("client_id", "wit_app_00000000000000000000"),
        ("redirect_uri", "https://evil.example/"),
        ("redirect_uri", "https://app.example/back"),
        ("redirect_uri", "https://app.example/back?from=plue&a=b"),
        ("redirect_uri", "https://app.example/back?from=plue#"),
        (
            "redirect_uri",
            "https://app.example\\@evil.example/back?from=plue",
        ),
        ("redirect_uri", ""),
    ] {
        let asked = query(&with(&asked, name, value));
        let page = ada.get(&format!("/oauth/authorize?{asked}")).await;
        assert_eq!(location(&page), (400, ""), "{name}={value}");
        let fields = format!("{asked}&decision=allow");
        let page = ada.post_form("/oauth/authorize", &fields).await;
        assert_eq!(location(&page), (400, ""), "{name}={value}");
    }
    let twice = format!(
        "/oauth/authorize?{}&redirect_uri=https://evil.example/",
        query(&asked)
    );
    assert_eq!(location(&ada.get(&twice).await), (400, ""));
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "", "unsupported_response_type"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", VERIFIER.split_at(42).0, "invalid_request"),
        ("scope", "", "invalid_scope"),
        ("scope", "repo:read admin", "invalid_scope"),
        ("scope", "user:write", "invalid_scope"),
    ] {
        let asked = query(&with(&asked, name, value));
        let back = sent_back(&ada.get(&format!("/oauth/authorize?{asked}")).await);
        assert_eq!(given(&back, "error").as_deref(), Some(error), "{name}={value}");
        assert_eq!(given(&back, "state").as_deref(), Some("a state & more"));
        let fields = format!("{asked}&decision=allow");
        let back = sent_back(&ada.post_form("/oauth/authorize", &fields).await);
        assert_eq!(given(&back, "error").as_deref(), Some(error), "{name}={value}");
    }
    let address = format!("/oauth/authorize?{}&prompt=none", query(&asked));
    for (mut browser, error) in [
        (Browser::new(&world), "login_required"),
        (Browser::signed_in(&world, "ada").await, "consent_required"),
    ] {
        let back = sent_back(&browser.get(&address).await);
        assert_eq!(given(&back, "error").as_deref(), Some(error));
    }
    for no in ["", "&decision=deny", "&decision=Allow"] {
        let back = sent_back(
            &ada.post_form("/oauth/authorize", &format!("{}{no}", query(&asked)))
                .await,
        );
        assert_eq!(given(&back, "error").as_deref(), Some("access_denied"), "{no}");
        assert_eq!(given(&back, "code"), None);
    }
    // Without the token of the session's form, nobody said anything.
    let fields = format!("{}&decision=allow", query(&asked));
    let forged = ada.send("POST", "/oauth/authorize", FORM, &fields).await;
    assert_eq!(forged.status.as_u16(), 403, "{forged:?}");

    // One without a secret proves itself by its verifier alone, and shows none.
    let code = yes(&mut ada, &app, "repo:write").await;
    let mut fields = exchange(&app, &code);
    fields.retain(|(name, _)| *name != "client_secret");
    let pretends = [&fields[..], &[("client_secret", "something")]].concat();
    assert_eq!(bad(&world, &pretends).await, refused(401, "invalid_client"));
    let tokens = good(&world, &fields).await;
    assert_eq!(opens(&world, &tokens).await, 201);
    let renewed = ada
        .post_form(&format!("/-/settings/apps/{}/secret", app.id), "")
        .await;
    assert_eq!(renewed.status.as_u16(), 422, "{renewed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_application_gives_back_holds_no_more() {
    let world = World::new().await;
    for name in ["ada", "bob"] {
        world.account(name, false).await;
    }
    let mut ada = Browser::signed_in(&world, "ada").await;
    let app = make(&mut ada, "server").await;
    let other = make(&mut ada, "server").await;
    for name in ["access_token", "refresh_token"] {
        let code = yes(&mut ada, &app, "repo:write").await;
        let tokens = good(&world, &exchange(&app, &code)).await;
        let back = |app: &App, secret: &str| {
            [
                ("client_id", app.client_id.clone()),
                ("client_secret", secret.to_owned()),
                ("token", token(&tokens, name).to_owned()),
            ]
        };
        let revoke = async |app: &App, secret: &str| {
            let pairs = back(app, secret);
            let pairs: Vec<_> = pairs
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            program(&world, "/oauth/revoke", None, &pairs).await
        };
        let wrong = revoke(&app, "wrong").await;
        assert_eq!(
            (wrong.status.as_u16(), &wrong.json()["error"]),
            (401, &json!("invalid_client"))
        );
        let others = revoke(&other, &other.secret).await;
        assert_eq!(
            (others.status.as_u16(), others.json()),
            (200, json!({ "success": true }))
        );
        assert_eq!(
            opens(&world, &tokens).await,
            201,
            "another application's token stays"
        );
        let done = revoke(&app, &app.secret).await;
        assert_eq!(
            (done.status.as_u16(), done.json()),
            (200, json!({ "success": true }))
        );
        assert_eq!(opens(&world, &tokens).await, 401);
        let again = revoke(&app, &app.secret).await;
        assert_eq!(again.status.as_u16(), 200, "what is no token is given back");
        let stale = refresh(&app, token(&tokens, "refresh_token"));
        assert_eq!(bad(&world, &stale).await, refused(400, "invalid_grant"));
    }
    // By the header as well as by the form.
    let code = yes(&mut ada, &app, "repo:write").await;
    let mut fields = exchange(&app, &code);
    fields.retain(|(name, _)| !name.starts_with("client_"));
    let basic = |secret: &str| {
        use base64::engine::general_purpose::STANDARD;
        STANDARD.encode(format!("{}:{secret}", app.client_id))
    };
    let wrong = program(&world, "/oauth/token", Some(&basic("wrong")), &fields).await;
    assert_eq!(wrong.status.as_u16(), 401);
    assert!(wrong.header("www-authenticate").starts_with("Basic"), "{wrong:?}");
    let right = program(&world, "/oauth/token", Some(&basic(&app.secret)), &fields).await;
    assert_eq!(right.status.as_u16(), 200, "{right:?}");

    // A new secret takes the old one's place; an application that is removed takes all with it.
    let page = ada
        .post_form(&format!("/-/settings/apps/{}/secret", app.id), "")
        .await;
    let renewed = App {
        secret: text_of(&page, "secret").expect("a secret"),
        id: app.id.clone(),
        client_id: app.client_id.clone(),
    };
    let right = right.json();
    let old = bad(&world, &refresh(&app, token(&right, "refresh_token"))).await;
    assert_eq!(old, refused(401, "invalid_client"));
    let tokens = good(&world, &refresh(&renewed, token(&right, "refresh_token"))).await;
    assert_eq!(opens(&world, &tokens).await, 201);
    let mut bob = Browser::signed_in(&world, "bob").await;
    for path in ["", "/secret", "/remove"] {
        let fields = query(&[("name", "Mine"), ("redirectUris", BACK)]);
        let others = bob
            .post_form(&format!("/-/settings/apps/{}{path}", app.id), &fields)
            .await;
        assert_eq!(others.status.as_u16(), 404, "{path}");
    }
    let moved = query(&[("name", "An app"), ("redirectUris", "https://app.example/other")]);
    let saved = ada
        .post_form(&format!("/-/settings/apps/{}", app.id), &moved)
        .await;
    assert_eq!(saved.status.as_u16(), 303, "{saved:?}");
    let evil = query(&[("name", "An app"), ("redirectUris", "javascript:alert(1)")]);
    let wrong = ada
        .post_form(&format!("/-/settings/apps/{}", app.id), &evil)
        .await;
    assert_eq!(wrong.status.as_u16(), 400, "{wrong:?}");
    let removed = ada
        .post_form(&format!("/-/settings/apps/{}/remove", app.id), "")
        .await;
    assert_eq!(removed.status.as_u16(), 303);
    assert_eq!(opens(&world, &tokens).await, 401);
}
