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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{AuthKind, AuthMethod, AuthScope};
    use crate::events::{EventSource, Origin};
    use crate::ids::{DeviceId, IdentityId, ModuleId};
    use crate::messages::{Message, SystemProperty};
    use crate::time::Timestamp;

    fn event(number: u64, module: Option<&str>) -> Event {
        let device = DeviceId::parse("pump-7").unwrap();
        Event {
            sequence_number: number,
            offset: number * 100,
            enqueued: Timestamp::from_ticks(5),
            origin: Origin {
                identity: match module {
                    Some(module) => IdentityId::module(device, ModuleId::parse(module).unwrap()),
                    None => IdentityId::Device(device),
                },
                generation: Timestamp::from_ticks(3),
                auth_method: Some(AuthMethod {
                    scope: AuthScope::Hub,
                    kind: AuthKind::Sas,
                }),
                model_id: module.map(Into::into),
                source: EventSource::TwinChange,
            },
            message: Message {
                system: vec![(SystemProperty::MessageId, "m-1".into())],
                application: vec![("hall".into(), Some("7".into())), ("flag".into(), None)],
                body: "body".into(),
            },
        }
    }

    #[test]
    fn events_that_were_lent_can_be_copied_back() {
        let events = vec![event(4, None), event(5, Some("valve"))];

        let batch = EventBatch::from(events.clone());

        assert_eq!(batch.events(), events);
        assert_eq!(batch.len(), 2);
        assert_eq!(batch.last().map(|event| event.sequence_number), Some(5));
        assert_eq!(batch.get(1).and_then(|event| event.module), Some("valve"));
        assert!(batch.get(2).is_none());
    }

    #[test]
    fn an_empty_batch_has_nothing() {
        for batch in [EventBatch::empty(), EventBatch::from(Vec::new())] {
            assert!(batch.is_empty());
            assert!(batch.last().is_none());
            assert_eq!(batch.iter().count(), 0);
        }
    }
}
