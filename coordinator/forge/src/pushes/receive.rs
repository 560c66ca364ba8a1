//! The server's side of `git receive-pack`: steps 3, 4 and 9 of a push. There are no hooks and no
//! second program; what the pusher reads is written here.

use super::accept::accept;
use super::{Accepted, Ground, Proposal, took_too_long};
use crate::access::repositories::PushTarget;
use crate::cache::Pinned;
use crate::clock::Clock;
use crate::failpoints::hit;
use crate::repositories::{DEFAULT_BOOKMARK, Making, Visibility};
use crate::{Error, Forge};
use plue_contract::{Caller, Problem, causes};
use plue_git::cache::PackedRef;
use plue_git::oid::{ObjectFormat, Oid};
use plue_git::quarantine::{QuarantineError, QuarantineLimits};
use plue_git::refname::RefName;
use plue_git::wire::Protocol;
use plue_git::wire::pkt::PktError;
use plue_git::wire::receive::{self, Advertisement, ReceiveError, ReceiveLimits, ReceiveRequest};
use plue_git::wire::reply::{RefReport, Reply, Report, ReportKind};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::Instrument;

/// What the server calls itself.
pub(crate) const AGENT: &str = concat!("plue/", env!("CARGO_PKG_VERSION"));
/// How often a pusher who waits hears that the server is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// How long a pusher may take to say what is to be pushed; hooks of the client run in this time.
const COMMANDS_TIME: Duration = Duration::from_secs(600);
/// How much of a push that was refused early is still read, so that the client reads the answer
/// instead of a broken connection.
const DRAIN_BYTES: u64 = 256 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(20);

/// One push, from a permit to its report.
pub(crate) struct Receive<'a> {
    pub(crate) forge: &'a Forge,
    pub(crate) caller: &'a Caller,
    pub(crate) target: &'a PushTarget,
    /// The copy of a repository that is there, and its refs; none where the push is to make it.
    pub(crate) standing: Option<(Pinned, Vec<PackedRef>)>,
    pub(crate) protocol: &'a Protocol,
    pub(crate) clock: Clock,
}

/// Which parts of the conversation this request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// The refs are told first.
    pub(crate) advertise: bool,
    /// The advertisement is an HTTP body of its own.
    pub(crate) smart_http: bool,
    /// Then the push follows.
    pub(crate) push: bool,
}

