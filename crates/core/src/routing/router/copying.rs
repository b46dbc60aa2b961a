//! One message, and a copy of it for each destination.

use super::counts::Counts;
use super::hub_routes::{HubRoutes, InForce};
use super::lane::Lane;
use crate::events::{EventSource, Origin};
use crate::messages::{MAX_DEVICE_TO_CLOUD, MessageRef};
use crate::ports::{Busy, LogError};
use crate::routing::destinations::Destinations;
use crate::routing::table::Routed;
use crate::time::Timestamp;
use crate::twins::Twin;

/// The place of the hub's own log among the lanes.
pub(super) const BUILT_IN: usize = 0;

/// Why a message was not taken for now.
pub(super) enum NotTaken {
    Busy,
    Failed(LogError),
}

impl From<Busy> for NotTaken {
    fn from(_: Busy) -> Self {
        NotTaken::Busy
    }
}

/// A message on its way into the logs.
pub(super) struct Copying<'p> {
    pub hub: &'p HubRoutes,
    pub in_force: &'p InForce,
    pub origin: &'p Origin,
    pub lanes: &'p mut Vec<Lane>,
    pub enqueued: Timestamp,
    /// How many messages were taken before it.
    pub taken: u64,
    /// Which destinations have their copy.
    pub done: Destinations,
}

impl Copying<'_> {
    /// Gives every destination its copy. Stops where one is not taken.
    pub(super) fn all(
        &mut self,
        message: &MessageRef<'_>,
        twin: Option<&Twin>,
        routed: Routed,
    ) -> Result<Counts, NotTaken> {
        let mut counts = Counts::of(routed);
        for copies in self.in_force.table.of(self.origin.source).copies() {
            let to = copies.destinations.among(routed.destinations);
            if to.is_empty() {
                continue;
            }
            if copies.is_plain() {
                self.each(message, to)?;
                continue;
            }
            let application = copies.properties(message, twin);
            let stamped = MessageRef {
                application: &application,
                ..*message
            };
            // The events of changes are as large as twins are: nobody could
            // send a smaller one instead.
            if self.is_telemetry() && stamped.size() > MAX_DEVICE_TO_CLOUD {
                counts.is_too_large_for(to);
                continue;
            }
            self.each(&stamped, to)?;
        }
        Ok(counts)
    }

    fn is_telemetry(&self) -> bool {
        self.origin.source == EventSource::Telemetry
    }

    fn each(&mut self, message: &MessageRef<'_>, to: Destinations) -> Result<(), NotTaken> {
        for place in to.without(self.done).each() {
            if let Some(lane) = self.lane(place)? {
                self.lanes[lane].append(message, self.enqueued, self.taken)?;
            }
            self.done = self.done.and(Destinations::only(place));
        }
        Ok(())
    }

    /// The lane of a destination, made if there is none; `None` if the
    /// endpoint was removed meanwhile.
    fn lane(&mut self, place: Option<usize>) -> Result<Option<usize>, NotTaken> {
        let Some(place) = place else {
            return Ok(Some(BUILT_IN));
        };
        let endpoint = self.in_force.table.endpoints()[place];
        let mut lanes = self.lanes.iter();
        if let Some(lane) = lanes.position(|lane| lane.endpoint == Some(endpoint)) {
            return Ok(Some(lane));
        }
        match self.in_force.logs[place].producer(&self.hub.name, self.origin) {
            Ok(producer) => {
                self.lanes
                    .push(Lane::new(Some(endpoint), producer, self.taken));
                Ok(Some(self.lanes.len() - 1))
            }
            Err(_) if self.hub.has_lost(endpoint) => Ok(None),
            Err(error) => Err(NotTaken::Failed(error)),
        }
    }
}
