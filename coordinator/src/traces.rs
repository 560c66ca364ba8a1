//! Traces for a collector that speaks OpenTelemetry (OTLP over HTTP, protobuf).
//!
//! Spans are those that the doors and the jobs open; each bears its request id. They are sent in
//! batches, and a collector that does not answer delays nobody.

use crate::edge::connector;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use plue_contract::causes;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

/// Where a collector takes traces, below its address (OTLP 1, section on HTTP requests).
const PATH: &str = "/v1/traces";
/// How long a collector may take for one batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the last batch may keep a program that stops.
const FAREWELL: Duration = Duration::from_secs(5);
/// The most that is read of a collector's answer, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The traces that are being sent.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send to the collector at `endpoint`, an address without a path, on `runtime`.
    pub fn begin(endpoint: &str, runtime: &Handle) -> io::Result<Self> {
        let collector = Collector {
            client: Client::builder(TokioExecutor::new()).build(connector()?),
            runtime: runtime.clone(),
            is_lost: AtomicBool::new(false),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(collector)
            .with_endpoint(format!("{endpoint}{PATH}"))
            .with_timeout(PATIENCE)
            .build()
            .map_err(io::Error::other)?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(Resource::builder().with_service_name("plue").build())
            .build();
        Ok(Self(provider))
    }

    /// Sends what is left. Blocks, for five seconds at most, and not on the runtime's own threads.
    pub fn stop(self) {
        if let Err(error) = self.0.shutdown_with_timeout(FAREWELL) {
            tracing::warn!(error = %causes(&error), "the last traces were not sent");
        }
    }
}

/// Turns spans into traces.
pub fn layer<S>(traces: &Traces) -> OpenTelemetryLayer<S, Tracer>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    tracing_opentelemetry::layer().with_tracer(traces.0.tracer("plue"))
}

/// Reaches the collector. Batches are made on a thread that has no runtime, so each is sent on
/// the program's.
#[derive(Debug)]
struct Collector {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
    /// Whether the last batch was not taken: the log says so once, not with each.
    is_lost: AtomicBool,
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sending = async move {
            let (parts, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(parts, body))
        };
        // The timer needs the runtime too.
        let sending = self
            .runtime
            .spawn(async move { tokio::time::timeout(PATIENCE, sending).await });
        let answered = match sending.await {
            Ok(Ok(answered)) => answered,
            Ok(Err(late)) => Err(late.into()),
            Err(ended) => Err(ended.into()),
        };
        let fault = match &answered {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status())),
            Err(error) => Some(error.to_string()),
        };
        match (self.is_lost.swap(fault.is_some(), Ordering::Relaxed), fault) {
            (false, Some(fault)) => tracing::warn!(fault, "the collector does not take traces"),
            (true, None) => tracing::info!("the collector takes traces again"),
            _ => {}
        }
        answered
    }
}
