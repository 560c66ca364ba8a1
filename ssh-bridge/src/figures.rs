//! The bridge's own figures, in Prometheus' words, at every path of an address of their own.

use anyhow::Context;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::convert::Infallible;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long a reader may take to ask.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// Begins to keep figures.
pub fn keep() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .install_recorder()
        .context("keeping figures")
}

/// Shows them to whoever asks, for ever.
pub async fn show(listener: TcpListener, kept: PrometheusHandle) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a reader of figures could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let kept = kept.clone();
        let service = service_fn(move |_: Request<Incoming>| {
            let mut page = Response::new(Full::new(Bytes::from(kept.render())));
            let text = HeaderValue::from_static("text/plain; version=0.0.4");
            page.headers_mut().insert(CONTENT_TYPE, text);
            std::future::ready(Ok::<_, Infallible>(page))
        });
        tokio::spawn(async move {
            let shown = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(ASK_TIMEOUT)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = shown {
                tracing::debug!(%error, "a reader of figures left");
            }
        });
    }
}
