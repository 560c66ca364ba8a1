//! What a host tells the gateway once, at the start. Reading it from somewhere is the host's work.

use crate::address::AddressSource;
use crate::limits::Presets;
use plue_contract::seal::{Keyring, Purpose};
use std::sync::Arc;

/// The keys that the gateway works with, each ring derived for its one purpose.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Statements between the edge and the coordinator.
    pub caller: Keyring,
    /// JSON Web Tokens.
    pub jwt: Keyring,
    /// CSRF tokens.
    pub csrf: Keyring,
}

impl Keys {
    /// Derives the rings. `edge_secrets` are shared by edge and coordinator, `token_secrets`
    /// sign what users hold; of both the current one comes first, then the previous one.
    pub fn derive<S: AsRef<[u8]>>(edge_secrets: &[S], token_secrets: &[S]) -> Self {
        Self {
            caller: Keyring::derive(Purpose::Caller, edge_secrets),
            jwt: Keyring::derive(Purpose::Jwt, token_secrets),
            csrf: Keyring::derive(Purpose::Csrf, token_secrets),
        }
    }
}

/// What the gateway does with the signed statement of [`plue_contract::statement`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statements {
    /// Adds one to what it forwards: the gateway at the edge.
    Make,
    /// Believes one that verifies, in place of its own identity and limits: the coordinator.
    Believe,
    /// Neither.
    Neither,
}

/// The gateway's configuration.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The keys.
    pub keys: Keys,
    /// What is done with statements.
    pub statements: Statements,
    /// Where the client's address is learned.
    pub addresses: AddressSource,
    /// The other sites whose scripts may call us with credentials, as exact origins.
    pub cors_origins: Vec<String>,
    /// Our own origins, for the check of where a form came from. The origin that the `Host`
    /// header names counts as well.
    pub public_origins: Vec<String>,
    /// Whether people reach us over TLS only.
    pub secure: bool,
    /// Who issues our JSON Web Tokens.
    pub issuer: Arc<str>,
    /// For whom our JSON Web Tokens are.
    pub audience: Arc<str>,
    /// How far the clock of whoever signs JSON Web Tokens may differ, in seconds.
    pub leeway_s: u64,
    /// The rates of the limits.
    pub limits: Presets,
    /// Whether routes that are owed are passed on all the same: for tests of what passing on does.
    pub passes_owed: bool,
}

impl GatewayConfig {
    /// A configuration for development: no statements, addresses from the socket, no other site.
    pub fn new(keys: Keys) -> Self {
        Self {
            keys,
            statements: Statements::Neither,
            addresses: AddressSource::Socket,
            cors_origins: Vec::new(),
            public_origins: Vec::new(),
            secure: false,
            issuer: "plue".into(),
            audience: "plue".into(),
            leeway_s: 5,
            limits: Presets::default(),
            passes_owed: false,
        }
    }
}
