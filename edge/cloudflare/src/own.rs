//! What the worker answers by itself: how it is, its figures, and notices in the seed's words. By
//! the names of the routes; the paths are the gateway's.

use crate::fetch::Outgoing;
use crate::host::{EdgeHost, now_ms};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use plue_contract::{Code, Problem};
use plue_gateway::pushed::{self, Pushed};
use plue_gateway::{Forward, cache};
use serde_json::{Value, json};
use worker::worker_sys::web_sys::Request;

/// The largest notice that is read, in bytes.
const MAX_NOTICE_BYTES: usize = 64 * 1024;

/// The answer to a route that is the worker's own; none where it is the forge's.
pub async fn answer(
    host: &EdgeHost,
    forward: &Forward,
    request: &Request,
) -> Option<Result<Outgoing, Problem>> {
    Some(match forward.matched.route.name {
        "GET /health" | "GET /api/health" => Ok(json_answer(&health(host).await)),
        "GET /metrics" => metrics(host, forward),
        "POST /do/{scope:rest}" => invalidate(host, forward, request).await,
        _ => return None,
    })
}

fn json_answer(value: &Value) -> Outgoing {
    let answer = http::Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .body(value.to_string().into_bytes());
    answer.expect("because the header is well formed")
}

/// The coordinator's own words, and beside them how the edge reaches it. The edge itself is well
/// if it answers at all.
async fn health(host: &EdgeHost) -> Value {
    let asked_ms = now_ms();
    let said = host.coordinator().health().await;
    let latency_ms = now_ms().saturating_sub(asked_ms);
    let edge = json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")});
    match said {
        Ok(Value::Object(mut said)) => {
            said.insert("edge".to_owned(), edge);
            said.insert(
                "coordinator".to_owned(),
                json!({"reachable": true, "latency": latency_ms}),
            );
            Value::Object(said)
        }
        Ok(_) | Err(_) => json!({
            "status": "degraded",
            "service": "plue",
            "version": env!("CARGO_PKG_VERSION"),
            "timestamp": cache::timestamp(now_ms()),
            "edge": edge,
            "coordinator": {"reachable": false},
        }),
    }
}

/// The figures of this isolate, for who holds the key or asks from a listed address.
fn metrics(host: &EdgeHost, forward: &Forward) -> Result<Outgoing, Problem> {
    if !host.may_watch(&forward.parts.headers, forward.caller.address) {
        return Err(Problem::not_found());
    }
    let answer = http::Response::builder()
        .status(StatusCode::OK)
        .header(CONTENT_TYPE, "text/plain; version=0.0.4")
        .body(host.figures().text().into_bytes());
    Ok(answer.expect("because the header is well formed"))
}

async fn invalidate(host: &EdgeHost, forward: &Forward, request: &Request) -> Result<Outgoing, Problem> {
    host.may_push(&forward.parts.headers)?;
    let unreadable = || Problem::new(Code::InvalidRequest, "The body cannot be read.");
    let mut request = worker::Request::from(Clone::clone(request));
    let body = request.bytes().await.map_err(|_| unreadable())?;
    if body.len() > MAX_NOTICE_BYTES {
        return Err(Problem::new(Code::TooLarge, "A notice has at most 64 KiB."));
    }
    let scope = forward.matched.params.get("scope").unwrap_or_default();
    match pushed::read(scope, &body)? {
        Pushed::Repositories(names) => host.changed(&names, false).await.map_err(|error| {
            worker::console_error!("a notice could not be obeyed: {error}");
            Problem::new(Code::Unavailable, "The edge could not forget it just now.").retry_after(1)
        })?,
        Pushed::Global => host.forget(),
    }
    let mut answer = http::Response::new(Vec::new());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    Ok(answer)
}
