//! How often somebody may try to sign in.
//!
//! Keys and codes have 256 bits, so nobody guesses one; but nobody shall keep
//! the hub busy with trying, either. Each address may fail ten times with one
//! policy, and then once every six seconds; with all policies together ten times
//! as often. So whoever has a wrong key of one policy does not keep out those
//! who share the address, as all do behind a reverse proxy. Who signs in is not
//! counted.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many failures an address may have at once with one policy.
const BURST: u32 = 10;
/// After how long one of them is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(6);
/// How many an address may have at once in all.
const BURST_IN_ALL: u32 = 100;
/// After how long one of those is forgotten.
const FORGOTTEN_AFTER_IN_ALL: Duration = Duration::from_millis(600);
/// How many addresses are remembered, and how many policies of addresses. When
/// there are more, all are new again: who has that many addresses is not held up
/// by this.
const MAX_REMEMBERED: usize = 10_000;

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With<'a> {
    /// The key of a policy.
    Policy(&'a str),
    /// A one-time link.
    Link,
}

/// Failures by address, and by address and policy.
#[derive(Debug)]
pub struct Attempts {
    of_addresses: Mutex<Failures<IpAddr>>,
    of_policies: Mutex<Failures<(IpAddr, u64)>>,
    /// Names are as long as somebody likes: their hashes are remembered.
    hasher: RandomState,
}

impl Default for Attempts {
    fn default() -> Self {
        Attempts {
            of_addresses: Mutex::new(Failures::new(BURST_IN_ALL, FORGOTTEN_AFTER_IN_ALL)),
            of_policies: Mutex::new(Failures::new(BURST, FORGOTTEN_AFTER)),
            hasher: RandomState::new(),
        }
    }
}

impl Attempts {
    /// How long an address must wait before it may try again, with whatever.
    pub fn wait(&self, address: IpAddr) -> Option<Duration> {
        locked(&self.of_addresses).wait(&network_of(address))
    }

    /// An address tries. That counts as a failure until it has succeeded, so
    /// that nobody gets around the limit by trying many times at once.
    pub fn begin(&self, address: IpAddr, with: With<'_>) -> Result<Attempt<'_>, Duration> {
        let network = network_of(address);
        // Names of policies have no case.
        let policy = match with {
            With::Policy(name) => self.hasher.hash_one(Some(name.to_ascii_lowercase())),
            With::Link => self.hasher.hash_one(None::<String>),
        };
        let (mut of_addresses, mut of_policies) =
            (locked(&self.of_addresses), locked(&self.of_policies));
        let waits = [
            of_addresses.wait(&network),
            of_policies.wait(&(network, policy)),
        ];
        if let Some(wait) = waits.into_iter().flatten().max() {
            return Err(wait);
        }
        of_addresses.count(network);
        of_policies.count((network, policy));
        Ok(Attempt {
            attempts: self,
            network,
            policy,
        })
    }
}

/// One attempt, which counts as a failure unless it is told to have succeeded.
#[derive(Debug)]
#[must_use = "an attempt counts as a failure until it has succeeded"]
pub struct Attempt<'a> {
    attempts: &'a Attempts,
    network: IpAddr,
    policy: u64,
}

impl Attempt<'_> {
    /// It does not count.
    pub fn succeeded(self) {
        locked(&self.attempts.of_addresses).forgive(&self.network);
        locked(&self.attempts.of_policies).forgive(&(self.network, self.policy));
    }
}

fn locked<T>(failures: &Mutex<T>) -> MutexGuard<'_, T> {
    failures.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Failures of one kind.
#[derive(Debug)]
struct Failures<K> {
    burst: u32,
    forgotten_after: Duration,
    /// When the last failure will be forgotten.
    forgotten_at: HashMap<K, Instant>,
}

impl<K: Eq + Hash> Failures<K> {
    fn new(burst: u32, forgotten_after: Duration) -> Self {
        Failures {
            burst,
            forgotten_after,
            forgotten_at: HashMap::new(),
        }
    }

    fn wait(&self, whose: &K) -> Option<Duration> {
        let until = *self.forgotten_at.get(whose)?;
        let ahead = until.saturating_duration_since(Instant::now());
        let allowed = self.forgotten_after * (self.burst - 1);
        (ahead > allowed).then(|| ahead - allowed)
    }

