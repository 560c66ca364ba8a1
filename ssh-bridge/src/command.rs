//! One command on one channel: begun, carried, and ended in the order that clients expect.

use crate::backend::{Backend, BackendError, Connection, Exec};
use crate::door::{Door, Progress};
use crate::streams::{self, Input, Piece, Stream};
use russh::ChannelWriteHalf;
use russh::server::Msg;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// The longest exec line that is passed on, in bytes.
const MAX_LINE_BYTES: usize = 4096;
/// The longest value of `GIT_PROTOCOL` that is accepted, in bytes.
const MAX_GIT_PROTOCOL_BYTES: usize = 256;
/// How long a client may keep its window shut before it is not told why its command was stopped.
const REASON_TIMEOUT: Duration = Duration::from_secs(2);
/// The exit status of a command that the door itself refused or lost.
const EXIT_FAILED: u32 = 128;
/// SSH_EXTENDED_DATA_STDERR of RFC 4254, section 5.2.
const STDERR: u32 = 1;

/// What a client asks for, on a channel of its own.
pub(crate) struct Wish<'a> {
    /// Whose key was verified; an error is what the client reads instead of an answer.
    pub(crate) fingerprint: Result<Option<String>, String>,
    /// The exec line; none is a shell request.
    pub(crate) line: Option<&'a [u8]>,
    /// A well-formed value of `GIT_PROTOCOL`.
    pub(crate) git_protocol: Option<String>,
}

impl Wish<'_> {
    /// The wish as the backend takes it, or what the client reads instead.
    fn into_exec(self) -> Result<Exec, String> {
        let command = match self.line {
            None => None,
            Some(line) if line.len() > MAX_LINE_BYTES => return Err("The command line is too long.".into()),
            Some(line) => match std::str::from_utf8(line) {
                Ok(line) => Some(line.to_owned()),
                Err(_) => return Err("The command line is not UTF-8.".into()),
            },
        };
        Ok(Exec {
            fingerprint: self.fingerprint?,
            command,
            git_protocol: self.git_protocol,
        })
    }
}

/// Begins a command; it is stopped when the answer is dropped.
pub(crate) fn begin<B: Backend>(
    door: &Arc<Door<B>>,
    connection: &Connection,
    progress: &Arc<Progress>,
    wish: Wish<'_>,
    input: Input,
    writer: ChannelWriteHalf<Msg>,
) -> AbortOnDropHandle<()> {
    let running = Running::new(door, progress);
    let door = door.clone();
    let connection = connection.clone();
    let exec = wish.into_exec();
    AbortOnDropHandle::new(tokio::spawn(async move {
        let _running = running;
        let kind = kind(exec.as_ref().map(|exec| exec.command.as_deref()));
        let result = match exec {
            Ok(exec) => run(&door, &connection, exec, input, &writer).await,
            Err(text) => Err(Failure::Refused(text)),
        };
        let outcome = match result {
            Ok(0) => "ok",
            Ok(_) => "failed",
            Err(Failure::Refused(_)) => "refused",
            Err(Failure::Backend(_)) => "lost",
        };
        metrics::counter!("plue_ssh_commands_total", "command" => kind, "result" => outcome).increment(1);
        if let Err(error) = finish(&connection, &writer, result).await {
            tracing::debug!(connection = connection.id, %error, "the client left before the end");
        }
    }))
}

/// What the metrics call a command.
fn kind<E>(command: Result<Option<&str>, E>) -> &'static str {
    match command.map(|line| line.map(|line| line.split_whitespace().next().unwrap_or_default())) {
        Ok(None) => "shell",
        Ok(Some("git-upload-pack")) => "git-upload-pack",
        Ok(Some("git-receive-pack")) => "git-receive-pack",
        Ok(Some("git-upload-archive")) => "git-upload-archive",
        _ => "other",
    }
}

/// Counts one running command for as long as it lives.
struct Running<B: Backend> {
    door: Arc<Door<B>>,
    progress: Arc<Progress>,
}

impl<B: Backend> Running<B> {
    fn new(door: &Arc<Door<B>>, progress: &Arc<Progress>) -> Self {
        progress.command_began();
        Self {
            door: door.clone(),
            progress: progress.clone(),
        }
    }
}

