//! What Plue's own programs ask: the edge about credentials, SSH bridges about keys and commands.
//! Each proves itself by a sealed message; nobody else gets anything.

use super::failure::Failure;
use super::site::Site;
use crate::ssh;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use plue_contract::bridge::{Ask as BridgeAsk, BridgeStatement, Identity, Stream as FrameStream};
use plue_contract::edge::{Answer, Ask, Question, SessionFacts};
use plue_contract::headers::BRIDGE;
use plue_contract::{Code, Problem, causes};
use plue_forge::{accounts, edge, sessions, tokens};
use plue_gateway::Credential;
use plue_ssh_bridge::{Connection, Exec, encode_exit_frame, encode_frames};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio_util::io::StreamReader;
use tokio_util::task::AbortOnDropHandle;

/// How much a command may write before its client reads it, in bytes.
const PIPE_BYTES: usize = 256 * 1024;
/// How many frames may wait for the bridge.
const FRAMES_AHEAD: usize = 8;

fn unbelieved() -> Failure {
    Failure(Problem::new(
        Code::Unauthenticated,
        "This message is not one of ours, or its time is over.",
    ))
}

/// Answers the edge's question about a credential, or about how a repository stands.
pub async fn introspect(State(site): State<Site>, request: Request) -> Result<axum::Json<Answer>, Failure> {
    let body = request.into_body().collect().await;
    let body = body.map_err(|error| Failure::body(&error))?.to_bytes();
    let sealed = std::str::from_utf8(&body).map_err(|_| unbelieved())?;
    let now_ms = site.now_ms();
    let question = Question::open(sealed, &site.keys.introspect, now_ms.cast_unsigned());
    let question = question.map_err(|error| {
        tracing::warn!(error = %causes(&error), "a question about a credential was not believed");
        unbelieved()
    })?;
    Ok(axum::Json(answer(&site, question.ask, now_ms).await?))
}

async fn answer(site: &Site, ask: Ask, now_ms: i64) -> Result<Answer, Failure> {
    let (session, shown) = match ask {
        Ask::Credential { credential } => {
            let who = match &credential {
                Credential::Token { secret } => tokens::authenticate(&site.forge, secret, now_ms).await?,
                Credential::Password { name, password } => {
                    accounts::authenticate_password(&site.forge, name, password, now_ms).await?
                }
            };
            return Ok(who.map_or(Answer::Nobody, |who| Answer::Holder { who }));
        }
        Ask::Session { cookie } => (sessions::find(&site.forge, &cookie, now_ms).await?, Some(cookie)),
        Ask::SessionAlive { id } => (sessions::find_by_id(&site.forge, &id, now_ms).await?, None),
        Ask::Lease { name } => {
            let stamp = match name.parse() {
                Ok(path) => edge::lease(&site.forge, &path, now_ms).await?,
                Err(_) => None,
            };
            return Ok(Answer::Leased {
                stamp: stamp.map(|repository| site.stamp(&repository)),
            });
        }
    };
    let Some(found) = session else {
        return Ok(Answer::Nobody);
    };
    let replacement = match &shown {
        Some(cookie) if found.rotate_due => sessions::rotate(&site.forge, cookie, now_ms).await?,
        _ => None,
    };
    // A session whose secret is changed begins its time anew.
    let expires_at_ms = match &replacement {
        Some(_) => now_ms + sessions::LIFETIME_MS,
        None => found.session.expires_at_ms,
    };
    Ok(Answer::Session {
        session: SessionFacts {
            id: found.session.id,
            who: found.who,
            created_ms: found.session.created_at_ms.cast_unsigned(),
            expires_ms: expires_at_ms.cast_unsigned(),
            replacement,
        },
    })
}

/// Notices in the seed's words are for the edge, which answers them itself.
pub async fn invalidate() -> Failure {
    Failure::new(
        Code::NotFound,
        "Notices are for the edge; the coordinator keeps nothing that could be out of date.",
    )
}

fn statement(site: &Site, headers: &HeaderMap) -> Result<BridgeStatement, Failure> {
    let header = headers.get(BRIDGE).and_then(|value| value.to_str().ok());
    let header = header.ok_or_else(unbelieved)?;
    BridgeStatement::open(header, &site.keys.bridge, site.now_ms().cast_unsigned()).map_err(|error| {
        tracing::warn!(error = %causes(&error), "a bridge's statement was not believed");
        unbelieved()
    })
}

/// Says whether the owner of a key may sign in over SSH.
pub async fn identify(State(site): State<Site>, headers: HeaderMap) -> Result<axum::Json<Identity>, Failure> {
    let statement = statement(&site, &headers)?;
    let (BridgeAsk::Identify, Some(fingerprint)) = (&statement.ask, &statement.fingerprint) else {
        return Err(unbelieved());
    };
    let identity = ssh::identify(&site, fingerprint).await?;
    Ok(axum::Json(identity))
}

/// Runs one command of a bridge's client: its input is the body, its output comes in frames.
pub async fn exec(State(site): State<Site>, request: Request) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let statement = statement(&site, &parts.headers)?;
    let BridgeAsk::Exec {
        command,
        git_protocol,
    } = statement.ask
    else {
        return Err(unbelieved());
    };
    let connection = Connection {
        id: statement.connection_id,
        address: statement.address,
    };
    let exec = Exec {
        fingerprint: statement.fingerprint,
        command,
        git_protocol,
    };
    let input = StreamReader::new(TryStreamExt::map_err(
        body.into_data_stream(),
        std::io::Error::other,
    ));
    let (frames, sent) = mpsc::channel::<Bytes>(FRAMES_AHEAD);
    let running = tokio::spawn(run(site, connection, exec, input, frames));
    // The command ends with the answer's reader: a bridge whose client went away drops it.
    let running = AbortOnDropHandle::new(running);
    let sent = futures_util::stream::unfold((sent, running), |(mut sent, running)| async move {
        let frame = sent.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(frame), (sent, running)))
    });
    let headers = [(CONTENT_TYPE, "application/octet-stream")];
    Ok((headers, Body::from_stream(sent.fuse())).into_response())
}

async fn run(
    site: Site,
    connection: Connection,
    exec: Exec,
    input: impl AsyncRead + Send + Unpin + 'static,
    frames: mpsc::Sender<Bytes>,
) {
    let (output, output_read) = tokio::io::duplex(PIPE_BYTES);
    let (errors, errors_read) = tokio::io::duplex(PIPE_BYTES);
    let (status, (), ()) = tokio::join!(
        ssh::exec(&site, &connection, exec, input, output, errors),
        framed(FrameStream::Output, output_read, &frames),
        framed(FrameStream::Error, errors_read, &frames),
    );
    // A bridge that is not told a status says that the coordinator went away.
    if let Ok(status) = status {
        let _ = frames.send(encode_exit_frame(status)).await;
    }
}

async fn framed(stream: FrameStream, mut read: impl AsyncRead + Unpin, frames: &mpsc::Sender<Bytes>) {
    let mut buffer = bytes::BytesMut::with_capacity(plue_contract::bridge::MAX_FRAME_BYTES);
    while let Ok(1..) = read.read_buf(&mut buffer).await {
        for piece in encode_frames(stream, buffer.split().freeze()) {
            if frames.send(piece).await.is_err() {
                return;
            }
        }
        buffer.reserve(plue_contract::bridge::MAX_FRAME_BYTES);
    }
}
