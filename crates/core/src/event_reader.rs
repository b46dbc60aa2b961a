//! Following a hub's events: one reader over its partitions.
//!
//! A reader gives the events of each partition in their order, without gaps
//! and without repetition, and follows the tail for ever. Between partitions it
//! gives the older event first, as far as it has them at hand. It holds a batch
//! of each partition at most, so that a slow reader costs memory once and
//! delays nobody but itself.

use std::sync::Arc;

use futures_util::future::select_all;

use crate::access::ServicePermit;
use crate::events::{EventBatch, EventRef, EventSource, PartitionId};
use crate::ids::{DeviceId, HubName, ModuleId};
use crate::ports::{EventLog, LogError, StartPosition};
use crate::time::Timestamp;

/// How many bytes of events are read of a partition at once.
const BATCH_BYTES: usize = 64 * 1024;

/// Why a reader could not be made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenReaderError {
    /// The hub has no events.
    #[error("the hub has no partitions")]
    NoSuchHub,
    /// The hub has fewer partitions.
    #[error("there is no partition {asked}: the hub has {count}, from 0")]
    NoSuchPartition {
        /// The partition that was asked for.
        asked: PartitionId,
        /// How many there are.
        count: u16,
    },
    /// The log could not be read.
    #[error("could not read the event log")]
    Log(#[from] LogError),
}

/// Which events a reader gives; what is not set lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of this device and its modules.
    pub device: Option<DeviceId>,
    /// Of modules of this name.
    pub module: Option<ModuleId>,
    /// Of one of these sources.
    pub sources: Vec<EventSource>,
    /// With this in their bodies, which are text then.
    pub content: Option<String>,
    /// In this partition.
    pub partition: Option<PartitionId>,
}

impl EventFilter {
    /// Whether it lets an event through, whatever the partition.
    pub fn lets_through(&self, event: &EventRef<'_>) -> bool {
        let device = self.device.as_ref();
        let of_device = device.is_none_or(|id| event.device == id.as_str());
        let module = self.module.as_ref();
        let of_module = module.is_none_or(|id| event.module == Some(id.as_str()));
        let of_source = self.sources.is_empty() || self.sources.contains(&event.source);
        of_device && of_module && of_source && self.has_content(event)
    }

    fn has_content(&self, event: &EventRef<'_>) -> bool {
        let Some(wanted) = &self.content else {
            return true;
        };
        std::str::from_utf8(event.body()).is_ok_and(|body| body.contains(wanted))
    }

    /// The partitions, of `count`, in which such events can be.
    fn partitions(&self, count: u16) -> Result<Vec<PartitionId>, OpenReaderError> {
        let home = self
            .device
            .as_ref()
            .map(|device| PartitionId::of(device, count));
        match (self.partition, home) {
            (Some(asked), _) if asked.0 >= count => {
                Err(OpenReaderError::NoSuchPartition { asked, count })
            }
            (Some(asked), _) => Ok(vec![asked]),
            (None, Some(home)) => Ok(vec![home]),
            (None, None) => Ok((0..count).map(PartitionId).collect()),
        }
    }
}

/// Where a reader begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadFrom {
    /// In every partition at the same kind of place.
    Everywhere(StartPosition),
    /// At these sequence numbers; at the tail of partitions that are not named,
    /// and of those that are not there yet: such numbers are from a log that
    /// was replaced, and waiting for them would be silence.
    Positions(Vec<(PartitionId, u64)>),
    /// So many events before the tail of each partition, counted before the
    /// filter.
    Last(u64),
}

impl ReadFrom {
    fn of(&self, partition: PartitionId) -> StartPosition {
        match self {
            ReadFrom::Everywhere(position) => *position,
            ReadFrom::Last(_) => StartPosition::Latest,
            ReadFrom::Positions(positions) => positions
                .iter()
                .find(|(named, _)| *named == partition)
                .map_or(StartPosition::Latest, |(_, number)| {
                    StartPosition::SequenceNumber(*number)
                }),
        }
    }
}

/// A reader's place in one partition.
struct Place {
    partition: PartitionId,
    /// The sequence number that is read next.
    next: u64,
    /// What was read.
    batch: EventBatch,
    /// Which event of the batch is looked at next.
    at: usize,
    /// The event before `at`, if it was let through and not given yet.
    ready: Option<Ready>,
    /// The sequence number that is given no more, if it ends.
    end: Option<u64>,
}

/// An event that is given next of its partition.
#[derive(Debug, Clone, Copy)]
struct Ready {
    sequence_number: u64,
    enqueued: Timestamp,
}

impl Place {
    fn new(partition: PartitionId, next: u64) -> Self {
        Place {
            partition,
            next,
            batch: EventBatch::empty(),
            at: 0,
            ready: None,
            end: None,
        }
    }

    /// Where a reader would have to begin to give what this one gives next.
    fn position(&self) -> u64 {
        self.ready.map_or(self.next, |event| event.sequence_number)
    }

    /// Takes what was read; tells whether it is anything.
    fn take(&mut self, batch: EventBatch, filter: &EventFilter) -> bool {
        let Some(last) = batch.last().map(|event| event.sequence_number) else {
            return false;
        };
        self.next = last + 1;
        self.batch = batch;
        self.at = 0;
        self.advance(filter);
        true
    }

