//! Which other sites' scripts may read our answers, and with whose credentials.
//!
//! Happy's clients are everywhere and carry a token in a header, so their routes are open to all
//! origins and to no cookies. All other routes are open to the configured origins alone, with
//! credentials.

use crate::config::GatewayConfig;
use crate::routes::Dialect;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

/// The methods that scripts may use.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
/// How long a browser may remember a permission, in seconds.
const MAX_AGE_S: &str = "600";
/// The headers of ours that scripts may read.
const EXPOSED: &str = "etag, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset, \
    x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, x-request-id, x-cache";

/// Whose scripts may read an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cors {
    /// Nobody's.
    #[default]
    Closed,
    /// Everybody's, without credentials.
    Everybody,
    /// One origin's, with credentials.
    Origin(HeaderValue),
}

impl Cors {
    /// What a request's origin is granted.
    pub(crate) fn of(config: &GatewayConfig, dialect: Dialect, headers: &HeaderMap) -> Self {
        if dialect == Dialect::Happy {
            return Self::Everybody;
        }
        match headers.get(ORIGIN) {
            Some(origin)
                if config
                    .cors_origins
                    .iter()
                    .any(|listed| listed.as_bytes() == origin.as_bytes()) =>
            {
                Self::Origin(origin.clone())
            }
            _ => Self::Closed,
        }
    }

    /// Adds what every answer bears.
    pub(crate) fn apply(&self, config: &GatewayConfig, headers: &mut HeaderMap) {
        match self {
            Self::Everybody => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
                headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
            }
            Self::Origin(origin) => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
            Self::Closed => {
                headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
                headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
            }
        }
        if *self != Self::Closed {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
        if *self != Self::Everybody && !config.cors_origins.is_empty() {
            vary(headers, "Origin");
        }
    }

    /// The answer to a browser that asks beforehand.
    pub(crate) fn preflight(&self, asked: &HeaderMap) -> Response<Vec<u8>> {
        let mut response = Response::new(Vec::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if *self != Self::Closed {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_S));
            if let Some(wanted) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
                vary(headers, "Access-Control-Request-Headers");
            }
        }
        response
    }
}

/// Whether a browser asks beforehand; then the method that it wants to use.
pub(crate) fn preflight(method: &Method, headers: &HeaderMap) -> Option<Method> {
    if method != Method::OPTIONS || !headers.contains_key(ORIGIN) {
        return None;
    }
    let wanted = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
    Method::from_bytes(wanted.as_bytes()).ok()
}

/// Adds a name to `Vary`, once.
pub(crate) fn vary(headers: &mut HeaderMap, name: &'static str) {
    let present = headers
        .get_all(VARY)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|listed| listed == b"*" || listed.eq_ignore_ascii_case(name.as_bytes()));
    if !present {
        headers.append(VARY, HeaderValue::from_static(name));
    }
}
