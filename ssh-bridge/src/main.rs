//! `plue-ssh-bridge`: the SSH door on a host of its own, in front of a coordinator elsewhere.
//!
//! Only here are the environment and the clock read.

mod figures;

use anyhow::Context;
use clap::Parser;
use plue_ssh_bridge::{BridgeConfig, HostKeys, Network, Remote, RemoteConfig};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Carries git over SSH to a Plue coordinator on another host.
#[derive(Parser)]
#[command(version, about)]
struct Options {
    /// The coordinator's internal interface: http://HOST:PORT or https://HOST[:PORT]
    #[arg(long, env = "COORDINATOR_URL")]
    coordinator_url: String,
    /// A PEM file of the certificates that vouch for an https coordinator (default: the system's)
    #[arg(long, env = "COORDINATOR_CA", value_name = "FILE")]
    coordinator_ca: Option<PathBuf>,
    /// The secret shared with the coordinator, at least 32 random bytes
    #[arg(long, env = "PLUE_BRIDGE_SECRET", hide_env_values = true, default_value = "")]
    bridge_secret: String,
    /// The address to listen on
    #[arg(long, env = "SSH_HOST", default_value = "0.0.0.0")]
    host: IpAddr,
    /// The port to listen on; 0 takes a free one
    #[arg(long, env = "SSH_PORT", default_value_t = 2222)]
    port: u16,
    /// Where the host keys are kept, and made if they are missing
    #[arg(
        long,
        env = "SSH_HOST_KEY_DIR",
        value_name = "DIR",
        default_value = "data/ssh"
    )]
    host_key_dir: PathBuf,
    /// Host keys to use instead, as files separated by commas
    #[arg(long, env = "SSH_HOST_KEYS", value_name = "FILES", value_delimiter = ',')]
    host_keys: Vec<PathBuf>,
    /// A text that clients show before they authenticate
    #[arg(long, env = "SSH_BANNER")]
    banner: Option<String>,
    /// Let the user `anonymous` read public repositories without a key
    #[arg(long, env = "SSH_ANONYMOUS_READ")]
    anonymous_read: bool,
    /// Balancers that send a PROXY header, as networks separated by commas
    #[arg(
        long,
        env = "SSH_PROXY_NETWORKS",
        value_name = "NETWORKS",
        value_delimiter = ','
    )]
    proxy_networks: Vec<Network>,
    /// How many connections may be open in all
    #[arg(long, env = "SSH_MAX_CONNECTIONS", default_value_t = BridgeConfig::default().max_connections)]
    max_connections: usize,
    /// How many of them may be held by clients that have not authenticated yet
    #[arg(
        long,
        env = "SSH_MAX_UNAUTHENTICATED",
        default_value_t = BridgeConfig::default().max_unauthenticated
    )]
    max_unauthenticated: usize,
    /// How many connections one address may hold
    #[arg(
        long,
        env = "SSH_MAX_PER_IP_CONNECTIONS",
        default_value_t = BridgeConfig::default().max_connections_per_address
    )]
    max_per_ip_connections: u32,
    /// How many connections one address may begin in a minute
    #[arg(
        long,
        env = "SSH_RATE_LIMIT_PER_MINUTE",
        default_value_t = BridgeConfig::default().max_new_per_minute
    )]
    rate_limit_per_minute: u32,
    /// How many connections in a row may end with refused keys before their address is banned
    #[arg(
        long,
        env = "SSH_MAX_AUTH_FAILURES",
        default_value_t = BridgeConfig::default().max_auth_failures
    )]
    max_auth_failures: u32,
    /// How long the first ban lasts, in seconds; each further one lasts twice as long
    #[arg(
        long,
        env = "SSH_INITIAL_BAN_DURATION",
        value_name = "SECONDS",
        default_value_t = BridgeConfig::default().initial_ban.as_secs()
    )]
    initial_ban_duration: u64,
    /// How long a ban lasts at most, in seconds
    #[arg(
        long,
        env = "SSH_MAX_BAN_DURATION",
        value_name = "SECONDS",
        default_value_t = BridgeConfig::default().max_ban.as_secs()
    )]
    max_ban_duration: u64,
    /// How long a client may take to agree on keys, in seconds
    #[arg(
        long,
        env = "SSH_HANDSHAKE_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = BridgeConfig::default().handshake_timeout.as_secs()
    )]
    handshake_timeout: u64,
    /// How long it may take after that to authenticate, in seconds
    #[arg(
        long,
        env = "SSH_AUTH_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = BridgeConfig::default().auth_timeout.as_secs()
    )]
    auth_timeout: u64,
    /// How long an idle connection is kept, in seconds
    #[arg(
        long,
        env = "SSH_IDLE_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = BridgeConfig::default().idle_timeout.as_secs()
    )]
    idle_timeout: u64,
    /// How long running commands may go on after a shutdown began, in seconds
    #[arg(
        long,
        env = "SSH_SHUTDOWN_GRACE",
        value_name = "SECONDS",
        default_value_t = BridgeConfig::default().shutdown_grace.as_secs()
    )]
    shutdown_grace: u64,
    /// Where to show figures for Prometheus, as 127.0.0.1:9100 (default: nowhere)
    #[arg(long, env = "SSH_METRICS_ADDR", value_name = "ADDR")]
    metrics_addr: Option<SocketAddr>,
    /// Which log lines to write, as `info` or `plue_ssh_bridge=debug`
    #[arg(long, env = "PLUE_LOG", default_value = "info")]
    log: String,
}

