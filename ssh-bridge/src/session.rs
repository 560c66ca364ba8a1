//! One client's SSH session: who it is, and the channels on which it runs commands.

use crate::backend::{Backend, BackendError, Connection};
use crate::command::{self, Wish, is_git_protocol};
use crate::config::{ANONYMOUS_USER, USER};
use crate::door::{Door, Phase, Progress};
use crate::socket::Valve;
use crate::streams::{self, Feed};
use russh::keys::{Algorithm, HashAlg, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, ChannelWriteHalf, Disconnect, Pty};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::AbortOnDropHandle;

/// How long the backend may think about whose key it is.
const IDENTIFY_TIMEOUT: Duration = Duration::from_secs(10);
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
        self.progress.refused();
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
            command::log(&self.connection, "identify", error);
        }
        answer.map(|identity| identity.known)
    }

    /// Begins the channel's one command; none is a shell request.
    fn begin(
        &mut self,
        id: ChannelId,
        line: Option<&[u8]>,
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
        let wish = Wish {
            fingerprint: match &self.standing {
                Standing::Nobody => Ok(None),
                Standing::Key(fingerprint) => Ok(Some(fingerprint.clone())),
                Standing::Unavailable(text) => Err(text.clone()),
            },
            line,
            git_protocol,
        };
        let (feed, input) = streams::input(self.valve.clone());
        let command = command::begin(&self.door, &self.connection, &self.progress, wish, input, writer);
        self.channels.insert(id, ChannelState::Running { feed, command });
        Ok(())
    }
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
        self.progress.used(self.door.now_ms());
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
