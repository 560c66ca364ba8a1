//! Bounds on how much git work runs at once: in all, and for one caller.

use crate::Error;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use plue_contract::{AccountId, Caller, DeployKeyId, Who};

/// Whose share of a queue a piece of work is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Share {
    Account(AccountId),
    DeployKey(DeployKeyId),
    Address(Option<IpAddr>),
    System,
}

impl Share {
    fn of(caller: &Caller) -> Self {
        match caller.who {
            Who::Anonymous => Self::Address(caller.address.map(household)),
            Who::Account { id, .. } => Self::Account(id),
            Who::DeployKey { id, .. } => Self::DeployKey(id),
            Who::System => Self::System,
        }
    }
}

/// The address that stands for all that one household has: of IPv6, the first 64 bits.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        address => address,
    }
}

/// A queue in front of one kind of work.
pub(crate) struct Queue {
    what: &'static str,
    total: Arc<Semaphore>,
    per_caller: usize,
    wait: Duration,
    shares: Mutex<HashMap<Share, Arc<Semaphore>>>,
}

/// A place in the queue, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    _share: OwnedSemaphorePermit,
    _total: OwnedSemaphorePermit,
}

impl Queue {
    /// A queue that lets `total` pieces of work run at once and `per_caller` of one caller; who
    /// has waited for `wait` is sent away.
    pub(crate) fn new(what: &'static str, total: usize, per_caller: usize, wait: Duration) -> Self {
        Self {
            what,
            total: Arc::new(Semaphore::new(total.max(1))),
            per_caller: per_caller.max(1),
            wait,
            shares: Mutex::default(),
        }
    }

    /// Waits for a place, first in the caller's own share, so that one caller's waiting work
    /// never stands in the way of another's.
    pub(crate) async fn enter(&self, caller: &Caller) -> Result<Slot, Error> {
        let share = self.share(Share::of(caller));
        let both = async {
            let own = share.acquire_owned().await;
            let all = self.total.clone().acquire_owned().await;
            (own, all)
        };
        match tokio::time::timeout(self.wait, both).await {
            Ok((Ok(own), Ok(all))) => Ok(Slot {
                _share: own,
                _total: all,
            }),
            _ => {
                metrics::counter!("plue_git_queue_refused_total", "queue" => self.what).increment(1);
                Err(Error::Busy { retry_after_s: 30 })
            }
        }
    }

    fn share(&self, share: Share) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        // Shares that nobody uses or waits for are forgotten before the table may grow further.
        if shares.len() > 1024 {
            shares.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        }
        shares
            .entry(share)
            .or_insert_with(|| Arc::new(Semaphore::new(self.per_caller)))
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_has_one_share() {
        let share = |text: &str| household(text.parse().expect("an address"));
        assert_eq!(share("2001:db8:1:2:3::4"), share("2001:db8:1:2:ffff::1"));
        assert_ne!(share("2001:db8:1:2::1"), share("2001:db8:1:3::1"));
        assert_eq!(share("::ffff:192.0.2.1"), share("192.0.2.1"));
        assert_ne!(share("192.0.2.1"), share("192.0.2.2"));
    }

    fn from(last: u8) -> Caller {
        Caller::anonymous(Some(IpAddr::from([127, 0, 0, last])), "test")
    }

    #[tokio::test]
    async fn one_caller_cannot_take_the_places_of_another() {
        let queue = Queue::new("test", 3, 2, Duration::from_millis(50));
        let held = (
            queue.enter(&from(1)).await.unwrap(),
            queue.enter(&from(1)).await.unwrap(),
        );
        assert!(matches!(queue.enter(&from(1)).await, Err(Error::Busy { .. })));
        let third = queue.enter(&from(2)).await.unwrap();
        assert!(queue.enter(&from(3)).await.is_err(), "three places in all");
        drop((held, third));
        assert!(queue.enter(&from(1)).await.is_ok() && queue.enter(&from(3)).await.is_ok());
    }
}
