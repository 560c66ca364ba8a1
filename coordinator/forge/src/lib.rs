//! The forge's verbs, one folder a noun, and the permits they ask for.
//!
//! Doors call verbs and nothing below them. Only verbs open a transaction. What is SQL lives in
//! `plue-store`, what is git in `plue-git`, what is a stored file in `plue-blobs`.
#![warn(missing_docs)]

pub mod access;
mod error;

pub use access::Permit;
pub use error::Error;

use plue_blobs::Blobs;
use plue_contract::seal::Keyring;
use plue_store::Store;
use std::sync::Arc;
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
    /// Where randomness comes from.
    pub chance: Chance,
    /// The keys under which verified credentials are remembered.
    pub credential_keys: Keyring,
}

/// The forge. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Forge {
    parts: Arc<Parts>,
}

impl Forge {
    /// Puts a forge together.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.parts.store
    }

    pub(crate) fn blobs(&self) -> &Blobs {
        &self.parts.blobs
    }

    /// Random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.parts.chance)(&mut bytes);
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
