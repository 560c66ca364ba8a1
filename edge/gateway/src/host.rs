//! The ports: what the gateway asks of the program that hosts it. What a failing port means is
//! decided by [`crate::Gateway::decide`], never by a host.

use crate::limits::{BucketKey, Decision, Rate};
use plue_contract::credentials::{Credential, SessionCookie};
use plue_contract::{AccountId, SessionId, Who};
use std::future::Future;

/// `Send` where threads exist, and nothing on WebAssembly, whose handles stay on their thread.
#[cfg(not(target_family = "wasm"))]
pub trait MaybeSend: Send {}
#[cfg(not(target_family = "wasm"))]
impl<T: Send + ?Sized> MaybeSend for T {}
/// `Send` where threads exist, and nothing on WebAssembly, whose handles stay on their thread.
#[cfg(target_family = "wasm")]
pub trait MaybeSend {}
#[cfg(target_family = "wasm")]
impl<T: ?Sized> MaybeSend for T {}

/// `Sync` where threads exist, and nothing on WebAssembly.
#[cfg(not(target_family = "wasm"))]
pub trait MaybeSync: Sync {}
#[cfg(not(target_family = "wasm"))]
impl<T: Sync + ?Sized> MaybeSync for T {}
/// `Sync` where threads exist, and nothing on WebAssembly.
#[cfg(target_family = "wasm")]
pub trait MaybeSync {}
#[cfg(target_family = "wasm")]
impl<T: ?Sized> MaybeSync for T {}

/// Why a port could not answer; for the log only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortError(pub String);

impl std::fmt::Display for PortError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PortError {}

/// Tells the time.
pub trait Clock {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;
}

/// Gives randomness.
pub trait Chance {
    /// Fills `bytes` with unpredictable ones.
    fn fill(&self, bytes: &mut [u8]);
}

/// Keeps the state of rate limits; the sums themselves are [`crate::limits::Bucket`]'s.
pub trait Buckets {
    /// Takes `cost` from the bucket of `key`; a cost of zero only looks.
    fn take(
        &self,
        key: &BucketKey,
        rate: Rate,
        cost: u32,
    ) -> impl Future<Output = Result<Decision, PortError>> + MaybeSend;

    /// Gives back `cost` that was taken from the bucket of `key` for what need not count after
    /// all.
    fn give_back(
        &self,
        key: &BucketKey,
        rate: Rate,
        cost: u32,
    ) -> impl Future<Output = Result<(), PortError>> + MaybeSend;
}

/// How a session is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionKey {
    /// By the cookie that a browser sent, whose secret must match.
    Cookie(SessionCookie),
    /// By its id, which a verified JWT named: does the session still live?
    Id(SessionId),
}

/// A living session.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionState {
    /// Whose it is, with [`plue_contract::Via::Session`].
    pub who: Who,
    /// The session.
    pub session: SessionId,
    /// When it ends, in milliseconds since 1970.
    pub expires_ms: u64,
    /// The new value of the cookie, where the host has just rotated its secret.
    pub replacement: Option<String>,
}

/// Knows sessions.
pub trait Sessions {
    /// Whose session it was when it was last found, where the host remembers that: a guess, with
    /// which its limit can be asked at the same time as [`Sessions::find`]. It permits nothing.
    fn remembered(&self, _key: &SessionKey) -> Option<AccountId> {
        None
    }

    /// The session, or none where it is unknown, expired or revoked, its secret is wrong, or its
    /// account is disabled.
    fn find(
        &self,
        key: &SessionKey,
    ) -> impl Future<Output = Result<Option<SessionState>, PortError>> + MaybeSend;
}

/// Knows tokens and passwords.
pub trait Credentials {
    /// Who stands behind a credential; none where it does not hold.
    fn introspect(
        &self,
        credential: &Credential,
    ) -> impl Future<Output = Result<Option<Who>, PortError>> + MaybeSend;
}

/// All that the gateway needs of its host.
pub trait Host: Clock + Chance + Buckets + Sessions + Credentials + MaybeSend + MaybeSync {}

impl<T> Host for T where T: Clock + Chance + Buckets + Sessions + Credentials + MaybeSend + MaybeSync {}
