//! Sampling the hubs' traffic for as long as the process runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Counts;
use super::ring::{FINE_STEP, Rings, Sample};
use crate::access::StatusPermit;
use crate::hubs::Hubs;
use crate::ids::HubName;
use crate::ports::Sessions;
use crate::time::{Clock, Timestamp};

/// The traffic of all hubs of this process, for a day. In memory: it begins
/// with the process.
pub struct History {
    hubs: Arc<Hubs>,
    sessions: Arc<dyn Sessions>,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<HubName, Known>>,
}

#[derive(Default)]
struct Known {
    /// The counts when they were last sampled.
    counts: Counts,
    rings: Rings,
}

/// Steps of equal length, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// How long each is.
    pub step: Duration,
    /// When the last one ended.
    pub end: Timestamp,
    /// What happened in each; `None` where the hub did not run.
    pub samples: Vec<Option<Sample>>,
}

impl History {
    /// The history of these hubs, of which nothing is known yet.
    pub fn new(hubs: Arc<Hubs>, sessions: Arc<dyn Sessions>, clock: Arc<dyn Clock>) -> Self {
        History {
            hubs,
            sessions,
            clock,
            known: Mutex::default(),
        }
    }

    /// Samples when a fine step ends, until `shutdown`.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(until_next_step(self.clock.now())) => self.sample(),
            }
        }
    }

    /// The steps of a permit's hub in the time `span` before now, at most
    /// [`MAX_SPAN`](super::MAX_SPAN): fine ones if it is no more than an hour.
    pub fn of(&self, permit: &StatusPermit, span: Duration) -> Series {
        let mut known = self.known();
        let of_hub = known.entry(permit.hub().name().clone()).or_default();
        let (step, end, samples) = of_hub.rings.last(self.clock.now(), span);
        Series { step, end, samples }
    }

    fn sample(&self) {
        let now = self.clock.now();
        let mut known = self.known();
        for hub in self.hubs.all() {
            let of_hub = known.entry(hub.name().clone()).or_default();
            let counts = hub.traffic().counts();
            let sample = Sample {
                counts: counts.since(of_hub.counts),
                connected: self.sessions.connected_devices(hub.name()),
            };
            of_hub.counts = counts;
            of_hub.rings.sample(now, sample);
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<HubName, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long it is until a fine step ends; a little more, so that it has ended
/// when the timer fires.
fn until_next_step(now: Timestamp) -> Duration {
    const A_LITTLE: u64 = 5;
    let step = u64::try_from(FINE_STEP.as_millis()).unwrap_or(u64::MAX);
    let into = now.unix_millis().rem_euclid(step.cast_signed());
    Duration::from_millis(step - into.unsigned_abs() + A_LITTLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_taken_just_after_a_step_has_ended() {
        let wait = |millis| until_next_step(Timestamp::from_unix_millis(millis)).as_millis();

        assert_eq!(wait(1_800_000_000_000), 10_005);
        assert_eq!(wait(1_800_000_009_999), 6);
        assert_eq!(wait(1_800_000_004_000), 6_005);
    }
}
