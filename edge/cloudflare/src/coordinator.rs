//! The way to the coordinator: passing requests on, and asking whose credential it was.

use crate::config::EdgeConfig;
use crate::host::now_ms;
use crate::translate::runtime_headers;
use futures_util::future::{Either, select};
use http::header::{self, HeaderName};
use plue_contract::edge::{Answer, Ask, INTROSPECT_PATH, LEASE_MS, Question};
use plue_contract::seal::{Keyring, Purpose};
use plue_contract::statement::Statement;
use plue_contract::{Caller, Code, Problem, headers};
use plue_gateway::Forward;
use plue_gateway::routes::Class;
use std::pin::pin;
use std::time::Duration;
use worker::worker_sys::web_sys;
use worker::{AbortController, Delay, Fetch, Headers, Request, Response, Result};

/// Headers that concern one connection, or that the runtime writes itself.
const LEFT_BEHIND: [HeaderName; 11] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::PROXY_AUTHORIZATION,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_EXTENSIONS,
];
/// Where the coordinator reads by which name the client addressed us.
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// How long the coordinator may take to say how a repository stands.
const LEASE_DEADLINE: Duration = Duration::from_millis(LEASE_MS - 1_000);

/// How long the coordinator may take to say how it is.
const HEALTH_DEADLINE: Duration = Duration::from_secs(2);

/// Why there is no answer of the coordinator.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// No connection, or one that broke before the answer began.
    #[error("the coordinator cannot be reached: {0}")]
    Unreachable(worker::Error),
    /// It took too long.
    #[error("the coordinator did not answer in time")]
    Late,
    /// The runtime does not send this request as it was judged.
    #[error("the runtime would have sent {0} in another spelling")]
    Altered(String),
    /// Its answer to a question is none.
    #[error("the coordinator answered a question with {0}")]
    Nonsense(String),
    /// The request could not be made.
    #[error("the request could not be made: {0}")]
    Unmade(worker::Error),
}

impl CoordinatorError {
    /// Whether it means that the coordinator is away.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Late)
    }

    /// What the client is told.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Unreachable(_) => Problem::new(
                Code::Unavailable,
                "The forge cannot be reached from the edge right now; please try again in a moment.",
            )
            .retry_after(5),
            Self::Late => Problem::new(
                Code::GatewayTimeout,
                "The forge did not answer in time; please try again.",
            ),
            Self::Altered(_) => Problem::new(
                Code::InvalidRequest,
                "The URL is not in its usual spelling; percent-encode its unusual characters.",
            ),
            Self::Nonsense(_) => Problem::new(
                Code::BadGateway,
                "The forge answered the edge with something unexpected; please try again.",
            ),
            Self::Unmade(_) => Problem::internal(),
        }
    }
}

/// The coordinator, as the edge sees it.
pub struct Coordinator {
    origin: String,
    /// How long it may take before its answer begins, where the request's body is small enough to
    /// have arrived by then.
    deadline: Duration,
    questions: Keyring,
    statements: Keyring,
}

impl Coordinator {
    /// The coordinator that the configuration names.
    pub fn new(config: &EdgeConfig) -> Self {
        Self {
            origin: config.origin.clone(),
            deadline: config.origin_deadline,
            questions: config.keys(Purpose::Introspect),
            statements: config.keys(Purpose::Caller),
        }
    }

    /// The same for questions about repositories, whose answers are worthless after some seconds.
    pub fn for_leases(config: &EdgeConfig) -> Self {
        let coordinator = Self::new(config);
        Self {
            deadline: coordinator.deadline.min(LEASE_DEADLINE),
            ..coordinator
        }
    }

    /// Passes a request on, its body flowing from the client to the coordinator untouched, and
    /// returns the answer as soon as it begins.
    pub async fn pass_on(
        &self,
        forward: &Forward,
        request: &web_sys::Request,
    ) -> Result<web_sys::Response, CoordinatorError> {
        let parts = &forward.parts;
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let url = format!("{}{target}", self.origin);
        let outgoing = self
            .outgoing(&url, forward, request)
            .map_err(CoordinatorError::Unmade)?;
        // The signed statement names the target byte for byte; another spelling would not verify.
        if outgoing.inner().url() != url {
            return Err(CoordinatorError::Altered(outgoing.inner().url()));
        }
        let deadline = forward.plan.body_limit_bytes.map(|_| self.deadline);
        send(outgoing, deadline).await.map(Into::into)
    }

