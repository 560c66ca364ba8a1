//! A keeper of buckets in memory of a fixed size, for hosts whose threads share it.
//!
//! Keys fall into sets of seven entries by a keyed hash that nobody outside can predict. Taking
//! from a bucket that is there locks nothing: it is one compare-and-swap. Only making a new entry
//! locks, and only its set, so that two threads cannot make the same one twice. Where a set is
//! full, the entry that has recovered most gives way; a full bucket loses nothing by that, and
//! whoever presses hardest is the last to be forgotten.

use super::{Bucket, BucketKey, Decision, Rate};
use std::sync::atomic::{AtomicU64, Ordering};

/// Entries of a set: with the lock, the tags fill one cache line and the states another.
const WAYS: usize = 7;

/// Bits of an entry's state that hold the time; microseconds since 1970 fit until the year 2112.
const TIME_BITS: u32 = 52;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// The state of an entry that is being made or was never used.
const VACANT: u64 = 0;

#[repr(align(64))]
struct Set {
    lock: AtomicU64,
    tags: [AtomicU64; WAYS],
    /// Upper bits: the lower bits of the tag, so that a swap cannot hit an entry that has changed
    /// hands meanwhile. Lower bits: when the bucket will be full again.
    states: [AtomicU64; WAYS],
}

impl Set {
    const fn new() -> Self {
        Self {
            lock: AtomicU64::new(0),
            tags: [const { AtomicU64::new(0) }; WAYS],
            states: [const { AtomicU64::new(VACANT) }; WAYS],
        }
    }

    fn lock(&self) -> SetLock<'_> {
        let mut tries = 0_u32;
        while self
            .lock
            .compare_exchange_weak(0, 1, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            tries += 1;
            if tries.is_multiple_of(64) {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
        SetLock(self)
    }
}

struct SetLock<'a>(&'a Set);

impl Drop for SetLock<'_> {
    fn drop(&mut self) {
        self.0.lock.store(0, Ordering::Release);
    }
}

const fn pack(tag: u64, full_at_us: u64) -> u64 {
    (tag << TIME_BITS) | (full_at_us & TIME_MASK)
}

const fn belongs(state: u64, tag: u64) -> bool {
    state != VACANT && state >> TIME_BITS == (tag << TIME_BITS) >> TIME_BITS
}

/// The table. Its memory is taken when it is made and never grows.
pub struct Table {
    sets: Box<[Set]>,
    seed: [u64; 2],
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("capacity", &self.capacity())
            .finish()
    }
}

impl Table {
    /// A table with room for at least `capacity` buckets; `seed` must be unpredictable, so that
    /// nobody can choose addresses that fall into one set.
    pub fn new(capacity: usize, seed: [u64; 2]) -> Self {
        let sets = capacity.div_ceil(WAYS).next_power_of_two();
        Self {
            sets: (0..sets).map(|_| Set::new()).collect(),
            seed,
        }
    }

    /// How many buckets there is room for.
    pub fn capacity(&self) -> usize {
        self.sets.len() * WAYS
    }

