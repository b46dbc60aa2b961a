//! What is counted of routing, and what the operator is told.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use metrics::Counter;

use crate::ids::HubName;
use crate::metrics::EgressMetrics;
use crate::routing::destinations::Destinations;
use crate::routing::table::Routed;
use crate::time::Timestamp;

/// The operator is told so often, at most.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What a producer counted since it last said so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub built_in: u64,
    pub by_fallback: u64,
    pub orphaned: u64,
    pub invalid: u64,
    pub unreadable: u64,
}

impl Counts {
    /// Of one message, if all of its copies can be sent.
    pub(super) fn of(routed: Routed) -> Self {
        let to = routed.destinations;
        Counts {
            built_in: to.among(Destinations::BUILT_IN).count(),
            by_fallback: routed.by_fallback.into(),
            orphaned: to.is_empty().into(),
            invalid: 0,
            unreadable: routed.unreadable.into(),
        }
    }

    /// Copies for some destinations are not sent.
    pub(super) fn is_too_large_for(&mut self, to: Destinations) {
        self.invalid += to.count();
        if !to.among(Destinations::BUILT_IN).is_empty() {
            self.built_in = 0;
            self.by_fallback = 0;
        }
    }

    pub(super) fn add(&mut self, more: Counts) {
        self.built_in += more.built_in;
        self.by_fallback += more.by_fallback;
        self.orphaned += more.orphaned;
        self.invalid += more.invalid;
        self.unreadable += more.unreadable;
    }
}

/// One hub's counters.
pub(super) struct HubCounts {
    hub: HubName,
    metrics: EgressMetrics,
    tell_of_orphans: NowAndThen,
    tell_of_unreadable: NowAndThen,
}

impl HubCounts {
    pub(super) fn of(hub: HubName) -> Self {
        HubCounts {
            metrics: EgressMetrics::of(&hub),
            tell_of_orphans: NowAndThen::default(),
            tell_of_unreadable: NowAndThen::default(),
            hub,
        }
    }

    /// Counts telemetry; `now` is about now.
    pub(super) fn add(&self, counts: Counts, now: Timestamp) {
        let add = |counter: &Counter, count| {
            if count > 0 {
                counter.increment(count);
            }
        };
        add(&self.metrics.success, counts.built_in);
        add(&self.metrics.fallback, counts.by_fallback);
        add(&self.metrics.orphaned, counts.orphaned);
        add(&self.metrics.invalid, counts.invalid);
        let hub = &self.hub;
        if counts.orphaned > 0 && self.tell_of_orphans.is_due(now) {
            tracing::warn!(%hub, "telemetry is orphaned: no route wants it, and the fallback route is off");
        }
        if counts.unreadable > 0 && self.tell_of_unreadable.is_due(now) {
            tracing::warn!(%hub, "conditions on the body did not match: it is not JSON, or not said to be");
        }
    }
}

/// Something that is done at most once a minute.
#[derive(Debug, Default)]
pub(super) struct NowAndThen {
    /// In ticks.
    next: AtomicI64,
}

impl NowAndThen {
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let due = self.next.load(Ordering::Relaxed);
        let next = now.plus(TELL_EVERY).ticks();
        // A clock that was set back does not silence it for longer.
        (now.ticks() >= due || due > next)
            && self
                .next
                .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_is_told_once_a_minute() {
        let often = NowAndThen::default();
        let at = |seconds: u64| Timestamp::from_unix_seconds(1_800_000_000 + seconds);

        let told = [0, 0, 30, 59, 60, 61, 119, 120].map(|second| often.is_due(at(second)));

        assert_eq!(told, [true, false, false, false, true, false, false, true],);
    }

    #[test]
    fn a_clock_that_was_set_back_silences_nothing() {
        let often = NowAndThen::default();
        assert!(often.is_due(Timestamp::from_unix_seconds(1_800_000_000)));

        assert!(often.is_due(Timestamp::from_unix_seconds(1_700_000_000)));
    }
}
