//! The one place that builds things: from the configuration to open doors, and back.

use crate::config::secrets::write_private;
use crate::config::{self, Blobs as BlobSettings, Config, ConfigError, MailWay, Secret};
use crate::edge::Notifier;
use crate::github::GitHub;
use crate::host::Native;
use crate::http::Door;
use crate::http::site::{self, Addresses, Clock, Keys, Site};
use crate::id_token::IdTokens;
use crate::outgoing::Outside;
use crate::rehearsal::rehearse;
use crate::server::{self, Bounds};
use crate::ssh::InProcess;
use crate::{admin, jobs};
use metrics_exporter_prometheus::PrometheusHandle;
use plue_blobs::{BlobError, Blobs, S3Settings};
use plue_contract::seal::{Keyring, Purpose};
use plue_forge::hooks::Outward;
use plue_forge::jobs::Lane;
use plue_forge::mail::Post;
use plue_forge::{
    Chance, Forge, GitSettings, LocalGit, PasswordSettings, People, PushLimits, QueueSettings, accounts,
    backup,
};
use plue_gateway::jwt::Signer;
use plue_gateway::{AddressSource, Gateway, GatewayConfig, Keys as GatewayKeys, Statements};
use plue_git::Git;
use plue_mail::{MailError, Mailer};
use plue_ssh_bridge::{HostKeyError, HostKeys};
use plue_store::{PoolSettings, Store, StoreError};
use serde::Serialize;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the outside gives to the program: all that cannot be configured.
#[derive(Clone, Debug)]
pub struct World {
    /// Tells the time, in milliseconds since 1970.
    pub clock: Clock,
    /// Fills bytes with randomness that nobody can guess.
    pub chance: Chance,
    /// Where programs are found.
    pub path: OsString,
    /// The program itself, which git runs in place of `pack-objects`.
    pub program: Option<PathBuf>,
}

