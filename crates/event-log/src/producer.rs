//! A way into the log.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use crate::error::{AppendError, WriteError};
use crate::frame::{self, MAX_PAYLOAD};
use crate::log::Shared;
use crate::queue::{Acks, Place};

/// What is collected goes on its way at this size without being asked.
const ENOUGH: usize = 64 << 10;

thread_local! {
    /// A buffer that the producers of a thread take in turn: each needs one
    /// from its first record until it hands over.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A way into the log for one sender. Small while nothing is on its way.
///
/// Records keep their order. They count from 1; [`poll_durable`](Self::poll_durable)
/// tells how many are on disk. Once one could not be written, the producer
/// drops all that follows and tells nothing but the error: make a new one.
pub struct Producer {
    log: Arc<Shared>,
    acks: Arc<Acks>,
    buffer: Vec<u8>,
    /// How many records are in the buffer.
    records: u64,
    place: Place,
    waiting: bool,
}

impl Producer {
    pub(crate) fn new(log: Arc<Shared>) -> Self {
        Producer {
            log,
            acks: Arc::default(),
            buffer: Vec::new(),
            records: 0,
            place: Place::default(),
            waiting: false,
        }
    }

    /// Takes a record, whose payload `encode` appends to the buffer. It goes
    /// on its way with [`hand_over`](Self::hand_over), or once there are many.
    /// `tag` comes back to readers. No wait, no lock, and usually no allocation.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn append(
        &mut self,
        partition: u16,
        tag: u8,
        enqueued: i64,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), AppendError> {
        assert!(partition < self.log.partitions(), "the partition exists");
        if !self.log.queue.has_room() && self.log.queue.wait_for_room(&self.acks) {
            self.waiting = true;
            return Err(AppendError::Busy);
        }
        if self.buffer.capacity() == 0 {
            self.buffer = BUFFER.take();
        }
        let start = frame::begin(&mut self.buffer);
        encode(&mut self.buffer);
        if self.buffer.len() - start - frame::HEAD > MAX_PAYLOAD {
            self.buffer.truncate(start);
            return Err(AppendError::TooLarge);
        }
        frame::end(&mut self.buffer, start, partition, tag, enqueued);
        self.records += 1;
        if self.buffer.len() >= ENOUGH {
            self.hand_over();
        }
        Ok(())
    }

    /// Sends what was taken on its way. One short lock.
    pub fn hand_over(&mut self) {
        if self.records == 0 {
            return;
        }
        self.log
            .queue
            .add(&self.acks, &mut self.place, &self.buffer, self.records);
        self.records = 0;
        let mut buffer = std::mem::take(&mut self.buffer);
        if buffer.capacity() <= 4 * ENOUGH {
            buffer.clear();
            BUFFER.set(buffer);
        }
    }

    /// How many records are durable, once that is more than `known`, or, after
    /// [`AppendError::Busy`], once there is room. Wakes once for each commit
    /// that had records of this producer.
    pub fn poll_durable(
        &mut self,
        cx: &mut Context<'_>,
        known: u64,
    ) -> Poll<Result<u64, WriteError>> {
        if let Some(told) = self.told(known) {
            return Poll::Ready(told);
        }
        self.acks.waker.register(cx.waker());
        // It may have come between the look and the registration.
        self.told(known).map_or(Poll::Pending, Poll::Ready)
    }

    fn told(&mut self, known: u64) -> Option<Result<u64, WriteError>> {
        let failed = self.acks.failed.get().cloned();
        let durable = self.acks.durable.load(Ordering::Acquire);
        if durable > known {
            return Some(Ok(durable));
        }
        if let Some(error) = failed {
            return Some(Err(error));
        }
        if self.waiting && self.log.queue.has_room() {
            self.waiting = false;
            return Some(Ok(durable));
        }
        None
    }
}