impl Options {
    fn bridge(&self) -> BridgeConfig {
        BridgeConfig {
            banner: self.banner.clone().filter(|text| !text.is_empty()),
            anonymous_read: self.anonymous_read,
            proxies: self.proxy_networks.clone(),
            max_connections: self.max_connections,
            max_unauthenticated: self.max_unauthenticated,
            max_connections_per_address: self.max_per_ip_connections,
            max_new_per_minute: self.rate_limit_per_minute,
            max_auth_failures: self.max_auth_failures,
            initial_ban: Duration::from_secs(self.initial_ban_duration),
            max_ban: Duration::from_secs(self.max_ban_duration),
            handshake_timeout: Duration::from_secs(self.handshake_timeout),
            auth_timeout: Duration::from_secs(self.auth_timeout),
            idle_timeout: Duration::from_secs(self.idle_timeout),
            shutdown_grace: Duration::from_secs(self.shutdown_grace),
            ..BridgeConfig::default()
        }
    }

    fn remote(&self) -> RemoteConfig {
        RemoteConfig {
            url: self.coordinator_url.clone(),
            ca: self.coordinator_ca.clone(),
            secret: self.bridge_secret.clone(),
            now_ms: || {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            },
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_new(&options.log).context("PLUE_LOG")?)
        .with_writer(std::io::stderr)
        .init();
    let remote = Remote::new(&options.remote())?;
    let (dir, files) = (options.host_key_dir.clone(), options.host_keys.clone());
    let keys = tokio::task::spawn_blocking(move || {
        if files.is_empty() {
            HostKeys::load_or_generate(&dir)
        } else {
            HostKeys::from_files(&files)
        }
    })
    .await??;
    let listener = TcpListener::bind((options.host, options.port))
        .await
        .with_context(|| format!("listening on {} port {}", options.host, options.port))?;
    let mut lines = format!("ssh://{}\n", listener.local_addr()?);
    for fingerprint in keys.fingerprints() {
        lines.push_str(&fingerprint);
        lines.push('\n');
    }
    if let Err(error) = std::io::stdout().write_all(lines.as_bytes()) {
        tracing::debug!(%error, "nobody reads the address");
    }
    if let Some(address) = options.metrics_addr {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("showing figures on {address}"))?;
        tracing::info!(address = %listener.local_addr()?, "showing figures");
        tokio::spawn(figures::show(listener, figures::keep()?));
    }
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let shutdown = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        tracing::info!("stopping: no new connections; running commands may finish");
    };
    plue_ssh_bridge::serve(options.bridge(), keys, remote, listener, shutdown).await?;
    Ok(())
}
