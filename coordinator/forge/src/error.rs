//! What can go wrong in a verb, and what the outside is told of it.

use crate::failpoints::FailPoint;
use plue_blobs::BlobError;
use plue_contract::{Code, Problem, Scope, causes};
use plue_git::CacheError;
use plue_store::{StoreError, TxError};

/// Why a verb did not do what was asked.
///
/// The variants that carry text carry it for the person who asked. What the database or the disk
/// said stays in the source, for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there, or the caller may not know that it is.
    #[error("not found")]
    NotFound,
    /// Nobody said who they are, or the credential no longer holds.
    #[error("sign in first")]
    Unauthenticated,
    /// The credential lacks a scope.
    #[error("the token lacks the scope `{}`", .0.as_str())]
    InsufficientScope(Scope),
    /// The caller is known and may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// A value breaks a rule.
    #[error("{detail}")]
    Invalid {
        /// The field that holds it, as the request names it.
        field: &'static str,
        /// The rule, and what to do.
        detail: String,
    },
    /// The state of things forbids it: a name is taken, a ref has moved.
    #[error("{detail}")]
    Conflict {
        /// The field that is at fault, as the request names it; empty where it is none.
        field: &'static str,
        /// What stands in the way, and what to do.
        detail: String,
    },
    /// Well formed, and refused for what it says.
    #[error("{0}")]
    Refused(String),
    /// The repository is archived.
    #[error("the repository is archived and cannot be changed; an administrator of it can unarchive it")]
    Archived,
    /// More than is read or kept here; the text has the figure.
    #[error("{0}")]
    TooLarge(String),
    /// Who signs in has a second factor, and has shown the first.
    #[error("this account has a second factor: its code is asked for as well")]
    SecondFactor {
        /// What the second step shows beside the code.
        ticket: String,
    },
    /// Too many wrong guesses.
    #[error("too many wrong codes; please try again in {retry_after_s} s, or use a recovery code")]
    TooMany {
        /// When trying again makes sense, in seconds.
        retry_after_s: u64,
    },
    /// Too much is going on.
    #[error("the server is busy; please try again in {retry_after_s} s")]
    Busy {
        /// When trying again makes sense, in seconds.
        retry_after_s: u64,
    },
    /// What holds the packs does not answer.
    #[error("what holds the packs does not answer")]
    BlobsUnavailable(#[source] BlobError),
    /// The disk, or what holds the packs, is full.
    #[error("there is no room left")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Whoever asked is not there any more.
    #[error("the client is gone")]
    ClientGone,
    /// The database.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// A fault of ours, with its cause for the log.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// A value that breaks a rule.
    pub fn invalid(field: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            detail: detail.into(),
        }
    }

    /// Something that stands in the way.
    pub fn conflict(field: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict {
            field,
            detail: detail.into(),
        }
    }

    /// Whether what was asked for may have been done all the same.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Store(StoreError::CommitUnknown { .. }))
    }

    /// Whether nothing can be said of it outside but that something went wrong.
    pub fn is_internal(&self) -> bool {
        matches!(Problem::from(self).code, Code::Internal)
    }

    /// Whether it is no fault of whoever asked, so that its causes belong in the log.
    pub fn is_ours(&self) -> bool {
        !matches!(self, Self::Busy { .. }) && Problem::from(self).code.status() >= 500
    }
}

