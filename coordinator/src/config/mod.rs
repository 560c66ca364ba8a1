//! What an operator may set, read once at the start into typed structs.
//!
//! Nothing here reads the environment or a clock: values come from [`Source`]s that `main` fills.
//! What the settings build is in `app`.

pub mod secrets;
pub mod source;
pub mod variables;

pub use source::{Map, Source};

use plue_forge::mail;
use plue_gateway::AddressRange;
use plue_gateway::limits::{Preset, Rate};
use plue_ssh_bridge::Network;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use variables::{INSTEAD, OF_OTHER_PROGRAMS, Show, VARIABLES, Variable};

/// Whether people depend on this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Secrets are made where none are given.
    Development,
    /// Secrets must be given, and strong.
    Production,
}

/// Everything an operator may set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether people depend on this server.
    pub environment: Environment,
    /// Where everything is kept that is not kept elsewhere.
    pub data_dir: PathBuf,
    /// The HTTP door.
    pub http: Http,
    /// Whether everybody may make an account for themselves.
    pub sign_up: bool,
    /// For which chains a wallet may sign in.
    pub siwe_chains: Vec<u64>,
    /// The GitHub by which people may sign in; none where it is not set up.
    pub github: Option<GitHub>,
    /// How letters leave.
    pub mail: Mail,
    /// What is secret, as far as it was given.
    pub secrets: secrets::Given,
    /// The database's address.
    pub database_url: String,
    /// How many connections to it may be open.
    pub database_connections: u32,
    /// Where packs are kept.
    pub blobs: Blobs,
    /// What bounds git.
    pub git: Git,
    /// The SSH door; none when it is shut.
    pub ssh: Option<Ssh>,
    /// Where the edge is told what it must forget.
    pub edge_url: Option<String>,
    /// How webhooks are told.
    pub webhooks: Webhooks,
    /// The folder of bare repositories to adopt.
    pub repos_dir: Option<PathBuf>,
    /// How often the cached repositories are measured.
    pub cache_interval: Duration,
    /// How long a deleted repository can be restored.
    pub restore_grace: Duration,
    /// How long objects stay that nothing refers to any more.
    pub expiry_grace: Duration,
    /// How often the watcher looks; none when it is off.
    pub watcher_interval: Option<Duration>,
    /// What is logged, and how.
    pub telemetry: Telemetry,
}

/// The HTTP door.
#[derive(Clone, Debug)]
pub struct Http {
    /// What it listens on.
    pub address: SocketAddr,
    /// The origin that people use.
    pub public_url: Option<String>,
    /// What the site calls itself.
    pub site_name: String,
    /// Whose scripts may call with credentials.
    pub cors_origins: Vec<String>,
    /// From whom a forwarding header is believed.
    pub trusted_proxies: Vec<AddressRange>,
    /// How long the head of a request may take.
    pub header_timeout: Duration,
    /// How long a body may stand still.
    pub body_idle_timeout: Duration,
    /// How many connections may be open.
    pub max_connections: usize,
    /// How many of them one address may hold.
    pub max_connections_per_address: usize,
    /// From where bridges and edges connect.
    pub peers: Vec<AddressRange>,
    /// How long running requests may go on after a shutdown began.
    pub shutdown_grace: Duration,
    /// Rate limits that differ from the presets.
    pub limits: Vec<(Preset, Rate)>,
}

/// A GitHub by which people may sign in.
#[derive(Clone, Debug)]
pub struct GitHub {
    /// Who we are to it.
    pub client_id: String,
    /// What proves it.
    pub client_secret: Secret,
    /// The address of its pages.
    pub web: String,
    /// The address of its interface.
    pub api: String,
}

/// How letters leave.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Whom they are from.
    pub from: String,
    /// Which way they go.
    pub way: MailWay,
}

/// Which way letters go.
#[derive(Clone, Debug)]
pub enum MailWay {
    /// None are sent.
    Nowhere,
    /// Into a folder.
    Folder(PathBuf),
    /// To the server of this address.
    Smtp(Secret),
}

