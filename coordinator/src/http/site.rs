//! What every handler may use: the forge, the clock, the keys, and how the site is reached.

use super::live::Live;
use super::pages::is_of_this_site;
use super::pages::repo::Kept;
use crate::edge::Notifier;
use crate::edition::edition;
use crate::github::GitHub;
use crate::id_token::IdTokens;
use metrics_exporter_prometheus::PrometheusHandle;
use plue_contract::edge::Stamp;
use plue_contract::seal::Keyring;
use plue_contract::{RepoPath, SessionId};
use plue_forge::repositories::Repository;
use plue_forge::{Chance, Forge};
use plue_gateway::jwt::Signer;
use std::path::PathBuf;
use std::sync::Arc;

/// Tells the time, in milliseconds since 1970.
pub type Clock = fn() -> i64;

/// The keys of the door, each ring derived for its one purpose.
#[derive(Debug)]
pub struct Keys {
    /// Cursors of paged lists.
    pub cursor: Keyring,
    /// CSRF tokens.
    pub csrf: Keyring,
    /// Questions of the edge.
    pub introspect: Keyring,
    /// Statements of SSH bridges.
    pub bridge: Keyring,
    /// What browsers bring back from sign-ins at other sites.
    pub elsewhere: Keyring,
}

/// How people reach the site.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The origin of its pages: `https://plue.example`.
    pub http: String,
    /// Host and port of its SSH door, where that is open.
    pub ssh: Option<String>,
}

impl Addresses {
    /// Where a repository is cloned from over HTTP.
    pub fn clone_http(&self, path: &RepoPath) -> String {
        format!("{}/{path}.git", self.http)
    }

    /// Where it is cloned from over SSH.
    pub fn clone_ssh(&self, path: &RepoPath) -> Option<String> {
        self.ssh.as_ref().map(|ssh| format!("ssh://git@{ssh}/{path}.git"))
    }

    /// Whether people reach the site over TLS.
    pub fn secure(&self) -> bool {
        self.http.starts_with("https://")
    }
}

/// What a site is made of.
pub struct Parts {
    /// The forge.
    pub forge: Forge,
    /// The clock.
    pub clock: Clock,
    /// The dice.
    pub chance: Chance,
    /// The keys of the door.
    pub keys: Keys,
    /// Signs the short JSON Web Tokens that accompany a session.
    pub signer: Signer,
    /// Signs ID tokens for applications.
    pub id_tokens: IdTokens,
    /// Who issues them, and for whom.
    pub issuer: Arc<str>,
    /// For whom they are.
    pub audience: Arc<str>,
    /// How people reach the site.
    pub addresses: Addresses,
    /// The origins whose pages may be the end of a link: the site's own, and those that are listed.
    pub origins: Vec<String>,
    /// The chains for which a wallet may sign in.
    pub chains: Vec<u64>,
    /// The GitHub by which people may sign in, where one is set up.
    pub github: Option<GitHub>,
    /// What the site calls itself.
    pub name: String,
    /// The figures of the process.
    pub figures: PrometheusHandle,
    /// The folder of bare repositories to adopt.
    pub repos_dir: Option<PathBuf>,
    /// Tells the edge what it must forget, where there is one.
    pub notifier: Option<Notifier>,
}

/// The site. Cheap to clone.
#[derive(Clone)]
pub struct Site(Arc<Parts>, Arc<Kept>, Arc<Live>);

impl Site {
    /// Puts a site together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts), Arc::default(), Arc::default())
    }

    /// The time, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        (self.0.clock)()
    }

    /// How a public repository stands, in the words that the edge understands, and which build shows
    /// it: another one may show the same otherwise, so nothing that this one made is shown for it.
    pub fn stamp(&self, repository: &Repository) -> Stamp {
        Stamp {
            repository: repository.id,
            restore_epoch: repository.restore_epoch,
            access_epoch: repository.access_epoch,
            generation: repository.generation,
            edition: edition(),
        }
    }

    /// What was made of repositories' content and may be shown again.
    pub fn kept(&self) -> &Arc<Kept> {
        &self.1
    }

    /// Whether a link of ours may lead there: a path of this site, or an address of a listed origin.
    pub fn may_lead_to(&self, address: &str) -> bool {
        let clean = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let of_origin = |origin: &String| {
            let rest = address.strip_prefix(origin.as_str());
            rest.is_some_and(|rest| clean(rest) && (rest.is_empty() || rest.starts_with(['/', '?'])))
        };
        is_of_this_site(address) || self.0.origins.iter().any(of_origin)
    }

    /// Who listens to events as they happen.
    pub fn live(&self) -> &Arc<Live> {
        &self.2
    }

    /// Has the edge forget sessions that have ended.
    pub fn tell_edge_of_ended(&self, sessions: &[SessionId]) {
        if let Some(notifier) = &self.0.notifier {
            notifier.sessions_ended(sessions);
        }
    }
}

impl std::ops::Deref for Site {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
