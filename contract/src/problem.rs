//! What went wrong, in the words that a stranger may read.
//!
//! One shape for every error that leaves the server (RFC 9457), made once, at the door. Doors
//! with another dialect render it from the same value. The private cause of an error is logged
//! where it happened and has no place in this type.

use serde::{Deserialize, Serialize};

/// The kinds of error, each with its one status and its one slug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The request is malformed, or a value in it breaks a rule.
    InvalidRequest,
    /// No credential, or one that does not hold.
    Unauthenticated,
    /// The credential holds, and does not permit this.
    Forbidden,
    /// The credential holds and lacks a scope.
    InsufficientScope,
    /// The CSRF token is absent or wrong, or the request came from another site.
    CsrfFailed,
    /// Not there, or not for this caller to know.
    NotFound,
    /// The path exists, and not with this method.
    MethodNotAllowed,
    /// The state of things forbids it: a name is taken, a ref has moved.
    Conflict,
    /// It was there and is gone for good.
    Gone,
    /// The body is larger than this route reads.
    TooLarge,
    /// The URL is longer than the server reads.
    UriTooLong,
    /// The body is of a type that this route does not read.
    UnsupportedMediaType,
    /// Well formed, and refused for what it says.
    Unprocessable,
    /// The resource is locked: archived, or being moved.
    Locked,
    /// Too many requests; `retry_after_s` says when there is room again.
    RateLimited,
    /// The headers are larger than the server reads.
    HeadersTooLarge,
    /// A fault of ours.
    Internal,
    /// The route is promised and not built yet.
    NotBuilt,
    /// The coordinator could not be reached from the edge, or answered nonsense.
    BadGateway,
    /// Busy or in maintenance; trying again later will help.
    Unavailable,
    /// The coordinator took too long.
    GatewayTimeout,
    /// The disk, or the quota, is full.
    InsufficientStorage,
}

impl Code {
    /// Every code, for tables and tests.
    pub const ALL: [Self; 22] = [
        Self::InvalidRequest,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::InsufficientScope,
        Self::CsrfFailed,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::Gone,
        Self::TooLarge,
        Self::UriTooLong,
        Self::UnsupportedMediaType,
        Self::Unprocessable,
        Self::Locked,
        Self::RateLimited,
        Self::HeadersTooLarge,
        Self::Internal,
        Self::NotBuilt,
        Self::BadGateway,
        Self::Unavailable,
        Self::GatewayTimeout,
        Self::InsufficientStorage,
    ];

    /// The HTTP status of this kind of error.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden | Self::InsufficientScope | Self::CsrfFailed => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::Gone => 410,
            Self::TooLarge => 413,
            Self::UriTooLong => 414,
            Self::UnsupportedMediaType => 415,
            Self::Unprocessable => 422,
            Self::Locked => 423,
            Self::RateLimited => 429,
            Self::HeadersTooLarge => 431,
            Self::Internal => 500,
            Self::NotBuilt => 501,
            Self::BadGateway => 502,
            Self::Unavailable => 503,
            Self::GatewayTimeout => 504,
            Self::InsufficientStorage => 507,
        }
    }

    /// The short, constant title of this kind of error.
    pub const fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "Invalid request",
            Self::Unauthenticated => "Sign in first",
            Self::Forbidden => "Not permitted",
            Self::InsufficientScope => "The token lacks a scope",
            Self::CsrfFailed => "CSRF check failed",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::Conflict => "Conflict",
            Self::Gone => "Gone",
            Self::TooLarge => "Body too large",
            Self::UriTooLong => "URL too long",
            Self::UnsupportedMediaType => "Unsupported media type",
            Self::Unprocessable => "Refused",
            Self::Locked => "Locked",
            Self::RateLimited => "Too many requests",
            Self::HeadersTooLarge => "Headers too large",
            Self::Internal => "Internal error",
            Self::NotBuilt => "Not built yet",
            Self::BadGateway => "Bad gateway",
            Self::Unavailable => "Unavailable",
            Self::GatewayTimeout => "Gateway timeout",
            Self::InsufficientStorage => "Out of storage",
        }
    }

    /// The slug that stands in `type` and `code`.
    pub fn slug(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// One error, as the outside sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which kind of error.
    pub code: Code,
    /// What happened and what to do about it, in a sentence.
    pub detail: String,
    /// The field of the request that is at fault, where there is one.
    pub field: Option<String>,
    /// Seconds after which trying again makes sense.
    pub retry_after_s: Option<u64>,
}

impl Problem {
    /// A problem of this kind, with a sentence for a person.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            field: None,
            retry_after_s: None,
        }
    }

    /// Names the field of the request that is at fault.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Says in how many seconds trying again makes sense.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The one answer for what is not there and for what the caller may not know of.
    pub fn not_found() -> Self {
        Self::new(
            Code::NotFound,
            "There is nothing here, or nothing that you may see.",
        )
    }

    /// The answer for a fault of ours; its cause is in the log, under the request id.
    pub fn internal() -> Self {
        Self::new(
            Code::Internal,
            "Something went wrong on our side. It has been logged; please try again.",
        )
    }

    /// The `application/problem+json` body, with the `error` member that the seeds' clients read.
    pub fn to_json(&self, request_id: Option<&str>) -> serde_json::Value {
        let mut body = serde_json::json!({
            "type": format!("urn:plue:problem:{}", self.code.slug()),
            "title": self.code.title(),
            "status": self.code.status(),
            "code": self.code.slug(),
            "detail": self.detail,
            "error": self.detail,
        });
        let more = [
            ("field", self.field.clone().map(Into::into)),
            ("retryAfter", self.retry_after_s.map(Into::into)),
            ("requestId", request_id.map(Into::into)),
        ];
        for (name, value) in more {
            if let (Some(value), Some(members)) = (value, body.as_object_mut()) {
                members.insert(name.to_owned(), value);
            }
        }
        body
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_slug_of_its_own() {
        let slugs: std::collections::BTreeSet<_> = Code::ALL.iter().map(|c| c.slug()).collect();
        assert_eq!(slugs.len(), Code::ALL.len());
        assert!(slugs.contains("rate-limited") && !slugs.contains(""));
    }
}