/// Where packs are kept.
#[derive(Clone, Debug)]
pub enum Blobs {
    /// In a folder.
    Directory(PathBuf),
    /// In a bucket.
    S3 {
        /// The bucket.
        bucket: String,
        /// What every key begins with.
        prefix: String,
        /// The bucket's region.
        region: String,
        /// The server, where it is not Amazon's.
        endpoint: Option<String>,
        /// Whether the bucket stands in the path.
        path_style: bool,
        /// Who the coordinator is.
        access_key_id: String,
        /// What proves it.
        secret_access_key: Secret,
        /// What goes with temporary credentials.
        session_token: Option<Secret>,
    },
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What bounds git.
#[derive(Clone, Debug)]
pub struct Git {
    /// Where bare repositories are cached.
    pub cache_dir: PathBuf,
    /// How much room they may take, in bytes.
    pub cache_bytes: u64,
    /// The largest pack of a push, in bytes.
    pub max_pack_bytes: u64,
    /// The largest object of a push, in bytes.
    pub max_object_bytes: u64,
    /// How large one repository may grow, in bytes.
    pub max_repository_bytes: u64,
    /// How many refs one push may name.
    pub max_refs_per_push: u64,
    /// How many refs one repository may have.
    pub max_refs_per_repository: u64,
    /// How many clones and fetches run at once.
    pub reads: usize,
    /// How many of them for one account.
    pub reads_per_account: usize,
    /// How many pushes run at once.
    pub writes: usize,
    /// How many of them for one account.
    pub writes_per_account: usize,
    /// How long an operation waits for its turn.
    pub wait: Duration,
    /// How long it may take.
    pub deadline: Duration,
    /// How much room cached packs may take, in bytes.
    pub pack_cache_bytes: u64,
}

/// The SSH door.
#[derive(Clone, Debug)]
pub struct Ssh {
    /// What it listens on.
    pub address: SocketAddr,
    /// The address in clone addresses, where it is another.
    pub public: Option<String>,
    /// Files of host keys; empty for those of the data folder.
    pub host_keys: Vec<PathBuf>,
    /// What bounds and adorns the door.
    pub door: plue_ssh_bridge::BridgeConfig,
}

/// How webhooks are told.
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// Networks that they may be in although not everybody reaches them.
    pub networks: Vec<AddressRange>,
    /// How long one of them may take to answer.
    pub timeout: Duration,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// The filter of what is logged.
    pub filter: String,
    /// Whether it is logged as JSON.
    pub json: bool,
    /// Where traces are sent.
    pub otlp_endpoint: Option<String>,
}

/// Why the settings do not make a configuration. Every fault is named, each with its variable.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<String>);

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// Sources in the order in which they win.
pub struct Layers<'a>(pub Vec<&'a dyn Source>);

impl Layers<'_> {
    /// The value of a variable and the source that gave it; its default where none did. An empty
    /// value counts as none.
    pub fn value(&self, variable: &Variable) -> (String, String) {
        for source in &self.0 {
            for name in std::iter::once(&variable.name).chain(variable.aliases) {
                if let Some(value) = source.get(name).filter(|value| !value.is_empty()) {
                    return (value, source.label().to_owned());
                }
            }
        }
        (variable.default.to_owned(), String::from("default"))
    }
}

/// One line of the effective configuration.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub struct Shown {
    /// The variable.
    pub name: &'static str,
    /// Its value, masked where it is secret.
    pub value: String,
    /// Which source gave it.
    pub from: String,
}

/// The effective configuration, secrets masked.
pub fn show(layers: &Layers<'_>) -> Vec<Shown> {
    VARIABLES
        .iter()
        .map(|variable| {
            let (value, from) = layers.value(variable);
            let value = match variable.show {
                Show::Plain => value,
                Show::Secret if value.is_empty() => value,
                Show::Secret => String::from("********"),
                Show::Url => mask_url(&value),
            };
            Shown {
                name: variable.name,
                value,
                from,
            }
        })
        .collect()
}

