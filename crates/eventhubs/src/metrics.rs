//! The names of this crate's metrics.

use metrics::{Counter, Gauge, counter, gauge};
use twinhub_core::ids::HubName;

/// Readers that are open, by hub.
const READERS: &str = "twinhub_eventhubs_readers";
/// Events that went to readers, by hub.
const EVENTS: &str = "twinhub_eventhubs_events_total";

/// A reader, counted until it is dropped.
pub(crate) struct OpenReader {
    readers: Gauge,
    events: Counter,
}

impl OpenReader {
    /// One more.
    pub(crate) fn count(hub: &HubName) -> Self {
        let readers = gauge!(READERS, "hub" => hub.to_string());
        readers.increment(1);
        OpenReader {
            readers,
            events: counter!(EVENTS, "hub" => hub.to_string()),
        }
    }

    /// So many events went to it.
    pub(crate) fn sent(&self, events: u64) {
        self.events.increment(events);
    }
}

impl Drop for OpenReader {
    fn drop(&mut self) {
        self.readers.decrement(1);
    }
}
