//! What can be watched: logs to standard error, traces, and the figures of `/metrics`.
//!
//! The rooms record what they do; here it is only collected. The request id stands in the span of
//! each request, and so in every line that is logged below it.

use crate::config::Telemetry;
use crate::traces::{self, Traces};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::io::{self, IsTerminal};
use tokio::runtime::Handle;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// The bounds of the histograms' buckets, in seconds: from a look into memory to a large clone.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

/// Why nothing can be watched.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter of what is logged has no meaning.
    #[error("PLUE_LOG: {0}")]
    Filter(String),
    /// Nothing can be sent to the collector of traces.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT: {0}")]
    Traces(io::Error),
    /// Something else in the process collects already.
    #[error("the collector of figures could not be installed: {0}")]
    Metrics(String),
}

/// Begins to log as the settings say, and to send traces where they name a collector. Traces are
/// sent on `runtime`, and are whole only once [`Traces::stop`] has returned.
pub fn log(settings: &Telemetry, runtime: &Handle) -> Result<Option<Traces>, TelemetryError> {
    let filter = EnvFilter::try_new(&settings.filter).map_err(|e| TelemetryError::Filter(e.to_string()))?;
    let traces = settings
        .otlp_endpoint
        .as_deref()
        .map(|endpoint| Traces::begin(endpoint, runtime))
        .transpose()
        .map_err(TelemetryError::Traces)?;
    // What is traced does not depend on what is logged.
    let traced = traces
        .as_ref()
        .map(|traces| traces::layer(traces).with_filter(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if settings.json {
        lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_filter(filter)
            .boxed()
    } else {
        lines
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .with_filter(filter)
            .boxed()
    };
    tracing_subscriber::registry()
        .with(lines)
        .with(traced)
        .try_init()
        .map_err(|e| TelemetryError::Filter(e.to_string()))?;
    Ok(traces)
}

/// One socket that is open, as long as this lives.
pub struct OpenSocket(metrics::Gauge);

impl OpenSocket {
    /// Counts one more socket of a kind.
    pub fn of(kind: &'static str) -> Self {
        let open = metrics::gauge!("plue_sockets", "kind" => kind);
        open.increment(1);
        Self(open)
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

/// Begins to collect figures for the whole process. Once a process.
pub fn collect() -> Result<PrometheusHandle, TelemetryError> {
    let wrong = |e: &dyn std::fmt::Display| TelemetryError::Metrics(e.to_string());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
        .map_err(|e| wrong(&e))?
        .install_recorder()
        .map_err(|e| wrong(&e))?;
    describe();
    Ok(handle)
}

fn describe() {
    use metrics::{describe_counter as counter, describe_gauge as gauge, describe_histogram as histogram};
    histogram!(
        "plue_http_request_seconds",
        "Time from a request's head to its answer's, by route class."
    );
    counter!(
        "plue_http_errors_total",
        "Answers that are errors, by route class and code."
    );
    counter!("plue_http_requests_total", "Requests, by route class and status.");
    counter!(
        "plue_http_connections_refused_total",
        "Connections that were one too many of their address."
    );
    gauge!("plue_sockets", "Open sockets, by kind.");
    gauge!("plue_sessions_active", "Browser sessions that have not ended.");
    gauge!(
        "plue_database_connections",
        "Connections of the database pool, by state."
    );
    histogram!("plue_sql_seconds", "Time of a statement, by its name.");
    gauge!("plue_ssh_connections", "Open SSH connections.");
    counter!("plue_jobs_total", "Jobs that ran, by kind and result.");
    gauge!("plue_jobs_waiting", "Jobs that are asked for and not done.");
    gauge!(
        "plue_cache_bytes",
        "What removing all cached repositories would free; what the store of packs shares is not in it."
    );
    gauge!("plue_cache_copies", "Cached repositories.");
    counter!(
        "plue_cache_total",
        "Times that a cached repository was asked for, by whether it was fresh or had to be caught up."
    );
    counter!(
        "plue_cache_evictions_total",
        "Cached repositories taken away, by why: budget, must (gone or purged), damaged, foreign."
    );
    counter!(
        "plue_cache_packs_fetched_total",
        "Packs brought into the cache from the store of packs."
    );
    counter!(
        "plue_packs_rolled_up_total",
        "Packs that a larger one has replaced."
    );
    counter!(
        "plue_pushes_crowded_total",
        "Times that a push waited for packs to be rolled up."
    );
    counter!(
        "plue_git_operations_total",
        "Git operations, by service, door and result."
    );
    counter!(
        "plue_git_bytes_total",
        "Bytes of git operations, by service, door and direction."
    );
}