/// Masks what stands between the user and the host of an address, and its whole query.
fn mask_url(url: &str) -> String {
    let (url, query) = match url.split_once('?') {
        Some((url, _)) => (url, "?********"),
        None => (url, ""),
    };
    let masked = url.split_once("://").and_then(|(scheme, rest)| {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = authority.rsplit_once('@')?;
        let user = user.split_once(':').map_or(user, |(user, _)| user);
        Some(format!("{scheme}://{user}:********@{host}/{path}"))
    });
    format!("{}{query}", masked.as_deref().unwrap_or(url))
}

/// Reads values one by one and keeps what is wrong with them.
struct Reader<'a> {
    layers: &'a Layers<'a>,
    faults: RefCell<Vec<String>>,
    read: RefCell<BTreeSet<&'static str>>,
}

impl Reader<'_> {
    fn text(&self, name: &'static str) -> String {
        self.read.borrow_mut().insert(name);
        let variable = variables::find(name).expect("because only listed variables are read");
        self.layers.value(variable).0
    }

    fn fault(&self, name: &'static str, value: &str) {
        let variable = variables::find(name).expect("because only listed variables are read");
        let got = match variable.show {
            Show::Plain => format!(", not `{value}`"),
            _ => String::new(),
        };
        let fault = format!("{name}: expected {}{got}", variable.expects);
        let mut faults = self.faults.borrow_mut();
        // A value that two doors read is wrong once.
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }

    fn parse<T>(&self, name: &'static str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = self.text(name);
        let parsed = read(&value);
        if parsed.is_none() {
            self.fault(name, &value);
        }
        parsed
    }

    fn optional<T>(&self, name: &'static str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        if self.text(name).is_empty() {
            return None;
        }
        self.parse(name, read)
    }

    fn number<T: FromStr + PartialOrd + Default>(&self, name: &'static str) -> T {
        self.parse(name, |text| text.parse().ok().filter(|n| *n > T::default()))
            .unwrap_or_default()
    }

    fn seconds(&self, name: &'static str) -> Duration {
        Duration::from_secs(self.number::<u32>(name).into())
    }

    fn flag(&self, name: &'static str) -> bool {
        let read = |text: &str| match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        };
        self.parse(name, read).unwrap_or_default()
    }

    fn bytes(&self, name: &'static str) -> u64 {
        self.parse(name, |text| read_bytes(text).filter(|bytes| *bytes > 0))
            .unwrap_or_default()
    }

    /// Bytes that may be none at all.
    fn room(&self, name: &'static str) -> u64 {
        self.parse(name, read_bytes).unwrap_or_default()
    }

    fn list<T>(&self, name: &'static str, read: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let value = self.text(name);
        let words = value.split(',').map(str::trim).filter(|word| !word.is_empty());
        let mut list = Vec::new();
        for word in words {
            match read(word) {
                Some(item) => list.push(item),
                None => self.fault(name, word),
            }
        }
        list
    }

    fn socket(&self, host: &'static str, port: &'static str) -> SocketAddr {
        let read_host = |text: &str| match text {
            "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
            _ => text.trim_matches(['[', ']']).parse().ok(),
        };
        let host = self.parse(host, read_host);
        let port = self.parse(port, |text| text.parse().ok());
        SocketAddr::new(host.unwrap_or(IpAddr::from([127, 0, 0, 1])), port.unwrap_or(0))
    }

    fn secrets(&self, current: &'static str, previous: &'static str) -> Vec<String> {
        [self.text(current), self.text(previous)]
            .into_iter()
            .filter(|secret| !secret.is_empty())
            .collect()
    }
}

