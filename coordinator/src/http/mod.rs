//! The HTTP door: every request passes the embedded gateway, reaches the handler of its route,
//! and its answer passes the gateway again.
//!
//! Handlers are thin: who calls → a permit → a verb → a view. What is SQL, git or a stored file is
//! out of their reach.

pub mod accounts;
pub mod audit;
pub mod auth;
pub mod better_auth;
pub mod body;
pub mod browse;
pub mod cached;
pub mod collaborators;
pub mod errand;
pub mod events;
pub mod extract;
pub mod failure;
pub mod git;
pub mod health;
mod history;
pub mod hooks;
pub mod internal;
pub mod issues;
pub mod live;
pub mod moment;
pub mod notifications;
pub mod oauth;
pub mod openapi;
pub mod organisations;
pub mod pages;
mod parts;
pub mod range;
pub mod repositories;
pub mod second_factor;
pub mod shelf;
pub mod site;
pub mod siwe;
pub mod social;
pub mod ssh_keys;
pub mod stars;
pub mod sync;
pub mod table;
pub mod teams;
pub mod tokens;
pub mod topics;
pub mod watches;

use axum::body::Body;
use body::Bounded;
use bytes::Bytes;
use failure::Refused;
use futures_util::FutureExt;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderValue, Request, Response, StatusCode};
use plue_contract::headers::MADE_FROM;
use plue_contract::{Code, Problem, RepoPath, causes};
use plue_gateway::routes::Class;
use plue_gateway::{Forward, Gateway, Host, Stopped, Verdict};
use site::Site;
use std::collections::HashMap;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use table::Handler;
use tracing::Instrument;

/// The HTTP door. Cheap to clone.
pub struct Door<H> {
    inner: Arc<Inner<H>>,
}

struct Inner<H> {
    gateway: Gateway<H>,
    site: Site,
    handlers: HashMap<&'static str, Handler>,
    body_idle_timeout: Duration,
}

impl<H> Clone for Door<H> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<H: Host + 'static> Door<H> {
    /// Hangs the door: the gateway before it, the site behind it, and how long a body may stand
    /// still.
    pub fn new(gateway: Gateway<H>, site: Site, body_idle_timeout: Duration) -> Self {
        Self {
            inner: Arc::new(Inner {
                gateway,
                site,
                handlers: table::handlers(),
                body_idle_timeout,
            }),
        }
    }

    /// The host of the gateway before the door.
    pub fn host(&self) -> &H {
        self.inner.gateway.host()
    }

    /// Answers one request; `peer` is the other end of its socket.
    pub async fn answer<B>(&self, request: Request<B>, peer: Option<IpAddr>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let begun = Instant::now();
        let (parts, body) = request.into_parts();
        match self.inner.gateway.decide(parts, peer).await {
            Verdict::Reply(mut reply) => {
                if let Some(stopped) = reply.extensions_mut().remove::<Stopped>() {
                    let route = stopped.route.map_or("none", |route| route.name);
                    let span = tracing::info_span!("request", request_id = %stopped.request_id, route);
                    let answered = Answered {
                        class: stopped.class_name(),
                        status: reply.status(),
                        code: stopped.code,
                        took: begun.elapsed(),
                    };
                    span.in_scope(|| answered.record());
                }
                reply.map(Body::from)
            }
            Verdict::Forward(forward) => self.forward(*forward, Body::new(body), begun).await,
        }
    }

    async fn forward(&self, forward: Forward, body: Body, begun: Instant) -> Response<Body> {
        let Forward {
            mut parts,
            caller,
            matched,
            plan,
            ..
        } = forward;
        let (route, class) = (matched.route.name, plan.class_name());
        let span = tracing::info_span!("request", request_id = %plan.request_id, route);
        let inner = &self.inner;
        // What a bridge's client says to a running command: one that clones says its wants and then
        // nothing while it reads, on the same open stream. The command has time limits of its own.
        let is_conversation = matched.route.class == Class::Internal && plan.body_limit_bytes.is_none();
        let idle = (!is_conversation).then_some(inner.body_idle_timeout);
        let body = Bounded::new(body, plan.body_limit_bytes, idle);
        // Where the extractors find them.
        parts.extensions.insert(caller);
        parts.extensions.insert(matched);
        let request = Request::from_parts(parts, Body::new(body));
        // Looked at before the answer is made, so that the answer is never older than it says.
        let made_from = match &plan.marks {
            Some(path) => mark(&inner.site, path).instrument(span.clone()).await,
            None => None,
        };
        let response = match inner.handlers.get(route) {
            Some(handler) => {
                let answering = handler(request, inner.site.clone()).instrument(span.clone());
                // One request that hits a fault of ours must not end those that share its connection.
                let answered = AssertUnwindSafe(answering).catch_unwind().await;
                answered.unwrap_or_else(|_| {
                    span.in_scope(|| tracing::error!("a handler panicked"));
                    failure::Failure(Problem::internal()).into()
                })
            }
            None => {
                span.in_scope(|| tracing::error!("a built route has no handler"));
                failure::Failure(Problem::internal()).into()
            }
        };
        let refused = response.extensions().get::<Refused>().cloned();
        let response = match &refused {
            Some(Refused(problem)) => inner.gateway.refuse(&plan, problem).map(Body::from),
            None => response,
        };
        let (mut parts, body) = response.into_parts();
        if let Some(stamp) = made_from
            && may_be_kept(&parts)
        {
            parts.headers.insert(MADE_FROM, stamp);
        }
        inner.gateway.finish(&plan, &mut parts);
        let answered = Answered {
            class,
            status: parts.status,
            code: refused.map(|Refused(problem)| problem.code),
            took: begun.elapsed(),
        };
        span.in_scope(|| answered.record());
        Response::from_parts(parts, body)
    }
}

