//! Signing in by GitHub, through the door, before a GitHub that this test starts: it checks what it
//! is sent as the real one does, and says of somebody what the test has it say.

use super::jar::{Browser, location};
use super::world::{ORIGIN, World};
use axum::Router;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode as Status};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

#[derive(Default)]
struct Known {
    /// Codes that were given out: with which challenge, and for whom.
    codes: HashMap<String, (String, Value)>,
    /// Tokens that were given out, and for whom.
    tokens: HashMap<String, Value>,
    /// What every question gets in place of an answer.
    broken: Option<u16>,
}

type Shared = Arc<Mutex<Known>>;

/// A GitHub of this test's own.
struct GitHub {
    url: String,
    known: Shared,
    _server: AbortOnDropHandle<()>,
}

async fn exchange(
    State(known): State<Shared>,
    Form(form): Form<HashMap<String, String>>,
) -> Result<axum::Json<Value>, Status> {
    let mut known = known.lock().unwrap();
    if let Some(status) = known.broken {
        return Err(Status::from_u16(status).unwrap());
    }
    let sent = |name: &str| form.get(name).cloned().unwrap_or_default();
    let bad = |why: &str| Ok(axum::Json(json!({ "error": why })));
    if sent("client_id") != "the-client" || sent("client_secret") != "the-secret" {
        return bad("incorrect_client_credentials");
    }
    if sent("redirect_uri") != format!("{ORIGIN}/api/auth/callback/github") {
        return bad("redirect_uri_mismatch");
    }
    let Some((challenge, user)) = known.codes.remove(&sent("code")) else {
        return bad("bad_verification_code");
    };
    let verifier = sent("code_verifier");
    assert!((43..=128).contains(&verifier.len()), "{verifier}");
    if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != challenge {
        return bad("bad_verification_code");
    }
    let token = format!("gho_{}", known.tokens.len());
    known.tokens.insert(token.clone(), user);
    Ok(axum::Json(
        json!({ "access_token": token, "token_type": "bearer", "scope": "" }),
    ))
}

fn whose(known: &Shared, headers: &HeaderMap) -> Result<Value, Status> {
    let token = headers.get("authorization").and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer "));
    let known = known.lock().unwrap();
    let user = token.and_then(|token| known.tokens.get(token));
    user.cloned().ok_or(Status::UNAUTHORIZED)
}

async fn user(State(known): State<Shared>, headers: HeaderMap) -> Result<axum::Json<Value>, Status> {
    assert!(
        headers.contains_key("user-agent"),
        "GitHub refuses who does not say who asks"
    );
    Ok(axum::Json(whose(&known, &headers)?["user"].clone()))
}

async fn emails(State(known): State<Shared>, headers: HeaderMap) -> Result<axum::Json<Value>, Status> {
    Ok(axum::Json(whose(&known, &headers)?["emails"].clone()))
}

impl GitHub {
    async fn start() -> Self {
        let known = Shared::default();
        let router = Router::new()
            .route("/login/oauth/access_token", post(exchange))
            .route("/api/v3/user", get(user))
            .route("/api/v3/user/emails", get(emails))
            .with_state(known.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            known,
            _server: AbortOnDropHandle::new(server),
        }
    }

    async fn world(&self) -> World {
        let api = format!("{}/api/v3", self.url);
        World::with(&[
            ("GITHUB_CLIENT_ID", "the-client"),
            ("GITHUB_CLIENT_SECRET", "the-secret"),
            ("PLUE_GITHUB_URL", &self.url),
            ("PLUE_GITHUB_API_URL", &api),
        ])
        .await
    }

    /// Somebody agrees at the address that their browser was sent to: where it is sent back to.
    fn agrees(&self, address: &str, who: Value) -> String {
        let query = address
            .strip_prefix(&format!("{}/login/oauth/authorize?", self.url))
            .expect("GitHub's own address");
        let sent: HashMap<_, _> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        assert_eq!(sent["client_id"], "the-client");
        assert_eq!(sent["response_type"], "code");
        assert_eq!(sent["code_challenge_method"], "S256");
        assert_eq!(
            sent["redirect_uri"], "http%3A//plue.test/api/auth/callback/github",
            "{address}"
        );
        let mut known = self.known.lock().unwrap();
        let code = format!("code{}", known.codes.len() + known.tokens.len());
        known
            .codes
            .insert(code.clone(), (sent["code_challenge"].to_owned(), who));
        format!("/api/auth/callback/github?code={code}&state={}", sent["state"])
    }
}

fn octocat() -> Value {
    json!({
        "user": { "id": 583_231, "login": "octocat", "name": "The Octocat" },
        "emails": [
            { "email": "old@plue.test", "primary": false, "verified": true },
            { "email": "octocat@plue.test", "primary": true, "verified": true },
        ],
    })
}

