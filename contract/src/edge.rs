//! What the edge and the coordinator say to each other beside the requests they pass on.
//!
//! The edge asks whose credential it was shown ([`Question`], by `POST` to [`INTROSPECT_PATH`]
//! with the sealed question as the whole body); the coordinator tells the edge what it must
//! forget ([`Notice`], in the [`NOTICE`](crate::headers::NOTICE) header of a `POST` to
//! [`NOTICE_PATH`]). Both are sealed, each under a purpose of its own, and hold for a minute.
//! What a caller may do is not decided by either.
//!
//! The edge also asks how a repository stands ([`Ask::Lease`]) and may then answer by itself for
//! [`LEASE_MS`]. The coordinator writes each such grant down before it replies, and no change of
//! the repository is answered before every grant has ended or the edge has let go of it.

use crate::caller::Who;
use crate::credentials::{Credential, SessionCookie};
use crate::ids::{RepoId, SessionId};
use crate::seal::{Keyring, MAX_SEALED_BYTES, SealError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

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
/// How many repositories' names one notice has at most; more go into further notices.
pub const MAX_NAMES_A_NOTICE: usize = 32;
/// How long the edge may hold what it was told of a repository, in milliseconds, from the moment
/// at which it sent the question and on its own clock.
pub const LEASE_MS: u64 = 5_000;
/// By how much longer the coordinator takes a lease to live, in milliseconds. It covers clocks
/// that run at different speeds (within 5 %) and two coordinators whose clocks differ (by less
/// than half a second).
pub const DRIFT_MS: u64 = 1_000;
/// For how long after its lease the edge may show what a repository was, marked as stale, while
/// the coordinator cannot be reached, in milliseconds.
pub const STALE_MS: u64 = 24 * 60 * 60 * 1_000;

/// Until when a lease that is asked for now has to be waited for, in milliseconds since 1970, on
/// the coordinator's clock.
pub const fn granted_until_ms(now_ms: u64) -> u64 {
    now_ms.saturating_add(LEASE_MS + DRIFT_MS)
}

/// How a public repository stands: whatever is read from it while it stands so is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// The repository's number, never used again.
    pub repository: RepoId,
    /// Raised when the database was restored from a backup.
    pub restore_epoch: i64,
    /// Raised at each change of who may see it, under which name, and what it says of itself.
    pub access_epoch: i64,
    /// Raised at each accepted change of refs or packs.
    pub generation: i64,
    /// The build of the coordinator, which decides how it is shown.
    pub edition: u64,
}

impl Stamp {
    /// Whether this is the same repository at an earlier time.
    pub fn is_before(&self, other: &Self) -> bool {
        let age = |stamp: &Self| (stamp.restore_epoch, stamp.access_epoch, stamp.generation);
        self.repository == other.repository && age(self) < age(other)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            repository,
            restore_epoch,
            access_epoch,
            generation,
            edition,
        } = self;
        write!(
            f,
            "{repository}.{restore_epoch}.{access_epoch}.{generation}.{edition:x}"
        )
    }
}

impl FromStr for Stamp {
    type Err = EdgeError;

    fn from_str(text: &str) -> Result<Self, EdgeError> {
        let mut numbers = text.split('.');
        let mut next = || numbers.next().ok_or(EdgeError::Unreadable);
        let number = |text: &str| text.parse::<i64>().map_err(|_| EdgeError::Unreadable);
        let stamp = Self {
            repository: RepoId(number(next()?)?),
            restore_epoch: number(next()?)?,
            access_epoch: number(next()?)?,
            generation: number(next()?)?,
            edition: u64::from_str_radix(next()?, 16).map_err(|_| EdgeError::Unreadable)?,
        };
        numbers
            .next()
            .is_none()
            .then_some(stamp)
            .ok_or(EdgeError::Unreadable)
    }
}

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
    /// What is there for everybody under this name, and may the edge hold on to it for a while?
    Lease {
        /// The name, as [`RepoPath::key`](crate::names::RepoPath::key) writes it.
        name: String,
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
    /// How a repository stands.
    Leased {
        /// The stamp; none where there is nothing for everybody, which needs no lease.
        stamp: Option<Stamp>,
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
    /// What is under these names has changed: leases on them end.
    RepositoriesChanged {
        /// Which, as [`RepoPath::key`](crate::names::RepoPath::key) writes them; at most [`MAX_NAMES_A_NOTICE`].
        names: Vec<String>,
        /// Whether there is nothing for everybody any more, so that not even a stale page may be
        /// shown.
        hidden: bool,
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
    use crate::names::RepoPath;
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
    fn a_stamp_is_read_as_it_was_written() {
        let stamp = Stamp {
            repository: RepoId(7),
            restore_epoch: 0,
            access_epoch: 2,
            generation: 40,
            edition: 0xfeed,
        };
        assert_eq!(stamp.to_string(), "7.0.2.40.feed");
        assert_eq!("7.0.2.40.feed".parse(), Ok(stamp));
        for bad in [
            "",
            "7",
            "7.0.2.40",
            "7.0.2.40.feed.1",
            "7.0.2.x.feed",
            "7.0.2.40.-1",
        ] {
            assert_eq!(bad.parse::<Stamp>(), Err(EdgeError::Unreadable), "{bad}");
        }
        let later = Stamp {
            access_epoch: 3,
            generation: 1,
            ..stamp
        };
        assert!(stamp.is_before(&later) && !later.is_before(&stamp) && !stamp.is_before(&stamp));
        let other = Stamp {
            repository: RepoId(8),
            ..later
        };
        assert!(!stamp.is_before(&other) && !other.is_before(&stamp));
    }

    #[test]
    fn the_largest_notice_fits_a_header() {
        let longest = RepoPath {
            owner: "o".repeat(39).parse().expect("a name"),
            name: "n".repeat(100).parse().expect("a name"),
        };
        let notice = Notice {
            iat_ms: 1_000_000,
            event: Event::RepositoriesChanged {
                names: vec![longest.key(); MAX_NAMES_A_NOTICE],
                hidden: true,
            },
        };
        let keys = Keyring::derive(Purpose::Notice, ["a secret between two"]);
        assert!(notice.seal(&keys).is_some());

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
