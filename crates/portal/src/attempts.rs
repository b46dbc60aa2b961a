//! How often somebody may try to sign in.
//!
//! Keys and codes have 256 bits, so nobody guesses one; but nobody shall keep
//! the hub busy with trying, either. Each address may fail ten times, and then
//! once every six seconds. Who signs in is not counted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many failures an address may have at once.
const BURST: u32 = 10;
/// After how long one of them is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(6);
/// How many addresses are remembered. When there are more, all are new again:
/// who has that many addresses is not held up by this.
const MAX_ADDRESSES: usize = 10_000;

/// Failures by address.
#[derive(Debug, Default)]
pub struct Attempts {
    /// When the last failure of an address will be forgotten.
    forgotten_at: Mutex<HashMap<IpAddr, Instant>>,
}

impl Attempts {
    /// How long an address must wait before it may try again.
    pub fn wait(&self, address: IpAddr) -> Option<Duration> {
        let forgotten_at = self.forgotten_at();
        let until = *forgotten_at.get(&network_of(address))?;
        let ahead = until.saturating_duration_since(Instant::now());
        let allowed = FORGOTTEN_AFTER * (BURST - 1);
        (ahead > allowed).then(|| ahead - allowed)
    }

    /// An address tries. That counts as a failure until it has succeeded, so
    /// that nobody gets around the limit by trying many times at once.
    pub fn begin(&self, address: IpAddr) -> Result<Attempt<'_>, Duration> {
        if let Some(wait) = self.wait(address) {
            return Err(wait);
        }
        let now = Instant::now();
        let mut forgotten_at = self.forgotten_at();
        if forgotten_at.len() >= MAX_ADDRESSES {
            forgotten_at.retain(|_, until| *until > now);
        }
        if forgotten_at.len() >= MAX_ADDRESSES {
            forgotten_at.clear();
        }
        let network = network_of(address);
        let until = forgotten_at.entry(network).or_insert(now);
        *until = (*until).max(now) + FORGOTTEN_AFTER;
        Ok(Attempt {
            attempts: self,
            network,
        })
    }

    fn forgotten_at(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, Instant>> {
        self.forgotten_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// One attempt, which counts as a failure unless it is told to have succeeded.
#[derive(Debug)]
#[must_use = "an attempt counts as a failure until it has succeeded"]
pub struct Attempt<'a> {
    attempts: &'a Attempts,
    network: IpAddr,
}

impl Attempt<'_> {
    /// It does not count.
    pub fn succeeded(self) {
        let mut forgotten_at = self.attempts.forgotten_at();
        if let Some(until) = forgotten_at.get_mut(&self.network) {
            *until = until.checked_sub(FORGOTTEN_AFTER).unwrap_or(*until);
        }
    }
}

/// A network of IPv6 belongs to one customer, who has all its addresses.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn fail(attempts: &Attempts, address: IpAddr) {
        let _failed = attempts.begin(address).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_succeeds_does_not_count_and_what_is_under_way_does() {
        let attempts = Attempts::default();
        let one = address("192.0.2.1");

        for _ in 0..2 * BURST {
            attempts.begin(one).unwrap().succeeded();
        }
        let under_way: Vec<_> = (0..BURST).map(|_| attempts.begin(one).unwrap()).collect();

        assert_eq!(attempts.begin(one).unwrap_err(), FORGOTTEN_AFTER);
        under_way.into_iter().for_each(Attempt::succeeded);
        assert!(attempts.begin(one).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn after_ten_failures_an_address_waits_and_others_do_not() {
        let attempts = Attempts::default();
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));

        for _ in 0..BURST {
            fail(&attempts, one);
        }

        assert_eq!(attempts.wait(one), Some(FORGOTTEN_AFTER));
        assert_eq!(attempts.wait(other), None);
        advance(FORGOTTEN_AFTER).await;
        assert_eq!(attempts.wait(one), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_of_ipv6_counts_as_one() {
        let attempts = Attempts::default();

        for _ in 0..BURST {
            fail(&attempts, address("2001:db8::1"));
        }

        assert!(attempts.wait(address("2001:db8::2")).is_some());
        assert_eq!(attempts.wait(address("2001:db8:0:1::2")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_addresses_that_are_remembered_are_bounded() {
        let attempts = Attempts::default();

        for number in 0..=MAX_ADDRESSES as u32 {
            fail(&attempts, IpAddr::from(number.to_be_bytes()));
        }

        assert!(attempts.forgotten_at().len() <= MAX_ADDRESSES);
    }
}
