//! Accepts connections, keeps watch over each, and lets them go.

use crate::backend::{Backend, Connection};
use crate::config::BridgeConfig;
use crate::door::{Door, Phase, Progress};
use crate::guard::Guard;
use crate::host_keys::HostKeys;
use crate::proxy;
use crate::refusal::{self, SERVER_ID};
use crate::session::Client;
use crate::socket::{Socket, Valve};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::server::RunningSession;
use russh::{Disconnect, MethodKind, MethodSet, Preferred, SshId, cipher, compression, kex, mac};
use std::borrow::Cow;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many refused clients may be told why at the same time; others are just closed.
const MAX_FAREWELLS: usize = 64;
/// How long a client may take to close its side after it was told to leave.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a client may take to leave after its commands were stopped.
const CLOSED_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client has to read the end of its last command before it is told to leave, which
/// makes OpenSSH forget what it has not shown yet.
const LAST_READ_MS: u64 = 1_000;
/// How often a connection that should go is looked at.
const GOING_TICK: Duration = Duration::from_millis(100);
/// How often an open connection is looked at, at most and at least.
const MAX_TICK: Duration = Duration::from_secs(30);
const MIN_TICK: Duration = Duration::from_millis(50);
/// The window that a channel gets: a fast line of 100 ms is filled at 160 MB/s.
const WINDOW_BYTES: u32 = 16 * 1024 * 1024;
/// The largest packet that is accepted.
const PACKET_BYTES: u32 = 65_535;
/// How many packets of output are gathered before they are written to the socket.
const GATHERED_PACKETS: usize = 16;

/// Serves until `shutdown` is ready; then accepts no more, and lets running commands finish
/// within the configured grace.
pub async fn serve<B: Backend>(
    config: BridgeConfig,
    keys: HostKeys,
    backend: B,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let protocol = Arc::new(protocol(&config, keys));
    let places = Arc::new(Semaphore::new(config.max_connections));
    let waiting = Arc::new(Semaphore::new(config.max_unauthenticated));
    let farewells = Arc::new(Semaphore::new(MAX_FAREWELLS));
    let door = Arc::new(Door {
        guard: Guard::new(&config),
        backend,
        config,
        began: Instant::now(),
        closing: CancellationToken::new(),
        closed: CancellationToken::new(),
    });
    let connections = TaskTracker::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, or the like: it passes when others close.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (Ok(place), Ok(waiting)) = (
            places.clone().try_acquire_owned(),
            waiting.clone().try_acquire_owned(),
        ) else {
            metrics::counter!("plue_ssh_refused_total", "reason" => "full").increment(1);
            let text = "The forge holds as many connections as it can; please try again in a minute.";
            bid_farewell(&connections, &farewells, stream, text.to_owned());
            continue;
        };
        connections.spawn(keep(
            door.clone(),
            protocol.clone(),
            connections.clone(),
            farewells.clone(),
            stream,
            peer,
            place,
            waiting,
        ));
    }
    drop(listener);
    door.closing.cancel();
    connections.close();
    if tokio::time::timeout(door.config.shutdown_grace, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!("commands were stopped at the end of the grace");
        door.closed.cancel();
        connections.wait().await;
    }
    Ok(())
}

fn bid_farewell(connections: &TaskTracker, farewells: &Arc<Semaphore>, stream: TcpStream, text: String) {
    if let Ok(turn) = farewells.clone().try_acquire_owned() {
        connections.spawn(async move {
            refusal::send(stream, &text).await;
            drop(turn);
        });
    }
}

/// One place at an address, given back when dropped.
struct Admitted<B: Backend> {
    door: Arc<Door<B>>,
    address: IpAddr,
}

impl<B: Backend> Drop for Admitted<B> {
    fn drop(&mut self) {
        self.door.guard.leave(self.address);
        metrics::gauge!("plue_ssh_connections").decrement(1.0);
    }
}

