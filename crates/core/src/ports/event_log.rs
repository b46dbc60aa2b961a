//! The event port: where events are stored and read.

use std::task::{Context, Poll};

use async_trait::async_trait;

use crate::events::{EventBatch, Origin, PartitionId};
use crate::ids::HubName;
use crate::messages::MessageRef;
use crate::time::Timestamp;

/// The log could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// There is no room for more events on the disk. Nothing of what is told
    /// this was stored; it can be sent again once there is room.
    #[error("there is no room for more events on the disk")]
    Full,
    /// An event is damaged; what it was is not known. Readers may begin
    /// behind it.
    #[error("the event log is damaged: {detail}")]
    Damaged {
        /// Where it was.
        partition: PartitionId,
        /// Which it was.
        sequence_number: u64,
        /// For the operator: the file and the place in it.
        detail: String,
    },
    /// The log failed. What was being stored may or may not be.
    #[error("the event log failed: {0}")]
    Failed(String),
    /// The hub is stopping.
    #[error("the event log is closed")]
    Closed,
}

/// As much as may wait does, of all senders. The sender waits until
/// [`Producer::poll_durable`] is ready, and appends then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much waits to be stored")]
pub struct Busy;

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartPosition {
    /// At the oldest event there is.
    Earliest,
    /// Behind the newest event there is.
    Latest,
    /// At the event of this sequence number.
    SequenceNumber(u64),
    /// Behind the event of this offset.
    AfterOffset(u64),
    /// At the first event that was enqueued at this moment or later.
    EnqueuedFrom(Timestamp),
}

/// What is known of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionState {
    /// The sequence number of the oldest event there is, or of the next one
    /// if there is none.
    pub first: u64,
    /// The sequence number that the next event gets.
    pub next: u64,
    /// The offset of the newest event that there ever was.
    pub last_offset: Option<u64>,
    /// When the newest event that there ever was came.
    pub last_enqueued: Option<Timestamp>,
}

/// Where events are stored: partitions of each hub, forward only.
///
/// **Order.** Events of one partition have contiguous sequence numbers from 0
/// that are never given twice; a sender's events keep its order.
/// **Durability.** What is read or acknowledged is on disk.
/// **Retention.** The oldest events go by age and by size; a reader that is
/// behind begins at the oldest one there is.
/// **Blocking.** Only reads wait for the disk, never for a sender.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// How many partitions a hub has; `None` if there is no such hub.
    fn partitions(&self, hub: &HubName) -> Option<u16>;

    /// A way in for the events of one origin. Cheap, also to keep while
    /// nothing is sent.
    fn producer(&self, hub: &HubName, origin: &Origin) -> Result<Box<dyn Producer>, LogError>;

    /// What is known of a partition; `None` if there is no such one.
    async fn partition(
        &self,
        hub: &HubName,
        partition: PartitionId,
    ) -> Result<Option<PartitionState>, LogError>;

    /// Where a reader that begins at `position` begins: the sequence number
    /// of its first event, which may not have come yet.
    async fn find(
        &self,
        hub: &HubName,
        partition: PartitionId,
        position: StartPosition,
    ) -> Result<u64, LogError>;

    /// The events from `sequence_number` on, or from the oldest there is: some
    /// `max_bytes` of them, at least one if there is one. All of them are
    /// sound: one that is not is [`LogError::Damaged`].
    async fn read(
        &self,
        hub: &HubName,
        partition: PartitionId,
        sequence_number: u64,
        max_bytes: usize,
    ) -> Result<EventBatch, LogError>;

    /// Returns once the partition has the event of this sequence number, or
    /// the log is closing. Safe to cancel.
    async fn wait_for(
        &self,
        hub: &HubName,
        partition: PartitionId,
        sequence_number: u64,
    ) -> Result<(), LogError>;
}

/// A sender's way into the log.
///
/// What is stored counts from 1 in the order of [`append`](Self::append).
/// There is no future and no channel per message: the sender is woken once for
/// each batch in which something of it became durable.
///
/// Once something of it could not be stored, a producer takes and tells
/// nothing else: later messages are not stored behind a gap. A new one may be
/// made at once. Dropping it loses nothing that was handed over.
pub trait Producer: Send {
    /// Takes a message; it need not be on its way before
    /// [`hand_over`](Self::hand_over).
    fn append(&mut self, message: &MessageRef<'_>, enqueued: Timestamp) -> Result<(), Busy>;

    /// Sends what was taken on its way to the disk, to be called after a
    /// handful of messages; does nothing if there is nothing.
    fn hand_over(&mut self);

    /// How many messages are durable, once that is more than `known`, or,
    /// after [`Busy`], once there is room again: then it may be `known` itself.
    fn poll_durable(&mut self, cx: &mut Context<'_>, known: u64) -> Poll<Result<u64, LogError>>;
}