impl TxError for Error {
    fn as_store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let said = error.to_string();
        match error {
            Error::NotFound => Self::not_found(),
            Error::Unauthenticated => Self::new(Code::Unauthenticated, "Sign in first, or send a token."),
            Error::InsufficientScope(scope) => Self::new(
                Code::InsufficientScope,
                format!("Insufficient scope. Required: {}", scope.as_str()),
            ),
            Error::Forbidden(_) => Self::new(Code::Forbidden, said),
            Error::Invalid { field, .. } => Self::new(Code::InvalidRequest, said).field(*field),
            Error::Conflict { field: "", .. } => Self::new(Code::Conflict, said),
            Error::Conflict { field, .. } => Self::new(Code::Conflict, said).field(*field),
            Error::Refused(_) => Self::new(Code::Unprocessable, said),
            Error::Archived => Self::new(Code::Locked, said),
            Error::TooLarge(_) => Self::new(Code::TooLarge, said),
            Error::SecondFactor { .. } => Self::new(Code::Unauthenticated, said).field("code"),
            Error::TooMany { retry_after_s } => {
                Self::new(Code::RateLimited, said).retry_after(*retry_after_s)
            }
            Error::Busy { retry_after_s } => Self::new(Code::Unavailable, said).retry_after(*retry_after_s),
            Error::BlobsUnavailable(_) => Self::new(
                Code::Unavailable,
                "What holds the packs does not answer just now; nothing was changed. Please try again.",
            )
            .retry_after(5),
            Error::Full(_) => no_room(),
            Error::ClientGone => Self::new(Code::InvalidRequest, said),
            Error::Store(store) => store_problem(store),
            Error::Internal(_) => Self::internal(),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

fn no_room() -> Problem {
    Problem::new(
        Code::InsufficientStorage,
        "There is no room left on the server's disk; nothing was changed. Whoever runs it has to free some space; \
         then try again.",
    )
}

impl From<BlobError> for Error {
    fn from(error: BlobError) -> Self {
        match error {
            error @ BlobError::Full { .. } => Self::Full(error.into()),
            error if error.may_be_retried() => Self::BlobsUnavailable(error),
            error => Self::Internal(format!("blobs: {}", causes(&error))),
        }
    }
}

impl From<CacheError> for Error {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Locked => Self::Busy { retry_after_s: 1 },
            CacheError::Io(io) => Self::from(io),
            error => Self::Internal(format!("cache: {}", causes(&error))),
        }
    }
}

impl Error {
    /// What became of the stream of a client that could not be read to its end. Where the client
    /// sent what it should not, or nothing at all, the door has put that into words.
    pub(crate) fn of_client(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::InvalidData | ErrorKind::TimedOut => Self::Refused(error.to_string()),
            _ => Self::ClientGone,
        }
    }
}

/// What the disk says, or the line to a client.
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full(error.into()),
            ErrorKind::BrokenPipe
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::UnexpectedEof => Self::ClientGone,
            _ => Self::Internal(format!("input or output: {error}")),
        }
    }
}

impl From<FailPoint> for Error {
    fn from(point: FailPoint) -> Self {
        Self::Internal(point.to_string())
    }
}

fn store_problem(error: &StoreError) -> Problem {
    match error {
        StoreError::Busy(_) | StoreError::Unavailable(_) => Problem::new(
            Code::Unavailable,
            "The database does not answer just now; nothing was changed. Please try again.",
        )
        .retry_after(5),
        StoreError::CommitUnknown { .. } => Problem::new(
            Code::Unavailable,
            "The outcome is unknown: the database went away while it was saving. Look whether it was done before you try again.",
        ),
        StoreError::Full(_) => no_room(),
        _ => Problem::internal(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_database_says_stays_inside() {
        let secret = "password_hash of ada";
        for error in [
            Error::Internal(secret.to_owned()),
            Error::Store(StoreError::Corrupt(secret.to_owned())),
            Error::Store(StoreError::Migration(secret.to_owned())),
        ] {
            let body = Problem::from(&error).to_json(None).to_string();
            assert!(error.is_internal() && !body.contains("ada"), "{body}");
        }
    }

    #[test]
    fn every_kind_has_its_status() {
        let table = [
            (Error::NotFound, 404),
            (Error::Unauthenticated, 401),
            (Error::InsufficientScope(Scope::User), 403),
            (Error::Forbidden("no".into()), 403),
            (Error::invalid("name", "too long"), 400),
            (Error::conflict("name", "taken"), 409),
            (Error::Refused("no".into()), 422),
            (Error::Archived, 423),
            (Error::TooLarge("10 MB".into()), 413),
            (Error::SecondFactor { ticket: "t".into() }, 401),
            (Error::TooMany { retry_after_s: 1 }, 429),
            (Error::Busy { retry_after_s: 1 }, 503),
            (Error::Full("x".into()), 507),
            (Error::ClientGone, 400),
            (Error::Store(StoreError::Missing { statement: "x" }), 500),
            (
                Error::Store(StoreError::CommitUnknown {
                    transaction: "x",
                    source: None,
                }),
                503,
            ),
            (Error::Internal("x".into()), 500),
        ];
        for (error, status) in table {
            assert_eq!(Problem::from(&error).code.status(), status, "{error:?}");
        }
    }
}
