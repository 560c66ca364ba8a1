//! Faults that tests put between the program and its database. Outside tests there are none:
//! the type is empty and its checks compile to nothing.

#[cfg(any(test, feature = "failpoints"))]
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use crate::error::StoreError;

/// What a test wants to go wrong.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    #[cfg(any(test, feature = "failpoints"))]
    state: Arc<State>,
}

#[cfg(any(test, feature = "failpoints"))]
#[derive(Debug, Default)]
struct State {
    /// How many statements are left until one fails; 0 and below: none will.
    remaining: AtomicI64,
    fired: AtomicBool,
    lose_commit: AtomicBool,
}

impl Faults {
    /// Refuses the statement if its turn has come.
    #[cfg(any(test, feature = "failpoints"))]
    pub(crate) fn check(&self, statement: &'static str) -> Result<(), StoreError> {
        if self.state.remaining.load(Ordering::SeqCst) > 0
            && self.state.remaining.fetch_sub(1, Ordering::SeqCst) == 1
        {
            self.state.fired.store(true, Ordering::SeqCst);
            return Err(StoreError::Injected { statement });
        }
        Ok(())
    }

    /// Never refuses.
    #[cfg(not(any(test, feature = "failpoints")))]
    #[inline]
    pub(crate) fn check(&self, _statement: &'static str) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether the answer to this COMMIT is to be lost.
    #[cfg(any(test, feature = "failpoints"))]
    pub(crate) fn loses_commit(&self) -> bool {
        self.state.lose_commit.swap(false, Ordering::SeqCst)
    }

    /// Never.
    #[cfg(not(any(test, feature = "failpoints")))]
    #[inline]
    pub(crate) fn loses_commit(&self) -> bool {
        false
    }
}

#[cfg(any(test, feature = "failpoints"))]
impl Faults {
    /// Makes the n-th statement from now fail, BEGIN and COMMIT among those that count.
    pub fn fail_nth(&self, n: i64) {
        self.state.fired.store(false, Ordering::SeqCst);
        self.state.remaining.store(n, Ordering::SeqCst);
    }

    /// Lets everything succeed again; says whether the fault had fired.
    pub fn clear(&self) -> bool {
        self.state.remaining.store(0, Ordering::SeqCst);
        self.state.lose_commit.store(false, Ordering::SeqCst);
        self.state.fired.swap(false, Ordering::SeqCst)
    }

    /// Lets the next COMMIT succeed and reports it as lost.
    pub fn lose_commit(&self) {
        self.state.lose_commit.store(true, Ordering::SeqCst);
    }
}
