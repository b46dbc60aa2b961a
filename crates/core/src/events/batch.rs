//! Events as an engine gives them to a reader: some of a partition at once,
//! lent from the bytes that were read.

use std::fmt;

use super::{Event, EventRef};

/// What an engine has read: events in its own format, checked already.
///
/// Engines that have their events in memory use `Vec<Event>`.
pub trait StoredEvents: Send + Sync + 'static {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The event at `index`, which is less than [`len`](Self::len). Allocates
    /// nothing.
    fn get(&self, index: usize) -> EventRef<'_>;
}

impl StoredEvents for Vec<Event> {
    fn len(&self) -> usize {
        self.as_slice().len()
    }

    fn get(&self, index: usize) -> EventRef<'_> {
        EventRef::from(&self[index])
    }
}

/// Some events of a partition, in their order: what one read gives.
pub struct EventBatch(Option<Box<dyn StoredEvents>>);

impl EventBatch {
    /// A batch of what an engine has read.
    pub fn new(events: impl StoredEvents) -> Self {
        EventBatch(Some(Box::new(events)))
    }

    /// A batch without events.
    pub const fn empty() -> Self {
        EventBatch(None)
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |events| events.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An event, from 0.
    pub fn get(&self, index: usize) -> Option<EventRef<'_>> {
        let events = self.0.as_ref()?;
        (index < events.len()).then(|| events.get(index))
    }

    /// The newest of them.
    pub fn last(&self) -> Option<EventRef<'_>> {
        self.get(self.len().checked_sub(1)?)
    }

    /// The events in their order.
    pub fn iter(&self) -> impl Iterator<Item = EventRef<'_>> {
        let events = self.0.as_deref();
        let each = |events: &'_ dyn StoredEvents| 0..events.len();
        let indexes = events.map(each).unwrap_or_default();
        indexes.filter_map(move |index| Some(events?.get(index)))
    }

    /// Copies of the events, which own what they hold.
    pub fn events(&self) -> Vec<Event> {
        self.iter().map(|event| event.to_event()).collect()
    }
}

impl From<Vec<Event>> for EventBatch {
    fn from(events: Vec<Event>) -> Self {
        EventBatch::new(events)
    }
}

impl fmt::Debug for EventBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
