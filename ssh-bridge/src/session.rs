//! One client's SSH session: who it is, and the channels on which it runs commands.

use crate::backend::{Backend, BackendError, Connection, Exec};
use crate::config::{ANONYMOUS_USER, BridgeConfig, USER};
use crate::guard::Guard;
use crate::socket::Valve;
use crate::streams::{self, Feed, Piece, Stream};
use russh::keys::{Algorithm, HashAlg, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Handle, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, ChannelWriteHalf, Disconnect, Pty};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// The longest exec line that is passed on, in bytes.
const MAX_COMMAND_BYTES: usize = 4096;
/// The longest value of `GIT_PROTOCOL` that is accepted, in bytes.
const MAX_GIT_PROTOCOL_BYTES: usize = 256;
/// How long the backend may think about whose key it is.
const IDENTIFY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take to read why its command was stopped.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);
/// The exit status of a command that the door itself refused or lost.
const EXIT_FAILED: u32 = 128;
/// SSH_EXTENDED_DATA_STDERR of RFC 4254, section 5.2.
const STDERR: u32 = 1;

/// What all connections share.
pub(crate) struct Door<B> {
    pub(crate) backend: B,
    pub(crate) config: BridgeConfig,
    pub(crate) guard: Guard,
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
    Handshake = 0,
    Auth = 1,
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