    fn count(&mut self, whose: K) {
        let now = Instant::now();
        if self.forgotten_at.len() >= MAX_REMEMBERED {
            self.forgotten_at.retain(|_, until| *until > now);
        }
        if self.forgotten_at.len() >= MAX_REMEMBERED {
            self.forgotten_at.clear();
        }
        let until = self.forgotten_at.entry(whose).or_insert(now);
        *until = (*until).max(now) + self.forgotten_after;
    }

    fn forgive(&mut self, whose: &K) {
        if let Some(until) = self.forgotten_at.get_mut(whose) {
            *until = until.checked_sub(self.forgotten_after).unwrap_or(*until);
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

    const SERVICE: With<'_> = With::Policy("service");
    const READER: With<'_> = With::Policy("reader");

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn fail(attempts: &Attempts, address: IpAddr) {
        let _failed = attempts.begin(address, SERVICE).unwrap();
    }

    fn waits(attempts: &Attempts, address: IpAddr, with: With<'_>) -> Option<Duration> {
        attempts.begin(address, with).map(Attempt::succeeded).err()
    }

    #[tokio::test(start_paused = true)]
    async fn what_succeeds_does_not_count_and_what_is_under_way_does() {
        let attempts = Attempts::default();
        let one = address("192.0.2.1");

        for _ in 0..2 * BURST_IN_ALL {
            attempts.begin(one, SERVICE).unwrap().succeeded();
        }
        let under_way: Vec<_> = (0..BURST)
            .map(|_| attempts.begin(one, SERVICE).unwrap())
            .collect();

        assert_eq!(waits(&attempts, one, SERVICE), Some(FORGOTTEN_AFTER));
        under_way.into_iter().for_each(Attempt::succeeded);
        assert_eq!(waits(&attempts, one, SERVICE), None);
    }

    #[tokio::test(start_paused = true)]
    async fn after_ten_failures_an_address_waits_and_others_do_not() {
        let attempts = Attempts::default();
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));

        for _ in 0..BURST {
            fail(&attempts, one);
        }

        assert_eq!(waits(&attempts, one, SERVICE), Some(FORGOTTEN_AFTER));
        assert_eq!(waits(&attempts, other, SERVICE), None);
        advance(FORGOTTEN_AFTER).await;
        assert_eq!(waits(&attempts, one, SERVICE), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_key_of_one_policy_keeps_out_no_other_at_the_same_address() {
        let attempts = Attempts::default();
        let proxy = address("192.0.2.1");

        for _ in 0..BURST {
            fail(&attempts, proxy);
        }

        assert!(waits(&attempts, proxy, With::Policy("Service")).is_some());
        assert_eq!(waits(&attempts, proxy, READER), None);
        assert_eq!(waits(&attempts, proxy, With::Link), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_fails_with_ever_other_policies_waits() {
        let attempts = Attempts::default();
        let one = address("192.0.2.1");

        for number in 0..BURST_IN_ALL {
            let policy = format!("policy-{number}");
            let _failed = attempts.begin(one, With::Policy(&policy)).unwrap();
        }

        assert_eq!(attempts.wait(one), Some(FORGOTTEN_AFTER_IN_ALL));
        assert_eq!(waits(&attempts, one, READER), Some(FORGOTTEN_AFTER_IN_ALL));
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_of_ipv6_counts_as_one() {
        let attempts = Attempts::default();

        for _ in 0..BURST {
            fail(&attempts, address("2001:db8::1"));
        }

        assert!(waits(&attempts, address("2001:db8::2"), SERVICE).is_some());
        assert_eq!(waits(&attempts, address("2001:db8:0:1::2"), SERVICE), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let attempts = Attempts::default();

        for number in 0..=MAX_REMEMBERED as u32 {
            fail(&attempts, IpAddr::from(number.to_be_bytes()));
        }

        assert!(locked(&attempts.of_addresses).forgotten_at.len() <= MAX_REMEMBERED);
        assert!(locked(&attempts.of_policies).forgotten_at.len() <= MAX_REMEMBERED);
    }
}