fn read_bytes(text: &str) -> Option<u64> {
    let (digits, shift) = match text.as_bytes().last()?.to_ascii_uppercase() {
        b'K' => (&text[..text.len() - 1], 10),
        b'M' => (&text[..text.len() - 1], 20),
        b'G' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().ok()?;
    number.checked_mul(1 << shift)
}

/// An origin: scheme, host, perhaps a port, and nothing after it.
fn read_origin(text: &str) -> Option<String> {
    let uri: http::Uri = text.parse().ok()?;
    let scheme = uri.scheme_str().filter(|s| matches!(*s, "http" | "https"))?;
    let authority = uri.authority().filter(|a| !a.as_str().contains('@'))?;
    (matches!(uri.path(), "" | "/") && uri.query().is_none()).then(|| format!("{scheme}://{authority}"))
}

fn read_address(text: &str) -> Option<String> {
    let uri: http::Uri = text.parse().ok()?;
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    (web && uri.authority().is_some()).then(|| text.trim_end_matches('/').to_owned())
}

impl Config {
    /// Reads the configuration, or names everything that is wrong with it.
    pub fn read(layers: &Layers<'_>) -> Result<Self, ConfigError> {
        let reader = Reader {
            layers,
            faults: RefCell::default(),
            read: RefCell::default(),
        };
        reader.unknown();
        let config = reader.config();
        let faults = reader.faults.into_inner();
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError(faults))
        }
    }
}

