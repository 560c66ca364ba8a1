//! The backend of a bridge on another host: one HTTP/2 connection to the coordinator's internal
//! interface, on which every command is a stream of its own.
//!
//! Every request carries a statement, signed with the secret that both programs share; without
//! it the coordinator answers nothing. The shapes are [`plue_contract::bridge`]'s.

use crate::backend::{Backend, BackendError, Connection, Exec};
use crate::frames::{Decoder, Said};
use crate::streams::{Input, Output};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Limited, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use plue_contract::bridge::{Ask, BridgeStatement, EXEC_PATH, IDENTIFY_PATH, Identity, Stream};
use plue_contract::seal::{Keyring, MIN_SECRET_BYTES, Purpose};
use plue_contract::{causes, headers};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How much of one stream may be on its way.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// How much of all streams may: all there is, so that clients who do not read their own stream
/// cannot stop the others'.
const CONNECTION_WINDOW_BYTES: u32 = (1 << 31) - 1;
const FRAME_BYTES: u32 = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the coordinator may take to begin its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A coordinator that is silent for so long is asked, and for so long again awaited.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// The largest answer to a question, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// A secret of fewer different bytes than these was not drawn at random.
const MIN_DIFFERENT_BYTES: usize = 8;

/// Where the coordinator is and how to be believed there.
#[derive(Clone)]
pub struct RemoteConfig {
    /// Its internal interface: `http://10.0.0.5:4000` (HTTP/2 without TLS) or `https://…`.
    pub url: String,
    /// A file of certificates in PEM that may vouch for an `https` coordinator; without one, the
    /// system's are asked.
    pub ca: Option<PathBuf>,
    /// The secret that both programs share, at least 32 bytes, drawn at random.
    pub secret: String,
    /// Reads the clock: milliseconds since 1970.
    pub now_ms: fn() -> u64,
}

/// Why a bridge cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The secret is missing or could be guessed.
    #[error(
        "PLUE_BRIDGE_SECRET is {0}; make one with `openssl rand -hex 32` and give it to this bridge and its coordinator"
    )]
    Secret(&'static str),
    /// The coordinator's address is not one.
    #[error("COORDINATOR_URL must be http://HOST:PORT or https://HOST[:PORT], without a path; it is `{0}`")]
    Url(String),
    /// The certificates cannot be read.
    #[error("the certificates that vouch for the coordinator cannot be read from {from}: {why}")]
    Certificates {
        /// Where they should be.
        from: String,
        /// What is wrong.
        why: String,
    },
}

type Sent = UnsyncBoxBody<Bytes, io::Error>;

/// A coordinator on another host.
pub struct Remote {
    client: Client<HttpsConnector<HttpConnector>, Sent>,
    base: Uri,
    keys: Keyring,
    now_ms: fn() -> u64,
}

impl Remote {
    /// Prepares to speak with the coordinator; it need not be there yet.
    pub fn new(config: &RemoteConfig) -> Result<Self, RemoteError> {
        let base = base(&config.url).ok_or_else(|| RemoteError::Url(config.url.clone()))?;
        let keys = keyring(&config.secret)?;
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls(config, base.scheme_str() == Some("https"))?)
            .https_or_http()
            .enable_http2()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .timer(TokioTimer::new())
            .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
            .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_max_frame_size(FRAME_BYTES)
            .http2_keep_alive_interval(KEEPALIVE)
            .http2_keep_alive_timeout(KEEPALIVE)
            .http2_keep_alive_while_idle(true)
            .build(https);
        Ok(Self {
            client,
            base,
            keys,
            now_ms: config.now_ms,
        })
    }

    /// Asks with a signed statement, and returns when the answer begins.
    async fn ask(
        &self,
        connection: &Connection,
        fingerprint: Option<String>,
        ask: Ask,
        body: Sent,
    ) -> Result<Response<Incoming>, BackendError> {
        let path = match ask {
            Ask::Identify => IDENTIFY_PATH,
            Ask::Exec { .. } => EXEC_PATH,
        };
        let statement = BridgeStatement {
            iat_ms: (self.now_ms)(),
            connection_id: connection.id.clone(),
            fingerprint,
            address: connection.address,
            ask,
        };
        let sealed = statement.seal(&self.keys).ok_or_else(|| internal(TooLong))?;
        let mut uri = self.base.clone().into_parts();
        uri.path_and_query = Some(http::uri::PathAndQuery::from_static(path));
        let request = Request::builder()
            .method(Method::POST)
            .uri(Uri::from_parts(uri).map_err(internal)?)
            .header(
                HeaderName::from_static(headers::BRIDGE),
                HeaderValue::from_str(&sealed).map_err(internal)?,
            )
            .header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
            .body(body)
            .map_err(internal)?;
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, self.client.request(request))
            .await
            .map_err(|_| BackendError::Unreachable)?;
        let answer = answer.map_err(|error| {
            tracing::warn!(connection = connection.id, error = %causes(&error), "the coordinator does not answer");
            match is_untrusted(&error) {
                true => BackendError::Untrusted,
                false => BackendError::Unreachable,
            }
        })?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(BackendError::Refused),
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                Err(BackendError::Unreachable)
            }
            status => Err(internal(Status(status))),
        }
    }
}

