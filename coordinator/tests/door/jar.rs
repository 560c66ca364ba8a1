//! A browser with what it keeps: its cookies, and the token of its session's forms.

use super::world::{Answer, ORIGIN, World};
use axum::body::Body;
use http::Request;
use serde_json::Value;

pub const FORM: &str = "application/x-www-form-urlencoded";

pub struct Browser<'a> {
    world: &'a World,
    pub cookies: Vec<(String, String)>,
    csrf: String,
}

/// The status of an answer, and where it leads.
pub fn location(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.header("location"))
}

impl<'a> Browser<'a> {
    pub fn new(world: &'a World) -> Self {
        Self {
            world,
            cookies: Vec::new(),
            csrf: String::new(),
        }
    }

    /// One in which somebody has signed in by their password.
    pub async fn signed_in(world: &'a World, name: &str) -> Self {
        let mut browser = Self::new(world);
        let body = format!("username={name}&password={name}+has+a+long+password");
        let answer = browser.send("POST", "/login", FORM, &body).await;
        assert_eq!(answer.status.as_u16(), 303, "{answer:?}");
        let page = browser.get("/new").await;
        let (_, rest) = page.text.split_once("name=\"csrf\" value=\"").expect("a form");
        browser.csrf = rest.split('"').next().unwrap().to_owned();
        browser
    }

    pub async fn send(&mut self, method: &str, path: &str, kind: &str, body: &str) -> Answer {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "plue.test")
            .header("origin", ORIGIN)
            .header("content-type", kind)
            .header("cookie", cookies.join("; "));
        let answer = self
            .world
            .send(request.body(Body::from(body.to_owned())).unwrap())
            .await;
        for set in answer.headers.get_all("set-cookie") {
            let set = set.to_str().unwrap();
            let (name, rest) = set.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !set.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "text/plain", "").await
    }

    /// Sends a form of a page, with the token of the session.
    pub async fn post_form(&mut self, path: &str, fields: &str) -> Answer {
        let body = format!("csrf={}&{fields}", self.csrf);
        self.send("POST", path, FORM, &body).await
    }

    pub async fn post_json(&mut self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, "application/json", &body.to_string())
            .await
    }

    /// Who is signed in.
    pub async fn name(&mut self) -> Value {
        let me = self.get("/api/auth/me").await.json();
        me["user"]["username"].clone()
    }
}
