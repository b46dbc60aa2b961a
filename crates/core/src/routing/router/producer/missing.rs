//! Messages that some logs have already: of what was on its way when the hub
//! was killed.

use super::{Partial, RoutedProducer};
use crate::messages::{Message, MessageRef};
use crate::ports::Busy;
use crate::routing::EndpointId;
use crate::routing::destinations::Destinations;
use crate::time::Timestamp;

impl RoutedProducer {
    /// As [`append`](Self::append), but for those destinations that have the
    /// message: endpoints, or nothing for the built-in one.
    pub(crate) fn append_where_missing(
        &mut self,
        message: &MessageRef<'_>,
        enqueued: Timestamp,
        present: &[Option<EndpointId>],
    ) -> Result<(), Busy> {
        if self.hub.version() != self.in_force.version {
            self.follow();
        }
        if self.is_plain && present.contains(&None) {
            self.taken += 1;
            return Ok(());
        }
        let endpoints = self.in_force.table.endpoints();
        let places =
            (0..endpoints.len()).filter(|place| present.contains(&Some(endpoints[*place])));
        let have = places
            .map(Destinations::custom)
            .chain(present.contains(&None).then_some(Destinations::BUILT_IN))
            .fold(Destinations::NONE, Destinations::and);
        if !have.is_empty() {
            // What got its copy at an earlier try has it, too.
            let known = self.partial.take().filter(|known| known.is_of(message));
            self.partial = Some(Partial {
                message: Message::from(message),
                done: known.map_or(have, |known| known.done.and(have)),
            });
        }
        self.append(message, enqueued)
    }
}