impl Backend for Remote {
    async fn identify(&self, connection: &Connection, fingerprint: &str) -> Result<Identity, BackendError> {
        let nothing = || Empty::new().map_err(|never| match never {}).boxed_unsync();
        let ask = || self.ask(connection, Some(fingerprint.to_owned()), Ask::Identify, nothing());
        let answer = match ask().await {
            // The kept connection may have ended unnoticed; a question may be asked twice.
            Err(BackendError::Unreachable) => ask().await?,
            answer => answer?,
        };
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| {
                tracing::warn!(connection = connection.id, error, "an answer ended early");
                BackendError::Lost
            })?;
        serde_json::from_slice(&body.to_bytes()).map_err(internal)
    }

    async fn exec(
        &self,
        connection: &Connection,
        exec: Exec,
        mut input: Input,
        mut output: Output,
        mut errors: Output,
    ) -> Result<u32, BackendError> {
        let pieces = futures_util::stream::poll_fn(move |cx| {
            input
                .poll_piece(cx, FRAME_BYTES as usize)
                .map(|piece| piece.map(|piece| piece.map(Frame::data)))
        });
        let ask = Ask::Exec {
            command: exec.command,
            git_protocol: exec.git_protocol,
        };
        let body = StreamBody::new(pieces).boxed_unsync();
        let answer = self.ask(connection, exec.fingerprint, ask, body).await?;
        let mut answer = std::pin::pin!(answer.into_body());
        let mut decoder = Decoder::default();
        loop {
            let piece = std::future::poll_fn(|cx| answer.as_mut().poll_frame(cx)).await;
            let mut piece = match piece {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) => piece,
                    Err(_trailers) => continue,
                },
                Some(Err(error)) => {
                    tracing::warn!(connection = connection.id, error = %causes(&error), "the coordinator went away");
                    return Err(BackendError::Lost);
                }
                None => return Err(BackendError::Lost),
            };
            while let Some(said) = decoder.next(&mut piece).map_err(internal)? {
                let sent = match said {
                    Said::Exit(status) => return Ok(status),
                    Said::Bytes(Stream::Error, bytes) => errors.send(bytes).await,
                    Said::Bytes(_, bytes) => output.send(bytes).await,
                };
                if sent.is_err() {
                    // The client is gone, and with it everybody who wants to know.
                    return Err(BackendError::Lost);
                }
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the statement is longer than a coordinator would read")]
struct TooLong;

#[derive(Debug, thiserror::Error)]
#[error("the coordinator answered {0}")]
struct Status(StatusCode);

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> BackendError {
    BackendError::Internal(Box::new(error))
}

/// Whether the other side's certificate was refused.
fn is_untrusted(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        // An error of input and output counts its own cause's cause as the next one.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = inner.map_or_else(|| error.downcast_ref(), |inner| inner.downcast_ref());
        if matches!(
            tls,
            Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
        ) {
            return true;
        }
        next = inner.map_or_else(|| error.source(), |inner| Some(inner));
    }
    false
}

fn base(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let is_known = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    let authority = uri.authority()?;
    (is_known && is_bare && !authority.host().is_empty() && !authority.as_str().contains('@')).then_some(uri)
}

fn keyring(secret: &str) -> Result<Keyring, RemoteError> {
    let mut different = secret.as_bytes().to_vec();
    different.sort_unstable();
    different.dedup();
    match secret.len() {
        0 => Err(RemoteError::Secret("missing")),
        length if length < MIN_SECRET_BYTES => Err(RemoteError::Secret("shorter than 32 bytes")),
        _ if different.len() < MIN_DIFFERENT_BYTES => Err(RemoteError::Secret("too easy to guess")),
        _ => Ok(Keyring::derive(Purpose::Bridge, [secret])),
    }
}

/// Whose certificates are believed: nobody's, where TLS is not spoken.
fn tls(config: &RemoteConfig, is_spoken: bool) -> Result<rustls::ClientConfig, RemoteError> {
    use hyper_rustls::ConfigBuilderExt;
    let builder =
        rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("because ring offers both versions");
    if !is_spoken {
        let nobody = rustls::RootCertStore::empty();
        return Ok(builder.with_root_certificates(nobody).with_no_client_auth());
    }
    let Some(path) = &config.ca else {
        let wrong = |error: io::Error| RemoteError::Certificates {
            from: "the system".to_owned(),
            why: error.to_string(),
        };
        return Ok(builder.with_native_roots().map_err(wrong)?.with_no_client_auth());
    };
    let wrong = |why: String| RemoteError::Certificates {
        from: path.display().to_string(),
        why,
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))? {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("it holds no certificate".to_owned()));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_address_is_a_coordinator() {
        for good in [
            "http://127.0.0.1:4000",
            "http://[::1]:4000/",
            "https://forge.example",
        ] {
            assert!(base(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:4000",
            "ftp://host",
            "http://host/path",
            "http://host?x",
            "http://user:secret@host",
            "http://",
        ] {
            assert!(base(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_weak_secret_is_refused_with_advice() {
        for weak in ["", "tiny", &"a".repeat(64), &"abab".repeat(16)] {
            let error = keyring(weak).expect_err("weak").to_string();
            assert!(error.contains("openssl rand -hex 32"), "{error}");
            assert!(weak.is_empty() || !error.contains(weak), "{error}");
        }
        assert!(keyring("f3b1a2c4d5e6978801928374655647382910abcdef").is_ok());
    }
}
