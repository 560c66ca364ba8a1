//! A coordinator as the edge sees it: it believes statements and questions by the same keys as
//! the real one, notes what reached it, and answers about credentials that the test made up. What
//! it does with a body is for measuring streams, which the real one's git would hide.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use plue_contract::credentials::{Credential, SessionCookie};
use plue_contract::edge::{Answer, Ask, INTROSPECT_PATH, Question, SessionFacts, Stamp};
use plue_contract::seal::{Keyring, Purpose};
use plue_contract::statement::Statement;
use plue_contract::{Who, headers};
use serde_json::json;
use tokio::net::TcpListener;

/// The secret that the edge and this coordinator share.
pub const EDGE_SECRET: &str = "the edge's secret of the tests, long enough";
/// The secret of the tokens.
pub const JWT_SECRET: &str = "the tokens' secret of the tests, long enough";

/// A request that reached the coordinator.
#[derive(Clone, Debug)]
pub struct Seen {
    pub target: String,
    pub headers: Vec<(String, String)>,
    /// What the edge stated, where it verified.
    pub statement: Option<Statement>,
}

impl Seen {
    /// Every value of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let values = self.headers.iter().filter(|(known, _)| known == name);
        values.map(|(_, value)| value.as_str()).collect()
    }

    /// Who the edge said is calling.
    pub fn who(&self) -> Who {
        self.statement
            .clone()
            .expect("a statement that verifies")
            .caller
            .who
    }
}

#[derive(Default)]
struct Notes {
    seen: Vec<Seen>,
    asked: Vec<Ask>,
    sessions: HashMap<String, (SessionCookie, SessionFacts)>,
    tokens: HashMap<String, Who>,
    stamps: HashMap<String, Stamp>,
    passwords: HashMap<(String, String), Who>,
    /// Whether questions are answered with an error.
    is_dumb: bool,
    /// Whether answers have a type and a body, and nothing else.
    is_plain: bool,
}

impl Notes {
    /// The repository that a target is about, as `/api/{owner}/{repo}…`, how it stands.
    fn made_from(&self, target: &str) -> Option<Stamp> {
        let mut segments = target.strip_prefix("/api/")?.split(['/', '?']);
        let name = format!("{}/{}", segments.next()?, segments.next()?).to_lowercase();
        self.stamps.get(&name).copied()
    }
}