impl Reader<'_> {
    fn unknown(&self) {
        let mut strangers = BTreeSet::new();
        for source in &self.layers.0 {
            for name in source.names() {
                let known = OF_OTHER_PROGRAMS.contains(&name.as_str())
                    || VARIABLES
                        .iter()
                        .any(|v| v.name == name || v.aliases.contains(&name.as_str()));
                let instead = INSTEAD.iter().find(|(old, _)| *old == name);
                if let Some((_, advice)) = instead {
                    strangers.insert(format!("{name}: no setting here; {advice}"));
                } else if !known && (name.starts_with("PLUE_") || source.label() == "file") {
                    strangers.insert(format!(
                        "{name}: no setting of this name (in the {}); `plue config --reference` lists all",
                        source.label()
                    ));
                }
            }
        }
        self.faults.borrow_mut().extend(strangers);
    }

    fn config(&self) -> Config {
        let environment = self.parse("PLUE_ENV", |text| match text {
            "development" => Some(Environment::Development),
            "production" => Some(Environment::Production),
            _ => None,
        });
        let data_dir = PathBuf::from(self.text("PLUE_DATA_DIR"));
        // Which file it is, `main` has to know before there are layers to read.
        let _ = self.text("PLUE_CONFIG");
        let database_url = self.database_url(&data_dir);
        Config {
            environment: environment.unwrap_or(Environment::Production),
            http: self.http(),
            sign_up: self.flag("PLUE_SIGN_UP"),
            siwe_chains: self.list("PLUE_SIWE_CHAINS", |text| text.parse().ok().filter(|n| *n > 0)),
            github: self.github(),
            mail: self.mail(&data_dir, environment),
            secrets: secrets::Given {
                token: self.secrets("JWT_SECRET", "JWT_SECRET_PREVIOUS"),
                edge: self.secrets("EDGE_SECRET", "EDGE_SECRET_PREVIOUS"),
                bridge: self.secrets("PLUE_BRIDGE_SECRET", "PLUE_BRIDGE_SECRET_PREVIOUS"),
            },
            database_url,
            database_connections: self.number("PLUE_DATABASE_CONNECTIONS"),
            blobs: self.blobs(&data_dir),
            git: self.git(&data_dir),
            ssh: self.ssh(),
            edge_url: self.optional("EDGE_URL", read_address),
            webhooks: Webhooks {
                networks: self.list("PLUE_WEBHOOK_NETWORKS", |text| text.parse().ok()),
                timeout: self.seconds("PLUE_WEBHOOK_TIMEOUT"),
            },
            repos_dir: self.optional("PLUE_REPOS_DIR", |text| Some(PathBuf::from(text))),
            cache_interval: self.seconds("PLUE_CACHE_INTERVAL"),
            restore_grace: self.seconds("PLUE_RESTORE_GRACE"),
            expiry_grace: self.seconds("PLUE_EXPIRY_GRACE"),
            watcher_interval: {
                let interval = self.seconds("PLUE_WATCHER_INTERVAL");
                self.flag("WATCHER_ENABLED").then_some(interval)
            },
            telemetry: Telemetry {
                filter: self.text("PLUE_LOG"),
                json: self
                    .parse("PLUE_LOG_FORMAT", |text| match text {
                        "text" => Some(false),
                        "json" => Some(true),
                        _ => None,
                    })
                    .unwrap_or_default(),
                otlp_endpoint: self.optional("OTEL_EXPORTER_OTLP_ENDPOINT", read_address),
            },
            data_dir,
        }
    }

    fn database_url(&self, data_dir: &std::path::Path) -> String {
        let known = |text: &str| {
            ["sqlite:", "postgres://", "postgresql://"]
                .iter()
                .any(|scheme| text.starts_with(scheme))
                .then(|| text.to_owned())
        };
        self.optional("DATABASE_URL", known)
            .unwrap_or_else(|| format!("sqlite:{}", data_dir.join("plue.db").display()))
    }

    fn github(&self) -> Option<GitHub> {
        let whole = |text: &str| Some(text.to_owned());
        let client_id = self.optional("GITHUB_CLIENT_ID", whole);
        let github = GitHub {
            client_secret: Secret(self.text("GITHUB_CLIENT_SECRET")),
            web: self.parse("PLUE_GITHUB_URL", read_address).unwrap_or_default(),
            api: self
                .parse("PLUE_GITHUB_API_URL", read_address)
                .unwrap_or_default(),
            client_id: client_id?,
        };
        if github.client_secret.0.is_empty() {
            let fault = "GITHUB_CLIENT_SECRET: must be set where GITHUB_CLIENT_ID is".to_owned();
            self.faults.borrow_mut().push(fault);
        }
        Some(github)
    }

    fn mail(&self, data_dir: &std::path::Path, environment: Option<Environment>) -> Mail {
        let server = |text: &str| mail::is_server(text).then(|| Secret(text.to_owned()));
        let folder = self.optional("PLUE_MAIL_DIR", |text| Some(PathBuf::from(text)));
        let way = match (self.optional("PLUE_SMTP_URL", server), folder) {
            (Some(server), _) => MailWay::Smtp(server),
            (None, Some(folder)) => MailWay::Folder(folder),
            (None, None) if environment == Some(Environment::Development) => {
                MailWay::Folder(data_dir.join("mail"))
            }
            (None, None) => MailWay::Nowhere,
        };
        let sender = |text: &str| mail::is_sender(text).then(|| text.to_owned());
        Mail {
            from: self.parse("PLUE_MAIL_FROM", sender).unwrap_or_default(),
            way,
        }
    }

    fn http(&self) -> Http {
        Http {
            address: self.socket("HOST", "PORT"),
            public_url: self.optional("PLUE_PUBLIC_URL", read_origin),
            site_name: self.text("PLUE_SITE_NAME"),
            cors_origins: self.list("CORS_ORIGINS", read_origin),
            trusted_proxies: self.list("PLUE_TRUSTED_PROXIES", |text| text.parse().ok()),
            header_timeout: self.seconds("PLUE_HEADER_TIMEOUT"),
            body_idle_timeout: self.seconds("PLUE_BODY_IDLE_TIMEOUT"),
            max_connections: self.number("PLUE_MAX_CONNECTIONS"),
            max_connections_per_address: self.number("PLUE_MAX_PER_IP_CONNECTIONS"),
            peers: self.list("PLUE_PEER_NETWORKS", |text| text.parse().ok()),
            shutdown_grace: self.seconds("PLUE_SHUTDOWN_GRACE"),
            limits: self.list("PLUE_LIMITS", Preset::configured),
        }
    }

    fn blobs(&self, data_dir: &std::path::Path) -> Blobs {
        let whole = |text: &str| Some(text.to_owned());
        let bucket = self.text("S3_BUCKET");
        let s3 = Blobs::S3 {
            prefix: self.text("S3_PREFIX"),
            region: self.text("S3_REGION"),
            endpoint: self.optional("S3_ENDPOINT", read_address),
            path_style: self.flag("S3_PATH_STYLE"),
            access_key_id: self.text("S3_ACCESS_KEY_ID"),
            secret_access_key: Secret(self.text("S3_SECRET_ACCESS_KEY")),
            session_token: self.optional("S3_SESSION_TOKEN", whole).map(Secret),
            bucket: bucket.clone(),
        };
        if bucket.is_empty() {
            return Blobs::Directory(data_dir.join("blobs"));
        }
        for name in ["S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"] {
            if self.text(name).is_empty() {
                self.faults
                    .borrow_mut()
                    .push(format!("{name}: must be set where S3_BUCKET is"));
            }
        }
        s3
    }

    fn git(&self, data_dir: &std::path::Path) -> Git {
        Git {
            cache_dir: self
                .optional("PLUE_CACHE_DIR", |text| Some(PathBuf::from(text)))
                .unwrap_or_else(|| data_dir.join("cache")),
            max_pack_bytes: self.bytes("PLUE_MAX_PACK_BYTES"),
            max_object_bytes: self.bytes("PLUE_MAX_OBJECT_BYTES"),
            max_repository_bytes: self.bytes("PLUE_MAX_REPOSITORY_BYTES"),
            max_refs_per_push: self.number("PLUE_MAX_REFS_PER_PUSH"),
            max_refs_per_repository: self.number("PLUE_MAX_REFS_PER_REPOSITORY"),
            reads: self.number("PLUE_GIT_READS"),
            reads_per_account: self.number("PLUE_GIT_READS_PER_ACCOUNT"),
            writes: self.number("PLUE_GIT_WRITES"),
            writes_per_account: self.number("PLUE_GIT_WRITES_PER_ACCOUNT"),
            wait: self.seconds("PLUE_GIT_WAIT"),
            deadline: self.seconds("PLUE_GIT_DEADLINE"),
            cache_bytes: self.bytes("PLUE_CACHE_BYTES"),
            pack_cache_bytes: self.room("PLUE_PACK_CACHE_BYTES"),
        }
    }

    fn ssh(&self) -> Option<Ssh> {
        let banner = self.text("SSH_BANNER");
        let door = plue_ssh_bridge::BridgeConfig {
            banner: (!banner.is_empty()).then_some(banner),
            anonymous_read: self.flag("SSH_ANONYMOUS_READ"),
            proxies: self.list("SSH_PROXIES", |text| text.parse::<Network>().ok()),
            max_connections: self.number("SSH_MAX_CONNECTIONS"),
            max_connections_per_address: self.number("SSH_MAX_PER_IP_CONNECTIONS"),
            max_new_per_minute: self.number("SSH_RATE_LIMIT_PER_MINUTE"),
            max_auth_failures: self.number("SSH_MAX_AUTH_FAILURES"),
            initial_ban: self.seconds("SSH_INITIAL_BAN_DURATION"),
            max_ban: self.seconds("SSH_MAX_BAN_DURATION"),
            handshake_timeout: self.seconds("SSH_HANDSHAKE_TIMEOUT"),
            auth_timeout: self.seconds("SSH_AUTH_TIMEOUT"),
            idle_timeout: self.seconds("SSH_IDLE_TIMEOUT"),
            shutdown_grace: self.seconds("PLUE_SHUTDOWN_GRACE"),
            ..plue_ssh_bridge::BridgeConfig::default()
        };
        let public = self.text("PLUE_PUBLIC_SSH");
        let ssh = Ssh {
            address: self.socket("SSH_HOST", "SSH_PORT"),
            public: (!public.is_empty()).then_some(public),
            host_keys: self.list("SSH_HOST_KEYS", |text| Some(PathBuf::from(text))),
            door,
        };
        self.flag("SSH_ENABLED").then_some(ssh)
    }
}

#[cfg(test)]
mod tests;
