//! Keep-alive: how long a client may be silent.

use std::time::Duration;

use tokio::time::Instant;

/// The longest silence, also of clients that promise nothing: the hub's
/// 29.45 minutes.
const CAP: Duration = Duration::from_secs(1767);

/// When a client was last heard, and how long it may be silent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeepAlive {
    limit: Duration,
    heard: Instant,
}

impl KeepAlive {
    /// For a client that promises to be heard every `seconds`; 0 is no promise.
    pub(crate) fn new(seconds: u16, now: Instant) -> Self {
        let promised = Duration::from_secs(u64::from(seconds));
        let limit = match seconds {
            0 => CAP,
            _ => CAP.min(promised + promised / 2),
        };
        KeepAlive { limit, heard: now }
    }

    /// A packet has come.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// When the silence becomes too long.
    pub(crate) fn deadline(&self) -> Instant {
        self.heard + self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn silence_may_last_one_and_a_half_intervals_and_never_beyond_the_cap() {
        let now = Instant::now();

        for (seconds, limit) in [
            (1, Duration::from_millis(1500)),
            (240, Duration::from_secs(360)),
            (1177, Duration::from_millis(1_765_500)),
            (1179, CAP),
            (u16::MAX, CAP),
            (0, CAP),
        ] {
            assert_eq!(KeepAlive::new(seconds, now).deadline(), now + limit);
        }
    }
}