impl<B: Backend> Drop for Running<B> {
    fn drop(&mut self) {
        self.progress.command_ended(self.door.now_ms());
    }
}

/// Why a command has no exit status of its own.
enum Failure {
    Refused(String),
    Backend(BackendError),
}

/// Runs the command and carries its output, until both are done.
async fn run<B: Backend>(
    door: &Door<B>,
    connection: &Connection,
    exec: Exec,
    input: streams::Input,
    writer: &ChannelWriteHalf<Msg>,
) -> Result<u32, Failure> {
    if door.closing.is_cancelled() {
        return Err(Failure::Backend(BackendError::Stopping));
    }
    let (output, errors, pieces) = streams::outputs();
    let work = door.backend.exec(connection, exec, input, output, errors);
    let both = async { tokio::join!(work, carry(pieces, writer)).0 };
    tokio::select! {
        result = both => result.map_err(Failure::Backend),
        () = door.closed.cancelled() => Err(Failure::Backend(BackendError::Stopping)),
    }
}

/// Sends the pieces as the client's window allows.
async fn carry(mut pieces: mpsc::Receiver<Piece>, writer: &ChannelWriteHalf<Msg>) {
    while let Some((stream, bytes)) = pieces.recv().await {
        let sent = match stream {
            Stream::Standard => writer.data_bytes(bytes).await,
            Stream::Error => writer.extended_data_bytes(STDERR, bytes).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Says how the command ended: a reason, if there is one, then the exit status, the end of the
/// output, and the channel's close.
async fn finish(
    connection: &Connection,
    writer: &ChannelWriteHalf<Msg>,
    result: Result<u32, Failure>,
) -> Result<(), russh::Error> {
    let (reason, status) = match result {
        Ok(status) => (None, status),
        Err(Failure::Refused(text)) => (Some(text), EXIT_FAILED),
        Err(Failure::Backend(error)) => {
            log(connection, "exec", &error);
            (Some(error.to_string()), EXIT_FAILED)
        }
    };
    if let Some(reason) = reason {
        let told = writer.extended_data_bytes(STDERR, format!("{reason}\n"));
        match tokio::time::timeout(REASON_TIMEOUT, told).await {
            Ok(told) => told?,
            Err(_) => tracing::debug!(connection = connection.id, "the client does not read why"),
        }
    }
    writer.exit_status(status).await?;
    writer.eof().await?;
    writer.close().await
}

/// Notes that the backend had no answer, and why.
pub(crate) fn log(connection: &Connection, ask: &'static str, error: &BackendError) {
    let source = std::error::Error::source(error);
    tracing::warn!(
        connection = connection.id,
        ask,
        %error,
        source = source.map(tracing::field::display),
        "the backend did not answer"
    );
}

/// Whether this is a value of `GIT_PROTOCOL` that git itself would send:
/// `version=[0-2](:[a-z0-9=.-]*)*`.
pub(crate) fn is_git_protocol(value: &str) -> bool {
    let Some(rest) = value.strip_prefix("version=") else {
        return false;
    };
    let (Some(b'0'..=b'2'), rest) = (rest.as_bytes().first(), rest.as_bytes().get(1..).unwrap_or(&[])) else {
        return false;
    };
    value.len() <= MAX_GIT_PROTOCOL_BYTES
        && rest.first().is_none_or(|&byte| byte == b':')
        && rest
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'=' | b'.' | b'-' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_git_sends_is_a_protocol() {
        for good in [
            "version=0",
            "version=1",
            "version=2",
            "version=2:",
            "version=2:a-b=c.9:x",
        ] {
            assert!(is_git_protocol(good), "{good}");
        }
        let long = format!("version=2:{}", "x".repeat(300));
        for bad in [
            "",
            "version=",
            "version=3",
            "version=22",
            "version=2 ",
            "version=2;x",
            "version=2:A",
            "version=2\n",
            "version=é",
            "--split-string=x",
            "Version=2",
            &long,
        ] {
            assert!(!is_git_protocol(bad), "{bad}");
        }
    }
}
