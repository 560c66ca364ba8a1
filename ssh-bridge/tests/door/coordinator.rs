//! A coordinator's internal interface, as far as a bridge needs it, in front of the same house.

use crate::house::House;
use bytes::Bytes;
use futures_util::TryStreamExt;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyDataStream, BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use plue_contract::bridge::{Ask, BridgeStatement, EXEC_PATH, IDENTIFY_PATH, Stream};
use plue_contract::seal::{Keyring, Purpose};
use plue_ssh_bridge::{Connection, Exec, encode_exit_frame, encode_frames};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::io::StreamReader;

pub const SECRET: &str = "b1946ac92492d2347c6235b4d2611184b1946ac92492d2347c6235b4d2611184";

/// One that answers until it is dropped.
pub struct Coordinator {
    pub address: SocketAddr,
    _served: JoinSet<()>,
}

impl Coordinator {
    pub async fn new(house: Arc<House>) -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address"), house).await
    }

    /// One that speaks TLS with this certificate and key, as files in PEM.
    pub async fn with_tls(house: Arc<House>, certificate: &Path, key: &Path) -> Self {
        let certificates: Vec<_> = CertificateDer::pem_file_iter(certificate)
            .expect("a file")
            .map(|certificate| certificate.expect("a certificate"))
            .collect();
        let key = PrivateKeyDer::from_pem_file(key).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring offers both versions")
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .expect("they match");
        config.alpn_protocols = vec![b"h2".to_vec()];
        let tls = TlsAcceptor::from(Arc::new(config));
        Self::listen("127.0.0.1:0".parse().expect("an address"), house, move |stream| {
            let tls = tls.clone();
            async move { tls.accept(stream).await.ok() }
        })
        .await
    }

    pub async fn at(address: SocketAddr, house: Arc<House>) -> Self {
        Self::listen(address, house, async |stream| Some(stream)).await
    }

    async fn listen<S, F>(
        address: SocketAddr,
        house: Arc<House>,
        accept: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = Option<S>> + Send,
    {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let mut served = JoinSet::new();
        served.spawn(async move {
            // Ends, with all of its connections, when it is aborted.
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                stream.set_nodelay(true).expect("a live socket");
                let Some(stream) = accept(stream).await else {
                    continue;
                };
                let house = house.clone();
                let service = service_fn(move |request| answer(house.clone(), request));
                let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .initial_stream_window_size(1024 * 1024)
                    .initial_connection_window_size((1 << 31) - 1)
                    .max_concurrent_streams(4096)
                    .serve_connection(TokioIo::new(stream), service);
                connections.spawn(connection);
            }
        });
        Self {
            address,
            _served: served,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("before the end of time")
}

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

fn whole(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()).boxed_unsync());
    *answer.status_mut() = status;
    answer
}

async fn answer(house: Arc<House>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let keys = Keyring::derive(Purpose::Bridge, [SECRET]);
    let header = request.headers().get(plue_contract::headers::BRIDGE);
    let header = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Ok(statement) = BridgeStatement::open(header, &keys, now_ms()) else {
        return Ok(whole(StatusCode::UNAUTHORIZED, ""));
    };
    let connection = Connection {
        id: statement.connection_id,
        address: statement.address,
    };
    Ok(match (request.uri().path(), statement.ask) {
        (IDENTIFY_PATH, Ask::Identify) => {
            let identity = house.knows(&statement.fingerprint.expect("a key"));
            let json = serde_json::to_vec(&identity).expect("JSON");
            whole(StatusCode::OK, json)
        }
        (
            EXEC_PATH,
            Ask::Exec {
                command,
                git_protocol,
            },
        ) => {
            let exec = Exec {
                fingerprint: statement.fingerprint,
                command,
                git_protocol,
            };
            run(house, connection, exec, request.into_body())
        }
        _ => whole(StatusCode::NOT_FOUND, ""),
    })
}

fn run(house: Arc<House>, connection: Connection, exec: Exec, body: Incoming) -> Answer {
    let pieces = TryStreamExt::map_err(BodyDataStream::new(body), io::Error::other);
    let input = StreamReader::new(Box::pin(pieces));
    let (sender, mut frames) = mpsc::channel::<Bytes>(8);
    let (output, from_output) = tokio::io::duplex(256 * 1024);
    let (errors, from_errors) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let work = house.run(&connection, exec, input, output, errors);
        let (status, (), ()) = tokio::join!(
            work,
            forward(Stream::Output, from_output, &sender),
            forward(Stream::Error, from_errors, &sender),
        );
        let status = status.unwrap_or(128);
        // The bridge may have gone.
        let _ = sender.send(encode_exit_frame(status)).await;
    });
    let frames = futures_util::stream::poll_fn(move |cx| {
        frames
            .poll_recv(cx)
            .map(|frame| frame.map(|bytes| Ok(Frame::data(bytes))))
    });
    Response::new(StreamBody::new(frames).boxed_unsync())
}

async fn forward(stream: Stream, mut from: tokio::io::DuplexStream, to: &mpsc::Sender<Bytes>) {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = from.read(&mut buffer).await.expect("a pipe in memory");
        if read == 0 {
            return;
        }
        for frame in encode_frames(stream, Bytes::copy_from_slice(&buffer[..read])) {
            if to.send(frame).await.is_err() {
                return;
            }
        }
    }
}
