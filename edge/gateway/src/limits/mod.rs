//! Rate limits: the algorithm, the presets, and how a bucket is named. Where a bucket's state is
//! kept is the host's business; [`table`] is the keeper for hosts with memory of their own.
//!
//! The algorithm is GCRA. A bucket holds `burst` tokens and gets them back evenly over `per_ms`;
//! its whole state is one number, the time at which it will be full again.

pub mod preset;
pub mod table;

pub use preset::{Preset, Presets};
pub use table::Table;

use plue_contract::AccountId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// How much a bucket holds and how quickly it refills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// The most requests that may come at once.
    pub burst: u32,
    /// The time in which an empty bucket becomes full, in milliseconds.
    pub per_ms: u64,
}

impl Rate {
    /// `burst` requests at once, and as many again over each `per_ms`. Zero of either is read as
    /// one: a rate that admits nothing is a closed door, not a limit.
    pub const fn new(burst: u32, per_ms: u64) -> Self {
        Self {
            burst: if burst == 0 { 1 } else { burst },
            per_ms: if per_ms == 0 { 1 } else { per_ms },
        }
    }

    /// The time after which one token is back, in microseconds, at least one.
    const fn interval_us(self) -> u64 {
        let interval = self.per_ms.saturating_mul(1_000) / self.burst as u64;
        if interval == 0 { 1 } else { interval }
    }

    /// The time in which an empty bucket becomes full, in microseconds: whole intervals.
    const fn size_us(self) -> u64 {
        self.interval_us().saturating_mul(self.burst as u64)
    }
}

/// What a bucket answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether the request may pass.
    pub allowed: bool,
    /// The bucket's size.
    pub limit: u32,
    /// How many more requests would pass right now.
    pub remaining: u32,
    /// The time until the bucket is full again, in milliseconds, rounded up.
    pub reset_ms: u64,
    /// The time until a request of this cost would pass, in milliseconds, rounded up; zero where
    /// it passed.
    pub retry_after_ms: u64,
}

/// The state of one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// When the bucket will be full again, in microseconds since 1970. A new bucket is full.
    pub full_at_us: u64,
}

impl Bucket {
    /// Takes `cost` tokens if that many are there, and says how things stand afterwards. A
    /// refusal takes nothing; a cost of zero only looks; a cost above the burst never passes.
    pub fn take(&mut self, now_ms: u64, rate: Rate, cost: u32) -> Decision {
        let now_us = now_ms.saturating_mul(1_000);
        let interval_us = rate.interval_us();
        let size_us = rate.size_us();
        // A clock that stepped back, or a rate that was lowered, must not shut anybody out for
        // longer than an empty bucket would.
        let owed_us = self.full_at_us.saturating_sub(now_us).min(size_us);
        let after_us = owed_us.saturating_add(interval_us.saturating_mul(u64::from(cost)));
        let allowed = after_us <= size_us;
        let left_owed_us = if allowed { after_us } else { owed_us };
        self.full_at_us = now_us + left_owed_us;
        Decision {
            allowed,
            limit: rate.burst,
            remaining: u32::try_from((size_us - left_owed_us) / interval_us).unwrap_or(rate.burst),
            reset_ms: left_owed_us.div_ceil(1_000),
            retry_after_ms: if allowed {
                0
            } else {
                (after_us - size_us).div_ceil(1_000)
            },
        }
    }

    /// Gives back `cost` tokens that were taken; a bucket never holds more than its burst.
    pub fn give_back(&mut self, now_ms: u64, rate: Rate, cost: u32) {
        let back_us = rate.interval_us().saturating_mul(u64::from(cost));
        let now_us = now_ms.saturating_mul(1_000);
        let owed_us = self.full_at_us.saturating_sub(now_us).min(rate.size_us());
        self.full_at_us = now_us + owed_us.saturating_sub(back_us);
    }

    /// Whether the bucket is full, so that its state may be forgotten.
    pub fn is_full(&self, now_ms: u64) -> bool {
        self.full_at_us <= now_ms.saturating_mul(1_000)
    }
}

/// Who shares a bucket. Robots cannot use up what people have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Browsers, people's own tokens, and everybody unknown.
    People,
    /// Agents' and runners' tokens.
    Robots,
}

/// Whose bucket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A known account's.
    Account(AccountId),
    /// An address's: an IPv4 address, or the /64 of an IPv6 address.
    Address(IpAddr),
    /// That of everybody whose address nobody told.
    Unknown,
}

impl Subject {
    /// The subject of an address: IPv6 by its /64, since that much belongs to one customer;
    /// IPv4 in IPv6 clothes as IPv4.
    pub fn of_address(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            None => Self::Unknown,
            Some(IpAddr::V6(v6)) => {
                let network = u128::from(v6) & !u128::from(u64::MAX);
                Self::Address(IpAddr::V6(Ipv6Addr::from(network)))
            }
            Some(v4) => Self::Address(v4),
        }
    }
}

/// The name of one bucket. It prints as, for example, `api:people:account:42`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BucketKey {
    /// Which limit.
    pub preset: Preset,
    /// Which lane.
    pub lane: Lane,
    /// Whose.
    pub subject: Subject,
}

impl fmt::Display for BucketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lane = match self.lane {
            Lane::People => "people",
            Lane::Robots => "robots",
        };
        write!(f, "{}:{lane}:", self.preset.name())?;
        match self.subject {
            Subject::Account(id) => write!(f, "account:{id}"),
            Subject::Address(address) => write!(f, "address:{address}"),
            Subject::Unknown => f.write_str("unknown"),
        }
    }
}

