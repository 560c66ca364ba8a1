//! Who may connect: how many at a time, how often, and who is banned for a while.
//!
//! Pure: the time is an argument, and nothing here knows a socket. A ban needs several
//! connections in a row that tried keys and ended without one that somebody has; a client that
//! offers ten keys of which the last is known does nothing wrong, and neither does a port scan.

use crate::config::BridgeConfig;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many addresses are remembered before the quiet ones are forgotten.
const MAX_ENTRIES: usize = 65_536;
const MINUTE_MS: u64 = 60_000;

/// Keeps count of every address.
#[derive(Debug)]
pub(crate) struct Guard {
    limits: Limits,
    entries: Mutex<HashMap<IpAddr, Entry>>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    open: u32,
    new_per_minute: u32,
    failures: u32,
    initial_ban_ms: u64,
    max_ban_ms: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    open: u32,
    minute_began_ms: u64,
    begun_in_minute: u32,
    failures: u32,
    bans: u32,
    banned_until_ms: u64,
    failed_ms: u64,
}

/// Why an address may not connect now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It holds as many connections as one may.
    TooManyOpen,
    /// It has begun as many as one may within a minute.
    TooFast {
        /// How long it should wait.
        wait_ms: u64,
    },
    /// It showed only keys that nobody has, again and again.
    Banned {
        /// How long that still lasts.
        wait_ms: u64,
    },
}

