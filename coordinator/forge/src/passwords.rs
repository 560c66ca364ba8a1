//! Passwords: their rules, their hashes (argon2id), and how many may be checked at a time.
//!
//! A check costs tens of milliseconds and megabytes on purpose, so checks queue for a few slots
//! and their outcomes are remembered for a short while under a keyed hash: a git client that
//! sends its password with every request pays once. What is remembered depends on the stored
//! hash, so that it is worth nothing after the password has changed.

use crate::{Chance, Error};
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use plue_contract::AccountId;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How often a wrong password of one account is written down, in milliseconds.
const NOTE_EVERY_MS: i64 = 60_000;
/// The fewest characters of a password.
const MIN_CHARS: usize = 8;
/// The most bytes of a password.
const MAX_BYTES: usize = 1024;

/// What a check of a password costs, and how many there may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordSettings {
    /// Memory of one check, in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Checks at a time.
    pub slots: usize,
    /// How long one waits for a slot before reading that the server is busy, in milliseconds.
    pub wait_ms: u64,
    /// How long an outcome is remembered, in milliseconds.
    pub remember_ms: i64,
    /// How many outcomes are remembered at most.
    pub remembered: usize,
}

impl Default for PasswordSettings {
    /// The costs are those that OWASP names for argon2id.
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
            slots: 2,
            wait_ms: 5_000,
            remember_ms: 60_000,
            remembered: 4096,
        }
    }
}

/// Makes and checks hashes.
pub(crate) struct Passwords {
    settings: PasswordSettings,
    params: Params,
    /// A hash that no password has, checked where there is none to check.
    nobodys: String,
    slots: Arc<Semaphore>,
    /// Under which outcomes are remembered; never leaves the process.
    key: [u8; 32],
    outcomes: Mutex<HashMap<[u8; 32], Outcome>>,
    /// Until when no wrong password of an account is written down again.
    noted: Mutex<HashMap<AccountId, i64>>,
}

