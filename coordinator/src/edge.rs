//! What the edge must forget, told as soon as it is known.
//!
//! A notice that does not arrive lets nobody in: every write and every private read is checked
//! again here, and a change of a repository waits for the end of what the edge may still show. It
//! only makes the edge forget sooner, and so it is tried for a minute and no longer.

use crate::http::site::Clock;
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use plue_contract::SessionId;
use plue_contract::edge::{Event, MAX_SESSIONS_A_NOTICE, NOTICE_PATH, Notice};
use plue_contract::headers::NOTICE;
use plue_contract::seal::Keyring;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The pauses before the attempts, in milliseconds. The first ones are short: a pusher waits.
const PAUSES_MS: [u64; 8] = [0, 100, 300, 600, 2_000, 5_000, 15_000, 35_000];
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Reaches other servers, over TLS where their address says so.
pub(crate) fn connector() -> io::Result<HttpsConnector<HttpConnector>> {
    Ok(HttpsConnectorBuilder::new()
        .with_native_roots()?
        .https_or_http()
        .enable_http1()
        .build())
}

/// Tells the edge. Cheap to clone.
#[derive(Clone)]
pub struct Notifier {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    address: Uri,
    keys: Keyring,
    clock: Clock,
}

impl Notifier {
    /// Tells the edge at `url`, under keys that it shares.
    pub fn new(url: &str, keys: Keyring, clock: Clock) -> io::Result<Self> {
        let address = format!("{url}{NOTICE_PATH}").parse().map_err(io::Error::other)?;
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector()?),
            address,
            keys,
            clock,
        })
    }

    /// Tells, in the background, that these sessions have ended.
    pub fn sessions_ended(&self, ids: &[SessionId]) {
        for ids in ids.chunks(MAX_SESSIONS_A_NOTICE) {
            let event = Event::SessionsRevoked { ids: ids.to_vec() };
            let notifier = self.clone();
            tokio::spawn(async move { notifier.tell(event).await });
        }
    }

    /// How the forge tells the edge what has changed.
    pub fn teller(&self) -> plue_forge::edge::Tell {
        let notifier = self.clone();
        Arc::new(move |event| {
            let notifier = notifier.clone();
            Box::pin(async move { notifier.tell(event).await })
        })
    }

    /// Tells, for at most a minute; whether it was acknowledged.
    async fn tell(&self, event: Event) -> bool {
        for pause_ms in PAUSES_MS {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            match tokio::time::timeout(ATTEMPT, self.attempt(event.clone())).await {
                Ok(Ok(())) => return true,
                Ok(Err(cause)) => tracing::debug!(cause, "the edge was not told"),
                Err(_) => tracing::debug!("the edge did not answer in time"),
            }
        }
        tracing::warn!("the edge could not be told what to forget; it does so when its time is over");
        false
    }

    async fn attempt(&self, event: Event) -> Result<(), String> {
        let notice = Notice {
            iat_ms: (self.clock)().cast_unsigned(),
            event,
        };
        let sealed = notice.seal(&self.keys).ok_or("there is no key for notices")?;
        let request = Request::post(self.address.clone())
            .header(NOTICE, sealed)
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        let answer = self
            .client
            .request(request)
            .await
            .map_err(|error| error.to_string())?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(()),
            status => Err(format!("it answered {status}")),
        }
    }
}
