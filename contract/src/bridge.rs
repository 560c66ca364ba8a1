//! The wire between an SSH bridge and the coordinator.
//!
//! A bridge on another host speaks HTTP/2 to the coordinator's internal interface. Every request
//! carries a [`BridgeStatement`] in the `Plue-Bridge` header. `POST` [`IDENTIFY_PATH`] asks whose
//! key that is and answers an [`Identity`]; `POST` [`EXEC_PATH`] streams the client's input as
//! the request's body and answers [frames](Frame), the last of which is the exit status. A stream
//! that ends without one means that the coordinator went away.

use crate::seal::{Keyring, SealError};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Where a bridge asks whose key it was shown.
pub const IDENTIFY_PATH: &str = "/internal/ssh/identify";
/// Where a bridge runs one command.
pub const EXEC_PATH: &str = "/internal/ssh/exec";
/// How long a bridge's statement holds, in milliseconds.
pub const LIFETIME_MS: u64 = 60_000;
/// How far the two clocks may differ, in milliseconds.
pub const CLOCK_SKEW_MS: u64 = 10_000;
/// The largest payload of one frame, in bytes.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;

/// What a bridge states about one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeStatement {
    /// When it was made, in milliseconds since 1970.
    pub iat_ms: u64,
    /// The connection, as the bridge numbers it; it becomes part of the request id.
    pub connection_id: String,
    /// The OpenSSH fingerprint (`SHA256:…`) of a key: of one that was offered or has signed, where
    /// the bridge asks whose it is; only of one whose signature was verified, where it runs a
    /// command. None for an anonymous connection.
    pub fingerprint: Option<String>,
    /// The client's own address.
    pub address: IpAddr,
    /// What is asked.
    pub ask: Ask,
}

/// What a bridge asks of the coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Whose key is this, and may its owner sign in at all?
    Identify,
    /// Run this command.
    Exec {
        /// The exec line as the client sent it; none for a shell request, which gets a greeting.
        command: Option<String>,
        /// The value of `GIT_PROTOCOL`, if the client sent a well-formed one.
        git_protocol: Option<String>,
    },
}

/// Whose key it is. To a bridge, a key that nobody has is the same as a disabled account's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Whether somebody with this key may open a session.
    pub known: bool,
}

/// Why a bridge's statement was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BridgeError {
    /// Its signature or form.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// It is signed, and what it says cannot be read.
    #[error("the statement cannot be read")]
    Unreadable,
    /// Its minute is over, or has not begun.
    #[error("the statement has expired")]
    Expired,
}

impl BridgeStatement {
    /// The value of the `Plue-Bridge` header; none where the ring has no key, or the statement
    /// is longer than a coordinator would read.
    pub fn seal(&self, keys: &Keyring) -> Option<String> {
        let sealed = keys.seal(&serde_json::to_vec(self).ok()?)?;
        (sealed.len() <= crate::seal::MAX_SEALED_BYTES).then_some(sealed)
    }

    /// Believes a header, or says why not.
    pub fn open(header: &str, keys: &Keyring, now_ms: u64) -> Result<Self, BridgeError> {
        let statement: Self =
            serde_json::from_slice(&keys.open(header)?).map_err(|_| BridgeError::Unreadable)?;
        let begins = statement.iat_ms.saturating_sub(CLOCK_SKEW_MS);
        let ends = statement.iat_ms.saturating_add(LIFETIME_MS);
        if now_ms < begins || now_ms > ends {
            return Err(BridgeError::Expired);
        }
        Ok(statement)
    }
}

/// Where the bytes of a frame go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// To the client's standard output.
    Output,
    /// To the client's standard error.
    Error,
    /// Four bytes, big endian: the exit status; the last frame.
    Exit,
}

/// The head of a frame: one byte for the stream and four, big endian, for the payload's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where its bytes go.
    pub stream: Stream,
    /// How many bytes follow, at most [`MAX_FRAME_BYTES`].
    pub length: usize,
}

impl Frame {
    /// How many bytes a head has.
    pub const HEAD_BYTES: usize = 5;

    /// The head's bytes.
    pub fn encode(self) -> [u8; Self::HEAD_BYTES] {
        let kind = match self.stream {
            Stream::Output => 1,
            Stream::Error => 2,
            Stream::Exit => 3,
        };
        let length = u32::try_from(self.length).unwrap_or(u32::MAX).to_be_bytes();
        [kind, length[0], length[1], length[2], length[3]]
    }

    /// Reads a head; none where the kind is unknown or the length over the limit.
    pub fn decode(head: [u8; Self::HEAD_BYTES]) -> Option<Self> {
        let stream = match head[0] {
            1 => Stream::Output,
            2 => Stream::Error,
            3 => Stream::Exit,
            _ => return None,
        };
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let fits = match stream {
            Stream::Exit => length == 4,
            _ => length <= MAX_FRAME_BYTES,
        };
        fits.then_some(Self { stream, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Purpose;

    #[test]
    fn frames_round_trip_and_strange_heads_are_refused() {
        for (stream, length) in [
            (Stream::Output, 0),
            (Stream::Error, MAX_FRAME_BYTES),
            (Stream::Exit, 4),
        ] {
            let frame = Frame { stream, length };
            assert_eq!(Frame::decode(frame.encode()), Some(frame));
        }
        assert_eq!(Frame::decode([0, 0, 0, 0, 0]), None);
        assert_eq!(Frame::decode([1, 0xff, 0, 0, 0]), None);
        assert_eq!(Frame::decode([3, 0, 0, 0, 5]), None);
    }

    #[test]
    fn a_statement_holds_for_its_minute() {
        let keys = Keyring::derive(Purpose::Bridge, ["the bridge's own secret"]);
        let made = BridgeStatement {
            iat_ms: 1_000_000,
            connection_id: "c1".into(),
            fingerprint: None,
            address: [127, 0, 0, 1].into(),
            ask: Ask::Exec {
                command: Some("git-upload-pack 'a/b'".into()),
                git_protocol: None,
            },
        };
        let header = made.seal(&keys).expect("a key");
        assert_eq!(BridgeStatement::open(&header, &keys, 1_060_000), Ok(made));
        assert_eq!(
            BridgeStatement::open(&header, &keys, 1_060_001),
            Err(BridgeError::Expired)
        );
        assert_eq!(
            BridgeStatement::open("x.y.z", &keys, 1_000_000),
            Err(BridgeError::Seal(SealError::Malformed))
        );
    }
}
