//! How long to wait after a failure: longer each time, and not in step with
//! others who failed at the same moment.

use std::time::Duration;

/// The first wait, at most.
const FIRST: Duration = Duration::from_millis(500);
/// No wait is longer, unless they ask for it.
pub(super) const LONGEST: Duration = Duration::from_secs(60);
/// No wait is longer, whatever they ask for.
pub(super) const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);

/// Failures in a row.
#[derive(Debug, Default)]
pub(in crate::routing) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// How long to wait after one more failure: between half and all of a span
    /// that doubles each time, as `chance` has it; not less than they `asked`
    /// for.
    pub(in crate::routing) fn after_failure(
        &mut self,
        asked: Option<Duration>,
        chance: u64,
    ) -> Duration {
        let span = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let half = span / 2;
        let millis = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
        let wait = half + Duration::from_millis(chance % (millis + 1));
        wait.max(asked.unwrap_or_default().min(LONGEST_ASKED))
    }

    /// Something went well: the next failure is the first.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_stay_between_half_and_all_of_a_span_that_doubles(chances: [u64; 40]) {
            let mut backoff = Backoff::default();
            let mut span = FIRST;

            for chance in chances {
                let wait = backoff.after_failure(None, chance);

                prop_assert!(wait >= span / 2 && wait <= span, "{wait:?} of {span:?}");
                span = (span * 2).min(LONGEST);
            }
        }
    }

    #[test]
    fn a_success_makes_the_next_wait_a_short_one() {
        let mut backoff = Backoff::default();
        for _ in 0..20 {
            backoff.after_failure(None, 0);
        }

        backoff.reset();

        assert!(backoff.after_failure(None, u64::MAX) <= FIRST);
    }

    #[test]
    fn who_asks_to_be_left_alone_is_for_an_hour_at_most() {
        let asks = |seconds| {
            let asked = Some(Duration::from_secs(seconds));
            Backoff::default().after_failure(asked, 0)
        };

        assert_eq!(asks(90), Duration::from_secs(90));
        assert_eq!(asks(1_000_000), LONGEST_ASKED);
        assert!(asks(0) >= FIRST / 2);
    }
}
