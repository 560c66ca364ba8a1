//! The time within one long piece of work: the moment at which it began, as the door said, and
//! how long it has taken since.

use std::time::Duration;
use tokio::time::Instant;

/// A clock that somebody set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    set_to_ms: i64,
    at: Instant,
}

impl Clock {
    /// A clock that shows this moment now, in milliseconds since 1970.
    pub(crate) fn set(now_ms: i64) -> Self {
        Self {
            set_to_ms: now_ms,
            at: Instant::now(),
        }
    }

    /// How much is left of so many milliseconds since it was set.
    pub(crate) fn left(&self, of_ms: u64) -> Duration {
        Duration::from_millis(of_ms).saturating_sub(self.at.elapsed())
    }

    /// What it shows now, in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        let passed = i64::try_from(self.at.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.set_to_ms.saturating_add(passed)
    }
}