impl BucketKey {
    /// Which of `shards` keepers holds the bucket: the same for all buckets of one subject, so
    /// that a request asks one keeper. FNV-1a, which every host computes alike.
    pub fn shard(&self, shards: u32) -> u32 {
        let (kind, id) = self.subject.words();
        let hash = kind
            .to_le_bytes()
            .into_iter()
            .chain(id.to_le_bytes())
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        ((hash >> 32) as u32) % shards.max(1)
    }

    /// The key as three words, different for different keys.
    fn words(&self) -> [u64; 3] {
        let (kind, id) = self.subject.words();
        let lane = u64::from(matches!(self.lane, Lane::Robots));
        [
            (self.preset as u64) << 16 | lane << 8 | u64::from(kind),
            id as u64,
            (id >> 64) as u64,
        ]
    }
}

impl Subject {
    fn words(self) -> (u8, u128) {
        match self {
            Self::Unknown => (0, 0),
            Self::Account(id) => (1, u128::from(id.0.cast_unsigned())),
            Self::Address(IpAddr::V4(v4)) => (2, u128::from(u32::from(v4))),
            Self::Address(IpAddr::V6(v6)) => (3, u128::from(v6)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: Rate = Rate::new(5, 60_000);

    #[test]
    fn a_burst_then_one_token_at_a_time() {
        let mut bucket = Bucket::default();
        let now = 1_700_000_000_000;
        for left in (0..5).rev() {
            let decision = bucket.take(now, MINUTE, 1);
            assert!(decision.allowed);
            assert_eq!(decision.remaining, left);
            assert_eq!(decision.reset_ms, u64::from(5 - left) * 12_000);
        }
        let refused = bucket.take(now, MINUTE, 1);
        assert_eq!(
            refused,
            Decision {
                allowed: false,
                limit: 5,
                remaining: 0,
                reset_ms: 60_000,
                retry_after_ms: 12_000
            }
        );
        assert!(!bucket.take(now + 11_999, MINUTE, 1).allowed);
        assert!(bucket.take(now + 12_000, MINUTE, 1).allowed);
        assert!(bucket.is_full(now + 72_000) && !bucket.is_full(now + 71_999));
        assert_eq!(bucket.take(now + 72_000, MINUTE, 0).remaining, 5);
    }

    #[test]
    fn looking_takes_nothing_and_too_much_never_passes() {
        let mut bucket = Bucket::default();
        for _ in 0..100 {
            assert_eq!(bucket.take(1_000, MINUTE, 0).remaining, 5);
        }
        assert!(!bucket.take(1_000, MINUTE, 6).allowed);
        assert!(bucket.take(1_000, MINUTE, 5).allowed);
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_no_more() {
        let mut bucket = Bucket::default();
        let now = 1_700_000_000_000;
        assert!(bucket.take(now, MINUTE, 5).allowed);
        bucket.give_back(now, MINUTE, 2);
        assert_eq!(bucket.take(now, MINUTE, 0).remaining, 2);
        // A third token came back by itself meanwhile.
        bucket.give_back(now + 12_000, MINUTE, 1);
        assert_eq!(bucket.take(now + 12_000, MINUTE, 0).remaining, 4);
        bucket.give_back(now + 12_000, MINUTE, 100);
        assert!(bucket.is_full(now + 12_000));
        assert_eq!(bucket.take(now + 12_000, MINUTE, 0).remaining, 5);
    }

    #[test]
    fn a_clock_that_steps_back_shuts_nobody_out_for_longer_than_a_period() {
        let mut bucket = Bucket::default();
        assert!(bucket.take(10_000_000, MINUTE, 5).allowed);
        let refused = bucket.take(1_000_000, MINUTE, 1);
        assert!(!refused.allowed && refused.retry_after_ms <= 12_000);
    }

    proptest! {
        /// A model that counts tokens as fractions says the same at every step.
        #[test]
        fn agrees_with_a_bucket_of_tokens(
            burst in 1_u32..200,
            interval_ms in 1_u64..5_000,
            steps in prop::collection::vec((0_u64..20_000, 0_u32..4), 1..200),
        ) {
            let rate = Rate::new(burst, u64::from(burst) * interval_ms);
            let mut bucket = Bucket::default();
            let mut now = 1_700_000_000_000_u64;
            // Tokens in units of 1/interval_ms.
            let size = u64::from(burst) * interval_ms;
            let mut tokens = size;
            for (wait, cost) in steps {
                now += wait;
                tokens = (tokens + wait).min(size);
                let price = u64::from(cost) * interval_ms;
                let fits = price <= tokens;
                let decision = bucket.take(now, rate, cost);
                prop_assert_eq!(decision.allowed, fits);
                prop_assert_eq!(decision.retry_after_ms, if fits { 0 } else { price - tokens });
                if fits {
                    tokens -= price;
                }
                prop_assert_eq!(u64::from(decision.remaining), tokens / interval_ms);
                prop_assert_eq!(decision.reset_ms, size - tokens);
            }
        }
    }

    #[test]
    fn an_ipv6_customer_has_one_bucket_and_ipv4_is_ipv4_in_any_clothes() {
        let of = |text: &str| Subject::of_address(Some(text.parse().expect("an address")));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        let key = BucketKey {
            preset: Preset::Api,
            lane: Lane::People,
            subject: of("2001:db8:1:2::1"),
        };
        assert_eq!(key.to_string(), "api:people:address:2001:db8:1:2::");
        assert!(key.shard(16) < 16 && key.shard(0) == 0);
    }
}
