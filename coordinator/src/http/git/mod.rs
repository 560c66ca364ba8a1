//! Git over HTTP: bytes in both directions between a client and [`plue_forge::transport`]. What
//! the bytes mean is not looked at here.

mod last_words;

use super::body::BodyError;
use super::extract::{Asked, Path, Query, is_media_type};
use super::failure::Failure;
use super::site::Site;
use async_compression::tokio::bufread::GzipDecoder;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPIRES, PRAGMA};
use http::{HeaderMap, HeaderValue, StatusCode};
use last_words::Follow;
use plue_contract::{Caller, Code, Problem, Who, causes};
use plue_forge::transport::{self, Exchange, GitRequest, Mode, Protocol, Service};
use serde::Deserialize;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, BufReader, ReadBuf};
use tokio_util::io::{ReaderStream, StreamReader};
use tokio_util::task::AbortOnDropHandle;

/// How much of an answer may wait for the client, in bytes.
const PIPE_BYTES: usize = 256 * 1024;
/// How much of it goes into one piece, in bytes.
const PIECE_BYTES: usize = 64 * 1024;
/// A compressed request may grow to this many bytes whatever it was,
const FREE_BYTES: u64 = 4 << 20;
/// and beyond that, this many times what was sent. Git compresses lists of object ids, which
/// shrink to about half.
const MAX_GROWTH: u64 = 32;

/// Which service an advertisement is for.
#[derive(Deserialize)]
pub struct RefsQuery {
    service: Option<String>,
}

/// Advertises the refs of a repository to a client that wants to fetch or push.
pub async fn info_refs(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Query(query): Query<RefsQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let service = match query.service.as_deref() {
        Some("git-upload-pack") => Service::UploadPack,
        Some("git-receive-pack") => Service::ReceivePack,
        _ => {
            return Err(Failure::new(
                Code::InvalidRequest,
                "This server speaks the smart protocol of git only; please use a git of this decade.",
            ));
        }
    };
    let exchange = open(&site, caller, &path, service, Mode::Advertise, &headers).await?;
    let media_type = match service {
        Service::ReceivePack => "application/x-git-receive-pack-advertisement",
        _ => "application/x-git-upload-pack-advertisement",
    };
    Ok(streamed(exchange, tokio::io::empty(), media_type, false))
}

/// Answers a fetch.
pub async fn upload_pack(
    site: State<Site>,
    asked: Asked,
    path: Path,
    request: Request,
) -> Result<Response, Failure> {
    rpc(site, asked, path, request, Service::UploadPack).await
}

/// Takes a push.
pub async fn receive_pack(
    site: State<Site>,
    asked: Asked,
    path: Path,
    request: Request,
) -> Result<Response, Failure> {
    rpc(site, asked, path, request, Service::ReceivePack).await
}

async fn rpc(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    request: Request,
    service: Service,
) -> Result<Response, Failure> {
    let (expected, answered) = match service {
        Service::ReceivePack => (
            "application/x-git-receive-pack-request",
            "application/x-git-receive-pack-result",
        ),
        _ => (
            "application/x-git-upload-pack-request",
            "application/x-git-upload-pack-result",
        ),
    };
    let (parts, body) = request.into_parts();
    if !is_media_type(&parts, expected) {
        return Err(Failure::new(
            Code::UnsupportedMediaType,
            format!("This address reads a body of the type {expected}."),
        ));
    }
    let compressed = match parts.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => false,
        Some(b"gzip" | b"x-gzip") => true,
        Some(_) => {
            return Err(Failure::new(
                Code::UnsupportedMediaType,
                "Bodies may be compressed with gzip only.",
            ));
        }
    };
    let banded = service == Service::ReceivePack;
    let exchange = match open(&site, caller, &path, service, Mode::Rpc, &parts.headers).await {
        Ok(exchange) => exchange,
        // Of an answer to a POST, git prints nothing but packets; the statuses that it acts upon
        // are those that ask for credentials or say that there is nothing.
        Err(Failure(problem)) if is_for_the_terminal(problem.code) => {
            let words = last_words::packet(banded, &problem.detail);
            return Ok(answered_with(answered, Body::from(words)));
        }
        Err(failure) => return Err(failure),
    };
    let input = StreamReader::new(body.into_data_stream().map_err(broken));
    Ok(if compressed {
        streamed(exchange, Inflated::new(input), answered, banded)
    } else {
        streamed(exchange, input, answered, banded)
    })
}

