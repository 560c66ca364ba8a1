//! How the edge knows which state of a repository is current, so that it can answer from its
//! cache and never shows an old state after a change was answered.
//!
//! One [`Holder`] stands for one name of a repository (`owner/name`); a host keeps it where there
//! is one in the world, in a Durable Object. It may answer by itself while it holds a lease of the
//! coordinator. A change of the repository is answered only once the holder has let go, told by a
//! notice, or its lease must have ended: see `plue_contract::edge`.
//!
//! - A lease runs from the moment at which the question was *sent*, on the holder's clock.
//! - A notice ends the lease and makes every answer worthless that is still on its way.
//! - What comes late, or from before what was already held, is not taken.

use plue_contract::edge::{LEASE_MS, STALE_MS, Stamp};
use serde::{Deserialize, Serialize};

/// What is known of the repository under one name.
#[derive(Clone, Debug, Default)]
pub struct Holder {
    lease: Option<Lease>,
    last: Option<Last>,
    notices: u64,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    stamp: Stamp,
    sent_ms: u64,
}

/// What was held last: what is shown as stale while the coordinator is away, and what no later
/// answer may go back behind. A host keeps it over restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// How the repository stood.
    pub stamp: Stamp,
    /// When that was last known to be current, in milliseconds since 1970.
    pub current_ms: u64,
}

/// What a holder says when it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The repository stands like this now.
    Held(Stamp),
    /// The coordinator has to be asked.
    Ask(Asking),
}

/// A question on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asking {
    sent_ms: u64,
    notices: u64,
}

impl Asking {
    /// Whether whoever would send the other now may wait for the answer to this one instead.
    pub fn is_as_good_as(&self, other: &Self) -> bool {
        self.notices == other.notices && runs(self.sent_ms, other.sent_ms)
    }
}

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// The repository stands like this now.
    Held(Stamp),
    /// There is nothing for everybody.
    Hidden,
    /// The answer came too late, or something changed meanwhile: ask again.
    Void,
}

impl Holder {
    /// A holder that begins again with what was held last.
    pub fn resume(last: Option<Last>) -> Self {
        Self {
            last,
            ..Self::default()
        }
    }

    /// How the repository stands, or a question that is to be sent now.
    pub fn look(&self, now_ms: u64) -> Look {
        match self.lease {
            // A clock that was set back must not lengthen a lease.
            Some(Lease { stamp, sent_ms }) if runs(sent_ms, now_ms) => Look::Held(stamp),
            _ => Look::Ask(Asking {
                sent_ms: now_ms,
                notices: self.notices,
            }),
        }
    }

    /// Takes the coordinator's answer to a question.
    pub fn learn(&mut self, asking: Asking, stamp: Option<Stamp>, now_ms: u64) -> Learned {
        let overtaken = self.lease.is_some_and(|lease| lease.sent_ms > asking.sent_ms);
        if overtaken || asking.notices != self.notices || !runs(asking.sent_ms, now_ms) {
            return Learned::Void;
        }
        let Some(stamp) = stamp else {
            (self.lease, self.last) = (None, None);
            return Learned::Hidden;
        };
        if self.last.is_some_and(|last| stamp.is_before(&last.stamp)) {
            return Learned::Hidden;
        }
        let sent_ms = asking.sent_ms;
        self.lease = Some(Lease { stamp, sent_ms });
        self.last = Some(Last {
            stamp,
            current_ms: sent_ms,
        });
        Learned::Held(stamp)
    }

    /// Lets go, because the coordinator says that something has changed; `hidden` where nothing
    /// is left for everybody.
    pub fn notice(&mut self, hidden: bool) {
        self.notices += 1;
        self.lease = None;
        if hidden {
            self.last = None;
        }
    }

    /// What was held last, whatever became of it; for keeping.
    pub fn last(&self) -> Option<Last> {
        self.last
    }

    /// What may be shown, marked as stale, while the coordinator cannot be asked.
    pub fn stale(&self, now_ms: u64) -> Option<Last> {
        self.last
            .filter(|last| now_ms < last.current_ms.saturating_add(STALE_MS))
    }
}

/// Whether a lease that was asked for then runs now.
fn runs(sent_ms: u64, now_ms: u64) -> bool {
    (sent_ms..sent_ms.saturating_add(LEASE_MS)).contains(&now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plue_contract::RepoId;

    fn stamp(generation: i64) -> Stamp {
        Stamp {
            repository: RepoId(1),
            restore_epoch: 0,
            access_epoch: 0,
            generation,
            edition: 1,
        }
    }

    fn ask(holder: &Holder, now_ms: u64) -> Asking {
        match holder.look(now_ms) {
            Look::Ask(asking) => asking,
            Look::Held(stamp) => panic!("it holds {stamp}"),
        }
    }

    #[test]
    fn a_lease_runs_from_the_question_and_not_from_the_answer() {
        let mut holder = Holder::default();
        let asking = ask(&holder, 1_000);
        assert_eq!(
            holder.learn(asking, Some(stamp(1)), 3_000),
            Learned::Held(stamp(1))
        );
        assert_eq!(holder.look(1_000 + LEASE_MS - 1), Look::Held(stamp(1)));
        ask(&holder, 1_000 + LEASE_MS);
        // A clock that is set back lengthens nothing.
        ask(&holder, 999);
    }

    #[test]
    fn an_answer_that_is_late_or_was_overtaken_is_worthless() {
        let mut holder = Holder::default();
        let asking = ask(&holder, 0);
        assert_eq!(holder.learn(asking, Some(stamp(1)), LEASE_MS), Learned::Void);
        let asking = ask(&holder, 10_000);
        holder.notice(false);
        assert_eq!(holder.learn(asking, Some(stamp(1)), 10_001), Learned::Void);
        assert_eq!(holder.learn(asking, None, 10_001), Learned::Void);
        let asking = ask(&holder, 10_002);
        assert_eq!(
            holder.learn(asking, Some(stamp(2)), 10_003),
            Learned::Held(stamp(2))
        );
    }

    #[test]
    fn it_never_goes_back_even_over_a_restart() {
        let mut holder = Holder::default();
        let asking = ask(&holder, 0);
        holder.learn(asking, Some(stamp(5)), 1);
        let mut holder = Holder::resume(holder.last());
        let asking = ask(&holder, 2);
        assert_eq!(holder.learn(asking, Some(stamp(4)), 3), Learned::Hidden);
        assert_eq!(holder.stale(3).map(|last| last.stamp), Some(stamp(5)));
        let asking = ask(&holder, 4);
        assert_eq!(holder.learn(asking, Some(stamp(5)), 5), Learned::Held(stamp(5)));
    }

    #[test]
    fn what_was_hidden_is_not_even_shown_as_stale() {
        let mut holder = Holder::default();
        let asking = ask(&holder, 0);
        holder.learn(asking, Some(stamp(1)), 1);
        holder.notice(false);
        assert_eq!(
            holder.stale(2),
            Some(Last {
                stamp: stamp(1),
                current_ms: 0
            })
        );
        assert_eq!(holder.stale(STALE_MS), None);
        holder.notice(true);
        assert_eq!(holder.stale(2), None);
        let asking = ask(&holder, 3);
        holder.learn(asking, Some(stamp(1)), 4);
        let asking = ask(&holder, 3 + LEASE_MS);
        assert_eq!(holder.learn(asking, None, 4 + LEASE_MS), Learned::Hidden);
        assert_eq!(holder.stale(4 + LEASE_MS), None);
    }
}
