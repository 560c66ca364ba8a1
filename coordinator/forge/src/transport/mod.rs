//! Git's own conversations, for both doors: clone, fetch, archive and push.
//!
//! A door says who calls and which request it is, and gives two streams. [`open`] answers whether
//! the conversation may take place, before a byte is written, so that HTTP can answer with a
//! status; [`Exchange::run`] holds it. SSH, which has no status, uses [`serve`].

pub(crate) mod queue;

use crate::access::repositories::{self as access, PushTarget};
use crate::cache::{self, Pinned, blocking};
use crate::clock::Clock;
use crate::pushes::receive::{Parts, Receive};
use crate::settings::GitSettings;
use crate::transport::queue::Slot;
use crate::{Error, Forge};
use plue_contract::{Caller, Problem, RepoPath, causes};
use plue_git::cache::PackedRef;
use plue_git::pack_cache::PackCache;
use plue_git::upload::{self, PackCacheSettings, UploadError, UploadSettings};
use plue_git::wire::command::{self, GitCommand};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::io::{InspectReader, InspectWriter};

pub use plue_git::wire::Protocol;
pub use plue_git::wire::command::Service;

/// How long a push may take beyond its deadline to come to an end and to say so.
const LAST_WORDS: Duration = Duration::from_secs(120);

/// Which part of git's conversation a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All of it on one pair of streams, as over SSH.
    Stateful,
    /// The refs that the server has: HTTP's `GET info/refs`.
    Advertise,
    /// What the client wants: the body of HTTP's `POST`, decompressed.
    Rpc,
}

impl Mode {
    /// The door that speaks so, by the name that figures have for it.
    const fn door(self) -> &'static str {
        match self {
            Self::Stateful => "ssh",
            Self::Advertise | Self::Rpc => "http",
        }
    }
}

/// One git request.
#[derive(Clone, Debug)]
pub struct GitRequest {
    /// The repository, as the client wrote it.
    pub path: RepoPath,
    /// What the client wants to do.
    pub service: Service,
    /// Which part of it.
    pub mode: Mode,
    /// The protocol that the client asked for.
    pub protocol: Protocol,
}

impl GitRequest {
    /// Reads the command that an SSH client wants to be run, with the value of `GIT_PROTOCOL`.
    /// Anything but git's three services on a well-formed path is refused, with words for the
    /// client; a protocol that cannot be read counts as none.
    pub fn from_command(line: &str, protocol: Option<&str>) -> Result<Self, Error> {
        let GitCommand { service, path } =
            command::parse(line).map_err(|error| Error::Refused(error.to_string()))?;
        Ok(Self {
            path,
            service,
            mode: Mode::Stateful,
            protocol: protocol.and_then(Protocol::parse).unwrap_or_default(),
        })
    }
}

/// What a conversation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the client got what it wanted; a push of which one ref was refused did not.
    pub good: bool,
    /// Bytes from the client.
    pub bytes_in: u64,
    /// Bytes to the client.
    pub bytes_out: u64,
}

/// A conversation that may take place.
#[must_use = "nothing was said yet"]
pub struct Exchange {
    forge: Forge,
    caller: Caller,
    request: GitRequest,
    clock: Clock,
    stage: Stage,
}

enum Stage {
    Read {
        pinned: Pinned,
        _slot: Slot,
    },
    Push {
        target: Box<PushTarget>,
        standing: Option<(Pinned, Vec<PackedRef>)>,
    },
}

/// Asks for a permit and a place in the queue, and brings the local copy up to date.
///
/// [`Error::NotFound`] where there is nothing or nothing that the caller may see: the HTTP door
/// turns that into 401 for an anonymous caller, whatever the name.
pub async fn open(
    forge: &Forge,
    caller: Caller,
    request: GitRequest,
    now_ms: i64,
) -> Result<Exchange, Error> {
    let clock = Clock::set(now_ms);
    let stage = match request.service {
        Service::UploadPack | Service::UploadArchive => {
            let permit = access::read(forge, &caller, &request.path, now_ms).await?;
            let slot = forge.local_git().uploads.enter(&caller).await?;
            Stage::Read {
                pinned: cache::open(forge, permit.on()).await?,
                _slot: slot,
            }
        }
        Service::ReceivePack => {
            let permit = access::push(forge, &caller, &request.path, now_ms).await?;
            let target = Box::new(permit.on().clone());
            let standing = match &*target {
                PushTarget::Existing(repository) => Some(cache::open_with_refs(forge, repository).await?),
                PushTarget::New { .. } => None,
            };
            Stage::Push { target, standing }
        }
    };
    Ok(Exchange {
        forge: forge.clone(),
        caller,
        request,
        clock,
        stage,
    })
}

impl Exchange {
    /// Holds the conversation to its end. Dropping the future ends git; a push that was whole by
    /// then is still accepted.
    pub async fn run<R, W>(self, input: R, output: W) -> Result<Outcome, Error>
    where
        R: AsyncRead + Unpin + Send,
        W: AsyncWrite + Unpin + Send,
    {
        let service = self.request.service.name();
        let door = self.request.mode.door();
        let (bytes_in, bytes_out) = (AtomicU64::new(0), AtomicU64::new(0));
        let count = |counter: &AtomicU64, bytes: &[u8]| {
            counter.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        };
        let input = InspectReader::new(input, |bytes| count(&bytes_in, bytes));
        let output = InspectWriter::new(output, |bytes| count(&bytes_out, bytes));
        let outcome = self.converse(input, output).await;
        let (bytes_in, bytes_out) = (bytes_in.into_inner(), bytes_out.into_inner());
        let result = match &outcome {
            Ok(true) => "ok",
            Ok(false) => "refused",
            Err(_) => "failed",
        };
        metrics::counter!("plue_git_operations_total", "service" => service, "door" => door, "result" => result)
            .increment(1);
        metrics::counter!("plue_git_bytes_total", "service" => service, "door" => door, "direction" => "in")
            .increment(bytes_in);
        metrics::counter!("plue_git_bytes_total", "service" => service, "door" => door, "direction" => "out")
            .increment(bytes_out);
        outcome.map(|good| Outcome {
            good,
            bytes_in,
            bytes_out,
        })
    }

