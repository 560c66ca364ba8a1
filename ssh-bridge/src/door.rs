//! What all connections share, and what is known of each of them.

use crate::config::BridgeConfig;
use crate::guard::Guard;
use russh::Disconnect;
use russh::server::Handle;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What all connections share.
pub(crate) struct Door<B> {
    /// Who identifies keys and runs commands.
    pub(crate) backend: B,
    /// What the operator set.
    pub(crate) config: BridgeConfig,
    /// Who may connect.
    pub(crate) guard: Guard,
    /// When the door opened.
    pub(crate) began: Instant,
    /// Cancelled when no new command may begin.
    pub(crate) closing: CancellationToken,
    /// Cancelled when running commands must end.
    pub(crate) closed: CancellationToken,
}

impl<B> Door<B> {
    /// Milliseconds since the door opened.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Agreeing on keys.
    Handshake = 0,
    /// Saying who it is.
    Auth = 1,
    /// Ready for commands.
    Open = 2,
}

/// What the connection's keeper and its session know of each other.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    phase: AtomicU8,
    commands: AtomicUsize,
    used_ms: AtomicU64,
    refused_keys: AtomicBool,
    handle: OnceLock<Handle>,
}

impl Progress {
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Handshake,
            1 => Phase::Auth,
            _ => Phase::Open,
        }
    }

    /// It has come so far.
    pub(crate) fn reached(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// Somebody did something at this time.
    pub(crate) fn used(&self, now_ms: u64) {
        self.used_ms.store(now_ms, Ordering::Release);
    }

    /// It showed a wrong credential.
    pub(crate) fn refused(&self) {
        self.refused_keys.store(true, Ordering::Release);
    }

    /// One more command runs.
    pub(crate) fn command_began(&self) {
        self.commands.fetch_add(1, Ordering::AcqRel);
    }

    /// One command less does, since this time.
    pub(crate) fn command_ended(&self, now_ms: u64) {
        self.used(now_ms);
        self.commands.fetch_sub(1, Ordering::AcqRel);
    }

    /// How many commands are running.
    pub(crate) fn commands(&self) -> usize {
        self.commands.load(Ordering::Acquire)
    }

    /// When the connection last did something that a user asked for.
    pub(crate) fn used_ms(&self) -> u64 {
        self.used_ms.load(Ordering::Acquire)
    }

    /// Whether it showed a key that nobody has, or another wrong credential.
    pub(crate) fn was_refused(&self) -> bool {
        self.refused_keys.load(Ordering::Acquire)
    }

    /// By which the keeper and the callbacks send their messages.
    pub(crate) fn set_handle(&self, handle: Handle) {
        // It is set once, right after the session has begun.
        let _ = self.handle.set(handle);
    }

    /// Tells the client why, and ends the session.
    pub(crate) fn disconnect(&self, reason: Disconnect, text: &str) {
        let Some(handle) = self.handle.get().cloned() else {
            return;
        };
        let text = text.to_owned();
        // On a task of its own: the session reads its messages only between callbacks.
        tokio::spawn(async move { handle.disconnect(reason, text, "en".to_owned()).await });
    }
}
