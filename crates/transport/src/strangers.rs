//! Counting those who have not authenticated yet.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// How many strangers each address has, with a cap for each.
///
/// An IPv6 peer counts by its /64, because a host can have all of it.
#[derive(Debug)]
pub struct Strangers {
    per_address: usize,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

impl Strangers {
    /// Allows `per_address` strangers at once from each address.
    pub fn new(per_address: usize) -> Arc<Self> {
        Arc::new(Strangers {
            per_address,
            counts: Mutex::default(),
        })
    }

    /// Lets a stranger in, unless its address has too many already.
    pub fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Stranger> {
        let address = network_of(peer);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        Some(Stranger {
            strangers: self.clone(),
            address,
        })
    }

    fn leave(&self, address: IpAddr) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = counts.entry(address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// One stranger's place. Dropped when it has authenticated, or is gone.
#[derive(Debug)]
pub struct Stranger {
    strangers: Arc<Strangers>,
    address: IpAddr,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.strangers.leave(self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_the_places_of_another() {
        let strangers = Strangers::new(1);
        let noisy: IpAddr = "192.0.2.1".parse().unwrap();
        let quiet: IpAddr = "192.0.2.2".parse().unwrap();

        let _place = strangers.enter(noisy).unwrap();

        assert!(strangers.enter(noisy).is_none());
        assert!(strangers.enter(quiet).is_some());
    }

    #[test]
    fn whoever_authenticates_makes_room() {
        let strangers = Strangers::new(1);
        let address: IpAddr = "192.0.2.1".parse().unwrap();

        drop(strangers.enter(address).unwrap());

        assert!(strangers.enter(address).is_some());
        assert!(strangers.counts.lock().unwrap().is_empty());
    }

    #[test]
    fn an_ipv6_host_counts_by_its_network() {
        let strangers = Strangers::new(1);

        let _place = strangers.enter("2001:db8::1".parse().unwrap()).unwrap();

        assert!(strangers.enter("2001:db8::2".parse().unwrap()).is_none());
        assert!(
            strangers
                .enter("2001:db8:0:1::2".parse().unwrap())
                .is_some()
        );
    }
}