#[derive(Clone, Copy)]
struct Outcome {
    holds: bool,
    until_ms: i64,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Passwords {
    /// Fails where argon2 does not take the costs.
    pub(crate) fn new(settings: PasswordSettings, chance: Chance) -> Result<Self, Error> {
        let params = Params::new(settings.memory_kib, settings.passes, 1, None).map_err(|error| {
            Error::invalid("passwords", format!("argon2 does not take these costs: {error}"))
        })?;
        let (mut key, mut noise) = ([0; 32], [0; 48]);
        chance(&mut key);
        chance(&mut noise);
        let (salt, digest) = noise.split_at(16);
        let nobodys = format!(
            "$argon2id$v=19$m={},t={},p=1${}${}",
            settings.memory_kib,
            settings.passes,
            encode_b64(salt)?,
            encode_b64(digest)?
        );
        let slots = Arc::new(Semaphore::new(settings.slots.max(1)));
        Ok(Self {
            settings,
            params,
            nobodys,
            slots,
            key,
            outcomes: Mutex::default(),
            noted: Mutex::default(),
        })
    }

    /// The PHC string of a new password.
    pub(crate) async fn hash(&self, password: &str, salt: [u8; 16]) -> Result<String, Error> {
        check_rules(password)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        let password = password.to_owned();
        self.in_slot(move || {
            let salt = SaltString::encode_b64(&salt).map_err(internal)?;
            let hash = argon2
                .hash_password(password.as_bytes(), &salt)
                .map_err(internal)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether `password` is the one that `stored` is the hash of. It takes as long where there
    /// is no hash, so that nobody learns by the clock which `name` has one.
    pub(crate) async fn verify(
        &self,
        name: &str,
        stored: Option<&str>,
        password: &str,
        now_ms: i64,
    ) -> Result<bool, Error> {
        if password.len() > MAX_BYTES {
            return Ok(false);
        }
        let hash = stored.unwrap_or(&self.nobodys);
        let key = self.outcome_key(name, hash, password);
        if let Some(holds) = self.recall(&key, now_ms) {
            return Ok(holds);
        }
        let _slot = self.slot().await?;
        // Another request with the same password may have waited for the same answer.
        if let Some(holds) = self.recall(&key, now_ms) {
            return Ok(holds);
        }
        let (hash, password) = (hash.to_owned(), password.to_owned());
        let matches = blocking(move || {
            let hash = PasswordHash::new(&hash).map_err(internal)?;
            Ok(Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok())
        })
        .await?;
        let holds = matches && stored.is_some();
        self.remember(key, holds, now_ms);
        Ok(holds)
    }

    /// Whether a wrong password of this account is worth a note: the first one in a while is, so
    /// that somebody who guesses fills no log.
    pub(crate) fn is_worth_a_note(&self, account: AccountId, now_ms: i64) -> bool {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(&account).is_some_and(|until_ms| *until_ms > now_ms) {
            return false;
        }
        if noted.len() >= self.settings.remembered {
            noted.retain(|_, until_ms| *until_ms > now_ms);
        }
        // Full of what is young: somebody guesses everywhere, which was written down already.
        if noted.len() >= self.settings.remembered {
            return false;
        }
        noted.insert(account, now_ms.saturating_add(NOTE_EVERY_MS));
        true
    }

    fn outcome_key(&self, name: &str, hash: &str, password: &str) -> [u8; 32] {
        let mut digest = Sha256::new_with_prefix(self.key);
        for part in [name, hash, password] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        digest.finalize().into()
    }

    fn recall(&self, key: &[u8; 32], now_ms: i64) -> Option<bool> {
        let outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = outcomes.get(key).filter(|outcome| outcome.until_ms > now_ms)?;
        Some(outcome.holds)
    }

    fn remember(&self, key: [u8; 32], holds: bool, now_ms: i64) {
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        if outcomes.len() >= self.settings.remembered {
            outcomes.retain(|_, outcome| outcome.until_ms > now_ms);
        }
        // Full of what is young: somebody guesses. Forgetting costs a check each, not memory.
        if outcomes.len() >= self.settings.remembered {
            outcomes.clear();
        }
        outcomes.insert(
            key,
            Outcome {
                holds,
                until_ms: now_ms.saturating_add(self.settings.remember_ms),
            },
        );
    }

    async fn slot(&self) -> Result<tokio::sync::OwnedSemaphorePermit, Error> {
        let wait = Duration::from_millis(self.settings.wait_ms);
        match tokio::time::timeout(wait, self.slots.clone().acquire_owned()).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) | Err(_) => Err(Error::Busy { retry_after_s: 5 }),
        }
    }

    async fn in_slot<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let _slot = self.slot().await?;
        blocking(work).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
}

fn check_rules(password: &str) -> Result<(), Error> {
    if password.chars().count() < MIN_CHARS || password.len() > MAX_BYTES {
        return Err(Error::invalid(
            "password",
            format!("a password has at least {MIN_CHARS} characters and at most {MAX_BYTES} bytes"),
        ));
    }
    Ok(())
}

fn encode_b64(bytes: &[u8]) -> Result<String, Error> {
    SaltString::encode_b64(bytes)
        .map(|text| text.to_string())
        .map_err(internal)
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    fn passwords(settings: PasswordSettings) -> Passwords {
        let settings = PasswordSettings {
            memory_kib: 8,
            passes: 1,
            wait_ms: 20,
            ..settings
        };
        Passwords::new(settings, |bytes| bytes.fill(7)).expect("costs that argon2 takes")
    }

    #[tokio::test]
    async fn checks_wait_for_a_slot_and_outcomes_do_not() {
        let passwords = passwords(PasswordSettings::default());
        let hash = passwords.hash("correct horse", [1; 16]).await.expect("a hash");
        let check = async |name: &str, hash: Option<&str>, password: &str, at| {
            passwords.verify(name, hash, password, at).await
        };
        assert!(matches!(
            check("ada", Some(&hash), "correct horse", NOW).await,
            Ok(true)
        ));
        assert!(matches!(check("ada", Some(&hash), "wrong", NOW).await, Ok(false)));
        let all = u32::try_from(passwords.settings.slots).expect("a few");
        let _held = passwords.slots.acquire_many(all).await.expect("every slot");
        // Remembered: no slot is needed, whichever the outcome was.
        assert!(matches!(
            check("ada", Some(&hash), "correct horse", NOW).await,
            Ok(true)
        ));
        assert!(matches!(check("ada", Some(&hash), "wrong", NOW).await, Ok(false)));
        // Forgotten after a while; unknown for another hash, another name, and for nobody: each
        // costs a check, so a name that nobody has is as slow as one that somebody has.
        let later = NOW + passwords.settings.remember_ms;
        let other = format!("{hash}x");
        for (name, hash, at) in [
            ("ada", Some(&hash[..]), later),
            ("ada", Some(&other[..]), NOW),
            ("bob", Some(&hash[..]), NOW),
            ("nobody", None, NOW),
        ] {
            let outcome = check(name, hash, "correct horse", at).await;
            assert!(matches!(outcome, Err(Error::Busy { .. })), "{name} {outcome:?}");
        }
    }

    #[tokio::test]
    async fn guesses_cost_no_memory() {
        let passwords = passwords(PasswordSettings {
            remembered: 10,
            ..PasswordSettings::default()
        });
        for guess in 0..50 {
            let outcome = passwords
                .verify("nobody", None, &format!("guess {guess}"), NOW)
                .await;
            assert!(matches!(outcome, Ok(false)));
            assert!(passwords.outcomes.lock().expect("no panic").len() <= 10);
        }
    }

    #[test]
    fn nobodys_hash_costs_what_a_real_one_does() {
        let passwords = passwords(PasswordSettings::default());
        let nobodys = PasswordHash::new(&passwords.nobodys).expect("a PHC string");
        let salt = SaltString::encode_b64(&[1; 16]).expect("a salt");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, passwords.params.clone());
        let real = argon2.hash_password(b"correct horse", &salt).expect("a hash");
        assert_eq!(
            (nobodys.algorithm, nobodys.version),
            (real.algorithm, real.version)
        );
        for cost in ["m", "t", "p"] {
            assert_eq!(
                nobodys.params.get_decimal(cost),
                real.params.get_decimal(cost),
                "{cost}"
            );
        }
        let lengths = |hash: &PasswordHash<'_>| (hash.salt.map(|s| s.len()), hash.hash.map(|h| h.len()));
        assert_eq!(lengths(&nobodys), lengths(&real));
    }

    #[test]
    fn costs_that_make_no_sense_stop_the_start() {
        let settings = PasswordSettings {
            memory_kib: 0,
            ..PasswordSettings::default()
        };
        assert!(Passwords::new(settings, |_| {}).is_err());
    }
}
