//! The embedded gateway's host: the clock and the dice of this machine, limits in this process's
//! memory, sessions and credentials asked of the forge.

use crate::http::site::Clock;
use plue_contract::credentials::Credential;
use plue_contract::{Who, causes};
use plue_forge::{Error, Forge, accounts, sessions, tokens};
use plue_gateway::limits::{BucketKey, Decision, Rate, Table};
use plue_gateway::{Buckets, Chance, Credentials, PortError, SessionKey, SessionState, Sessions};

/// How many buckets the limits remember. What they take is fixed by it, whoever asks.
const BUCKETS: usize = 1 << 17;

/// The host of the gateway in the coordinator.
pub struct Native {
    forge: Forge,
    clock: Clock,
    chance: plue_forge::Chance,
    buckets: Table,
}

impl Native {
    /// A host over the forge, with its own memory of limits.
    pub fn new(forge: Forge, clock: Clock, chance: plue_forge::Chance) -> Self {
        let mut seed = [0; 16];
        chance(&mut seed);
        let (a, b) = seed.split_at(8);
        let word = |bytes: &[u8]| bytes.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte));
        Self {
            forge,
            clock,
            chance,
            buckets: Table::new(BUCKETS, [word(a), word(b)]),
        }
    }

    /// Forgets buckets that are full again; says how many.
    pub fn sweep(&self) -> usize {
        self.buckets.sweep(self.now())
    }

    fn now(&self) -> u64 {
        (self.clock)().cast_unsigned()
    }
}

fn failed(error: Error) -> PortError {
    tracing::warn!(error = %causes(&error), "the gateway's question could not be answered");
    PortError(error.to_string())
}

impl plue_gateway::Clock for Native {
    fn now_ms(&self) -> u64 {
        self.now()
    }
}

impl Chance for Native {
    fn fill(&self, bytes: &mut [u8]) {
        (self.chance)(bytes);
    }
}

impl Buckets for Native {
    async fn take(&self, key: &BucketKey, rate: Rate, cost: u32) -> Result<Decision, PortError> {
        Ok(self.buckets.take(key, self.now(), rate, cost))
    }

    async fn give_back(&self, key: &BucketKey, rate: Rate, cost: u32) -> Result<(), PortError> {
        self.buckets.give_back(key, self.now(), rate, cost);
        Ok(())
    }
}

impl Sessions for Native {
    async fn find(&self, key: &SessionKey) -> Result<Option<SessionState>, PortError> {
        let now_ms = (self.clock)();
        let found = match key {
            SessionKey::Cookie(cookie) => sessions::find(&self.forge, cookie, now_ms).await,
            SessionKey::Id(id) => sessions::find_by_id(&self.forge, id, now_ms).await,
        };
        let Some(found) = found.map_err(failed)? else {
            return Ok(None);
        };
        let replacement = match key {
            SessionKey::Cookie(cookie) if found.rotate_due => sessions::rotate(&self.forge, cookie, now_ms)
                .await
                .map_err(failed)?,
            _ => None,
        };
        // A session whose secret is changed begins its time anew.
        let expires_at_ms = match &replacement {
            Some(_) => now_ms + sessions::LIFETIME_MS,
            None => found.session.expires_at_ms,
        };
        Ok(Some(SessionState {
            who: found.who,
            session: found.session.id,
            expires_ms: expires_at_ms.cast_unsigned(),
            replacement,
        }))
    }
}

impl Credentials for Native {
    async fn introspect(&self, credential: &Credential) -> Result<Option<Who>, PortError> {
        let now_ms = (self.clock)();
        match credential {
            Credential::Token { secret } => tokens::authenticate(&self.forge, secret, now_ms).await,
            Credential::Password { name, password } => {
                accounts::authenticate_password(&self.forge, name, password, now_ms).await
            }
        }
        .map_err(failed)
    }
}
