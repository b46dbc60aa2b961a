//! A reader's place in a partition: a batch at hand, and where the next one
//! begins.
//!
//! No more than one batch is held, and the next is read once that is given.
//! Where retention was faster than the reader, it goes on at the oldest event
//! there is.

use std::sync::Arc;

use twinhub_core::events::{EventBatch, EventRef, PartitionId};
use twinhub_core::ids::HubName;
use twinhub_core::ports::{EventLog, LogError, PartitionState, StartPosition};
use twinhub_core::time::Timestamp;

use crate::beginning::{Beginning, Bound};
use crate::moments;
use crate::refusal::Refusal;

/// How many bytes of events are read at once.
const BATCH_BYTES: usize = 256 * 1024;

/// A reader's place in a partition.
pub(crate) struct Cursor {
    log: Arc<dyn EventLog>,
    hub: HubName,
    partition: PartitionId,
    batch: EventBatch,
    /// The first event of the batch that was not given yet.
    at: usize,
    /// The sequence number that is read next.
    next: u64,
    /// Events that came before this are passed over, until one came later.
    not_before: Option<Timestamp>,
}

impl Cursor {
    /// Goes to where a reader wants to begin. What is appended after this is
    /// seen.
    pub(crate) async fn open(
        log: Arc<dyn EventLog>,
        hub: HubName,
        partition: PartitionId,
        beginning: Beginning,
    ) -> Result<Self, Refusal> {
        let known = log.partition(&hub, partition).await?;
        let known = known.ok_or_else(|| {
            LogError::Failed(format!("hub {hub} has lost its partition {partition}"))
        })?;
        let start = Start::of(beginning, &known)?;
        let next = log.find(&hub, partition, start.position).await?;
        Ok(Cursor {
            log,
            hub,
            partition,
            batch: EventBatch::empty(),
            at: 0,
            next,
            not_before: start.not_before,
        })
    }

    /// The next event at hand.
    pub(crate) fn peek(&mut self) -> Option<EventRef<'_>> {
        while let Some(not_before) = self.not_before {
            match self.batch.get(self.at)? {
                event if event.enqueued < not_before => self.at += 1,
                _ => self.not_before = None,
            }
        }
        self.batch.get(self.at)
    }

    /// The event at hand was given.
    pub(crate) fn advance(&mut self) {
        self.at += 1;
    }

    /// Whether anything is held.
    pub(crate) fn holds_events(&self) -> bool {
        self.batch.get(self.at).is_some()
    }

    /// The sequence number of the event that is given next.
    pub(crate) fn position(&self) -> u64 {
        let held = self.batch.get(self.at);
        held.map_or(self.next, |event| event.sequence_number)
    }

    /// Where the events are.
    pub(crate) fn partition(&self) -> PartitionId {
        self.partition
    }

    /// Lets go of the batch; what was not given of it is read again.
    pub(crate) fn let_go(&mut self) {
        if let Some(event) = self.batch.get(self.at) {
            self.next = event.sequence_number;
        }
        self.batch = EventBatch::empty();
        self.at = 0;
    }

    /// Reads the next batch; tells whether there was one.
    pub(crate) async fn fill(&mut self) -> Result<bool, LogError> {
        // Not held while the next is read, or waited for.
        self.let_go();
        let log = &self.log;
        let read = log.read(&self.hub, self.partition, self.next, BATCH_BYTES);
        let batch = read.await?;
        let Some(last) = batch.last().map(|event| event.sequence_number) else {
            return self.skip_what_is_gone().await;
        };
        self.next = last + 1;
        self.batch = batch;
        Ok(true)
    }

    /// Waits until there is something to read.
    pub(crate) async fn arrival(&self) -> Result<(), LogError> {
        let log = &self.log;
        log.wait_for(&self.hub, self.partition, self.next).await
    }

    /// What is known of the partition.
    pub(crate) async fn state(&self) -> Result<Option<PartitionState>, LogError> {
        self.log.partition(&self.hub, self.partition).await
    }

    /// All events may have gone since: waiting for the one that is read next
    /// would be over at once, again and again.
    async fn skip_what_is_gone(&mut self) -> Result<bool, LogError> {
        if let Some(known) = self.state().await? {
            self.next = self.next.max(known.first);
        }
        Ok(false)
    }
}

/// Where to look for the first event, and what to pass over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Start {
    position: StartPosition,
    not_before: Option<Timestamp>,
}

impl Start {
    fn of(beginning: Beginning, known: &PartitionState) -> Result<Self, Refusal> {
        let mut not_before = None;
        let position = match beginning {
            Beginning::Oldest => StartPosition::Earliest,
            Beginning::Newest => StartPosition::Latest,
            Beginning::Offset(offset, bound) => {
                let last = known.last_offset;
                if offset > last.unwrap_or(0) {
                    return Err(Refusal::BeyondEnd {
                        what: "offset",
                        asked: offset,
                        last: last.map_or_else(|| "-1".to_owned(), |last| last.to_string()),
                    });
                }
                match (bound, offset.checked_sub(1)) {
                    (Bound::Exclusive, _) => StartPosition::AfterOffset(offset),
                    (Bound::Inclusive, Some(before)) => StartPosition::AfterOffset(before),
                    (Bound::Inclusive, None) => StartPosition::Earliest,
                }
            }
            Beginning::SequenceNumber(number, bound) => {
                let first = match bound {
                    Bound::Exclusive => number.saturating_add(1),
                    Bound::Inclusive => number,
                };
                if first > known.next {
                    return Err(Refusal::BeyondEnd {
                        what: "sequence number",
                        asked: number,
                        last: (i128::from(known.next) - 1).to_string(),
                    });
                }
                StartPosition::SequenceNumber(first)
            }
            Beginning::Enqueued(moment, bound) => {
                // Readers know moments by their millisecond.
                let mut from = moment;
                if bound == Bound::Exclusive {
                    from.0 = from.0.saturating_add(1);
                }
                let from = moments::from_wire(from);
                not_before = Some(from);
                StartPosition::EnqueuedFrom(from)
            }
        };
        Ok(Start {
            position,
            not_before,
        })
    }
}

#[cfg(test)]
mod tests;