/// Keeps one connection from its first byte to its last.
#[expect(
    clippy::too_many_arguments,
    reason = "it takes over all that one connection owns"
)]
async fn keep<B: Backend>(
    door: Arc<Door<B>>,
    protocol: Arc<russh::server::Config>,
    connections: TaskTracker,
    farewells: Arc<Semaphore>,
    mut stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
    waiting: OwnedSemaphorePermit,
) {
    // Held to the end, unlike the other, which the client gives back when it has authenticated.
    let _place = place;
    let began = Instant::now();
    let peer = peer.ip().to_canonical();
    let mut address = peer;
    if door.config.proxies.iter().any(|network| network.contains(peer)) {
        let header = tokio::time::timeout(door.config.handshake_timeout, proxy::read(&mut stream)).await;
        match header {
            Ok(Ok(client)) => address = client.unwrap_or(peer),
            Ok(Err(error)) => {
                tracing::warn!(%peer, %error, "a balancer's connection was closed");
                return;
            }
            Err(_) => return,
        }
    }
    if let Err(refusal) = door.guard.admit(address, door.now_ms()) {
        tracing::debug!(%address, ?refusal, "refused");
        let reason = match refusal {
            crate::guard::Refusal::TooManyOpen => "address_full",
            crate::guard::Refusal::TooFast { .. } => "too_fast",
            crate::guard::Refusal::Banned { .. } => "banned",
        };
        metrics::counter!("plue_ssh_refused_total", "reason" => reason).increment(1);
        bid_farewell(&connections, &farewells, stream, refusal::text(refusal));
        return;
    }
    metrics::gauge!("plue_ssh_connections").increment(1.0);
    let admitted = Admitted {
        door: door.clone(),
        address,
    };
    let Some(connection) = connection(address) else {
        return;
    };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the socket is gone already");
        return;
    }
    let valve = Arc::new(Valve::default());
    let progress = Arc::new(Progress::default());
    let client = Client::new(
        door.clone(),
        connection.clone(),
        progress.clone(),
        valve.clone(),
        waiting,
    );
    let socket = Socket::new(stream, valve.clone());
    let greeted = tokio::time::timeout(
        door.config.handshake_timeout,
        russh::server::run_stream(protocol, socket, client),
    );
    let session = match greeted.await {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => {
            tracing::debug!(connection = connection.id, %error, "no handshake");
            return;
        }
        Err(_) => return,
    };
    progress.set_handle(session.handle());
    watch(&door, &connection, session, &progress, &valve, began).await;
    if progress.phase() != Phase::Open
        && progress.was_refused()
        && let Some(ban_ms) = door.guard.failed(address, door.now_ms())
    {
        tracing::warn!(%address, ban_s = ban_ms / 1_000, "banned after refused keys");
        metrics::counter!("plue_ssh_bans_total").increment(1);
    }
    drop(admitted);
}

/// A name for a connection that no other has; none where the system has no randomness.
fn connection(address: IpAddr) -> Option<Connection> {
    match getrandom::u64() {
        Ok(number) => Some(Connection {
            id: format!("{number:016x}"),
            address,
        }),
        Err(error) => {
            tracing::error!(%error, "the system gives no random numbers");
            None
        }
    }
}