/// The coordinator; it is gone when this is dropped.
pub struct Origin {
    address: SocketAddr,
    notes: Arc<Mutex<Notes>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Origin {
    /// Starts it on a port that the system picks.
    pub fn start() -> Origin {
        Origin::start_on("127.0.0.1:0".parse().unwrap())
    }

    /// Starts it on a port that is known to be free.
    pub fn start_on(address: SocketAddr) -> Origin {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let notes = Arc::new(Mutex::new(Notes::default()));
        let listener = runtime.block_on(TcpListener::bind(address)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&notes);
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let notes = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service =
                        hyper::service::service_fn(move |request| answer(Arc::clone(&notes), request));
                    // A client that goes away ends its connection, and that is what some tests are about.
                    let _ = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
        Origin {
            address,
            notes,
            runtime: Some(runtime),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap()
    }

    /// What has reached it since this was last asked, questions aside.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.notes().seen)
    }

    /// The one request that has reached it since this was last asked.
    pub fn only(&self) -> Seen {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }

    /// What the edge has asked about since this was last asked.
    pub fn asked(&self) -> Vec<Ask> {
        std::mem::take(&mut self.notes().asked)
    }

    /// From now on a token belongs to somebody.
    pub fn token(&self, secret: &str, who: Who) {
        self.notes().tokens.insert(secret.to_owned(), who);
    }

    /// From now on a repository is there for everybody, and stands like this.
    pub fn repository(&self, name: &str, stamp: Stamp) {
        self.notes().stamps.insert(name.to_owned(), stamp);
    }

    /// From now on a name and a password are somebody's.
    pub fn password(&self, name: &str, password: &str, who: Who) {
        let key = (name.to_owned(), password.to_owned());
        self.notes().passwords.insert(key, who);
    }

    /// Sets no cookies of its own from now on.
    pub fn answer_plainly(&self) {
        self.notes().is_plain = true;
    }

    /// Answers questions with an error from now on, or as before.
    pub fn fail_questions(&self, fails: bool) {
        self.notes().is_dumb = fails;
    }

    /// From now on a session lives.
    pub fn session(&self, cookie: &str, facts: SessionFacts) {
        let cookie = SessionCookie::parse(cookie).expect("a cookie's form");
        self.notes().sessions.insert(cookie.id.0.clone(), (cookie, facts));
    }

    /// From now on no session lives.
    pub fn end_sessions(&self) {
        self.notes().sessions.clear();
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

type Body = BoxBody<Bytes, Infallible>;

async fn answer(
    notes: Arc<Mutex<Notes>>,
    request: Request<Incoming>,
) -> Result<Response<Body>, hyper::Error> {
    if request.method() == Method::POST && request.uri().path() == INTROSPECT_PATH {
        return introspect(&notes, request).await;
    }
    let target = request.uri().path_and_query().unwrap().as_str().to_owned();
    let seen = Seen {
        target: target.clone(),
        headers: request
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect(),
        statement: request.headers().get(headers::CALLER).and_then(|header| {
            let keys = Keyring::derive(Purpose::Caller, [EDGE_SECRET]);
            let header = header.to_str().ok()?;
            Statement::open(header, &keys, request.method().as_str(), &target, now_ms()).ok()
        }),
    };
    notes.lock().unwrap().seen.push(seen);
    if target.ends_with("/git-receive-pack") {
        return swallow(request).await;
    }
    if target.ends_with("/git-upload-pack") {
        return pour(request).await;
    }
    if target.ends_with("/moved") {
        return Ok(Response::builder()
            .status(StatusCode::MOVED_PERMANENTLY)
            .header("location", target.replace("moved", "engine"))
            .body(whole(""))
            .unwrap());
    }
    if target.contains("slow") {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
    let made_from = notes.lock().unwrap().made_from(&target);
    if let Some(stamp) = made_from {
        return Ok(Response::builder()
            .header("content-type", "application/json")
            .header("etag", format!("\"{}\"", stamp.generation))
            .header(headers::MADE_FROM, stamp.to_string())
            .header("plue-secret", "ours")
            .body(whole(
                json!({"target": target, "generation": stamp.generation}).to_string(),
            ))
            .unwrap());
    }
    let body = json!({"target": target}).to_string();
    let answer = Response::builder().header("content-type", "application/json");
    if notes.lock().unwrap().is_plain {
        return Ok(answer.body(whole(body)).unwrap());
    }
    Ok(answer
        .header("set-cookie", "one=1; Path=/")
        .header("set-cookie", "two=2; Path=/")
        .body(whole(body))
        .unwrap())
}

fn whole(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).boxed()
}

/// Reads a body to its end, says how many bytes it had, and when the first of them arrived.
async fn swallow(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let mut body = request.into_body();
    let (mut bytes, mut first_ms) = (0_u64, None);
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            bytes += data.len() as u64;
            first_ms.get_or_insert_with(now_ms);
        }
    }
    let said = json!({"bytes": bytes, "first_ms": first_ms, "last_ms": now_ms()}).to_string();
    Ok(Response::new(whole(said)))
}

/// Answers with as many bytes as the body, a decimal number, says; it is sent in pieces of 64 KiB,
/// each once the one before it has been taken.
async fn pour(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let asked = request.into_body().collect().await?.to_bytes();
    let asked = std::str::from_utf8(&asked).unwrap();
    // An empty question, as the conformance cases have it, is answered with nothing.
    let bytes: u64 = if asked.is_empty() {
        0
    } else {
        asked.parse().unwrap()
    };
    let piece = Bytes::from_static(&[b'p'; 65_536]);
    let stream = futures_util::stream::unfold(bytes, move |left| {
        let piece = piece.clone();
        async move {
            let now = left.min(piece.len() as u64);
            (now > 0).then(|| {
                let data = piece.slice(..usize::try_from(now).unwrap());
                (Ok::<_, Infallible>(Frame::data(data)), left - now)
            })
        }
    });
    Ok(Response::builder()
        .header("content-type", "application/x-git-upload-pack-result")
        .body(StreamBody::new(stream).boxed())
        .unwrap())
}

async fn introspect(
    notes: &Arc<Mutex<Notes>>,
    request: Request<Incoming>,
) -> Result<Response<Body>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let keys = Keyring::derive(Purpose::Introspect, [EDGE_SECRET]);
    let text = String::from_utf8_lossy(&body);
    let Ok(question) = Question::open(&text, &keys, now_ms()) else {
        let mut refused = Response::new(whole(""));
        *refused.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(refused);
    };
    let mut notes = notes.lock().unwrap();
    if notes.is_dumb {
        let mut failed = Response::new(whole(""));
        *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return Ok(failed);
    }
    let found = match &question.ask {
        Ask::Session { cookie } => {
            let known = notes.sessions.get(&cookie.id.0);
            let proved = known.filter(|(known, _)| known.secret_hash == cookie.secret_hash);
            proved.map(|(_, facts)| Answer::Session {
                session: facts.clone(),
            })
        }
        Ask::SessionAlive { id } => {
            let known = notes.sessions.get(&id.0);
            known.map(|(_, facts)| Answer::Session {
                session: facts.clone(),
            })
        }
        Ask::Credential {
            credential: Credential::Token { secret },
        } => notes
            .tokens
            .get(secret)
            .map(|who| Answer::Holder { who: who.clone() }),
        Ask::Credential {
            credential: Credential::Password { name, password },
        } => notes
            .passwords
            .get(&(name.clone(), password.clone()))
            .map(|who| Answer::Holder { who: who.clone() }),
        Ask::Lease { name } => Some(Answer::Leased {
            stamp: notes.stamps.get(name).copied(),
        }),
    };
    notes.asked.push(question.ask);
    let answer = serde_json::to_string(&found.unwrap_or(Answer::Nobody)).unwrap();
    Ok(Response::new(whole(answer)))
}
