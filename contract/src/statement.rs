//! The signed statement that accompanies a request from the edge to the coordinator.
//!
//! It says who calls, from which address, and for exactly which request; it is good for a
//! minute and for nothing else. A statement that does not verify is treated as absent.

use crate::caller::Caller;
use crate::seal::{Keyring, SealError};
use serde::{Deserialize, Serialize};

/// How long a statement holds, in milliseconds.
pub const LIFETIME_MS: u64 = 60_000;
/// How far the two clocks may differ, in milliseconds.
pub const CLOCK_SKEW_MS: u64 = 10_000;
/// Who the statement is addressed to.
pub const AUDIENCE: &str = "plue-coordinator";

/// What the edge states about one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// Always [`AUDIENCE`].
    pub aud: String,
    /// When it was made, in milliseconds since 1970.
    pub iat_ms: u64,
    /// The request's method, in capitals.
    pub method: String,
    /// The request's path and query, byte for byte.
    pub target: String,
    /// Who calls.
    pub caller: Caller,
}

/// Why a statement was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Its signature or form.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// It is signed, and what it says cannot be read.
    #[error("the statement cannot be read")]
    Unreadable,
    /// It was made for another service or another request.
    #[error("the statement is about another request")]
    OtherRequest,
    /// Its minute is over, or has not begun.
    #[error("the statement has expired")]
    Expired,
}

impl Statement {
    /// States who calls for one request, now.
    pub fn new(caller: Caller, method: &str, target: &str, now_ms: u64) -> Self {
        Self {
            aud: AUDIENCE.to_owned(),
            iat_ms: now_ms,
            method: method.to_owned(),
            target: target.to_owned(),
            caller,
        }
    }

    /// The value of the `Plue-Caller` header; none where the ring has no key.
    pub fn seal(&self, keys: &Keyring) -> Option<String> {
        keys.seal(&serde_json::to_vec(self).ok()?)
    }

    /// Believes a header, or says why not.
    pub fn open(
        header: &str,
        keys: &Keyring,
        method: &str,
        target: &str,
        now_ms: u64,
    ) -> Result<Self, StatementError> {
        let payload = keys.open(header)?;
        let statement: Self = serde_json::from_slice(&payload).map_err(|_| StatementError::Unreadable)?;
        if statement.aud != AUDIENCE || statement.method != method || statement.target != target {
            return Err(StatementError::OtherRequest);
        }
        let begins = statement.iat_ms.saturating_sub(CLOCK_SKEW_MS);
        let ends = statement.iat_ms.saturating_add(LIFETIME_MS);
        if now_ms < begins || now_ms > ends {
            return Err(StatementError::Expired);
        }
        Ok(statement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Purpose;

    #[test]
    fn holds_for_one_request_and_one_minute() {
        let keys = Keyring::derive(Purpose::Caller, ["a secret between two"]);
        let made = Statement::new(Caller::anonymous(None, "r1"), "GET", "/a/b?c=d", 1_000_000);
        let header = made.seal(&keys).expect("a key");
        let open = |method, target, now| Statement::open(&header, &keys, method, target, now);
        assert_eq!(open("GET", "/a/b?c=d", 1_000_000), Ok(made.clone()));
        assert_eq!(open("GET", "/a/b?c=d", 1_060_000), Ok(made));
        assert_eq!(open("GET", "/a/b?c=d", 1_060_001), Err(StatementError::Expired));
        assert_eq!(open("GET", "/a/b?c=d", 989_999), Err(StatementError::Expired));
        assert_eq!(
            open("POST", "/a/b?c=d", 1_000_000),
            Err(StatementError::OtherRequest)
        );
        assert_eq!(
            open("GET", "/a/b?c=e", 1_000_000),
            Err(StatementError::OtherRequest)
        );
        assert_eq!(open("GET", "/a/b", 1_000_000), Err(StatementError::OtherRequest));
    }
}