    /// The memory that the table takes, in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.sets)
    }

    /// Takes `cost` from the bucket of `key`, as [`Bucket::take`] does.
    pub fn take(&self, key: &BucketKey, now_ms: u64, rate: Rate, cost: u32) -> Decision {
        let (set, tag) = self.find(key);
        loop {
            if let Some(decision) = Self::take_present(set, tag, now_ms, rate, cost) {
                return decision;
            }
            if cost == 0 {
                return Bucket::default().take(now_ms, rate, 0);
            }
            if let Some(decision) = Self::take_new(set, tag, now_ms, rate, cost) {
                return decision;
            }
        }
    }

    /// Gives `cost` back to the bucket of `key`, as [`Bucket::give_back`] does. A bucket that gave
    /// way meanwhile is full already.
    pub fn give_back(&self, key: &BucketKey, now_ms: u64, rate: Rate, cost: u32) {
        let (set, tag) = self.find(key);
        let Some(state) = Self::state(set, tag) else {
            return;
        };
        let mut seen = state.load(Ordering::Acquire);
        while belongs(seen, tag) {
            let mut bucket = Bucket {
                full_at_us: seen & TIME_MASK,
            };
            bucket.give_back(now_ms, rate, cost);
            match state.compare_exchange_weak(
                seen,
                pack(tag, bucket.full_at_us),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return,
                Err(now_seen) => seen = now_seen,
            }
        }
    }

    /// How many requests the bucket of `key` would let pass now.
    pub fn remaining(&self, key: &BucketKey, now_ms: u64, rate: Rate) -> u32 {
        self.take(key, now_ms, rate, 0).remaining
    }

    /// Forgets the bucket of `key`, so that it is full.
    pub fn reset(&self, key: &BucketKey) {
        let (set, tag) = self.find(key);
        let _lock = set.lock();
        for (slot, state) in set.tags.iter().zip(&set.states) {
            if slot.load(Ordering::Acquire) == tag {
                state.store(VACANT, Ordering::Release);
                slot.store(0, Ordering::Release);
            }
        }
    }

    /// Forgets all buckets that are full, and says how many it forgot. Nothing depends on this
    /// being done; it keeps [`Table::live`] honest.
    pub fn sweep(&self, now_ms: u64) -> usize {
        let now_us = now_ms.saturating_mul(1_000);
        let mut forgotten = 0;
        for set in &self.sets {
            if set.tags.iter().all(|tag| tag.load(Ordering::Relaxed) == 0) {
                continue;
            }
            let _lock = set.lock();
            for (slot, state) in set.tags.iter().zip(&set.states) {
                let seen = state.load(Ordering::Acquire);
                let full = seen != VACANT && seen & TIME_MASK <= now_us;
                if full
                    && state
                        .compare_exchange(seen, VACANT, Ordering::AcqRel, Ordering::Relaxed)
                        .is_ok()
                {
                    slot.store(0, Ordering::Release);
                    forgotten += 1;
                }
            }
        }
        forgotten
    }

    /// How many buckets are kept at the moment.
    pub fn live(&self) -> usize {
        self.sets
            .iter()
            .flat_map(|set| &set.tags)
            .filter(|tag| tag.load(Ordering::Relaxed) != 0)
            .count()
    }

    fn find(&self, key: &BucketKey) -> (&Set, u64) {
        let hash = siphash13(self.seed, key.words());
        let index = (hash >> 32) as usize & (self.sets.len() - 1);
        (&self.sets[index], if hash == 0 { 1 } else { hash })
    }

    /// The state of the entry of `tag`, if the set has one.
    fn state(set: &Set, tag: u64) -> Option<&AtomicU64> {
        let way = set
            .tags
            .iter()
            .position(|slot| slot.load(Ordering::Acquire) == tag)?;
        Some(&set.states[way])
    }

    /// Takes from the entry of `tag`; none where the set has no such entry.
    fn take_present(set: &Set, tag: u64, now_ms: u64, rate: Rate, cost: u32) -> Option<Decision> {
        let state = Self::state(set, tag)?;
        let mut seen = state.load(Ordering::Acquire);
        loop {
            // The entry has just been given away: look again.
            if !belongs(seen, tag) {
                return None;
            }
            let mut bucket = Bucket {
                full_at_us: seen & TIME_MASK,
            };
            let decision = bucket.take(now_ms, rate, cost);
            // A refusal or a look changes nothing worth writing.
            if !decision.allowed || cost == 0 {
                return Some(decision);
            }
            match state.compare_exchange_weak(
                seen,
                pack(tag, bucket.full_at_us),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(decision),
                Err(now_seen) => seen = now_seen,
            }
        }
    }

    /// Makes an entry for `tag` and takes from it; none where another thread was quicker.
    fn take_new(set: &Set, tag: u64, now_ms: u64, rate: Rate, cost: u32) -> Option<Decision> {
        let _lock = set.lock();
        if set.tags.iter().any(|slot| slot.load(Ordering::Acquire) == tag) {
            return None;
        }
        let mut bucket = Bucket::default();
        let decision = bucket.take(now_ms, rate, cost);
        if !decision.allowed {
            return Some(decision);
        }
        let (way, seen) = set
            .states
            .iter()
            .map(|state| state.load(Ordering::Acquire))
            .enumerate()
            .min_by_key(|(_, state)| state & TIME_MASK)
            .expect("because a set has entries");
        // Whoever still takes from the old entry either comes first, and then we look again, or
        // finds the state vacant.
        set.states[way]
            .compare_exchange(seen, VACANT, Ordering::AcqRel, Ordering::Relaxed)
            .ok()?;
        set.tags[way].store(tag, Ordering::Release);
        set.states[way].store(pack(tag, bucket.full_at_us), Ordering::Release);
        Some(decision)
    }
}

