//! Readers: who reads a hub's built-in endpoint now, and how far they are.
//!
//! A gateway enters a reader when it begins to follow, and tells its place
//! once for each batch, by one store; the reader leaves with its
//! [`OpenReader`]. At most [`MAX_LISTED`] are listed at a time: more read all
//! the same, unseen.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::events::PartitionId;
use crate::time::Timestamp;

/// The most readers that are listed of a hub.
pub const MAX_LISTED: usize = 4096;
/// The longest name that is kept of a reader, in bytes.
const MAX_NAME: usize = 256;

/// How a reader reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadThrough {
    /// The Event Hubs-compatible endpoint.
    EventHubs,
    /// A stream of the hub's own.
    EventStream,
}

/// Somebody who begins to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReader<'a> {
    /// How.
    pub through: ReadThrough,
    /// For which consumer group, if for one.
    pub consumer_group: Option<&'a str>,
    /// What it calls itself.
    pub name: Option<&'a str>,
    /// When it began.
    pub since: Timestamp,
}

/// Where a reader is in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderPlace {
    /// How it reads.
    pub through: ReadThrough,
    /// For which consumer group, if for one.
    pub consumer_group: Option<Arc<str>>,
    /// What it calls itself.
    pub name: Option<Arc<str>>,
    /// Since when it reads.
    pub since: Timestamp,
    /// Which partition.
    pub partition: PartitionId,
    /// The sequence number of the event that it is given next.
    pub next: u64,
}

/// Who reads the events of one hub.
#[derive(Debug, Default)]
pub struct Readers {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// In the order in which they came.
    listed: BTreeMap<u64, Arc<Entry>>,
    last: u64,
}

#[derive(Debug)]
struct Entry {
    through: ReadThrough,
    consumer_group: Option<Arc<str>>,
    name: Option<Arc<str>>,
    since: Timestamp,
    places: Box<[(PartitionId, AtomicU64)]>,
}

/// A reader among the others; it leaves when this is dropped.
#[derive(Debug)]
pub struct OpenReader {
    readers: Arc<Readers>,
    number: u64,
    entry: Arc<Entry>,
}

impl Readers {
    /// Enters a reader that begins at these sequence numbers.
    pub fn enter(
        self: &Arc<Self>,
        reader: &NewReader<'_>,
        places: impl IntoIterator<Item = (PartitionId, u64)>,
    ) -> OpenReader {
        let places = places.into_iter();
        let entry = Arc::new(Entry {
            through: reader.through,
            consumer_group: reader.consumer_group.map(Arc::from),
            name: reader.name.map(|name| Arc::from(shortened(name))),
            since: reader.since,
            places: places.map(|(id, next)| (id, next.into())).collect(),
        });
        let mut open = self.open();
        open.last += 1;
        let number = open.last;
        if open.listed.len() < MAX_LISTED {
            open.listed.insert(number, entry.clone());
        }
        drop(open);
        OpenReader {
            readers: self.clone(),
            number,
            entry,
        }
    }

    /// Everybody who reads, in the order in which they came.
    pub fn list(&self) -> Vec<ReaderPlace> {
        let listed: Vec<_> = self.open().listed.values().cloned().collect();
        let places = |entry: Arc<Entry>| {
            let place = |(partition, next): &(PartitionId, AtomicU64)| ReaderPlace {
                through: entry.through,
                consumer_group: entry.consumer_group.clone(),
                name: entry.name.clone(),
                since: entry.since,
                partition: *partition,
                next: next.load(Ordering::Relaxed),
            };
            entry.places.iter().map(place).collect::<Vec<_>>()
        };
        listed.into_iter().flat_map(places).collect()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenReader {
    /// In this partition, the reader is given the event of this sequence
    /// number next.
    pub fn is_at(&self, partition: PartitionId, next: u64) {
        let mut places = self.entry.places.iter();
        if let Some((_, place)) = places.find(|(id, _)| *id == partition) {
            place.store(next, Ordering::Relaxed);
        }
    }
}

impl Drop for OpenReader {
    fn drop(&mut self) {
        self.readers.open().listed.remove(&self.number);
    }
}

/// As much of a name as is kept.
fn shortened(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: Timestamp = Timestamp::from_ticks(7);

    fn named(name: &str) -> NewReader<'_> {
        NewReader {
            through: ReadThrough::EventHubs,
            consumer_group: Some("$Default"),
            name: Some(name),
            since: SINCE,
        }
    }

    fn names(readers: &Readers) -> Vec<String> {
        let all = readers.list().into_iter();
        all.map(|place| place.name.unwrap().to_string()).collect()
    }

    #[test]
    fn a_reader_is_listed_with_its_place_until_it_leaves() {
        let readers = Arc::new(Readers::default());
        let first = readers.enter(&named("first"), [(PartitionId(1), 10)]);
        let _second = readers.enter(&named("second"), [(PartitionId(1), 0)]);

        first.is_at(PartitionId(1), 12);

        assert_eq!(names(&readers), ["first", "second"]);
        assert_eq!(readers.list()[0].next, 12);
        drop(first);
        assert_eq!(names(&readers), ["second"]);
    }

    #[test]
    fn a_reader_of_several_partitions_has_a_place_in_each() {
        let readers = Arc::new(Readers::default());
        let places = [(PartitionId(0), 4), (PartitionId(3), 5)];
        let reader = readers.enter(&named("all"), places);

        reader.is_at(PartitionId(3), 6);
        reader.is_at(PartitionId(2), 99);

        let listed = readers.list().into_iter();
        let listed: Vec<_> = listed
            .map(|place| (place.partition.0, place.next))
            .collect();
        assert_eq!(listed, [(0, 4), (3, 6)]);
    }

    #[test]
    fn more_than_are_listed_read_unseen() {
        let readers = Arc::new(Readers::default());
        let enter = |_| readers.enter(&named("one"), [(PartitionId(0), 0)]);
        let mut held: Vec<_> = (0..MAX_LISTED + 1).map(enter).collect();

        assert_eq!(readers.list().len(), MAX_LISTED);
        held.pop();
        assert_eq!(readers.list().len(), MAX_LISTED, "the unseen one left");
        held.pop();
        assert_eq!(readers.list().len(), MAX_LISTED - 1);
    }

    #[test]
    fn a_long_name_is_kept_as_far_as_it_is_whole() {
        let readers = Arc::new(Readers::default());
        let name = "x".repeat(MAX_NAME - 1) + "é";

        let _reader = readers.enter(&named(&name), [(PartitionId(0), 0)]);

        assert_eq!(names(&readers), ["x".repeat(MAX_NAME - 1)]);
    }
}
