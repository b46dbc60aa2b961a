//! One-time links: what `serve` prints, and `twinhub portal-link`.
//!
//! A link signs in as the operator. It counts once, and for a quarter of an
//! hour.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::secret::{NoRandomness, Secret};

/// How long a link counts.
pub const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How many links there may be; a new one then takes the place of the oldest.
const MAX_LINKS: usize = 100;

/// A link's address, and for how long it counts.
#[derive(Debug, Clone)]
pub struct Link {
    /// Where it leads.
    pub url: Secret,
    /// How long it counts.
    pub lifetime: Duration,
}

impl Link {
    /// The address, which signs in whoever opens it.
    pub fn expose(&self) -> &str {
        self.url.expose()
    }
}

/// The links that nobody has opened yet.
#[derive(Debug, Default)]
pub struct Links {
    open: Mutex<Vec<OpenLink>>,
}

#[derive(Debug)]
struct OpenLink {
    code: Secret,
    operator_token: Secret,
    ends: Instant,
}

impl Links {
    /// A code that signs in with this operator token.
    pub fn add(&self, operator_token: Secret) -> Result<Secret, NoRandomness> {
        let code = Secret::random()?;
        let now = Instant::now();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|link| link.ends > now);
        if open.len() >= MAX_LINKS {
            open.remove(0);
        }
        open.push(OpenLink {
            code: code.clone(),
            operator_token,
            ends: now + LIFETIME,
        });
        Ok(code)
    }

    /// Uses a code up, and tells the token behind it.
    pub fn take(&self, code: &str) -> Option<Secret> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let found = open.iter().position(|link| link.code.is(code))?;
        let link = open.remove(found);
        (link.ends > Instant::now()).then_some(link.operator_token)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_link_counts_once() {
        let links = Links::default();
        let code = links.add(Secret::of("token")).unwrap();

        let first = links.take(code.expose()).map(|token| token.is("token"));

        assert_eq!(first, Some(true));
        assert!(links.take(code.expose()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_that_is_too_old_or_was_never_given_opens_nothing() {
        let links = Links::default();
        let code = links.add(Secret::of("token")).unwrap();

        advance(LIFETIME).await;

        assert!(links.take(code.expose()).is_none());
        assert!(links.take("").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_link_makes_room() {
        let links = Links::default();
        let oldest = links.add(Secret::of("token")).unwrap();
        let second = links.add(Secret::of("token")).unwrap();
        for _ in 2..=MAX_LINKS {
            links.add(Secret::of("token")).unwrap();
        }

        assert!(links.take(oldest.expose()).is_none());
        assert!(links.take(second.expose()).is_some());
    }
}