/// SipHash-1-3 of three words.
fn siphash13(key: [u64; 2], words: [u64; 3]) -> u64 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    let round = |v: &mut [u64; 4]| {
        v[0] = v[0].wrapping_add(v[1]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[0] = v[0].rotate_left(32);
        v[2] = v[2].wrapping_add(v[3]);
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].wrapping_add(v[3]);
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[2] = v[2].wrapping_add(v[1]);
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[2] = v[2].rotate_left(32);
    };
    // The last word of SipHash carries the message's length in its upper byte.
    for word in [words[0], words[1], words[2], 24 << 56] {
        v[3] ^= word;
        round(&mut v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for _ in 0..3 {
        round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Lane, Preset, Subject};
    use plue_contract::AccountId;
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::net::{IpAddr, Ipv6Addr};
    use std::sync::atomic::AtomicU32;

    const NOW: u64 = 1_700_000_000_000;

    fn account(id: i64) -> BucketKey {
        BucketKey {
            preset: Preset::Api,
            lane: Lane::People,
            subject: Subject::Account(AccountId(id)),
        }
    }

    #[test]
    fn the_hash_is_siphash_1_3() {
        // The standard library's hasher with zero keys is SipHash-1-3.
        let reference = |words: [u64; 3]| {
            use std::hash::Hasher;
            let mut hasher = std::hash::DefaultHasher::new();
            for word in words {
                hasher.write_u64(word);
            }
            hasher.finish()
        };
        for words in [[0, 0, 0], [1, 2, 3], [u64::MAX, 0, 7]] {
            assert_eq!(siphash13([0, 0], words), reference(words));
        }
        assert_ne!(siphash13([0, 1], [1, 2, 3]), siphash13([0, 0], [1, 2, 3]));
    }

    #[test]
    fn ten_million_hostile_keys_take_no_more_memory_and_a_heavy_user_stays_known() {
        let table = Table::new(100_000, [1, 2]);
        let before = table.bytes();
        assert!(before < 4 << 20);
        let rate = Rate::new(100, 900_000);
        let heavy = account(7);
        for _ in 0..100 {
            assert!(table.take(&heavy, NOW, rate, 1).allowed);
        }
        for i in 0..10_000_000_u64 {
            let hostile = BucketKey {
                subject: Subject::of_address(Some(IpAddr::V6(Ipv6Addr::from(u128::from(i) << 64)))),
                ..heavy
            };
            table.take(&hostile, NOW + i / 100_000, rate, 1);
        }
        assert_eq!(table.bytes(), before);
        assert!(table.live() <= table.capacity());
        assert!(
            !table.take(&heavy, NOW + 100, rate, 1).allowed,
            "the heaviest is never the one that gives way"
        );
    }

    #[test]
    fn two_threads_together_get_exactly_the_burst() {
        for round in 0..200 {
            let table = Table::new(64, [round, 9]);
            let passed = AtomicU32::new(0);
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        for _ in 0..100 {
                            if table.take(&account(1), NOW, Rate::new(100, 900_000), 1).allowed {
                                passed.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    });
                }
            });
            assert_eq!(passed.into_inner(), 100);
        }
    }

    #[test]
    fn a_reset_bucket_is_full_and_a_swept_one_forgotten() {
        let table = Table::new(1_000, [3, 4]);
        let rate = Rate::new(5, 60_000);
        for id in 0..10 {
            table.take(&account(id), NOW, rate, 5);
        }
        assert_eq!(table.remaining(&account(3), NOW, rate), 0);
        table.reset(&account(3));
        assert_eq!(table.remaining(&account(3), NOW, rate), 5);
        assert_eq!(table.live(), 9);
        assert_eq!(table.sweep(NOW + 59_999), 0);
        assert_eq!(table.sweep(NOW + 60_000), 9);
        assert_eq!(table.live(), 0);
    }

    proptest! {
        /// Without pressure the table is a map of buckets.
        #[test]
        fn agrees_with_a_map(
            seed in any::<[u64; 2]>(),
            steps in prop::collection::vec((0_i64..50, 0_u64..5_000, 0_u32..4, any::<bool>()), 1..400),
        ) {
            let table = Table::new(4_096, seed);
            let mut map: HashMap<BucketKey, Bucket> = HashMap::new();
            let rate = Rate::new(10, 60_000);
            let mut now = NOW;
            for (id, wait, cost, back) in steps {
                now += wait;
                let bucket = map.entry(account(id)).or_default();
                prop_assert_eq!(table.take(&account(id), now, rate, cost), bucket.take(now, rate, cost));
                if back {
                    bucket.give_back(now, rate, 1);
                    table.give_back(&account(id), now, rate, 1);
                }
            }
        }
    }
}