/// How the repository under a path stands, for an answer that the edge may keep; none where not
/// everybody may see it.
async fn mark(site: &Site, path: &RepoPath) -> Option<HeaderValue> {
    let found = plue_forge::edge::public(&site.forge, path, site.now_ms()).await;
    let repository = found.unwrap_or_else(|error| {
        tracing::warn!(error = %causes(&error), "the edge keeps nothing of this answer");
        None
    })?;
    HeaderValue::from_str(&site.stamp(&repository).to_string()).ok()
}

/// Whether a handler's answer may be kept: a whole one, of which the handler does not say that it
/// is for one client, or not ready yet.
fn may_be_kept(answer: &http::response::Parts) -> bool {
    let says = |word: &str| {
        let stated = answer.headers.get(CACHE_CONTROL).map(HeaderValue::to_str);
        stated.is_some_and(|stated| stated.is_ok_and(|stated| stated.contains(word)))
    };
    answer.status == StatusCode::OK
        && !answer.headers.contains_key(SET_COOKIE)
        && !says("no-store")
        && !says("private")
}

/// What the figures and the log say of an answer, whoever made it.
struct Answered {
    class: &'static str,
    status: StatusCode,
    /// What was wrong, where the answer is a problem.
    code: Option<Code>,
    /// From the request's head to the answer's.
    took: Duration,
}

impl Answered {
    /// Counts the answer and logs it, in the span of its request.
    fn record(self) {
        let Self {
            class,
            status,
            code,
            took,
        } = self;
        let code = code.map(Code::slug);
        let (number, took_ms) = (status.as_u16(), took.as_millis() as u64);
        tracing::info!(class, status = number, code, took_ms, "answered");
        metrics::histogram!("plue_http_request_seconds", "class" => class).record(took);
        metrics::counter!("plue_http_requests_total", "class" => class, "status" => status.as_str().to_owned())
            .increment(1);
        if status.is_client_error() || status.is_server_error() {
            let code = code.unwrap_or_else(|| status.as_str().to_owned());
            metrics::counter!("plue_http_errors_total", "class" => class, "code" => code).increment(1);
        }
    }
}
