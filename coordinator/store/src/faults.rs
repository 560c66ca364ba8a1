//! Faults that tests put between the program and its database. Outside tests there are none:
//! the type is empty and its checks compile to nothing.

#[cfg(any(test, feature = "failpoints"))]
use std::sync::{
    Arc, Mutex, PoisonError,
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
    lost: Mutex<Option<LostCommit>>,
}

/// A COMMIT whose answer does not come back.
#[cfg(any(test, feature = "failpoints"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LostCommit {
    /// The transaction by its name; none: whichever is next.
    transaction: Option<&'static str>,
    /// Whether it is done all the same.
    done: bool,
}

/// What becomes of a COMMIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commit {
    /// It is done and answered.
    Answered,
    /// It is done, and the answer is lost.
    #[cfg_attr(not(any(test, feature = "failpoints")), allow(dead_code))]
    DoneAndLost,
    /// It never arrives.
    #[cfg_attr(not(any(test, feature = "failpoints")), allow(dead_code))]
    Lost,
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

    /// What becomes of the COMMIT of this transaction.
    #[cfg(any(test, feature = "failpoints"))]
    pub(crate) fn commit(&self, transaction: &'static str) -> Commit {
        let mut lost = self.state.lost.lock().unwrap_or_else(PoisonError::into_inner);
        match *lost {
            Some(found) if found.transaction.is_none_or(|name| name == transaction) => {
                *lost = None;
                if found.done {
                    Commit::DoneAndLost
                } else {
                    Commit::Lost
                }
            }
            _ => Commit::Answered,
        }
    }

    /// It is done and answered.
    #[cfg(not(any(test, feature = "failpoints")))]
    #[inline]
    pub(crate) fn commit(&self, _transaction: &'static str) -> Commit {
        Commit::Answered
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
        self.lose(None);
        self.state.fired.swap(false, Ordering::SeqCst)
    }

    /// Lets the next COMMIT succeed and reports it as lost.
    pub fn lose_commit(&self) {
        self.lose(Some(LostCommit {
            transaction: None,
            done: true,
        }));
    }

    /// Loses the next COMMIT of the transaction of this name, before or after it was `done`.
    pub fn lose_commit_of(&self, transaction: &'static str, done: bool) {
        self.lose(Some(LostCommit {
            transaction: Some(transaction),
            done,
        }));
    }

    fn lose(&self, lost: Option<LostCommit>) {
        *self.state.lost.lock().unwrap_or_else(PoisonError::into_inner) = lost;
    }
}
