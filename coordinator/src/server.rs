//! The HTTP port itself: accepting connections, telling HTTP/1.1 from HTTP/2, the time that slow
//! clients get, and the end of it all. What is asked and answered is `http`'s.

mod places;

use crate::telemetry::OpenSocket;
use bytes::{Buf, Bytes};
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use places::Places;
use plue_contract::causes;
use plue_gateway::AddressRange;
use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Sleep, timeout};

/// With what an HTTP/2 client begins that knows beforehand what it speaks (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The longest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// How many fields it may have.
const MAX_FIELDS: usize = 128;
/// How much of one HTTP/2 request may be on its way, in bytes: a push on a line with long delays
/// is as quick as this allows.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
/// The same for all requests of one connection.
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
/// What one HTTP/2 connection may have open.
#[derive(Clone, Copy)]
struct Http2Terms {
    /// How many requests.
    max_streams: u32,
    /// How much of each answer may wait to be sent.
    send_buffer_bytes: usize,
}

/// A bridge or an edge puts all its clients on one connection.
const PEERS: Http2Terms = Http2Terms {
    max_streams: 4_096,
    send_buffer_bytes: 1 << 20,
};
/// Anybody else could make us hold as much as these allow, times their connections.
const STRANGERS: Http2Terms = Http2Terms {
    max_streams: 128,
    send_buffer_bytes: 64 << 10,
};
/// How long an idle connection of HTTP/2 may leave a ping unanswered.
const PING_EVERY: Duration = Duration::from_secs(30);

/// What bounds the port.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// How long the head of a request may take.
    pub header_timeout: Duration,
    /// How long an answer may stand still because the client does not read it.
    pub write_timeout: Duration,
    /// How many connections may be open.
    pub max_connections: usize,
    /// How many of them one address (of IPv6, one /64) may hold that is none of `peers`.
    pub max_connections_per_address: usize,
    /// From where SSH bridges, edges and proxies connect, each with many clients.
    pub peers: Vec<AddressRange>,
    /// How long running requests may go on after a shutdown began.
    pub shutdown_grace: Duration,
}

/// Answers on `listener` until `shutdown` resolves; then accepts no more, and gives running
/// requests until the grace is over.
pub async fn serve<F, A, B>(
    listener: TcpListener,
    bounds: Bounds,
    answer: F,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()>
where
    F: Fn(Request<Incoming>, SocketAddr) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let open = Arc::new(Semaphore::new(bounds.max_connections));
    let places = Places::new(bounds.max_connections_per_address);
    let graceful = GracefulShutdown::new();
    let (stop, stopping) = watch::channel(false);
    tokio::pin!(shutdown);
    loop {
        let accepted = async {
            let place = Arc::clone(&open).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accepted => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or a client that was gone already: neither ends the port.
                tracing::warn!(error = %causes(&error), "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let is_peer = bounds.peers.iter().any(|range| range.contains(peer.ip()));
        let own_place = match is_peer {
            true => None,
            false => match places.take(peer.ip()) {
                Some(own_place) => Some(own_place),
                None => {
                    metrics::counter!("plue_http_connections_refused_total").increment(1);
                    tracing::debug!(%peer, "an address with too many connections began one more");
                    continue;
                }
            },
        };
        let (answer, watcher, stopping) = (answer.clone(), graceful.watcher(), stopping.clone());
        let terms = Terms {
            header_timeout: bounds.header_timeout,
            write_timeout: bounds.write_timeout,
            http2: if is_peer { PEERS } else { STRANGERS },
        };
        tokio::spawn(async move {
            let _places = (place, own_place);
            let _open = OpenSocket::of("http");
            if let Err(error) = connection(stream, peer, terms, answer, watcher, stopping).await {
                tracing::debug!(%error, %peer, "a connection ended early");
            }
        });
    }
    drop(listener);
    // Connections on which nothing was asked yet need not be waited for.
    let _ = stop.send(true);
    if timeout(bounds.shutdown_grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still running at the end of their grace");
    }
    Ok(())
}

/// What holds for one connection.
#[derive(Clone, Copy)]
struct Terms {
    header_timeout: Duration,
    write_timeout: Duration,
    http2: Http2Terms,
}

type AnyError = Box<dyn Error + Send + Sync>;

async fn connection<F, A, B>(
    stream: TcpStream,
    peer: SocketAddr,
    terms: Terms,
    answer: F,
    watcher: Watcher,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), AnyError>
where
    F: Fn(Request<Incoming>, SocketAddr) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<AnyError>,
{
    stream.set_nodelay(true)?;
    let mut stream = Patient::new(stream, terms.write_timeout);
    let begun = tokio::select! {
        biased;
        begun = timeout(terms.header_timeout, Begun::read(&mut stream)) => begun??,
        _ = stopping.wait_for(|stopping| *stopping) => return Ok(()),
    };
    if begun.bytes.is_empty() {
        return Ok(());
    }
    let http2 = begun.is_preface();
    let io = TokioIo::new(Rewound {
        begun: begun.bytes,
        stream,
    });
    let service = service_fn(move |request| {
        let answered = answer(request, peer);
        async move { Ok::<_, std::convert::Infallible>(answered.await) }
    });
    if http2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_concurrent_streams(terms.http2.max_streams)
            .max_header_list_size(MAX_HEAD_BYTES as u32)
            .max_send_buf_size(terms.http2.send_buffer_bytes)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_EVERY);
        watcher.watch(builder.serve_connection(io, service)).await?;
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(terms.header_timeout)
            .max_headers(MAX_FIELDS)
            .max_buf_size(MAX_HEAD_BYTES.max(256 * 1024))
            // A client that has sent its whole request may close its side and still read.
            .half_close(true);
        watcher.watch(builder.serve_connection(io, service)).await?;
    }
    Ok(())
}

