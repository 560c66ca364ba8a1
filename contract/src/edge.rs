//! What the edge and the coordinator say to each other beside the requests they pass on.
//!
//! The edge asks whose credential it was shown ([`Question`], by `POST` to [`INTROSPECT_PATH`]
//! with the sealed question as the whole body); the coordinator tells the edge what it must
//! forget ([`Notice`], in the [`NOTICE`](crate::headers::NOTICE) header of a `POST` to
//! [`NOTICE_PATH`]). Both are sealed, each under a purpose of its own, and hold for a minute.
//! What a caller may do is not decided by either.

use crate::caller::Who;
use crate::credentials::{Credential, SessionCookie};
use crate::ids::SessionId;
use crate::seal::{Keyring, MAX_SEALED_BYTES, SealError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Where the edge asks whose credential it was shown.
pub const INTROSPECT_PATH: &str = "/internal/introspect";
/// Where the coordinator tells the edge what it must forget.
pub const NOTICE_PATH: &str = "/internal/notice";
/// How long a question or a notice holds, in milliseconds.
pub const LIFETIME_MS: u64 = 60_000;
/// How far the two clocks may differ, in milliseconds.
pub const CLOCK_SKEW_MS: u64 = 10_000;
/// How many sessions one notice names at most; more go into further notices.
pub const MAX_SESSIONS_A_NOTICE: usize = 64;

/// What the edge wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Whose session is the one of this cookie, and does its secret hold?
    Session {
        /// What the cookie says.
        cookie: SessionCookie,
    },
    /// Does this session, which a JSON Web Token names, still live?
    SessionAlive {
        /// The session.
        id: SessionId,
    },
    /// Whose token or password is this?
    Credential {
        /// What the client showed.
        credential: Credential,
    },
}

/// Whose credential is this?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// When it was asked, in milliseconds since 1970.
    pub iat_ms: u64,
    /// What is asked.
    pub ask: Ask,
}

/// What stands behind a credential.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// Nobody: unknown, expired, revoked, or of a disabled account; the edge is not told which.
    Nobody,
    /// The holder of a token or a password.
    Holder {
        /// Who it is.
        who: Who,
    },
    /// A living session.
    Session {
        /// What there is to know of it.
        session: SessionFacts,
    },
}

/// What the coordinator tells of a living session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionFacts {
    /// The session.
    pub id: SessionId,
    /// Its account, with the scopes that it was granted.
    pub who: Who,
    /// When it was opened, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it ends, in milliseconds since 1970.
    pub expires_ms: u64,
    /// The cookie's new value, where this question was the moment to change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
}

/// What the edge must forget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// When it was made, in milliseconds since 1970.
    pub iat_ms: u64,
    /// What happened.
    pub event: Event,
}

/// What happened that the edge must know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// These sessions have ended: signed out, signed out everywhere, or the account was disabled.
    SessionsRevoked {
        /// Which; at most [`MAX_SESSIONS_A_NOTICE`].
        ids: Vec<SessionId>,
    },
}

/// Why a question or a notice was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EdgeError {
    /// Its signature or form.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// It is signed, and what it says cannot be read.
    #[error("the message cannot be read")]
    Unreadable,
    /// Its minute is over, or has not begun.
    #[error("the message has expired")]
    Expired,
}

fn seal(message: &impl Serialize, keys: &Keyring) -> Option<String> {
    let sealed = keys.seal(&serde_json::to_vec(message).ok()?)?;
    (sealed.len() <= MAX_SEALED_BYTES).then_some(sealed)
}

fn open<T: DeserializeOwned>(
    sealed: &str,
    keys: &Keyring,
    now_ms: u64,
    iat_ms: fn(&T) -> u64,
) -> Result<T, EdgeError> {
    let message: T = serde_json::from_slice(&keys.open(sealed)?).map_err(|_| EdgeError::Unreadable)?;
    let begins = iat_ms(&message).saturating_sub(CLOCK_SKEW_MS);
    let ends = iat_ms(&message).saturating_add(LIFETIME_MS);
    if now_ms < begins || now_ms > ends {
        return Err(EdgeError::Expired);
    }
    Ok(message)
}

impl Question {
    /// The body to `POST`; none where the ring (of [`Purpose::Introspect`]) has no key, or the
    /// credential is longer than a coordinator would read.
    ///
    /// [`Purpose::Introspect`]: crate::seal::Purpose::Introspect
    pub fn seal(&self, keys: &Keyring) -> Option<String> {
        seal(self, keys)
    }

    /// Believes a body, or says why not.
    pub fn open(sealed: &str, keys: &Keyring, now_ms: u64) -> Result<Self, EdgeError> {
        open(sealed, keys, now_ms, |question: &Self| question.iat_ms)
    }
}

impl Notice {
    /// The value of the `Plue-Notice` header; none where the ring (of [`Purpose::Notice`]) has no
    /// key, or the notice is longer than an edge would read.
    ///
    /// [`Purpose::Notice`]: crate::seal::Purpose::Notice
    pub fn seal(&self, keys: &Keyring) -> Option<String> {
        seal(self, keys)
    }

    /// Believes a header, or says why not.
    pub fn open(sealed: &str, keys: &Keyring, now_ms: u64) -> Result<Self, EdgeError> {
        open(sealed, keys, now_ms, |notice: &Self| notice.iat_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Purpose;

    #[test]
    fn a_question_holds_for_its_minute_and_its_purpose() {
        let keys = Keyring::derive(Purpose::Introspect, ["a secret between two"]);
        let asked = Question {
            iat_ms: 1_000_000,
            ask: Ask::Credential {
                credential: Credential::Password {
                    name: "ada".into(),
                    password: "p\u{e4}ss".into(),
                },
            },
        };
        let body = asked.seal(&keys).expect("a key");
        assert_eq!(Question::open(&body, &keys, 1_060_000), Ok(asked));
        assert_eq!(Question::open(&body, &keys, 1_060_001), Err(EdgeError::Expired));
        assert_eq!(Question::open(&body, &keys, 989_999), Err(EdgeError::Expired));
        let other = Keyring::derive(Purpose::Notice, ["a secret between two"]);
        assert_eq!(
            Question::open(&body, &other, 1_000_000),
            Err(EdgeError::Seal(SealError::Signature))
        );
        assert_eq!(
            Notice::open(&body, &keys, 1_000_000),
            Err(EdgeError::Unreadable),
            "a question is no notice"
        );
    }

    #[test]
    fn the_largest_notice_fits_a_header() {
        let keys = Keyring::derive(Purpose::Notice, ["a secret between two"]);
        let ids = vec![SessionId("7".repeat(26)); MAX_SESSIONS_A_NOTICE];
        let notice = Notice {
            iat_ms: 1_000_000,
            event: Event::SessionsRevoked { ids },
        };
        let header = notice.seal(&keys).expect("it fits");
        assert_eq!(Notice::open(&header, &keys, 1_000_000), Ok(notice));
    }
}