impl Guard {
    pub(crate) fn new(config: &BridgeConfig) -> Self {
        let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            limits: Limits {
                open: config.max_connections_per_address,
                new_per_minute: config.max_new_per_minute,
                failures: config.max_auth_failures.max(1),
                initial_ban_ms: ms(config.initial_ban),
                max_ban_ms: ms(config.max_ban),
            },
            entries: Mutex::default(),
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<IpAddr, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets one more connection in, or says why not. Each one that was let in must
    /// [leave](Self::leave).
    pub(crate) fn admit(&self, address: IpAddr, now_ms: u64) -> Result<(), Refusal> {
        let mut entries = self.entries();
        if entries.len() >= MAX_ENTRIES {
            forget(&mut entries, now_ms);
        }
        let entry = entries.entry(grouped(address)).or_default();
        if entry.banned_until_ms > now_ms {
            return Err(Refusal::Banned {
                wait_ms: entry.banned_until_ms - now_ms,
            });
        }
        if now_ms.saturating_sub(entry.minute_began_ms) >= MINUTE_MS {
            entry.minute_began_ms = now_ms;
            entry.begun_in_minute = 0;
        }
        if entry.begun_in_minute >= self.limits.new_per_minute {
            return Err(Refusal::TooFast {
                wait_ms: entry.minute_began_ms + MINUTE_MS - now_ms,
            });
        }
        if entry.open >= self.limits.open {
            return Err(Refusal::TooManyOpen);
        }
        entry.begun_in_minute += 1;
        entry.open += 1;
        Ok(())
    }

    /// A connection that was let in has ended.
    pub(crate) fn leave(&self, address: IpAddr) {
        if let Some(entry) = self.entries().get_mut(&grouped(address)) {
            entry.open = entry.open.saturating_sub(1);
        }
    }

    /// Somebody at this address proved to have a known key.
    pub(crate) fn succeeded(&self, address: IpAddr) {
        if let Some(entry) = self.entries().get_mut(&grouped(address)) {
            entry.failures = 0;
            entry.bans = 0;
        }
    }

    /// A connection that tried keys ended without a known one. Answers the length of the ban
    /// that this brings, if it does.
    pub(crate) fn failed(&self, address: IpAddr, now_ms: u64) -> Option<u64> {
        let mut entries = self.entries();
        let entry = entries.entry(grouped(address)).or_default();
        let quiet_ms = now_ms.saturating_sub(entry.failed_ms.max(entry.banned_until_ms));
        if quiet_ms > self.limits.initial_ban_ms {
            entry.failures = 0;
        }
        if quiet_ms > self.limits.max_ban_ms {
            entry.bans = 0;
        }
        entry.failed_ms = now_ms;
        entry.failures += 1;
        if entry.failures < self.limits.failures {
            return None;
        }
        let factor = 1_u64.checked_shl(entry.bans).unwrap_or(u64::MAX);
        let ban_ms = self
            .limits
            .initial_ban_ms
            .saturating_mul(factor)
            .min(self.limits.max_ban_ms);
        entry.failures = 0;
        entry.bans = entry.bans.saturating_add(1);
        entry.banned_until_ms = now_ms.saturating_add(ban_ms);
        Some(ban_ms)
    }
}

/// Makes room: addresses that hold nothing and owe nothing go first, then, where a crowd of
/// banned ones is left, those whose ban ends soonest.
fn forget(entries: &mut HashMap<IpAddr, Entry>, now_ms: u64) {
    entries.retain(|_, entry| {
        entry.open > 0
            || entry.banned_until_ms > now_ms
            || (entry.failures > 0 || entry.bans > 0)
                && now_ms.saturating_sub(entry.failed_ms) < 15 * MINUTE_MS
    });
    if entries.len() >= MAX_ENTRIES {
        let mut ends: Vec<u64> = entries.values().map(|entry| entry.banned_until_ms).collect();
        let half = ends.len() / 2;
        let (_, &mut median, _) = ends.select_nth_unstable(half);
        entries.retain(|_, entry| entry.open > 0 || entry.banned_until_ms > median);
    }
}

/// One customer's IPv6 addresses are a /64; an IPv4 address may come in IPv6 clothes.
fn grouped(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn guard() -> Guard {
        Guard::new(&BridgeConfig {
            max_connections_per_address: 2,
            max_new_per_minute: 4,
            max_auth_failures: 3,
            initial_ban: Duration::from_secs(900),
            max_ban: Duration::from_secs(86_400),
            ..BridgeConfig::default()
        })
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn an_address_holds_and_begins_so_many() {
        let guard = guard();
        assert_eq!(guard.admit(HERE, 0), Ok(()));
        assert_eq!(guard.admit(HERE, 0), Ok(()));
        assert_eq!(guard.admit(HERE, 0), Err(Refusal::TooManyOpen));
        assert_eq!(guard.admit([192, 0, 2, 2].into(), 0), Ok(()));
        guard.leave(HERE);
        guard.leave(HERE);
        assert_eq!(guard.admit(HERE, 1), Ok(()));
        assert_eq!(guard.admit(HERE, 1), Ok(()));
        guard.leave(HERE);
        assert_eq!(
            guard.admit(HERE, 20_000),
            Err(Refusal::TooFast { wait_ms: 40_000 })
        );
        assert_eq!(guard.admit(HERE, 60_000), Ok(()));
    }

    #[test]
    fn bans_grow_and_success_forgives() {
        let guard = guard();
        let mut now_ms = 1_000;
        let ban = |now_ms| {
            assert_eq!(guard.failed(HERE, now_ms), None);
            assert_eq!(guard.failed(HERE, now_ms), None);
            guard.failed(HERE, now_ms).expect("the third brings a ban")
        };
        for expected_s in [900, 1_800, 3_600, 7_200, 14_400, 28_800, 57_600, 86_400, 86_400] {
            let length = ban(now_ms);
            assert_eq!(length, expected_s * 1_000);
            assert_eq!(
                guard.admit(HERE, now_ms + length - 1),
                Err(Refusal::Banned { wait_ms: 1 })
            );
            now_ms += length;
            assert_eq!(guard.admit(HERE, now_ms), Ok(()));
            guard.leave(HERE);
        }
        guard.failed(HERE, now_ms);
        guard.failed(HERE, now_ms);
        guard.succeeded(HERE);
        assert_eq!(ban(now_ms), 900_000);
        now_ms += 900_000 + 86_400_001;
        assert_eq!(ban(now_ms), 900_000, "a quiet day is forgiven");
    }

    #[test]
    fn one_ipv6_network_is_one_address() {
        let guard = guard();
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert_eq!(guard.admit(address("2001:db8::1"), 0), Ok(()));
        assert_eq!(guard.admit(address("2001:db8::2"), 0), Ok(()));
        assert_eq!(guard.admit(address("2001:db8::3"), 0), Err(Refusal::TooManyOpen));
        assert_eq!(guard.admit(address("2001:db8:0:1::3"), 0), Ok(()));
    }

    #[test]
    fn a_crowd_is_forgotten() {
        let guard = guard();
        for i in 0..200_000_u32 {
            let address = IpAddr::V4(i.into());
            assert_eq!(guard.admit(address, 0), Ok(()));
            guard.leave(address);
            for _ in 0..3 {
                guard.failed(address, 0);
            }
        }
        assert!(guard.entries().len() <= MAX_ENTRIES);
    }
}