/// Why the server does not start. What the system said is the source of each.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The settings do not make a configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file or folder cannot be used.
    #[error("{what} {}", .path.display())]
    File {
        /// What was tried with it.
        what: &'static str,
        /// Which it is.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another server uses the data folder.
    #[error("another server runs on {}: stop it, or give this one a folder of its own with --data-dir", .0.display())]
    InUse(PathBuf),
    /// A port cannot be listened on.
    #[error("{door} cannot listen on {address} ({advice})")]
    Port {
        /// Which door.
        door: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
        /// What to do.
        advice: &'static str,
    },
    /// The database.
    #[error("the database that DATABASE_URL names")]
    Store(#[from] StoreError),
    /// The store of packs.
    #[error("the store of packs")]
    Blobs(#[from] BlobError),
    /// Git on this machine.
    #[error("git on this machine")]
    Git(#[from] plue_git::GitError),
    /// The forge.
    #[error(transparent)]
    Forge(#[from] plue_forge::Error),
    /// The SSH door's keys.
    #[error("the SSH host keys")]
    HostKeys(#[from] HostKeyError),
    /// What hands letters over.
    #[error("PLUE_SMTP_URL")]
    Mail(#[from] MailError),
    /// The client that tells the edge.
    #[error("EDGE_URL")]
    Edge(#[source] io::Error),
    /// The client that tells webhooks or asks GitHub.
    #[error("the certificates by which other servers are known")]
    Outside(#[source] io::Error),
    /// A door fell shut.
    #[error("{door}")]
    Door {
        /// Which door.
        door: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// Where the server answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ready {
    /// Always true.
    pub ready: bool,
    /// The origin of the HTTP door.
    pub http: String,
    /// Address and port of the SSH door, where it is open.
    pub ssh: Option<String>,
    /// The data folder.
    pub data_dir: PathBuf,
    /// The administration socket.
    pub admin_socket: PathBuf,
    /// The one-time link of the first administrator, until it was used.
    pub admin_link: Option<String>,
    /// The process.
    pub pid: u32,
}

fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AppError {
    let path = path.to_owned();
    move |source| AppError::File { what, path, source }
}

/// Makes the data folder, for this user alone, and holds it against a second server.
pub fn hold(data_dir: &Path) -> Result<(PathBuf, File), AppError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .map_err(file("cannot make the data folder", data_dir))?;
    let data_dir = data_dir
        .canonicalize()
        .map_err(file("cannot use the data folder", data_dir))?;
    let path = data_dir.join("lock");
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(file("cannot open", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok((data_dir, lock)),
        Err(TryLockError::WouldBlock) => Err(AppError::InUse(data_dir)),
        Err(TryLockError::Error(source)) => Err(file("cannot lock", &path)(source)),
    }
}

/// Opens the database that is configured.
pub async fn store(config: &Config) -> Result<Store, AppError> {
    if let Some(path) = config.database_url.strip_prefix("sqlite:")
        && let Some(dir) = Path::new(path).parent().filter(|dir| !dir.as_os_str().is_empty())
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(file("cannot make the database's folder", dir))?;
    }
    let settings = PoolSettings {
        max_connections: config.database_connections,
        ..PoolSettings::default()
    };
    Ok(Store::open(&config.database_url, settings).await?)
}

/// Opens the store of packs that is configured.
pub async fn blobs(settings: &BlobSettings) -> Result<Blobs, AppError> {
    let blobs = match settings {
        BlobSettings::Directory(dir) => Blobs::directory(dir).await?,
        BlobSettings::S3 {
            bucket,
            prefix,
            region,
            endpoint,
            path_style,
            access_key_id,
            secret_access_key: Secret(secret_access_key),
            session_token,
        } => Blobs::s3(S3Settings {
            bucket: bucket.clone(),
            prefix: prefix.clone(),
            region: region.clone(),
            endpoint: endpoint.clone(),
            path_style: *path_style,
            access_key_id: access_key_id.clone(),
            secret_access_key: secret_access_key.clone(),
            session_token: session_token.clone().map(|Secret(token)| token),
        })?,
    };
    blobs.check().await?;
    Ok(blobs)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn git_settings(config: &Config, world: &World) -> GitSettings {
    let git = &config.git;
    let defaults = GitSettings::new(&git.cache_dir);
    GitSettings {
        limits: PushLimits {
            pack_bytes: git.max_pack_bytes,
            object_bytes: git.max_object_bytes,
            refs_per_push: usize::try_from(git.max_refs_per_push).unwrap_or(usize::MAX),
            refs_per_repository: git.max_refs_per_repository,
            repository_bytes: git.max_repository_bytes,
        },
        queues: QueueSettings {
            uploads: git.reads,
            uploads_per_caller: git.reads_per_account,
            pushes: git.writes,
            pushes_per_caller: git.writes_per_account,
            wait_ms: millis(git.wait),
            ..QueueSettings::default()
        },
        pack_hook: world.program.clone().filter(|_| git.pack_cache_bytes > 0),
        cache_bytes: git.cache_bytes,
        pack_cache_bytes: git.pack_cache_bytes,
        deadline_ms: millis(git.deadline),
        restore_grace_ms: i64::try_from(millis(config.restore_grace)).unwrap_or(i64::MAX),
        expiry_grace_ms: i64::try_from(millis(config.expiry_grace)).unwrap_or(i64::MAX),
        watched: config.watcher_interval.is_some(),
        // An upload that is still going on must never look like one that was left behind.
        upload_grace_ms: defaults
            .upload_grace_ms
            .max(i64::try_from(millis(git.deadline).saturating_mul(2)).unwrap_or(i64::MAX)),
        ..defaults
    }
}

/// Builds the forge.
pub async fn forge(config: &Config, world: &World) -> Result<Forge, AppError> {
    let store = store(config).await?;
    let applied = store.migrate((world.clock)()).await?;
    if !applied.is_empty() {
        tracing::info!(?applied, "the database was brought up to date");
    }
    let program = Git::locate(&world.path).await?;
    let settings = git_settings(config, world);
    let git = tokio::task::spawn_blocking(move || LocalGit::open(program, settings))
        .await
        .expect("because opening a folder does not panic")?;
    Ok(Forge::new(plue_forge::Parts {
        store,
        blobs: blobs(&config.blobs).await?,
        git,
        chance: world.chance,
        passwords: PasswordSettings::default(),
    })?)
}

/// How people reach the site, from what is configured and where it listens.
fn addresses(config: &Config, http: SocketAddr, ssh: Option<SocketAddr>) -> Addresses {
    let public_ssh = config.ssh.as_ref().and_then(|ssh| ssh.public.clone());
    Addresses {
        http: config
            .http
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{http}")),
        ssh: ssh.map(|ssh| public_ssh.unwrap_or_else(|| ssh.to_string())),
    }
}

fn gateway_config(config: &Config, secrets: &config::secrets::Given, addresses: &Addresses) -> GatewayConfig {
    let mut gateway = GatewayConfig::new(GatewayKeys::derive(&secrets.edge, &secrets.token));
    gateway.statements = Statements::Believe;
    gateway.addresses = if config.http.trusted_proxies.is_empty() {
        AddressSource::Socket
    } else {
        AddressSource::ForwardedFrom(config.http.trusted_proxies.clone())
    };
    gateway.cors_origins = config.http.cors_origins.clone();
    gateway.public_origins = vec![addresses.http.clone()];
    gateway.secure = addresses.secure();
    for (preset, rate) in &config.http.limits {
        gateway.limits.set(*preset, *rate);
    }
    gateway
}

/// How people come to an account, and how letters reach them.
fn people(
    config: &Config,
    secrets: &config::secrets::Given,
    addresses: &Addresses,
) -> Result<People, AppError> {
    let from = &config.mail.from;
    let mailer = match &config.mail.way {
        MailWay::Nowhere => None,
        MailWay::Folder(folder) => Some(Mailer::folder(folder, from)?),
        MailWay::Smtp(Secret(url)) => Some(Mailer::smtp(url, from)?),
    };
    Ok(People {
        site: config.http.site_name.clone(),
        sign_up: config.sign_up,
        keys: Some(plue_forge::Keys {
            second_step: Keyring::derive(Purpose::SecondStep, &secrets.token),
            factor_secret: Keyring::derive(Purpose::FactorSecret, &secrets.token),
        }),
        post: mailer.map(|mailer| Post {
            mailer,
            url: addresses.http.clone(),
        }),
    })
}

/// Builds who tells the edge, where there is one, and has the forge tell it so.
fn notifier(
    config: &Config,
    secrets: &config::secrets::Given,
    world: &World,
    forge: &Forge,
) -> Result<Option<Notifier>, AppError> {
    let keys = Keyring::derive(Purpose::Notice, &secrets.edge);
    let notifier = config
        .edge_url
        .as_deref()
        .map(|url| Notifier::new(url, keys, world.clock))
        .transpose()
        .map_err(AppError::Edge)?;
    if let Some(notifier) = &notifier {
        forge.tell_edge_by(notifier.teller());
    }
    Ok(notifier)
}

/// Builds how the forge reaches addresses that people give, and has it do so.
fn reach_out(
    config: &Config,
    secrets: &config::secrets::Given,
    forge: &Forge,
    addresses: &Addresses,
) -> Result<(), AppError> {
    let outside =
        Outside::new(&config.webhooks.networks, config.webhooks.timeout).map_err(AppError::Outside)?;
    forge.reach_out_by(Outward {
        origin: addresses.http.clone(),
        keys: Keyring::derive(Purpose::HookSecret, &secrets.token),
        check: outside.checker(),
        send: outside.sender(),
    });
    Ok(())
}

/// Writes a backup of the configured forge, which may be running.
pub async fn backup(config: &Config, dir: &Path) -> Result<backup::Written, AppError> {
    let store = store(config).await?;
    let written = backup::write(&store, &blobs(&config.blobs).await?, dir).await;
    store.close().await;
    Ok(written?)
}

/// Makes the configured forge, which must be empty and not running, what a backup says.
pub async fn restore(mut config: Config, world: World, dir: &Path) -> Result<backup::Restored, AppError> {
    let (data_dir, _held) = hold(&config.data_dir)?;
    let secrets_dir = data_dir.join("secrets");
    let secrets = std::mem::take(&mut config.secrets)
        .complete(&secrets_dir, world.chance)
        .map_err(file("cannot use the secrets in", &secrets_dir))?;
    let forge = forge(&config, &world).await?;
    notifier(&config, &secrets, &world, &forge)?;
    Ok(backup::restore(&forge, dir, (world.clock)()).await?)
}

/// Builds the HTTP door and what stands behind it.
pub fn door(
    config: &Config,
    secrets: &config::secrets::Given,
    world: &World,
    forge: Forge,
    addresses: Addresses,
    figures: PrometheusHandle,
) -> Result<(Site, Door<Native>), AppError> {
    let gateway_config = gateway_config(config, secrets, &addresses);
    let notifier = notifier(config, secrets, world, &forge)?;
    forge.meet_people_by(people(config, secrets, &addresses)?);
    reach_out(config, secrets, &forge, &addresses)?;
    let github = config.github.clone();
    let github = github
        .map(|github| GitHub::new(github, &addresses.http))
        .transpose();
    let github = github.map_err(AppError::Outside)?;
    let site = Site::new(site::Parts {
        forge: forge.clone(),
        clock: world.clock,
        chance: world.chance,
        keys: Keys {
            cursor: Keyring::derive(Purpose::Cursor, &secrets.token),
            csrf: gateway_config.keys.csrf.clone(),
            introspect: Keyring::derive(Purpose::Introspect, &secrets.edge),
            bridge: Keyring::derive(Purpose::Bridge, &secrets.bridge),
            elsewhere: Keyring::derive(Purpose::Elsewhere, &secrets.token),
        },
        signer: Signer::new(&gateway_config.keys.jwt).expect("because there is a token secret by now"),
        id_tokens: IdTokens::of(&Keyring::derive(Purpose::IdToken, &secrets.token)),
        issuer: gateway_config.issuer.clone(),
        audience: gateway_config.audience.clone(),
        // What reaches people through the edge is at its address.
        origins: [
            &gateway_config.public_origins[..],
            config.edge_url.as_slice(),
            &gateway_config.cors_origins[..],
        ]
        .concat(),
        chains: config.siwe_chains.clone(),
        github,
        addresses,
        name: config.http.site_name.clone(),
        figures,
        repos_dir: config.repos_dir.clone(),
        notifier,
    });
    let native = Native::new(forge, world.clock, world.chance);
    let door = Door::new(
        Gateway::new(native, gateway_config),
        site.clone(),
        config.http.body_idle_timeout,
    );
    Ok((site, door))
}

async fn listen(
    door: &'static str,
    address: SocketAddr,
    advice: &'static str,
) -> Result<(TcpListener, SocketAddr), AppError> {
    let failed = |source| AppError::Port {
        door,
        address,
        source,
        advice,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

async fn host_keys(config: &config::Ssh, data_dir: &Path) -> Result<HostKeys, AppError> {
    let (paths, dir) = (config.host_keys.clone(), data_dir.join("ssh"));
    let load = move || {
        if paths.is_empty() {
            HostKeys::load_or_generate(&dir)
        } else {
            HostKeys::from_files(&paths)
        }
    };
    Ok(tokio::task::spawn_blocking(load)
        .await
        .expect("because reading keys does not panic")?)
}

/// Keeps the first administrator's one-time token where only this user reads it, and takes the
/// file away once the token is of no use.
fn keep_admin_token(data_dir: &Path, token: Option<&str>) -> Result<(), AppError> {
    let path = data_dir.join("admin-token");
    match token {
        Some(token) => write_private(&path, &format!("{token}\n")).map_err(file("cannot write", &path)),
        None => match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file("cannot remove", &path)(error)),
            _ => Ok(()),
        },
    }
}

/// Serves until `shutdown` resolves, and lets what is running finish. `ready` is called once, when
/// every door answers.
pub async fn serve(
    mut config: Config,
    world: World,
    figures: PrometheusHandle,
    ready: impl FnOnce(&Ready),
    shutdown: impl Future<Output = ()>,
) -> Result<(), AppError> {
    config.secrets.check(config.environment)?;
    let (data_dir, _held) = hold(&config.data_dir)?;
    let secrets_dir = data_dir.join("secrets");
    let secrets = std::mem::take(&mut config.secrets)
        .complete(&secrets_dir, world.chance)
        .map_err(file("cannot use the secrets in", &secrets_dir))?;

    let (http, http_address) =
        listen("HTTP", config.http.address, "another port: --http ADDRESS:PORT").await?;
    let ssh = match &config.ssh {
        None => None,
        Some(ssh) => {
            let (listener, address) = listen(
                "SSH",
                ssh.address,
                "another port: --ssh ADDRESS:PORT; none: --no-ssh",
            )
            .await?;
            Some((
                listener,
                address,
                host_keys(ssh, &data_dir).await?,
                ssh.door.clone(),
            ))
        }
    };
    let ssh_address = ssh.as_ref().map(|(_, address, ..)| *address);
    let admin_socket = data_dir.join(admin::SOCKET);
    let forge = forge(&config, &world).await?;
    let link = accounts::first_start(&forge, (world.clock)()).await?;
    keep_admin_token(&data_dir, link.as_ref().map(|link| link.token.as_str()))?;
    plue_forge::jobs::plant(&forge, (world.clock)()).await?;

    let addresses = addresses(&config, http_address, ssh_address);
    let (site, door) = door(&config, &secrets, &world, forge, addresses, figures)?;

    let admin = admin::listen(&data_dir).map_err(file("cannot open", &admin_socket))?;
    let (stop, stopped) = watch::channel(false);
    let until_stopped = || {
        let mut stopped = stopped.clone();
        async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }
    };
    let bounds = Bounds {
        header_timeout: config.http.header_timeout,
        write_timeout: config.http.body_idle_timeout,
        max_connections: config.http.max_connections,
        max_connections_per_address: config.http.max_connections_per_address,
        peers: [&config.http.peers[..], &config.http.trusted_proxies[..]].concat(),
        shutdown_grace: config.http.shutdown_grace,
    };
    rehearse(&site).await;
    let answer = {
        let door = door.clone();
        move |request, peer: SocketAddr| {
            let door = door.clone();
            async move { door.answer(request, Some(peer.ip())).await }
        }
    };
    let http = server::serve(http, bounds, answer, until_stopped());
    let ssh = async {
        match ssh {
            None => Ok(()),
            Some((listener, _, keys, door)) => {
                plue_ssh_bridge::serve(door, keys, InProcess(site.clone()), listener, until_stopped()).await
            }
        }
    };
    let admin = admin::serve(admin, site.clone(), until_stopped());
    let chores = tokio::spawn(chores(
        site.clone(),
        door,
        config.cache_interval,
        config.watcher_interval,
    ));

    ready(&Ready {
        ready: true,
        http: format!("http://{http_address}"),
        ssh: ssh_address.map(|address| address.to_string()),
        data_dir,
        admin_socket: admin_socket.clone(),
        admin_link: link.map(|link| admin::link_address(&site, &link)),
        pid: std::process::id(),
    });
    let live = site.live().clone();
    let telling = async {
        shutdown.await;
        tracing::info!("stopping: running requests may finish");
        live.close();
        let _ = stop.send(true);
    };
    let (http, ssh, (), ()) = tokio::join!(http, ssh, admin, telling);
    chores.abort();
    let _ = fs::remove_file(&admin_socket);
    let shut = |door| move |source| AppError::Door { door, source };
    http.map_err(shut("the HTTP door"))?;
    ssh.map_err(shut("the SSH door"))
}

/// What goes on beside the doors, until it is aborted.
async fn chores(
    site: Site,
    door: Door<Native>,
    cache_interval: Duration,
    watcher_interval: Option<Duration>,
) {
    let mut id = [0; 16];
    (site.chance)(&mut id);
    let worker: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let watcher = async {
        if let Some(every) = watcher_interval {
            jobs::watch(&site, every).await;
        }
    };
    let sweeping = async {
        loop {
            tokio::time::sleep(Duration::from_secs(60)).await;
            door.host().sweep();
        }
    };
    tokio::join!(
        jobs::run(&site, Lane::Whole, &worker),
        jobs::run(&site, Lane::Mail, &worker),
        jobs::run(&site, Lane::Hooks, &worker),
        jobs::run(&site, Lane::People, &worker),
        jobs::run(&site, Lane::Rest, &worker),
        jobs::evict(&site, cache_interval),
        watcher,
        jobs::count(&site),
        sweeping
    );
}
