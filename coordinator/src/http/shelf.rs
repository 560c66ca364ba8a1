//! What was made once and may be shown again: values by a key that changes with all that they were
//! made from, up to so many bytes; the longest unused go first.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A shelf of values.
pub struct Shelf<V> {
    inner: Mutex<Inner<V>>,
    max_bytes: usize,
}

struct Inner<V> {
    kept: HashMap<String, Kept<V>>,
    /// Keys by when they were used last.
    used: BTreeMap<u64, String>,
    clock: u64,
    bytes: usize,
}

struct Kept<V> {
    value: Arc<V>,
    bytes: usize,
    used: u64,
}

impl<V> Shelf<V> {
    /// An empty shelf for so many bytes.
    pub fn new(max_bytes: usize) -> Self {
        let inner = Inner {
            kept: HashMap::new(),
            used: BTreeMap::new(),
            clock: 0,
            bytes: 0,
        };
        Self {
            inner: Mutex::new(inner),
            max_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<V>> {
        // Whoever panicked with it in hand left nothing half done that a reader could see.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept under a key.
    pub fn get(&self, key: &str) -> Option<Arc<V>> {
        let mut guard = self.lock();
        let inner = &mut *guard;
        let kept = inner.kept.get_mut(key)?;
        inner.clock += 1;
        if let Some(name) = inner.used.remove(&kept.used) {
            inner.used.insert(inner.clock, name);
        }
        kept.used = inner.clock;
        Some(Arc::clone(&kept.value))
    }

    /// Keeps a value of so many bytes, and gives it back.
    pub fn put(&self, key: &str, value: V, bytes: usize) -> Arc<V> {
        let value = Arc::new(value);
        let bytes = bytes + key.len() * 2 + 128;
        if bytes > self.max_bytes / 4 {
            return value;
        }
        let mut guard = self.lock();
        let inner = &mut *guard;
        inner.clock += 1;
        let kept = Kept {
            value: Arc::clone(&value),
            bytes,
            used: inner.clock,
        };
        if let Some(before) = inner.kept.insert(key.to_owned(), kept) {
            inner.used.remove(&before.used);
            inner.bytes -= before.bytes;
        }
        inner.used.insert(inner.clock, key.to_owned());
        inner.bytes += bytes;
        while inner.bytes > self.max_bytes
            && let Some((_, oldest)) = inner.used.pop_first()
        {
            inner.bytes -= inner.kept.remove(&oldest).map_or(0, |kept| kept.bytes);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_goes_first_and_nothing_is_kept_beyond_the_limit() {
        let shelf = Shelf::new(10_000);
        for n in 0..4 {
            shelf.put(&n.to_string(), n, 2_000);
        }
        assert_eq!(shelf.get("0").as_deref(), Some(&0));
        shelf.put("4", 4, 2_000);
        assert_eq!(shelf.get("1"), None, "it was not used for the longest time");
        assert!(shelf.get("0").is_some() && shelf.get("4").is_some());
        assert_eq!(*shelf.put("large", 9, 9_000), 9);
        assert_eq!(
            shelf.get("large"),
            None,
            "one value never takes the shelf for itself"
        );
        shelf.put("4", 5, 2_000);
        assert_eq!(shelf.get("4").as_deref(), Some(&5));
        assert!(shelf.lock().bytes <= 10_000);
        let inner = shelf.lock();
        assert_eq!(inner.kept.len(), inner.used.len());
    }
}