/// Why a connection has to go.
enum Going {
    /// At once, without a word.
    Cut,
    /// With a word.
    Told(Disconnect, &'static str),
}

/// Waits for the session's end, and brings it about where the client is too slow, too silent, or
/// the door closes.
async fn watch<B: Backend>(
    door: &Door<B>,
    connection: &Connection,
    mut session: RunningSession<Client<B>>,
    progress: &Progress,
    valve: &Valve,
    began: Instant,
) {
    let mut told: Option<Instant> = None;
    let mut closed: Option<Instant> = None;
    let mut moved = (valve.moved_bytes(), Instant::now());
    let idle_tick = (door.config.idle_timeout / 4).clamp(MIN_TICK, MAX_TICK);
    loop {
        let next = match progress.phase() {
            _ if told.is_some() || door.closing.is_cancelled() => Instant::now() + GOING_TICK,
            Phase::Handshake => began + door.config.handshake_timeout,
            Phase::Auth => began + door.config.handshake_timeout + door.config.auth_timeout,
            Phase::Open => Instant::now() + idle_tick,
        };
        tokio::select! {
            ended = &mut session => {
                if let Err(error) = ended {
                    tracing::debug!(connection = connection.id, %error, "the session ended");
                }
                return;
            }
            () = tokio::time::sleep_until(next) => {}
            () = door.closing.cancelled(), if !door.closing.is_cancelled() => {}
        }
        let bytes = valve.moved_bytes();
        if bytes != moved.0 {
            moved = (bytes, Instant::now());
        }
        if let Some(since) = told {
            if since.elapsed() > LEAVE_TIMEOUT {
                valve.cut();
            }
            continue;
        }
        if door.closed.is_cancelled() {
            closed.get_or_insert_with(Instant::now);
        }
        if closed.is_some_and(|since| since.elapsed() > CLOSED_TIMEOUT) {
            valve.cut();
            told = Some(Instant::now());
            continue;
        }
        match overdue(door, progress, began, moved.1) {
            None => {}
            Some(Going::Cut) => {
                valve.cut();
                told = Some(Instant::now());
            }
            Some(Going::Told(reason, text)) => {
                progress.disconnect(reason, text);
                told = Some(Instant::now());
            }
        }
    }
}

fn overdue<B: Backend>(door: &Door<B>, progress: &Progress, began: Instant, moved: Instant) -> Option<Going> {
    let config = &door.config;
    let unused_ms = door.now_ms().saturating_sub(progress.used_ms());
    if door.closing.is_cancelled() && progress.commands() == 0 && unused_ms >= LAST_READ_MS {
        return Some(Going::Told(
            Disconnect::ByApplication,
            "The forge is being restarted; please try again in a minute.",
        ));
    }
    match progress.phase() {
        Phase::Handshake => (began.elapsed() >= config.handshake_timeout).then_some(Going::Cut),
        Phase::Auth => {
            let late = began.elapsed() >= config.handshake_timeout + config.auth_timeout;
            late.then_some(Going::Told(
                Disconnect::ByApplication,
                "Signing in took too long; please try again.",
            ))
        }
        Phase::Open if moved.elapsed() >= config.idle_timeout => Some(Going::Cut),
        Phase::Open if progress.commands() == 0 => (u128::from(unused_ms) >= config.idle_timeout.as_millis())
            .then_some(Going::Told(
                Disconnect::ByApplication,
                "The connection was idle for too long.",
            )),
        Phase::Open => None,
    }
}

/// What the protocol may negotiate: no compression, no SHA-1, public keys only.
fn protocol(config: &BridgeConfig, keys: HostKeys) -> russh::server::Config {
    let mut methods = MethodSet::empty();
    methods.push(MethodKind::PublicKey);
    russh::server::Config {
        server_id: SshId::Standard(Cow::Borrowed(SERVER_ID)),
        methods,
        keys: keys.into_keys(),
        // A key is known or not, and says so itself; there is no secret whose guessing a delay
        // would slow.
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        max_auth_attempts: config.max_auth_attempts,
        window_size: WINDOW_BYTES,
        maximum_packet_size: PACKET_BYTES,
        event_buffer_size: GATHERED_PACKETS,
        // The door keeps its own watch: a command may be silent for longer than a user.
        inactivity_timeout: None,
        keepalive_interval: Some(config.keepalive),
        keepalive_max: 3,
        preferred: Preferred {
            kex: Cow::Borrowed(KEX),
            key: Cow::Borrowed(KEYS),
            cipher: Cow::Borrowed(CIPHERS),
            mac: Cow::Borrowed(MACS),
            compression: Cow::Borrowed(&[compression::NONE]),
            ..Preferred::DEFAULT
        },
        ..russh::server::Config::default()
    }
}

const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_G16_SHA512,
    kex::DH_G14_SHA256,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
];

const KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP384,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP521,
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha512),
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha256),
    },
];

const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

const MACS: &[mac::Name] = &[
    mac::HMAC_SHA256_ETM,
    mac::HMAC_SHA512_ETM,
    mac::HMAC_SHA256,
    mac::HMAC_SHA512,
];
