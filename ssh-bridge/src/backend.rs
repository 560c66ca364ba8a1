//! What the door needs of the house behind it: whose key it is, and somebody to run a command.

use crate::streams::{Input, Output};
use plue_contract::bridge::Identity;
use std::future::Future;
use std::net::IpAddr;

/// One client's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Sixteen hex digits that no other connection has; they become part of request ids.
    pub id: String,
    /// The client's own address, as the socket or a listed proxy told it.
    pub address: IpAddr,
}

/// One command that a client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// The OpenSSH fingerprint (`SHA256:…`) of the key whose signature was verified; none for an
    /// anonymous connection.
    pub fingerprint: Option<String>,
    /// The exec line as the client sent it; none for a shell request, which wants a greeting.
    pub command: Option<String>,
    /// The value of `GIT_PROTOCOL`, of the form `version=[0-2](:[a-z0-9=.-]*)*`.
    pub git_protocol: Option<String>,
}

/// What stands behind the door.
pub trait Backend: Send + Sync + 'static {
    /// Says whether the owner of this key may sign in. It is asked when a key is offered, to
    /// spare the client a useless signature, and again once a signature was verified; only the
    /// second answer counts.
    fn identify(
        &self,
        connection: &Connection,
        fingerprint: &str,
    ) -> impl Future<Output = Result<Identity, BackendError>> + Send;

    /// Runs one command and answers its exit status. The future is dropped when the client goes
    /// away, and when a shutdown's grace is over.
    fn exec(
        &self,
        connection: &Connection,
        exec: Exec,
        input: Input,
        output: Output,
        errors: Output,
    ) -> impl Future<Output = Result<u32, BackendError>> + Send;
}

/// Why the backend has no answer. The text is what the user reads.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// Nobody answers where the forge should be.
    #[error("The forge cannot be reached right now; please try again in a minute.")]
    Unreachable,
    /// It answered, and then went away before the command's end.
    #[error(
        "The connection to the forge was lost before the command was done; please try again in a minute."
    )]
    Lost,
    /// Whoever answers there does not prove to be the forge.
    #[error(
        "This SSH bridge cannot be sure that it speaks with the forge, because the certificate is wrong; \
         please tell its administrator."
    )]
    Untrusted,
    /// It did not believe this bridge: their secrets or clocks differ.
    #[error("The forge does not accept this SSH bridge; please tell its administrator.")]
    Refused,
    /// The bridge is about to stop.
    #[error("The forge is being restarted; please try again in a minute.")]
    Stopping,
    /// It failed, for a reason that belongs in its own log.
    #[error("The forge failed to run this command; please try again, or tell its administrator.")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}