const fn is_for_the_terminal(code: Code) -> bool {
    matches!(
        code,
        Code::Conflict
            | Code::InsufficientStorage
            | Code::Internal
            | Code::Locked
            | Code::TooLarge
            | Code::Unavailable
            | Code::Unprocessable
    )
}

/// Says of a body that ended early why it did; of some kinds the client is told.
fn broken(error: axum::Error) -> io::Error {
    let kind = match BodyError::of(&error) {
        Some(BodyError::Stalled(_)) => io::ErrorKind::TimedOut,
        Some(BodyError::TooLarge { .. }) => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::ConnectionAborted,
    };
    io::Error::new(kind, error)
}

/// Sends the bundle that a client was told of.
pub async fn bundle(State(site): State<Site>, Asked(caller): Asked, path: Path) -> Result<Response, Failure> {
    let anonymous = matches!(caller.who, Who::Anonymous);
    let repository = path.repository().map_err(|failure| hidden(failure, anonymous))?;
    let generation = path.parse("generation")?;
    let file = transport::bundle(&site.forge, &caller, &repository, generation, site.now_ms())
        .await
        .map_err(|error| hidden(error.into(), anonymous))?;
    let length = file.metadata().map_err(Failure::internal)?.len();
    let bytes = ReaderStream::with_capacity(tokio::fs::File::from_std(file), PIECE_BYTES);
    let mut answer = answered_with("application/x-git-bundle", Body::from_stream(bytes));
    answer.headers_mut().insert(CONTENT_LENGTH, length.into());
    Ok(answer)
}

/// Every name that is not a public repository looks the same to somebody unknown, and so a client
/// asks its user for credentials whether or not there is anything to see.
fn hidden(failure: Failure, anonymous: bool) -> Failure {
    match failure.0.code {
        Code::NotFound if anonymous => plue_forge::Error::Unauthenticated.into(),
        _ => failure,
    }
}

async fn open(
    site: &Site,
    caller: Caller,
    path: &Path,
    service: Service,
    mode: Mode,
    headers: &HeaderMap,
) -> Result<Exchange, Failure> {
    let anonymous = matches!(caller.who, Who::Anonymous);
    let request = GitRequest {
        path: path.repository().map_err(|failure| hidden(failure, anonymous))?,
        service,
        mode,
        protocol: protocol(headers),
    };
    transport::open(&site.forge, caller, request, site.now_ms())
        .await
        .map_err(|error| hidden(error.into(), anonymous))
}

/// What the client says that it speaks; what cannot be read counts as nothing said.
fn protocol(headers: &HeaderMap) -> Protocol {
    let value = headers.get("git-protocol").and_then(|value| value.to_str().ok());
    value.and_then(Protocol::parse).unwrap_or_default()
}

/// Runs an exchange and answers what it writes, as it writes it. The exchange ends when the client
/// goes away; when it fails, the last packet says why, or the answer breaks off, so that no client
/// takes a part for the whole. `banded` says whether packets have bands from the first on.
fn streamed(
    exchange: Exchange,
    input: impl AsyncRead + Send + Unpin + 'static,
    media_type: &'static str,
    banded: bool,
) -> Response {
    let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
    let running = tokio::spawn({
        let span = tracing::Span::current();
        tracing::Instrument::instrument(async move { exchange.run(input, ours).await }, span)
    });
    let answer = Answer {
        bytes: ReaderStream::with_capacity(theirs, PIECE_BYTES),
        running: Some(AbortOnDropHandle::new(running)),
        follow: Follow::new(banded),
    };
    answered_with(media_type, Body::from_stream(answer))
}

