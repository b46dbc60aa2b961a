//! Counting those who have not authenticated yet.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// How many strangers there may be at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrangerCaps {
    /// From one address.
    pub per_address: usize,
    /// From everywhere.
    pub total: usize,
}

/// A fleet behind one address reconnects at once.
const PER_ADDRESS: usize = 4096;

impl StrangerCaps {
    /// Caps for a process that may open `open_files` files: strangers take
    /// half of them at most, so that clients who have authenticated and the
    /// store keep the rest, and one address a quarter, up to 4096.
    pub fn within(open_files: u64) -> Self {
        let open_files = usize::try_from(open_files).unwrap_or(usize::MAX);
        StrangerCaps {
            per_address: (open_files / 4).clamp(1, PER_ADDRESS),
            total: (open_files / 2).max(1),
        }
    }
}

/// How many strangers there are, with a cap for each address and for all.
///
/// An IPv6 peer counts by its /64, because a host can have all of it.
#[derive(Debug)]
pub struct Strangers {
    caps: StrangerCaps,
    counts: Mutex<Counts>,
}

/// `total` is the sum of `by_address`, which has no zeros.
#[derive(Debug, Default)]
struct Counts {
    by_address: HashMap<IpAddr, usize>,
    total: usize,
}

/// Why a stranger was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMany {
    /// Its address has as many strangers as it may.
    #[error("too many strangers from this address")]
    FromThisAddress,
    /// All addresses together have as many strangers as they may.
    #[error("too many strangers from all addresses together")]
    Altogether,
}

impl Strangers {
    /// Allows as many strangers at once as `caps` say.
    pub fn new(caps: StrangerCaps) -> Arc<Self> {
        Arc::new(Strangers {
            caps,
            counts: Mutex::default(),
        })
    }

    /// Lets a stranger in, unless there are too many already.
    pub fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<Stranger, TooMany> {
        let address = network_of(peer);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= self.caps.total {
            return Err(TooMany::Altogether);
        }
        let count = counts.by_address.entry(address).or_default();
        if *count >= self.caps.per_address {
            return Err(TooMany::FromThisAddress);
        }
        *count += 1;
        counts.total += 1;
        Ok(Stranger {
            strangers: self.clone(),
            address,
        })
    }

    fn leave(&self, address: IpAddr) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = counts.by_address.entry(address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
            counts.total -= 1;
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

    fn strangers(per_address: usize, total: usize) -> Arc<Strangers> {
        Strangers::new(StrangerCaps { per_address, total })
    }

    #[test]
    fn one_address_cannot_take_the_places_of_another() {
        let strangers = strangers(1, 8);
        let noisy: IpAddr = "192.0.2.1".parse().unwrap();
        let quiet: IpAddr = "192.0.2.2".parse().unwrap();

        let _place = strangers.enter(noisy).unwrap();

        assert_eq!(
            strangers.enter(noisy).unwrap_err(),
            TooMany::FromThisAddress
        );
        assert!(strangers.enter(quiet).is_ok());
    }

    #[test]
    fn whoever_authenticates_makes_room() {
        let strangers = strangers(1, 8);
        let address: IpAddr = "192.0.2.1".parse().unwrap();

        drop(strangers.enter(address).unwrap());

        assert!(strangers.enter(address).is_ok());
        let counts = strangers.counts.lock().unwrap();
        assert!(counts.by_address.is_empty());
        assert_eq!(counts.total, 0);
    }

    #[test]
    fn an_ipv6_host_counts_by_its_network() {
        let strangers = strangers(1, 8);

        let _place = strangers.enter("2001:db8::1".parse().unwrap()).unwrap();

        assert!(strangers.enter("2001:db8::2".parse().unwrap()).is_err());
        assert!(strangers.enter("2001:db8:0:1::2".parse().unwrap()).is_ok());
    }

    #[test]
    fn many_addresses_together_cannot_take_every_file() {
        let strangers = strangers(1, 2);
        let address = |last| IpAddr::from([192, 0, 2, last]);

        let first = strangers.enter(address(1)).unwrap();
        let _second = strangers.enter(address(2)).unwrap();

        assert_eq!(
            strangers.enter(address(3)).unwrap_err(),
            TooMany::Altogether
        );
        drop(first);
        assert!(strangers.enter(address(3)).is_ok());
    }

    #[test]
    fn caps_follow_the_limit_of_open_files() {
        let caps = |per_address, total| StrangerCaps { per_address, total };

        assert_eq!(StrangerCaps::within(1024), caps(256, 512));
        assert_eq!(StrangerCaps::within(1_048_576), caps(4096, 524_288));
        // However little there is, somebody gets in.
        assert_eq!(StrangerCaps::within(1), caps(1, 1));
    }
}
