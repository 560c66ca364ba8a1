//! How many connections one address holds. How many there are in all is not counted here.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// The connections that are open, by their address. Cheap to clone.
#[derive(Clone)]
pub struct Places {
    most: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A place among those of an address, until it is dropped.
pub struct Place {
    of: IpAddr,
    places: Places,
}

impl Places {
    /// Has `most` places for each address; one who has IPv6 commonly has a whole /64.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            taken: Arc::default(),
        }
    }

    /// Takes a place, if one is left for this address.
    pub fn take(&self, address: IpAddr) -> Option<Place> {
        let of = match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64)),
            v4 => v4,
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(of).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place {
            of,
            places: self.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_places_of_its_own_and_gets_them_back() {
        let places = Places::new(2);
        let take = |address: &str| places.take(address.parse().unwrap());
        let (first, second) = (take("203.0.113.9"), take("::ffff:203.0.113.9"));
        assert!(first.is_some() && second.is_some());
        assert!(take("203.0.113.9").is_none());
        let networks = [take("2001:db8::1"), take("2001:db8::2"), take("2001:db8::3")];
        assert_eq!(networks.each_ref().map(Option::is_some), [true, true, false]);
        assert!(take("2001:db8:0:1::1").is_some(), "another network");
        drop(first);
        assert!(take("203.0.113.9").is_some());
        drop((second, networks));
        assert!(
            places.taken.lock().unwrap().is_empty(),
            "nothing is kept of the gone"
        );
    }
}