/// Leaves by Better-Auth's address; where to.
async fn leaves(browser: &mut Browser<'_>, body: &Value) -> String {
    let answer = browser.post_json("/api/auth/sign-in/social", body).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    assert_eq!(answer.json()["redirect"], json!(true));
    answer.json()["url"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_by_github_and_comes_back_where_they_were() {
    let github = GitHub::start().await;
    let world = github.world().await;
    let mut browser = Browser::new(&world);
    let address = leaves(
        &mut browser,
        &json!({ "provider": "github", "callbackURL": "/explore?q=a" }),
    )
    .await;
    let back = github.agrees(&address, octocat());
    let answer = browser.get(&back).await;
    assert_eq!(location(&answer), (302, "/explore?q=a"), "{answer:?}");
    assert_eq!(browser.name().await, json!("octocat"));
    assert!(
        browser.cookies.iter().all(|(name, _)| name == "plue_session"),
        "{:?}",
        browser.cookies
    );
    let session = browser.get("/api/auth/get-session").await.json();
    assert_eq!(session["user"]["email"], json!("octocat@plue.test"));
    assert_eq!(session["user"]["emailVerified"], json!(true));

    // By the page, with a link and no script; the second time it is the same account.
    let mut other = Browser::new(&world);
    let page = other.get("/login?to=/new").await;
    assert!(
        page.text.contains("href=\"/-/sign-in/github?to=/new\""),
        "{}",
        page.text
    );
    let gone = other.get("/-/sign-in/github?to=/new").await;
    assert_eq!(gone.status.as_u16(), 303);
    let back = github.agrees(gone.header("location"), octocat());
    assert_eq!(location(&other.get(&back).await), (302, "/new"));
    assert_eq!(other.name().await, json!("octocat"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_back_with_what_somebody_else_brought() {
    let github = GitHub::start().await;
    let world = github.world().await;
    let mut browser = Browser::new(&world);
    let leaving = json!({ "provider": "github", "errorCallbackURL": "/explore" });
    let address = leaves(&mut browser, &leaving).await;
    let back = github.agrees(&address, octocat());
    let lost = (302, "/login?error=state_mismatch");
    // Without the cookie, with another's cookie, and with another state.
    assert_eq!(location(&Browser::new(&world).get(&back).await), lost);
    let mut eve = Browser::new(&world);
    leaves(&mut eve, &leaving).await;
    assert_eq!(location(&eve.get(&back).await), lost);
    let mut altered = Browser::new(&world);
    altered.cookies = browser.cookies.clone();
    assert_eq!(location(&altered.get(&format!("{back}x")).await), lost);
    let (without, _) = back.split_once("&state").unwrap();
    altered.cookies = browser.cookies.clone();
    assert_eq!(location(&altered.get(without).await), lost);
    let mut sealed = Browser::new(&world);
    sealed.cookies = vec![("plue_elsewhere".to_owned(), "a.b.c".to_owned())];
    assert_eq!(location(&sealed.get(&back).await), lost);
    assert_eq!(browser.name().await, Value::Null);
    // Who was meant still comes in, once.
    let kept = browser.cookies.clone();
    assert_eq!(location(&browser.get(&back).await), (302, "/"));
    let mut again = Browser::new(&world);
    again.cookies = kept;
    assert_eq!(
        location(&again.get(&back).await),
        (302, "/explore?error=invalid_code")
    );
    // Another's code does not fit what one left with.
    let mut ada = Browser::new(&world);
    let address = leaves(&mut ada, &leaving).await;
    let own = github.agrees(&address, octocat());
    let (_, state) = own.split_once("&state=").unwrap();
    let stolen = github.agrees(&leaves(&mut eve, &leaving).await, octocat());
    let (code, _) = stolen.split_once("&state=").unwrap();
    assert_eq!(
        location(&ada.get(&format!("{code}&state={state}")).await),
        (302, "/explore?error=invalid_code")
    );
    assert_eq!(ada.name().await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_github_does_not_say_opens_nothing() {
    let github = GitHub::start().await;
    let world = github.world().await;
    let mut browser = Browser::new(&world);
    let plain = json!({ "provider": "github" });
    let address = leaves(&mut browser, &plain).await;
    let back = github.agrees(&address, octocat());
    let (_, state) = back.split_once("&state=").unwrap();
    let denied = browser
        .get(&format!(
            "/api/auth/callback/github?error=access_denied&state={state}"
        ))
        .await;
    assert_eq!(location(&denied), (302, "/login?error=access_denied"));
    let page = browser.get("/login?error=access_denied").await;
    assert!(page.text.contains("You did not let GitHub say who you are."));
    let page = browser.get("/login?error=call_this_number").await;
    assert!(
        !page.text.contains("role=\"alert\"") && !page.text.contains("call_this"),
        "{page:?}"
    );

    let address = leaves(&mut browser, &plain).await;
    let back = github.agrees(&address, octocat());
    github.known.lock().unwrap().broken = Some(502);
    let away = browser.get(&back).await;
    assert_eq!(location(&away), (302, "/login?error=unable_to_get_user_info"));
    github.known.lock().unwrap().broken = None;

    // An address that is not verified is none: here somebody has it already.
    world.account("ada", false).await;
    for (emails, name) in [
        (
            json!([{ "email": "a@plue.test", "primary": true, "verified": false }]),
            "octocat",
        ),
        (json!([]), "octocat"),
    ] {
        let mut newcomer = Browser::new(&world);
        let address = leaves(&mut newcomer, &plain).await;
        let mut who = octocat();
        who["emails"] = emails;
        let back = github.agrees(&address, who);
        assert_eq!(location(&newcomer.get(&back).await), (302, "/"));
        assert_eq!(newcomer.name().await, json!(name));
        let session = newcomer.get("/api/auth/get-session").await.json();
        assert_eq!(session["user"]["email"], Value::Null);
    }
    // No link leads to another site, and no other provider is there.
    for (body, status) in [
        (
            json!({ "provider": "github", "callbackURL": "https://evil.example" }),
            403,
        ),
        (
            json!({ "provider": "github", "callbackURL": "//evil.example" }),
            403,
        ),
        (
            json!({ "provider": "github", "callbackURL": "/\\evil.example" }),
            403,
        ),
        (
            json!({ "provider": "github", "errorCallbackURL": "https://evil.example" }),
            403,
        ),
        (
            json!({ "provider": "github", "callbackURL": format!("/{}", "a".repeat(2_000)) }),
            400,
        ),
        (json!({ "provider": "gitlab" }), 404),
        (json!({}), 400),
    ] {
        let answer = browser.post_json("/api/auth/sign-in/social", &body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {answer:?}");
    }
    assert_eq!(browser.get("/-/sign-in/gitlab").await.status.as_u16(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_linked_from_its_own_session_only() {
    let github = GitHub::start().await;
    let world = github.world().await;
    for name in ["ada", "eve"] {
        world.account(name, false).await;
    }
    let mut ada = Browser::signed_in(&world, "ada").await;
    let page = ada.get("/-/settings/identities").await;
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains(&format!("form-action 'self' {};", github.url)),
        "{policy}"
    );
    let left = ada.post_form("/-/settings/identities/github", "").await;
    assert_eq!(left.status.as_u16(), 303, "{left:?}");
    let back = github.agrees(left.header("location"), octocat());
    // In another session what was brought back links nothing.
    let mut eve = Browser::signed_in(&world, "eve").await;
    let errand = ada
        .cookies
        .iter()
        .find(|(name, _)| name == "plue_elsewhere")
        .unwrap();
    eve.cookies.push(errand.clone());
    let lost = "/-/settings/identities?error=state_mismatch";
    assert_eq!(location(&eve.get(&back).await), (302, lost));
    let linked = ada.get(&back).await;
    assert_eq!(location(&linked), (302, "/-/settings/identities?done=linked"));
    let page = ada.get("/-/settings/identities?done=linked").await;
    assert!(page.text.contains("octocat · github"), "{}", page.text);

    // From now on it opens ada's account, and nobody else links it.
    let mut browser = Browser::new(&world);
    let address = leaves(&mut browser, &json!({ "provider": "github" })).await;
    let back = github.agrees(&address, octocat());
    assert_eq!(location(&browser.get(&back).await), (302, "/"));
    assert_eq!(browser.name().await, json!("ada"));
    let body = json!({ "provider": "github", "callbackURL": "/-/settings" });
    let left = eve.post_json("/api/auth/link-social", &body).await;
    let back = github.agrees(left.json()["url"].as_str().unwrap(), octocat());
    let taken = "/-/settings/identities?error=account_already_linked_to_different_user";
    assert_eq!(location(&eve.get(&back).await), (302, taken));
    let page = eve.get(taken).await;
    assert!(
        page.text.contains("opens another account here already"),
        "{}",
        page.text
    );

    // And is taken away again.
    let removed = ada
        .post_form("/-/settings/identities/github/583231/remove", "")
        .await;
    assert_eq!(location(&removed), (303, "/-/settings/identities?done=removed"));
    let listed = ada.get("/api/user/identities").await.json();
    assert_eq!(listed, json!({ "identities": [] }));
}
