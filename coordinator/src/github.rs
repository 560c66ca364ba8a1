//! GitHub, or a server that speaks as it does: where somebody is sent to say who they are, and what
//! it tells of them (OAuth 2.0 with PKCE, RFC 7636).

use crate::config::{GitHub as Settings, Secret};
use crate::edge::connector;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use plue_contract::causes;
use plue_forge::identities::Shown;
use plue_pages::frame::encode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::io;
use std::time::Duration;

/// What it is called in addresses and in the database.
pub const PROVIDER: &str = "github";
/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// Asks it. Cheap to clone.
#[derive(Clone)]
pub struct GitHub {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    settings: Settings,
    callback: String,
}

/// Why it told nothing.
#[derive(Debug, thiserror::Error)]
pub enum GitHubError {
    /// It did not accept the code.
    #[error("it does not accept the code: {0}")]
    Refused(String),
    /// It could not be asked, or answered nonsense.
    #[error("it cannot be asked: {0}")]
    Away(String),
}

#[derive(Deserialize)]
struct Token {
    access_token: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct User {
    id: i64,
    login: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

fn away(error: impl std::fmt::Display) -> GitHubError {
    GitHubError::Away(error.to_string())
}

fn broken(error: &(dyn std::error::Error + 'static)) -> GitHubError {
    GitHubError::Away(causes(error).to_string())
}

/// Parameters as a query or a form writes them.
fn encoded(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        encode(value, &mut text);
    }
    text
}

impl GitHub {
    /// Asks the server of these settings, which sends people back to the site at `origin`.
    pub fn new(settings: Settings, origin: &str) -> io::Result<Self> {
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector()?),
            settings,
            callback: format!("{origin}/api/auth/callback/{PROVIDER}"),
        })
    }

    /// The origin of its pages.
    pub fn origin(&self) -> &str {
        let web = self.settings.web.as_str();
        let host = web.find("://").map_or(0, |at| at + 3);
        web[host..].find('/').map_or(web, |at| &web[..host + at])
    }

    /// Where somebody is sent. They come back with `state`, and a code that only who knows
    /// `verifier` can use.
    pub fn address(&self, state: &str, verifier: &str) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        let query = encoded(&[
            ("client_id", &self.settings.client_id),
            ("redirect_uri", &self.callback),
            ("response_type", "code"),
            ("scope", "read:user user:email"),
            ("state", state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        format!("{}/login/oauth/authorize?{query}", self.settings.web)
    }

    /// Who came back with this code.
    pub async fn who(&self, code: &str, verifier: &str) -> Result<Shown, GitHubError> {
        let Secret(secret) = &self.settings.client_secret;
        let form = encoded(&[
            ("client_id", &self.settings.client_id),
            ("client_secret", secret),
            ("code", code),
            ("redirect_uri", &self.callback),
            ("code_verifier", verifier),
        ]);
        let url = format!("{}/login/oauth/access_token", self.settings.web);
        let token: Token = self.ask(Method::POST, &url, None, form).await?;
        let Some(token) = token.access_token else {
            return Err(GitHubError::Refused(token.error.unwrap_or_default()));
        };
        let api = &self.settings.api;
        let user: User = self
            .ask(Method::GET, &format!("{api}/user"), Some(&token), String::new())
            .await?;
        let addresses: Vec<Address> = self
            .ask(
                Method::GET,
                &format!("{api}/user/emails"),
                Some(&token),
                String::new(),
            )
            .await?;
        let own = addresses
            .into_iter()
            .find(|address| address.primary && address.verified);
        Ok(Shown {
            provider: PROVIDER,
            subject: user.id.to_string(),
            login: user.login,
            display_name: user.name.unwrap_or_default(),
            email: own.map(|address| address.email),
        })
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        url: &str,
        token: Option<&str>,
        form: String,
    ) -> Result<T, GitHubError> {
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, "plue");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if !form.is_empty() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request.body(Full::from(form)).map_err(away)?;
        let asking = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|error| broken(&error))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
            let body = body.map_err(|error| broken(error.as_ref()))?;
            if !status.is_success() {
                return Err(away(format!("it answered {status}")));
            }
            serde_json::from_slice(&body.to_bytes()).map_err(away)
        };
        tokio::time::timeout(PATIENCE, asking)
            .await
            .map_err(|_| away("it did not answer in time"))?
    }
}