    fn reached(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
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

/// Counts one running command for as long as it lives.
struct Running<B: Backend> {
    door: Arc<Door<B>>,
    progress: Arc<Progress>,
}

impl<B: Backend> Running<B> {
    fn new(door: &Arc<Door<B>>, progress: &Arc<Progress>) -> Self {
        progress.commands.fetch_add(1, Ordering::AcqRel);
        Self {
            door: door.clone(),
            progress: progress.clone(),
        }
    }
}

impl<B: Backend> Drop for Running<B> {
    fn drop(&mut self) {
        self.progress.used_ms.store(self.door.now_ms(), Ordering::Release);
        self.progress.commands.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The callbacks of one session.
pub(crate) struct Client<B: Backend> {
    door: Arc<Door<B>>,
    connection: Connection,
    progress: Arc<Progress>,
    valve: Arc<Valve>,
    standing: Standing,
    /// One of the few places for clients who have not authenticated, until it has.
    waiting: Option<OwnedSemaphorePermit>,
    channels: HashMap<ChannelId, ChannelState>,
}

/// Whom the client proved to be in the attempt that succeeded.
enum Standing {
    /// Nobody: it came in without a key, or has not come in at all.
    Nobody,
    /// The holder of the key with this fingerprint, whose signature was verified; never one that
    /// was merely shown.
    Key(String),
    /// The holder of some key, whom nobody could be asked about: its commands are answered with
    /// this reason, because a client that is turned away shows no reason.
    Unavailable(String),
}

enum ChannelState {
    /// Nothing runs on it yet.
    Open {
        writer: ChannelWriteHalf<Msg>,
        git_protocol: Option<String>,
    },
    /// A command runs, and is stopped when this value is dropped.
    Running {
        feed: Feed,
        command: AbortOnDropHandle<()>,
    },
}

impl<B: Backend> Client<B> {
    pub(crate) fn new(
        door: Arc<Door<B>>,
        connection: Connection,
        progress: Arc<Progress>,
        valve: Arc<Valve>,
        waiting: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            door,
            connection,
            progress,
            valve,
            standing: Standing::Nobody,
            waiting: Some(waiting),
            channels: HashMap::new(),
        }
    }

    fn refuse(&self, result: &'static str) -> Auth {
        self.progress.refused_keys.store(true, Ordering::Release);
        metrics::counter!("plue_ssh_auth_total", "result" => result).increment(1);
        Auth::reject()
    }

    fn wrong_user(&self, user: &str) -> Auth {
        let text = if user == ANONYMOUS_USER {
            "This forge lets nobody in without a key; please use the user name git."
        } else {
            "The user name is git, whoever you are: your key says the rest. Please use git@."
        };
        self.progress
            .disconnect(Disconnect::NoMoreAuthMethodsAvailable, text);
        self.refuse("wrong_user")
    }

    /// Asks whether somebody has this key.
    async fn is_known(&self, fingerprint: &str) -> Result<bool, BackendError> {
        let asked = self.door.backend.identify(&self.connection, fingerprint);
        let answer = tokio::time::timeout(IDENTIFY_TIMEOUT, asked).await;
        let answer = answer.unwrap_or(Err(BackendError::Unreachable));
        if let Err(error) = &answer {
            log(&self.connection, "identify", error);
        }
        answer.map(|identity| identity.known)
    }

    /// Begins the channel's one command; none is a shell request.
    fn begin(
        &mut self,
        id: ChannelId,
        command: Option<&[u8]>,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let (writer, git_protocol) = match self.channels.remove(&id) {
            Some(ChannelState::Open { writer, git_protocol }) => (writer, git_protocol),
            busy => {
                self.channels.extend(busy.map(|state| (id, state)));
                return session.channel_failure(id);
            }
        };
        session.channel_success(id)?;
        let refused = match (&self.standing, command) {
            (Standing::Unavailable(text), _) => Some(text.clone()),
            (_, Some(line)) if line.len() > MAX_COMMAND_BYTES => {
                Some("The command line is too long.".to_owned())
            }
            (_, Some(line)) if std::str::from_utf8(line).is_err() => {
                Some("The command line is not UTF-8.".to_owned())
            }
            _ => None,
        };
        let exec = Exec {
            fingerprint: match &self.standing {
                Standing::Key(fingerprint) => Some(fingerprint.clone()),
                Standing::Nobody | Standing::Unavailable(_) => None,
            },
            command: command.map(|line| String::from_utf8_lossy(line).into_owned()),
            git_protocol,
        };
        let (feed, input) = streams::input(self.valve.clone());
        let door = self.door.clone();
        let connection = self.connection.clone();
        let running = Running::new(&self.door, &self.progress);
        let command = tokio::spawn(async move {
            let _running = running;
            let kind = kind(exec.command.as_deref());
            let result = match refused {
                Some(text) => Err(Failure::Refused(text)),
                None => run(&door, &connection, exec, input, &writer).await,
            };
            let outcome = match result {
                Ok(0) => "ok",
                Ok(_) => "failed",
                Err(_) => "lost",
            };
            metrics::counter!("plue_ssh_commands_total", "command" => kind, "result" => outcome).increment(1);
            let farewell = finish(&connection, &writer, result);
            if tokio::time::timeout(FAREWELL_TIMEOUT, farewell).await.is_err() {
                tracing::debug!(connection = connection.id, "the client did not read the end");
            }
        });
        let command = AbortOnDropHandle::new(command);
        self.channels.insert(id, ChannelState::Running { feed, command });
        Ok(())
    }
}

/// What the metrics call a command.
fn kind(command: Option<&str>) -> &'static str {
    match command.map(|line| line.split_whitespace().next().unwrap_or_default()) {
        None => "shell",
        Some("git-upload-pack") => "git-upload-pack",
        Some("git-receive-pack") => "git-receive-pack",
        Some("git-upload-archive") => "git-upload-archive",
        Some(_) => "other",
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
async fn finish(connection: &Connection, writer: &ChannelWriteHalf<Msg>, result: Result<u32, Failure>) {
    let (text, status) = match result {
        Ok(status) => (None, status),
        Err(Failure::Refused(text)) => (Some(text), EXIT_FAILED),
        Err(Failure::Backend(error)) => {
            log(connection, "exec", &error);
            (Some(error.to_string()), EXIT_FAILED)
        }
    };
    let last_words = async {
        if let Some(text) = text {
            writer.extended_data_bytes(STDERR, format!("{text}\n")).await?;
        }
        writer.exit_status(status).await?;
        writer.eof().await?;
        writer.close().await
    };
    if let Err(error) = last_words.await {
        tracing::debug!(connection = connection.id, %error, "the client left before the end");
    }
}

fn log(connection: &Connection, ask: &'static str, error: &BackendError) {
    let source = std::error::Error::source(error);
    tracing::warn!(
        connection = connection.id,
        ask,
        %error,
        source = source.map(tracing::field::display),
        "the backend did not answer"
    );
}

/// The key types of which an account's key may be, with the signatures that they may make. RSA
/// signs with SHA-2 only.
fn is_accepted(algorithm: &Algorithm) -> bool {
    matches!(
        algorithm,
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { hash: Some(_) }
    )
}

fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// Whether this is a value of `GIT_PROTOCOL` that git itself would send:
/// `version=[0-2](:[a-z0-9=.-]*)*`.
fn is_git_protocol(value: &str) -> bool {
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

impl<B: Backend> russh::server::Handler for Client<B> {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, russh::Error> {
        self.progress.reached(Phase::Auth);
        let banner = self.door.config.banner.as_ref();
        Ok(banner.map(|text| format!("{}\r\n", text.trim_end())))
    }

    async fn auth_none(&mut self, user: &str) -> Result<Auth, russh::Error> {
        self.standing = Standing::Nobody;
        Ok(match user {
            // Every client asks this first, to learn which methods there are.
            USER => Auth::reject(),
            ANONYMOUS_USER if self.door.config.anonymous_read => {
                metrics::counter!("plue_ssh_auth_total", "result" => "anonymous").increment(1);
                Auth::Accept
            }
            _ => self.wrong_user(user),
        })
    }

    async fn auth_password(&mut self, user: &str, _: &str) -> Result<Auth, russh::Error> {
        self.standing = Standing::Nobody;
        Ok(if user == USER {
            self.refuse("password")
        } else {
            self.wrong_user(user)
        })
    }

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, russh::Error> {
        self.standing = Standing::Nobody;
        if user != USER {
            return Ok(self.wrong_user(user));
        }
        if !is_accepted(offer.algorithm) {
            return Ok(self.refuse("unknown_key"));
        }
        // Only a hint that spares the client a signature; nothing is remembered of it.
        Ok(match self.is_known(&fingerprint(offer.public_key)).await {
            Ok(true) | Err(_) => Auth::Accept,
            Ok(false) => self.refuse("unknown_key"),
        })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        self.standing = Standing::Nobody;
        if user != USER {
            return Ok(self.wrong_user(user));
        }
        if !is_accepted(key.algorithm) {
            return Ok(self.refuse("unknown_key"));
        }
        let fingerprint = fingerprint(key.public_key);
        let result = match self.is_known(&fingerprint).await {
            Ok(false) => return Ok(self.refuse("unknown_key")),
            Ok(true) => {
                self.door.guard.succeeded(self.connection.address);
                tracing::debug!(connection = self.connection.id, fingerprint, "signed in");
                self.standing = Standing::Key(fingerprint);
                "accepted"
            }
            Err(error) => {
                self.standing = Standing::Unavailable(error.to_string());
                "unavailable"
            }
        };
        metrics::counter!("plue_ssh_auth_total", "result" => result).increment(1);
        Ok(Auth::Accept)
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), russh::Error> {
        self.progress.used_ms.store(self.door.now_ms(), Ordering::Release);
        self.progress.reached(Phase::Open);
        self.waiting = None;
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        // The library does not tell of the client's half of a close that the door began.
        self.channels.retain(|_, state| match state {
            ChannelState::Open { .. } => true,
            ChannelState::Running { command, .. } => !command.is_finished(),
        });
        if self.door.closing.is_cancelled() || self.channels.len() >= self.door.config.max_channels {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        let id = channel.id();
        let (_, writer) = channel.split();
        let state = ChannelState::Open {
            writer,
            git_protocol: None,
        };
        self.channels.insert(id, state);
        reply.accept().await;
        Ok(())
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match self.channels.get_mut(&id) {
            Some(ChannelState::Open { git_protocol, .. })
                if name == "GIT_PROTOCOL" && is_git_protocol(value) =>
            {
                *git_protocol = Some(value.to_owned());
                session.channel_success(id)
            }
            _ => session.channel_failure(id),
        }
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.begin(id, Some(line), session)
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        self.begin(id, None, session)
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn data(&mut self, id: ChannelId, data: &[u8], _: &mut Session) -> Result<(), russh::Error> {
        if let Some(ChannelState::Running { feed, .. }) = self.channels.get(&id) {
            feed.push(data);
        }
        Ok(())
    }

    async fn channel_eof(&mut self, id: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        if let Some(ChannelState::Running { feed, .. }) = self.channels.get(&id) {
            feed.close();
        }
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        self.channels.remove(&id);
        Ok(())
    }
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