fn answered_with(media_type: &'static str, body: Body) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (
            CACHE_CONTROL,
            HeaderValue::from_static("no-cache, max-age=0, must-revalidate"),
        ),
        (EXPIRES, HeaderValue::from_static("Fri, 01 Jan 1980 00:00:00 GMT")),
        (PRAGMA, HeaderValue::from_static("no-cache")),
    ];
    (StatusCode::OK, headers, body).into_response()
}

type Run = AbortOnDropHandle<Result<transport::Outcome, plue_forge::Error>>;

/// What an exchange writes, and at its end whether it went well.
struct Answer<R> {
    bytes: ReaderStream<R>,
    running: Option<Run>,
    follow: Follow,
}

impl<R: AsyncRead + Unpin> Stream for Answer<R> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if let Some(piece) = ready!(self.bytes.poll_next_unpin(cx)) {
            if let Ok(piece) = &piece {
                self.follow.see(piece);
            }
            return Poll::Ready(Some(piece));
        }
        let Some(running) = self.running.as_mut() else {
            return Poll::Ready(None);
        };
        let ended = ready!(std::future::Future::poll(Pin::new(running), cx));
        self.running = None;
        let (problem, error) = match ended {
            Ok(Ok(_)) => return Poll::Ready(None),
            Ok(Err(error)) => (Problem::from(&error), io::Error::other(error)),
            Err(error) => (Problem::internal(), io::Error::other(error)),
        };
        tracing::warn!(error = %causes(&error), "a git exchange failed");
        let said = self.follow.end(&problem.detail);
        Poll::Ready(Some(said.ok_or(error)))
    }
}

/// A compressed body, read to its natural size and no further than is plausible.
struct Inflated<R> {
    inner: GzipDecoder<BufReader<Counted<R>>>,
    inflated_bytes: u64,
}

impl<R: AsyncRead + Unpin> Inflated<R> {
    fn new(reader: R) -> Self {
        let counted = Counted {
            reader,
            read_bytes: 0,
        };
        Self {
            inner: GzipDecoder::new(BufReader::with_capacity(PIECE_BYTES, counted)),
            inflated_bytes: 0,
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Inflated<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, into))?;
        let read = into.filled().len() - before;
        self.inflated_bytes = self.inflated_bytes.saturating_add(read as u64);
        let sent = self.inner.get_ref().get_ref().read_bytes;
        if self.inflated_bytes > FREE_BYTES.max(sent.saturating_mul(MAX_GROWTH)) {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "the compressed request grows to more than {MAX_GROWTH} times its size, \
                     which nothing that git sends does; it was read no further"
                ),
            )));
        }
        Poll::Ready(Ok(()))
    }
}

struct Counted<R> {
    reader: R,
    read_bytes: u64,
}

impl<R: AsyncRead + Unpin> AsyncRead for Counted<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.reader).poll_read(cx, into))?;
        self.read_bytes += (into.filled().len() - before) as u64;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_compression::tokio::write::GzipEncoder;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzipEncoder::new(Vec::new());
        encoder.write_all(bytes).await.unwrap();
        encoder.shutdown().await.unwrap();
        encoder.into_inner()
    }

    #[tokio::test]
    async fn a_compressed_request_is_read_and_a_bomb_is_not() {
        let lines: Vec<u8> = (0..200_000_u32)
            .flat_map(|n| format!("0032have {:040x}\n", u128::from(n) * 0x9e37_79b9_7f4a_7c15).into_bytes())
            .collect();
        let mut read = Vec::new();
        let sent = gzip(&lines).await;
        Inflated::new(&sent[..]).read_to_end(&mut read).await.unwrap();
        assert!(read == lines);

        let bomb = gzip(&vec![0; 64 << 20]).await;
        let mut read = tokio::io::sink();
        let error = tokio::io::copy(&mut Inflated::new(&bomb[..]), &mut read)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
