//! A browser: signing in by link and by password, the cookie, CSRF, the short token, signing out.

use super::world::{Answer, ORIGIN, World, now_ms};
use axum::body::Body;
use http::Request;
use plue_forge::accounts;
use serde_json::json;

struct Browser<'a> {
    world: &'a World,
    cookie: String,
    csrf: String,
}

fn cookie_of(answer: &Answer) -> String {
    let set = answer.header("set-cookie");
    assert!(set.starts_with("plue_session="), "{answer:?}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set.contains(attribute), "{set}");
    }
    set.split(';').next().unwrap().to_owned()
}

async fn form(world: &World, path: &str, body: &str, origin: &str) -> Answer {
    let request = Request::post(path)
        .header("host", "plue.test")
        .header("origin", origin)
        .header("content-type", "application/x-www-form-urlencoded");
    world
        .send(request.body(Body::from(body.to_owned())).unwrap())
        .await
}

impl<'a> Browser<'a> {
    async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "plue.test")
            .header("origin", ORIGIN)
            .header("cookie", &self.cookie)
            .header("content-type", "application/json");
        if !self.csrf.is_empty() {
            request = request.header("x-csrf-token", &self.csrf);
        }
        self.world
            .send(request.body(Body::from(body.to_owned())).unwrap())
            .await
    }

    async fn sign_in(world: &'a World) -> Self {
        let request = Request::post("/api/auth/login")
            .header("host", "plue.test")
            .header("origin", ORIGIN)
            .header("content-type", "application/json");
        let body = json!({ "username": "ada", "password": "ada has a long password" });
        let answer = world
            .send(request.body(Body::from(body.to_string())).unwrap())
            .await;
        assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
        assert_eq!(answer.json()["user"]["username"], "ada");
        let mut browser = Self {
            world,
            cookie: cookie_of(&answer),
            csrf: String::new(),
        };
        let token = browser.send("GET", "/api/auth/csrf", "").await.json();
        browser.csrf = token["token"].as_str().unwrap().to_owned();
        browser
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_link_signs_in_once() {
    let world = World::new().await;
    let link = accounts::first_start(&world.site.forge, now_ms())
        .await
        .unwrap()
        .unwrap();
    let page = world.get(&format!("/login?token={}", link.token), None).await;
    assert!(
        page.text.contains(&format!("value=\"{}\"", link.token)),
        "{}",
        page.text
    );
    let body = format!("token={}", link.token);
    let foreign = form(&world, "/login", &body, "http://evil.test").await;
    assert_eq!(foreign.status.as_u16(), 403);
    let signed_in = form(&world, "/login", &body, ORIGIN).await;
    assert_eq!(signed_in.status.as_u16(), 303, "{signed_in:?}");
    assert_eq!(signed_in.header("location"), "/");
    let browser = Browser {
        world: &world,
        cookie: cookie_of(&signed_in),
        csrf: String::new(),
    };
    let me = browser.send("GET", "/api/auth/me", "").await.json();
    assert_eq!(
        (&me["user"]["username"], &me["user"]["isAdmin"]),
        (&json!("admin"), &json!(true))
    );
    let again = form(&world, "/login", &body, ORIGIN).await;
    assert_eq!(again.status.as_u16(), 401);
    assert!(again.text.contains("has been used"), "{}", again.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_with_a_cookie_ask_for_the_csrf_token() {
    let world = World::new().await;
    world.account("ada", false).await;
    let mut browser = Browser::sign_in(&world).await;
    let made = browser.send("POST", "/api/repos", r#"{"name":"a"}"#).await;
    assert_eq!(made.status.as_u16(), 201, "{made:?}");
    let good = std::mem::take(&mut browser.csrf);
    let without = browser.send("POST", "/api/repos", r#"{"name":"b"}"#).await;
    assert_eq!(
        (without.status.as_u16(), &without.json()["code"]),
        (403, &json!("csrf-failed"))
    );
    let other = Browser::sign_in(&world).await;
    browser.csrf = other.csrf.clone();
    let others = browser.send("POST", "/api/repos", r#"{"name":"b"}"#).await;
    assert_eq!(others.status.as_u16(), 403, "a token of another session");
    browser.csrf = good;
    assert_eq!(
        browser
            .send("POST", "/api/repos", r#"{"name":"b"}"#)
            .await
            .status
            .as_u16(),
        201
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_and_its_short_token() {
    let world = World::new().await;
    world.account("ada", false).await;
    let browser = Browser::sign_in(&world).await;
    let other = Browser::sign_in(&world).await;
    let token = browser.send("POST", "/api/auth/token", "").await.json();
    let jwt = token["accessToken"].as_str().unwrap();
    let me = world.get("/api/auth/me", Some(jwt)).await;
    assert_eq!(me.json()["user"]["username"], "ada");

    let sessions = browser.send("GET", "/api/auth/sessions", "").await.json();
    let current: Vec<_> = sessions["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["current"] == true)
        .collect();
    assert_eq!(current.len(), 2);
    assert_eq!(current.iter().filter(|current| **current).count(), 1);

    let renewed = browser.send("POST", "/api/auth/refresh", "").await;
    assert_eq!(renewed.status.as_u16(), 200, "{renewed:?}");
    let browser = Browser {
        cookie: cookie_of(&renewed),
        ..browser
    };
    let out = browser.send("POST", "/api/auth/logout", "").await;
    assert_eq!(out.status.as_u16(), 200, "{out:?}");
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{out:?}");
    assert_eq!(
        browser.send("GET", "/api/user/tokens", "").await.status.as_u16(),
        401
    );
    let write = world
        .ask("PATCH", "/api/users/me", Some(jwt), Some(json!({ "bio": "x" })))
        .await;
    assert_eq!(
        write.status.as_u16(),
        401,
        "the short token outlives its session for writes"
    );
    let read = world.get("/api/user/tokens", Some(jwt)).await;
    assert_eq!(read.status.as_u16(), 401, "and for private reads");

    assert_eq!(
        other.send("GET", "/api/user/tokens", "").await.status.as_u16(),
        200
    );
    let everywhere = other.send("DELETE", "/api/auth/sessions", "").await;
    assert_eq!(
        everywhere.json(),
        json!({ "message": "Signed out everywhere", "ended": 1 })
    );
    assert_eq!(
        other.send("GET", "/api/user/tokens", "").await.status.as_u16(),
        401
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_due_is_renewed_once_and_refreshing_says_so() {
    let world = World::new().await;
    world.account("ada", false).await;
    let browser = Browser::sign_in(&world).await;
    let tomorrow = world.door_at(|| now_ms() + 25 * 3_600_000);
    let refresh = |cookie: &str| {
        Request::post("/api/auth/refresh")
            .header("host", "plue.test")
            .header("origin", ORIGIN)
            .header("cookie", cookie)
            .header("x-csrf-token", &browser.csrf)
            .body(Body::empty())
            .unwrap()
    };
    // The second still bears the old secret, which holds for a while.
    for renewed in [true, false] {
        let answer = tomorrow.answer(refresh(&browser.cookie), None).await;
        assert_eq!(answer.status().as_u16(), 200, "{answer:?}");
        assert_eq!(answer.headers().contains_key("set-cookie"), renewed, "{answer:?}");
    }
    let fresh = Browser::sign_in(&world).await;
    let answer = tomorrow.answer(refresh(&fresh.cookie), None).await;
    assert_eq!(answer.status().as_u16(), 403, "the CSRF token of another session");
}