    fn outgoing(&self, url: &str, forward: &Forward, request: &web_sys::Request) -> Result<Request> {
        let parts = &forward.parts;
        // Where the route is a socket, the runtime shakes hands anew, and for nothing else.
        let upgrades = forward.matched.route.class == Class::Socket;
        let headers = runtime_headers(&parts.headers, |name| {
            LEFT_BEHIND.contains(name) || *name == FORWARDED_HOST || (*name == header::UPGRADE && !upgrades)
        })?;
        if let Some(host) = parts
            .headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
        {
            headers.set(FORWARDED_HOST.as_str(), host)?;
        }
        let init = web_sys::RequestInit::new();
        init.set_method(parts.method.as_str());
        init.set_headers(&headers);
        init.set_redirect(web_sys::RequestRedirect::Manual);
        init.set_cache(web_sys::RequestCache::NoStore);
        if let Some(body) = request.body() {
            init.set_body(&body);
        }
        Ok(web_sys::Request::new_with_str_and_init(url, &init)?.into())
    }

    /// What it says of its health; within two seconds.
    pub async fn health(&self) -> Result<serde_json::Value, CoordinatorError> {
        let init = web_sys::RequestInit::new();
        init.set_redirect(web_sys::RequestRedirect::Manual);
        init.set_cache(web_sys::RequestCache::NoStore);
        let url = format!("{}/health", self.origin);
        let request = web_sys::Request::new_with_str_and_init(&url, &init)
            .map_err(|error| CoordinatorError::Unmade(error.into()))?;
        let mut answer = send(request.into(), Some(HEALTH_DEADLINE.min(self.deadline))).await?;
        let text = answer.text().await.map_err(CoordinatorError::Unreachable)?;
        serde_json::from_str(&text).map_err(|error| CoordinatorError::Nonsense(error.to_string()))
    }

    /// Asks whose credential it is.
    pub async fn ask(&self, ask: Ask) -> Result<Answer, CoordinatorError> {
        let now_ms = now_ms();
        let question = Question { iat_ms: now_ms, ask };
        // A credential too long to be asked about is one that nobody was ever given.
        let Some(body) = question.seal(&self.questions) else {
            return Ok(Answer::Nobody);
        };
        // The statement lets the request through the coordinator's own gateway; the sealed body
        // is what proves the question.
        let caller = Caller::system(request_id());
        let statement = Statement::new(caller, "POST", INTROSPECT_PATH, now_ms).seal(&self.statements);
        let own = Headers::new();
        own.set(headers::CALLER, &statement.unwrap_or_default())
            .map_err(CoordinatorError::Unmade)?;
        let init = web_sys::RequestInit::new();
        init.set_method("POST");
        init.set_headers(own.as_ref());
        init.set_redirect(web_sys::RequestRedirect::Manual);
        init.set_cache(web_sys::RequestCache::NoStore);
        init.set_body(&body.into());
        let url = format!("{}{INTROSPECT_PATH}", self.origin);
        let request = web_sys::Request::new_with_str_and_init(&url, &init)
            .map_err(|error| CoordinatorError::Unmade(error.into()))?;
        let mut answer = send(request.into(), Some(self.deadline)).await?;
        if answer.status_code() != 200 {
            return Err(CoordinatorError::Nonsense(format!(
                "status {}",
                answer.status_code()
            )));
        }
        let text = answer.text().await.map_err(CoordinatorError::Unreachable)?;
        serde_json::from_str(&text).map_err(|error| CoordinatorError::Nonsense(error.to_string()))
    }
}

/// An id for a request of the edge's own.
fn request_id() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("because the runtime has crypto.getRandomValues");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends a request; one that passes its deadline before the answer begins is broken off.
async fn send(request: Request, deadline: Option<Duration>) -> Result<Response, CoordinatorError> {
    let fetch = Fetch::Request(request);
    let Some(deadline) = deadline else {
        return fetch.send().await.map_err(CoordinatorError::Unreachable);
    };
    let controller = AbortController::default();
    let signal = controller.signal();
    let answer = pin!(fetch.send_with_signal(&signal));
    match select(answer, pin!(Delay::from(deadline))).await {
        Either::Left((answer, _)) => answer.map_err(CoordinatorError::Unreachable),
        Either::Right(((), _)) => {
            controller.abort();
            Err(CoordinatorError::Late)
        }
    }
}