    async fn converse<R, W>(self, input: R, output: W) -> Result<bool, Error>
    where
        R: AsyncRead + Unpin + Send,
        W: AsyncWrite + Unpin + Send,
    {
        let Self {
            forge,
            caller,
            request,
            clock,
            stage,
        } = self;
        match stage {
            Stage::Read { pinned, _slot } => {
                let settings = upload_settings(&forge);
                let served = if request.service == Service::UploadArchive {
                    upload::upload_archive(forge.git(), pinned.bare(), &settings, input, output).await
                } else {
                    let exchange = match request.mode {
                        Mode::Stateful => upload::Exchange::Stateful,
                        Mode::Advertise => upload::Exchange::Advertise,
                        Mode::Rpc => upload::Exchange::Stateless,
                    };
                    let protocol = &request.protocol;
                    upload::upload_pack(pinned.reader(), protocol, exchange, &settings, input, output).await
                };
                served.map(|_| true).map_err(Error::from)
            }
            Stage::Push { target, standing } => {
                let receive = Receive {
                    forge: &forge,
                    caller: &caller,
                    target: &target,
                    standing,
                    protocol: &request.protocol,
                    clock,
                };
                let parts = Parts {
                    advertise: request.mode != Mode::Rpc,
                    smart_http: request.mode == Mode::Advertise,
                    push: request.mode != Mode::Advertise,
                };
                // Each step of a push keeps the deadline and says so in its report; this is for a
                // client that does not read it, and for what is worse.
                let deadline = Duration::from_millis(forge.settings().deadline_ms) + LAST_WORDS;
                tokio::time::timeout(deadline, receive.run(parts, input, output))
                    .await
                    .map_err(|_| {
                        Error::Refused(
                            "the push did not come to its end; fetch to see whether it was done".to_owned(),
                        )
                    })?
            }
        }
    }
}

/// The folder of the packs that are kept by what was asked.
fn kept_packs(settings: &GitSettings) -> PathBuf {
    settings.cache_dir.join("packs")
}

/// Forgets every pack that is kept by what was asked.
pub(crate) async fn forget_packs(forge: &Forge) -> Result<(), Error> {
    let settings = forge.settings();
    let kept = PackCache::new(kept_packs(settings), settings.pack_cache_bytes);
    Ok(blocking(move || Ok(kept.clear()?)).await?)
}

/// The bundle of a repository that a client was told of, to be sent from its first byte to its last;
/// [`Error::NotFound`] where it is not there any more, as [`open`] where there is nothing to be seen.
pub async fn bundle(
    forge: &Forge,
    caller: &Caller,
    path: &RepoPath,
    generation: i64,
    now_ms: i64,
) -> Result<std::fs::File, Error> {
    let permit = access::read(forge, caller, path, now_ms).await?;
    let pinned = cache::open(forge, permit.on()).await?;
    let bare = pinned.bare().clone();
    let found = blocking(move || Ok(plue_git::bundle::open(&bare, generation)?)).await?;
    found.ok_or(Error::NotFound)
}

fn upload_settings(forge: &Forge) -> UploadSettings {
    let settings = forge.settings();
    UploadSettings {
        deadline: Duration::from_millis(settings.deadline_ms),
        pack_cache: settings.pack_hook.as_ref().map(|hook| PackCacheSettings {
            hook: hook.clone(),
            dir: kept_packs(settings),
            max_bytes: settings.pack_cache_bytes,
        }),
        ..UploadSettings::default()
    }
}

/// Holds a conversation over SSH, from the permit to the exit status. A refusal and its advice go
/// to the client's standard error.
pub async fn serve<R, W, E>(
    forge: &Forge,
    caller: Caller,
    request: GitRequest,
    input: R,
    output: W,
    mut errors: E,
    now_ms: i64,
) -> u32
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
    E: AsyncWrite + Unpin + Send,
{
    let request_id = caller.request_id.clone();
    let outcome = match open(forge, caller, request, now_ms).await {
        Ok(exchange) => exchange.run(input, output).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(outcome) => u32::from(!outcome.good),
        Err(error) => {
            if error.is_ours() {
                tracing::error!(request_id, error = %causes(&error), "a git conversation failed");
            }
            let said = format!("plue: {}\n", Problem::from(&error).detail);
            // A client that is gone reads nothing, and there is nobody else to tell.
            let _ = errors.write_all(said.as_bytes()).await;
            let _ = errors.flush().await;
            128
        }
    }
}

impl From<UploadError> for Error {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::ClientGone(error) => Self::of_client(&error),
            UploadError::Git(git) => Self::Internal(format!("git: {}", causes(&git))),
            said @ (UploadError::Deadline { .. } | UploadError::Idle { .. }) => {
                Self::Refused(said.to_string())
            }
            UploadError::Failed { message } => Self::Refused(message),
        }
    }
}
