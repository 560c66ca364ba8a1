//! A forge with its doors, two people, an administrator and two repositories.

use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use plue_contract::{AccountName, Caller, Scopes};
use plue_coordinator::app::{self, World as Outside};
use plue_coordinator::config::secrets::Given;
use plue_coordinator::config::{Config, Layers, Map};
use plue_coordinator::host::Native;
use plue_coordinator::http::Door;
use plue_coordinator::http::site::{Addresses, Site};
use plue_coordinator::server::{self, Bounds};
use plue_forge::access::accounts::administer;
use plue_forge::accounts::{self, NewAccount};
use plue_forge::tokens::{self, NewToken};
use plue_gateway::limits::Preset;
use serde_json::Value;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio_util::task::AbortOnDropHandle;

pub const ORIGIN: &str = "http://plue.test";
pub const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).unwrap();
}

pub fn secrets() -> Given {
    Given {
        token: vec!["the token secret of the tests, 32+".into()],
        edge: vec!["the edge secret of the tests, 32+".into()],
        bridge: vec!["the bridge secret of the tests, 32+".into()],
    }
}

pub struct World {
    pub dir: TempDir,
    pub site: Site,
    pub door: Door<Native>,
    config: Config,
    /// Where the door answers over a socket.
    pub address: String,
    _server: AbortOnDropHandle<std::io::Result<()>>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let wide: Vec<_> = Preset::ALL
            .iter()
            .map(|preset| format!("{}=1000000/1s", preset.name()))
            .collect();
        let data_dir = dir.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        let mut values = vec![
            ("PLUE_DATA_DIR".to_owned(), data_dir.to_str().unwrap().to_owned()),
            ("PLUE_LIMITS".to_owned(), wide.join(",")),
        ];
        for (name, value) in settings {
            values.retain(|(known, _)| known != name);
            values.push(((*name).to_owned(), (*value).to_owned()));
        }
        let config = Config::read(&Layers(vec![&Map::new("test", values)])).unwrap();
        let outside = Outside {
            clock: now_ms,
            chance: fill,
            path: std::env::var_os("PATH").unwrap(),
            program: None,
        };
        let forge = app::forge(&config, &outside).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let addresses = Addresses {
            http: ORIGIN.into(),
            ssh: Some("plue.test:2222".into()),
        };
        let figures = metrics_exporter_prometheus::PrometheusBuilder::new()
            .build_recorder()
            .handle();
        let (site, door) = app::door(&config, &secrets(), &outside, forge, addresses, figures).unwrap();
        let bounds = Bounds {
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            max_connections_per_address: 64,
            peers: Vec::new(),
            max_connections: 64,
            shutdown_grace: Duration::from_secs(1),
        };
        let answering = door.clone();
        let answer = move |request, peer: std::net::SocketAddr| {
            let door = answering.clone();
            async move { door.answer(request, Some(peer.ip())).await }
        };
        let server = tokio::spawn(server::serve(listener, bounds, answer, std::future::pending()));
        Self {
            dir,
            site,
            door,
            config,
            address,
            _server: AbortOnDropHandle::new(server),
        }
    }

    /// A door before the same forge, whose clock is another.
    pub fn door_at(&self, clock: fn() -> i64) -> Door<Native> {
        let outside = Outside {
            clock,
            chance: fill,
            path: std::env::var_os("PATH").unwrap(),
            program: None,
        };
        let figures = metrics_exporter_prometheus::PrometheusBuilder::new()
            .build_recorder()
            .handle();
        let (forge, addresses) = (self.site.forge.clone(), self.site.addresses.clone());
        let built = app::door(&self.config, &secrets(), &outside, forge, addresses, figures);
        built.unwrap().1
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub async fn account(&self, name: &str, admin: bool) {
        let permit = administer(&self.site.forge, &Caller::system("test"), now_ms())
            .await
            .unwrap();
        let new = NewAccount {
            name: name.into(),
            display_name: String::new(),
            email: None,
            password: Some(format!("{name} has a long password")),
            admin,
        };
        accounts::create(&self.site.forge, permit, new, now_ms())
            .await
            .unwrap();
    }

    pub async fn token(&self, owner: &str, scopes: &str) -> String {
        let permit = administer(&self.site.forge, &Caller::system("test"), now_ms())
            .await
            .unwrap();
        let owner: AccountName = owner.parse().unwrap();
        let new = NewToken {
            name: "test".into(),
            agent: None,
            scopes: scopes.parse::<Scopes>().unwrap(),
            repositories: None,
            expires_at_ms: None,
        };
        let created = tokens::create_for(&self.site.forge, permit, &owner, new, now_ms()).await;
        created.unwrap().secret
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.door.answer(request, Some(PEER)).await.into_parts();
        let body = body.collect().await.expect("a whole answer").to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    pub async fn ask(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path)
            .header(HOST, "plue.test");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            None => Body::empty(),
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
        };
        self.send(request.body(body).unwrap()).await
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.ask("GET", path, token, None).await
    }

    /// Makes a repository of ada's with one commit in it, and says which commit that is.
    pub async fn repository(&self, token: &str, name: &str, private: bool) -> String {
        let body = serde_json::json!({ "name": name, "private": private });
        let made = self.ask("POST", "/api/repos", Some(token), Some(body)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let work = self.dir.path().join(format!("work-{name}"));
        self.git(&[], &["init", "-q", "-b", "main", work.to_str().unwrap()])
            .await;
        std::fs::create_dir(work.join("docs")).unwrap();
        std::fs::write(work.join("README.md"), "# A <title>\n").unwrap();
        std::fs::write(work.join("docs/bytes"), [0xff, 0x00, 0x01]).unwrap();
        let at = ["-C", work.to_str().unwrap()];
        self.git(&at, &["add", "-A"]).await;
        self.git(&at, &["commit", "-q", "-m", "The first commit"]).await;
        let url = format!("http://ada:{token}@{}/ada/{name}.git", self.address);
        self.git(&at, &["push", "-q", &url, "main"]).await;
        self.git(&at, &["rev-parse", "HEAD"]).await.trim().to_owned()
    }

    pub fn git_command(&self) -> Command {
        let mut git = Command::new("git");
        git.env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.dir.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@plue.test")
            .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@plue.test")
            .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z");
        git
    }

    pub async fn git(&self, before: &[&str], arguments: &[&str]) -> String {
        let ran = self
            .git_command()
            .args(before)
            .args(arguments)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "git {arguments:?}: {said}");
        String::from_utf8(ran.stdout).unwrap()
    }
}