/// The first bytes of a connection: as many as tell the two versions apart.
struct Begun {
    bytes: Bytes,
}

impl Begun {
    async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut bytes = [0; PREFACE.len()];
        let mut length = 0;
        while length < PREFACE.len() && PREFACE.starts_with(&bytes[..length]) {
            match stream.read(&mut bytes[length..]).await? {
                0 => break,
                read => length += read,
            }
        }
        Ok(Self {
            bytes: Bytes::copy_from_slice(&bytes[..length]),
        })
    }

    fn is_preface(&self) -> bool {
        self.bytes == PREFACE
    }
}

/// A connection whose first bytes were read already.
struct Rewound<S> {
    begun: Bytes,
    stream: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.begun.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, into);
        }
        let length = self.begun.len().min(into.remaining());
        into.put_slice(&self.begun[..length]);
        self.begun.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A connection that gives up on a peer that reads nothing for a while.
struct Patient<S> {
    stream: S,
    patience: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream,
            patience,
            waiting: None,
        }
    }

    /// Passes a result on, and turns one that has been pending for too long into an error.
    fn wait<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.waiting = None;
            return result;
        }
        let patience = self.patience;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client does not read its answer",
        )))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wait(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.wait(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        self.wait(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full};
    use std::sync::atomic::{AtomicBool, Ordering};
    use tokio::io::AsyncWriteExt;
    use tokio::sync::Notify;

    fn bounds() -> Bounds {
        Bounds {
            header_timeout: Duration::from_millis(300),
            write_timeout: Duration::from_millis(300),
            max_connections: 16,
            max_connections_per_address: 16,
            peers: Vec::new(),
            shutdown_grace: Duration::from_secs(5),
        }
    }

    struct Port {
        address: SocketAddr,
        stop: Arc<Notify>,
        served: tokio::task::JoinHandle<io::Result<()>>,
    }

    async fn port<F, A>(bounds: Bounds, answer: F) -> Port
    where
        F: Fn(Request<Incoming>, SocketAddr) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let served = tokio::spawn(serve(listener, bounds, answer, async move {
            stopped.notified().await;
        }));
        Port {
            address,
            stop,
            served,
        }
    }

    async fn echo(request: Request<Incoming>, _: SocketAddr) -> Response<Full<Bytes>> {
        let version = format!("{:?} ", request.version());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        Response::new(Full::new([version.as_bytes(), &body].concat().into()))
    }

    async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn both_versions_are_spoken_on_one_port() {
        let port = port(bounds(), echo).await;
        let answer = raw(
            port.address,
            b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi",
        )
        .await;
        assert!(
            answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"),
            "{answer}"
        );
        assert!(answer.ends_with("HTTP/1.1 hi"), "{answer}");

        let stream = TcpStream::connect(port.address).await.unwrap();
        let (mut send, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::spawn(connection);
        let request = Request::post("http://a/")
            .body(Full::new(Bytes::from("ho")))
            .unwrap();
        let answer = send.send_request(request).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "HTTP/2.0 ho");
    }

    #[tokio::test]
    async fn slow_heads_are_cut_off() {
        let port = port(bounds(), echo).await;
        for begun in ["", "PRI * HT", "GET / HTTP/1.1\r\nhost:"] {
            let ended = timeout(Duration::from_secs(3), raw(port.address, begun.as_bytes())).await;
            assert!(ended.is_ok(), "`{begun}` was waited for");
        }
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_cut_off() {
        let large = Bytes::from(vec![7; 64 << 20]);
        let ended = Arc::new(AtomicBool::new(false));
        let port = port(bounds(), move |_, _| {
            let large = large.clone();
            async move { Response::new(Full::new(large)) }
        })
        .await;
        let mut stream = TcpStream::connect(port.address).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut read = 0;
        let mut buffer = vec![0; 1 << 20];
        while let Ok(n @ 1..) = stream.read(&mut buffer).await {
            read += n;
        }
        ended.store(true, Ordering::Relaxed);
        assert!(
            read < 64 << 20,
            "the answer was kept for a client that did not read"
        );
    }

    #[tokio::test]
    async fn an_address_has_so_many_connections_and_a_peer_has_more() {
        let strict = Bounds {
            max_connections_per_address: 1,
            header_timeout: Duration::from_secs(60),
            ..bounds()
        };
        let ask = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let strangers = port(strict.clone(), echo).await;
        let held = TcpStream::connect(strangers.address).await.unwrap();
        assert_eq!(raw(strangers.address, ask).await, "");
        drop(held);
        let again = async {
            while raw(strangers.address, ask).await.is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(5), again)
            .await
            .expect("a place is given back");
        let peers = Bounds {
            peers: vec!["127.0.0.0/8".parse().unwrap()],
            ..strict
        };
        let peers = port(peers, echo).await;
        let _held = TcpStream::connect(peers.address).await.unwrap();
        assert!(raw(peers.address, ask).await.contains("200 OK"));
    }

    /// How many streams the server allows, as its SETTINGS frame says (RFC 9113, 6.5.2).
    async fn streams_at(address: SocketAddr) -> u32 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(head[3], 4, "the first frame is SETTINGS");
        let mut settings = vec![0; usize::from(head[2])];
        stream.read_exact(&mut settings).await.unwrap();
        let (settings, _) = settings.as_chunks::<6>();
        let found = settings.iter().find(|setting| setting[..2] == [0, 3]).unwrap();
        u32::from_be_bytes([found[2], found[3], found[4], found[5]])
    }

    #[tokio::test]
    async fn a_stranger_may_open_fewer_streams_than_a_peer() {
        let strangers = port(bounds(), echo).await;
        assert_eq!(streams_at(strangers.address).await, 128);
        let peers = Bounds {
            peers: vec!["127.0.0.1".parse().unwrap()],
            ..bounds()
        };
        assert_eq!(streams_at(port(peers, echo).await.address).await, 4_096);
    }

    #[tokio::test]
    async fn a_running_request_outlives_the_shutdown() {
        let begun = Arc::new(Notify::new());
        let go_on = Arc::new(Notify::new());
        let (b, g) = (Arc::clone(&begun), Arc::clone(&go_on));
        let patient = Bounds {
            header_timeout: Duration::from_secs(60),
            ..bounds()
        };
        let port = port(patient, move |_, _| {
            let (b, g) = (Arc::clone(&b), Arc::clone(&g));
            async move {
                b.notify_one();
                g.notified().await;
                Response::new(Full::new(Bytes::from("done")))
            }
        })
        .await;
        let address = port.address;
        let asked = tokio::spawn(async move { raw(address, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await });
        begun.notified().await;
        // Somebody who has asked nothing yet is neither waited for nor in the others' way.
        let mut silent = TcpStream::connect(address).await.unwrap();
        silent.write_all(b"PR").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        port.stop.notify_one();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(
            TcpStream::connect(address).await.is_err(),
            "new connections are accepted"
        );
        assert!(!port.served.is_finished());
        go_on.notify_one();
        assert!(asked.await.unwrap().ends_with("done"));
        timeout(Duration::from_secs(2), port.served)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}
