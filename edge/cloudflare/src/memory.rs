//! What an isolate remembers between requests, within bounds: refusals that a limiter issued and
//! whom a credential belonged to some seconds ago. Losing either costs a hop and nothing else.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// A map whose entries end by themselves and whose size never passes a bound.
pub struct Fleeting<K, V> {
    entries: HashMap<K, (u64, V)>,
    capacity: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Fleeting<K, V> {
    /// A map of at most `capacity` entries.
    pub fn new(capacity: usize) -> Self {
        Self {
            entries: HashMap::new(),
            capacity,
        }
    }

    /// What stands under `key`, and until when it does, if that is later than `now_ms`.
    pub fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q, now_ms: u64) -> Option<(u64, V)>
    where
        K: Borrow<Q>,
    {
        let (until_ms, value) = self.entries.get(key)?;
        if *until_ms <= now_ms {
            self.entries.remove(key);
            return None;
        }
        Some((*until_ms, value.clone()))
    }

    /// Forgets what stands under `key`.
    pub fn forget<Q: Hash + Eq + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.entries.remove(key);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Keeps `value` until `until_ms`. Where there is no room, what has ended goes first, and then
    /// whatever would have ended soonest.
    pub fn put(&mut self, key: K, value: V, until_ms: u64, now_ms: u64) {
        if until_ms <= now_ms {
            return;
        }
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&key) {
            self.entries.retain(|_, (ends_ms, _)| *ends_ms > now_ms);
        }
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&key) {
            // A quarter at a time, so that a flood of new keys does not sort the map for each.
            let mut ends: Vec<u64> = self.entries.values().map(|(ends_ms, _)| *ends_ms).collect();
            let quarter = ends.len() / 4;
            let (_, &mut bound, _) = ends.select_nth_unstable(quarter);
            let mut excess = quarter + 1;
            self.entries.retain(|_, (ends_ms, _)| {
                let goes = excess > 0 && *ends_ms <= bound;
                excess -= usize::from(goes);
                !goes
            });
        }
        self.entries.insert(key, (until_ms, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_end_by_themselves() {
        let mut map = Fleeting::new(2);
        map.put("a", 1, 100, 0);
        assert_eq!(map.get(&"a", 99), Some((100, 1)));
        assert_eq!(map.get(&"a", 100), None);
        assert!(map.entries.is_empty());
        map.put("a", 2, 100, 0);
        map.forget(&"a");
        assert_eq!(map.get(&"a", 0), None);
        map.put("b", 1, 100, 100);
        assert!(map.entries.is_empty(), "what has ended is not kept");
    }

    #[test]
    fn the_bound_holds_and_the_longest_lived_stay() {
        let mut map = Fleeting::new(100);
        for i in 0..100_000_u64 {
            map.put(i, i, 1_000 + i, 0);
            assert!(map.entries.len() <= 100);
        }
        assert!(map.get(&99_999, 0).is_some());
        let mut same = Fleeting::new(8);
        for i in 0..1_000_u64 {
            same.put(i, i, 50, 0);
            assert!(same.entries.len() <= 8 && same.get(&i, 0).is_some());
        }
    }
}