impl Receive<'_> {
    /// Holds the conversation; whether the pusher got what was wanted.
    pub(crate) async fn run<R, W>(mut self, parts: Parts, input: R, mut output: W) -> Result<bool, Error>
    where
        R: AsyncRead + Unpin + Send,
        W: AsyncWrite + Unpin + Send,
    {
        hit("push-2-pinned")?;
        let refs = self.standing.as_ref().map_or(&[][..], |(_, refs)| refs);
        let format = self.format();
        if parts.advertise {
            let refs: Vec<(RefName, Oid)> = refs.iter().map(|each| (each.name.clone(), each.oid)).collect();
            let advertisement = Advertisement {
                format,
                protocol: self.protocol,
                smart_http: parts.smart_http,
                refs: &refs,
                agent: AGENT,
            };
            receive::advertise(&mut output, &advertisement).await?;
        }
        if !parts.push {
            return Ok(true);
        }
        let limits = ReceiveLimits {
            commands: self.forge.settings().limits.refs_per_push,
            ..ReceiveLimits::default()
        };
        let mut source = input;
        let read = receive::read_request(&mut source, format, &limits);
        let left = COMMANDS_TIME.min(self.time_left());
        let Ok(read) = tokio::time::timeout(left, read).await else {
            return Err(Error::Refused(format!(
                "nothing was pushed within {} s",
                left.as_secs()
            )));
        };
        let (request, mut input) = match read {
            Ok(None) => return Ok(true),
            Ok(Some(read)) => read,
            Err(refusal) => {
                let reply = Reply::new(output, refusal.sideband, ReportKind::None, false);
                let why = match &refusal.reason {
                    ReceiveError::Pkt(PktError::Io(error)) => Problem::from(&Error::of_client(error)).detail,
                    reason => reason.to_string(),
                };
                reply.fatal(&format!("{why}\n")).await?;
                drain(&mut source).await;
                return Ok(false);
            }
        };
        hit("push-3-read")?;
        let mut reply = Reply::for_request(output, &request);
        let mut whole = false;
        let outcome = self.take(&request, &mut input, &mut reply, &mut whole).await;
        let report = match &outcome {
            Ok(accepted) => self.told(accepted, &request, &mut reply).await?,
            Err(error) => refused(error, &request),
        };
        let good = report.unpack.is_ok() && report.refs.iter().all(|each| each.outcome.is_ok());
        reply.finish(&report).await?;
        hit("push-9-reported")?;
        if !whole {
            drain(&mut input).await;
        }
        match outcome {
            // What the pusher reads is general; the cause is for the log.
            Err(error) if error.is_internal() => Err(error),
            Err(error) if error.is_ours() => {
                tracing::error!(error = %causes(&error), "a push failed");
                Ok(good)
            }
            _ => Ok(good),
        }
    }

    fn time_left(&self) -> Duration {
        self.clock.left(self.forge.settings().deadline_ms)
    }

    fn format(&self) -> ObjectFormat {
        match self.target {
            PushTarget::Existing(repository) => repository.object_format,
            PushTarget::New { .. } => ObjectFormat::Sha1,
        }
    }

    /// Steps 4 to 8. `whole` turns true when the client has nothing more to send.
    async fn take<R, W>(
        &mut self,
        request: &ReceiveRequest,
        input: &mut R,
        reply: &mut Reply<W>,
        whole: &mut bool,
    ) -> Result<Accepted, Error>
    where
        R: AsyncRead + Unpin + Send,
        W: AsyncWrite + Unpin + Send,
    {
        *whole = !request.expects_pack;
        let ground = self.ground().await?;
        let slot = self.forge.local_git().pushes.enter(self.caller).await?;
        let mut quarantine = ground.quarantine(self.forge).await?;
        if request.expects_pack {
            let limits = self.quarantine_limits();
            let received = quarantine.receive(self.forge.git(), input, &limits, reply).await;
            received.map_err(|error| match error {
                QuarantineError::Deadline { .. } => took_too_long(self.forge),
                QuarantineError::Refused(words) if !request.shallow.is_empty() => Error::Refused(format!(
                    "{words}; your clone is shallow: run `git fetch --unshallow`, then push again"
                )),
                error => error.into(),
            })?;
            *whole = true;
        }
        hit("push-4-indexed")?;
        let proposal = Proposal {
            updates: request.updates.clone(),
            atomic: request.atomic,
            options: request.push_options.clone(),
            shallow: !request.shallow.is_empty(),
        };
        if request.updates.is_empty() || (request.atomic && !request.refused.is_empty()) {
            let why = || Err("atomic push: another ref was refused".to_owned());
            return Ok(Accepted {
                push: None,
                created: None,
                refs: proposal
                    .updates
                    .into_iter()
                    .map(|update| (update.name, why()))
                    .collect(),
            });
        }
        // In a task of its own: a pusher who hangs up now has sent everything, and a push that is
        // half done should not depend on who is listening.
        let (forge, caller, clock) = (self.forge.clone(), self.caller.clone(), self.clock);
        let accepting = async move {
            let _slot = slot;
            accept(&forge, &caller, &ground, &quarantine, &proposal, &clock).await
        };
        let mut accepting = tokio::spawn(accepting.in_current_span());
        loop {
            match tokio::time::timeout(KEEP_ALIVE, &mut accepting).await {
                Ok(Ok(outcome)) => return outcome,
                Ok(Err(died)) => return Err(Error::Internal(format!("accepting a push: {died}"))),
                Err(_) => reply.keep_alive().await?,
            }
        }
    }

    async fn ground(&mut self) -> Result<Ground, Error> {
        match (self.target, self.standing.take()) {
            (PushTarget::Existing(repository), Some((pinned, refs))) => {
                let tips = refs.into_iter().map(|each| each.oid).collect();
                Ok(Ground::existing(repository.clone(), pinned, tips))
            }
            (PushTarget::Existing(_), None) => Err(Error::Internal("a push without a copy".to_owned())),
            (PushTarget::New { owner_id, path }, _) => {
                let making = Making {
                    owner_id: *owner_id,
                    path: path.clone(),
                    description: String::new(),
                    visibility: Visibility::Private,
                    object_format: ObjectFormat::Sha1,
                    default_bookmark: DEFAULT_BOOKMARK.to_owned(),
                    uuid: self.forge.uuid(),
                };
                Ground::new(self.forge, making).await
            }
        }
    }

    fn quarantine_limits(&self) -> QuarantineLimits {
        let settings = self.forge.settings();
        QuarantineLimits {
            pack_bytes: settings.limits.pack_bytes,
            object_bytes: settings.limits.object_bytes,
            deadline: self.time_left(),
            ..QuarantineLimits::default()
        }
    }

    /// The report of a push that went to the end, and what else the pusher should know.
    async fn told<W>(
        &self,
        accepted: &Accepted,
        request: &ReceiveRequest,
        reply: &mut Reply<W>,
    ) -> Result<Report, Error>
    where
        W: AsyncWrite + Unpin + Send,
    {
        if let Some(push) = &accepted.push {
            let request_id = &self.caller.request_id;
            tracing::info!(%push, request_id, refs = accepted.refs.len(), "a push was accepted");
        }
        if let Some(created) = &accepted.created {
            let path = created.path();
            let what = format!("Created the private repository {path}. Its owner can make it public.\n");
            reply.progress(&what).await?;
        }
        let refs = accepted.refs.iter().map(|(name, outcome)| match outcome {
            Ok(()) => RefReport::ok(name),
            Err(why) => RefReport::refused(name.as_str().as_bytes().to_vec(), why.as_str()),
        });
        Ok(Report {
            unpack: Ok(()),
            refs: refs.chain(misnamed(request)).collect(),
        })
    }
}

