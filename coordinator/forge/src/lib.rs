//! The forge's verbs, one folder a noun, and the permits they ask for.
//!
//! Doors call verbs and nothing below them. Only verbs open a transaction. What is SQL lives in
//! `plue-store`, what is git in `plue-git`, what is a stored file in `plue-blobs`.
#![warn(missing_docs)]

pub mod access;
pub mod accounts;
pub mod audit;
pub mod backup;
pub mod browse;
pub mod cache;
mod clock;
pub mod collaborators;
pub mod edge;
mod error;
pub mod events;
pub mod expiry;
pub mod failpoints;
mod follow_up;
pub mod health;
pub mod hooks;
pub mod identities;
pub mod import;
pub mod issues;
pub mod jobs;
mod local_git;
pub mod mail;
mod maintenance;
pub mod notifications;
pub mod oauth;
pub mod organisations;
mod passwords;
mod pushes;
pub mod repositories;
pub mod roles;
mod sealed;
pub mod second_factor;
pub mod sessions;
mod settings;
pub mod ssh_keys;
pub mod stars;
mod sweeper;
pub mod teams;
pub mod tokens;
pub mod topics;
pub mod transport;
pub mod wallets;
pub mod watcher;
pub mod watches;

pub use access::Permit;
pub use error::Error;
pub use local_git::LocalGit;
pub use passwords::PasswordSettings;
pub use settings::{GitSettings, PushLimits, QueueSettings};

use passwords::Passwords;
use plue_blobs::Blobs;
use plue_contract::seal::Keyring;
use plue_store::Store;
use std::fmt;
use std::sync::{Arc, OnceLock};
use ulid::Ulid;

/// Fills bytes from a source of randomness that nobody can guess.
pub type Chance = fn(&mut [u8]);

/// What a forge is made of.
#[derive(Debug)]
pub struct Parts {
    /// The database, with its schema applied.
    pub store: Store,
    /// Where packs are kept.
    pub blobs: Blobs,
    /// Git on this machine.
    pub git: LocalGit,
    /// Where randomness comes from.
    pub chance: Chance,
    /// What a check of a password costs.
    pub passwords: PasswordSettings,
}

/// The forge. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Forge {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    parts: Parts,
    passwords: Passwords,
    edge: Teller,
    people: OnceLock<People>,
    outward: OnceLock<hooks::Outward>,
}

/// How people come to an account, and are written to.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// What the site calls itself.
    pub site: String,
    /// Whether everybody may make an account for themselves.
    pub sign_up: bool,
    /// How letters leave; none: the site sends none.
    pub post: Option<mail::Post>,
    /// What is sealed for people; none: nobody has a second factor.
    pub keys: Option<Keys>,
}

/// The keys of what is sealed for people.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Tickets between the two steps of a sign-in.
    pub second_step: Keyring,
    /// The secrets of second factors, which the database keeps.
    pub factor_secret: Keyring,
}

/// Tells the edge, once somebody has said how.
#[derive(Default)]
struct Teller(OnceLock<edge::Tell>);

impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Teller({})", self.0.get().is_some())
    }
}

impl Forge {
    /// Puts a forge together. Fails where a setting makes no sense.
    pub fn new(parts: Parts) -> Result<Self, Error> {
        let passwords = Passwords::new(parts.passwords.clone(), parts.chance)?;
        Ok(Self {
            inner: Arc::new(Inner {
                parts,
                passwords,
                edge: Teller::default(),
                people: OnceLock::new(),
                outward: OnceLock::new(),
            }),
        })
    }

    /// Says how the edge is told what has changed. Without it a change waits for the end of what
    /// the edge was granted. Only the first one counts.
    pub fn tell_edge_by(&self, tell: edge::Tell) {
        let _ = self.inner.edge.0.set(tell);
    }

    pub(crate) fn tell_edge(&self) -> Option<edge::Tell> {
        self.inner.edge.0.get().cloned()
    }

    /// Says how people come to an account and are written to. Without it nobody makes an account
    /// for themselves, and no letter is sent. Only the first one counts.
    pub fn meet_people_by(&self, people: People) {
        let _ = self.inner.people.set(people);
    }

    /// Whether everybody may make an account for themselves.
    pub fn lets_people_join(&self) -> bool {
        self.inner.people.get().is_some_and(|people| people.sign_up)
    }

    pub(crate) fn site_name(&self) -> &str {
        self.inner.people.get().map_or("Plue", |people| &people.site)
    }

    pub(crate) fn keys(&self) -> Result<&Keys, Error> {
        let keys = self.inner.people.get().and_then(|people| people.keys.as_ref());
        keys.ok_or_else(|| Error::Internal("there are no keys for what is sealed".to_owned()))
    }

    /// Whether the site sends letters.
    pub fn sends_mail(&self) -> bool {
        self.post().is_some()
    }

    pub(crate) fn post(&self) -> Option<&mail::Post> {
        self.inner.people.get()?.post.as_ref()
    }

    /// Says how others are reached. Without it no webhook is made, and none is told anything. Only the
    /// first one counts.
    pub fn reach_out_by(&self, outward: hooks::Outward) {
        let _ = self.inner.outward.set(outward);
    }

    pub(crate) fn outward(&self) -> Result<&hooks::Outward, Error> {
        let nothing = || Error::Internal("nobody has said how others are reached".to_owned());
        self.inner.outward.get().ok_or_else(nothing)
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.inner.passwords
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.parts.store
    }

    pub(crate) fn blobs(&self) -> &Blobs {
        &self.inner.parts.blobs
    }

    pub(crate) fn git(&self) -> &plue_git::Git {
        &self.inner.parts.git.program
    }

    pub(crate) fn local_git(&self) -> &LocalGit {
        &self.inner.parts.git
    }

    pub(crate) fn caches(&self) -> &cache::Caches {
        &self.inner.parts.git.caches
    }

    pub(crate) fn settings(&self) -> &GitSettings {
        &self.inner.parts.git.settings
    }

    /// Random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.inner.parts.chance)(&mut bytes);
        bytes
    }

    /// A fresh ULID, as text.
    pub(crate) fn ulid(&self, now_ms: i64) -> String {
        let random = u128::from_be_bytes(self.random());
        Ulid::from_parts(now_ms.cast_unsigned(), random).to_string()
    }

    /// A fresh random UUID, as text.
    pub(crate) fn uuid(&self) -> String {
        uuid::Builder::from_random_bytes(self.random())
            .into_uuid()
            .to_string()
    }
}
