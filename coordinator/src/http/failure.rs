//! What a handler answers when it cannot do what was asked: a problem, which the door renders in
//! the route's dialect once it is out of the handler.

use super::body::BodyError;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use plue_contract::{Code, Problem, causes};

/// A handler's refusal.
#[derive(Debug)]
pub struct Failure(pub Problem);

/// The problem of a refusal, on its way from the handler to whoever renders it.
#[derive(Clone, Debug)]
pub struct Refused(pub Problem);

impl Failure {
    /// A refusal of this kind, with a sentence for a person.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Problem::new(code, detail))
    }

    /// A value of the request that breaks a rule.
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self(Problem::new(Code::InvalidRequest, detail).field(field))
    }

    /// There is nothing here, or nothing that the caller may see.
    pub fn not_found() -> Self {
        Self(Problem::not_found())
    }

    /// A fault of ours: logged here, and not told.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self(Problem::internal())
    }

    /// What is said of a body that could not be read.
    pub fn body(error: &(dyn std::error::Error + 'static)) -> Self {
        match BodyError::of(error) {
            Some(error @ BodyError::TooLarge { .. }) => Self::new(Code::TooLarge, format!("{error}.")),
            _ => Self::new(Code::InvalidRequest, "The body broke off before its end."),
        }
    }
}

impl From<plue_forge::Error> for Failure {
    fn from(error: plue_forge::Error) -> Self {
        if error.is_ours() {
            tracing::error!(error = %causes(&error), "a verb failed");
        }
        Self(Problem::from(&error))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        *response.status_mut() =
            StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.extensions_mut().insert(Refused(self.0));
        response
    }
}

impl From<Failure> for Response {
    fn from(failure: Failure) -> Self {
        failure.into_response()
    }
}