    /// Goes on to the next event of the batch that is let through.
    fn advance(&mut self, filter: &EventFilter) {
        self.ready = None;
        while let Some(event) = self.batch.get(self.at) {
            self.at += 1;
            if filter.lets_through(&event) {
                self.ready = Some(Ready {
                    sequence_number: event.sequence_number,
                    enqueued: event.enqueued,
                });
                return;
            }
        }
    }
}

/// Reads the events of a hub, and waits for those to come.
pub struct EventReader {
    log: Arc<dyn EventLog>,
    hub: HubName,
    filter: EventFilter,
    places: Vec<Place>,
    /// A partition has nothing ready, and may have something in the log.
    needs_fill: bool,
}

impl EventReader {
    /// Begins to read: what comes after this is seen.
    pub async fn open(
        log: Arc<dyn EventLog>,
        permit: &ServicePermit,
        from: &ReadFrom,
        filter: EventFilter,
    ) -> Result<Self, OpenReaderError> {
        Self::over(log, permit.hub().name().clone(), from, filter).await
    }

    async fn over(
        log: Arc<dyn EventLog>,
        hub: HubName,
        from: &ReadFrom,
        filter: EventFilter,
    ) -> Result<Self, OpenReaderError> {
        let count = log
            .partitions(&hub)
            .filter(|count| *count > 0)
            .ok_or(OpenReaderError::NoSuchHub)?;
        let mut places = Vec::new();
        for partition in filter.partitions(count)? {
            let mut next = log.find(&hub, partition, from.of(partition)).await?;
            match from {
                ReadFrom::Everywhere(_) => {}
                ReadFrom::Positions(_) => {
                    let tail = log.find(&hub, partition, StartPosition::Latest).await?;
                    next = next.min(tail);
                }
                ReadFrom::Last(count) => {
                    let first = StartPosition::SequenceNumber(next.saturating_sub(*count));
                    next = log.find(&hub, partition, first).await?;
                }
            }
            places.push(Place::new(partition, next));
        }
        Ok(EventReader {
            log,
            hub,
            filter,
            places,
            needs_fill: true,
        })
    }

    /// Lets the reader end behind what is in the log now.
    pub async fn end_at_tail(&mut self) -> Result<(), LogError> {
        for place in &mut self.places {
            let tail = StartPosition::Latest;
            place.end = Some(self.log.find(&self.hub, place.partition, tail).await?);
        }
        Ok(())
    }

    /// Whether all was given up to where the reader ends. It is never so unless
    /// [`end_at_tail`](Self::end_at_tail) said where.
    pub fn has_ended(&self) -> bool {
        self.places
            .iter()
            .all(|place| place.end.is_some_and(|end| place.position() >= end))
    }

    /// Returns once there is an event, which [`next_ready`](Self::next_ready)
    /// gives, or the reader [has ended](Self::has_ended). Safe to cancel.
    pub async fn ready(&mut self) -> Result<(), LogError> {
        loop {
            let has_moved = match self.needs_fill {
                true => self.fill().await?,
                false => false,
            };
            if self.has_ended() || self.places.iter().any(|place| place.ready.is_some()) {
                return Ok(());
            }
            if !has_moved {
                self.wait().await?;
            }
            self.needs_fill = true;
        }
    }

    /// The next event, if it is at hand.
    pub fn next_ready(&mut self) -> Option<(PartitionId, EventRef<'_>)> {
        if self.needs_fill {
            return None;
        }
        let ready = self.places.iter_mut().filter(|place| place.ready.is_some());
        let oldest = ready.min_by_key(|place| place.ready.map(|event| event.enqueued))?;
        let index = oldest.at - 1;
        oldest.advance(&self.filter);
        self.needs_fill = oldest.ready.is_none();
        let event = oldest.batch.get(index)?;
        Some((oldest.partition, event))
    }

    /// Where a reader would have to begin to give what this one gives next.
    pub fn positions(&self) -> Vec<(PartitionId, u64)> {
        let position = |place: &Place| (place.partition, place.position());
        self.places.iter().map(position).collect()
    }

    /// Reads on in every partition that has nothing ready; tells whether
    /// there was anything. Safe to cancel: what was read is kept.
    async fn fill(&mut self) -> Result<bool, LogError> {
        let mut has_moved = false;
        for place in &mut self.places {
            if place.ready.is_none() {
                // All of it was given: who waits holds nothing.
                place.batch = EventBatch::empty();
                place.at = 0;
                let read = self
                    .log
                    .read(&self.hub, place.partition, place.next, BATCH_BYTES);
                has_moved |= place.take(read.await?, &self.filter);
            }
        }
        self.needs_fill = false;
        Ok(has_moved)
    }

    /// Waits until a partition has what is read of it next.
    async fn wait(&self) -> Result<(), LogError> {
        let waits = self
            .places
            .iter()
            .map(|place| self.log.wait_for(&self.hub, place.partition, place.next));
        let (first, _, _) = select_all(waits).await;
        first
    }
}

#[cfg(test)]
mod tests;