/// The reports on refs whose names cannot be.
fn misnamed(request: &ReceiveRequest) -> impl Iterator<Item = RefReport> {
    request
        .refused
        .iter()
        .map(|refused| RefReport::refused(refused.name.clone(), refused.reason.to_string()))
}

/// The report of a push that was refused as a whole.
fn refused(error: &Error, request: &ReceiveRequest) -> Report {
    let why = Problem::from(error).detail;
    let names = request
        .updates
        .iter()
        .map(|update| update.name.as_str().as_bytes().to_vec());
    Report {
        refs: names
            .map(|name| RefReport::refused(name, "the push was refused"))
            .chain(misnamed(request))
            .collect(),
        unpack: Err(why),
    }
}

async fn drain<R: AsyncRead + Unpin>(input: &mut R) {
    // Whoever still sends after this reads of a broken connection.
    let _ = tokio::time::timeout(DRAIN_TIME, receive::drain(input, DRAIN_BYTES)).await;
}

impl From<QuarantineError> for Error {
    fn from(error: QuarantineError) -> Self {
        match error {
            QuarantineError::CacheChanged(_) => Self::Busy { retry_after_s: 1 },
            error if error.is_pushers_fault() => Self::Refused(error.to_string()),
            QuarantineError::Io(io) => io.into(),
            QuarantineError::Client(error) => Self::of_client(&error),
            error => Self::Internal(format!("quarantine: {}", causes(&error))),
        }
    }
}
