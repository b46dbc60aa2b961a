//! The queue as a value: what is in it and who holds what. No bodies: they
//! are stored beside it, so that it stays small.

use super::{Acknowledgement, LockToken, MAX_QUEUE_DEPTH};
use crate::ids::IdentityId;
use crate::time::Timestamp;

/// A queue, oldest message first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queue {
    /// The number of the last message that was enqueued; 0 before the first.
    pub last_sequence_number: u64,
    /// What is in it, by sequence number.
    pub entries: Vec<Entry>,
}

/// A message in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the queue.
    pub sequence_number: u64,
    /// When it was sent.
    pub enqueued: Timestamp,
    /// When it is of no use any more.
    pub expires: Timestamp,
    /// How often it came back.
    pub delivery_count: u32,
    /// Whether it was ever given out.
    pub delivered: bool,
    /// What the sender wants to hear of.
    pub ack: Acknowledgement,
    /// The sender's name for it; kept only if feedback would name it.
    pub message_id: Option<Box<str>>,
    /// Who holds it.
    pub lock: Option<Lock>,
    /// What the session knows it by that it was last given to. Outlives the
    /// lock, so that a session that returns late still recognises it.
    pub handle: Option<u32>,
}

/// A receiver's hold on a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// What the holder shows.
    pub token: LockToken,
    /// Until when it counts.
    pub until: Timestamp,
}

/// A queue as it is stored, with its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRecord {
    /// Whose queue it is.
    pub identity: IdentityId,
    /// The queue.
    pub queue: Queue,
}

impl Queue {
    /// Whether one more message is refused.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= MAX_QUEUE_DEPTH
    }

    /// Whether a receiver would be given something.
    pub fn has_available(&self) -> bool {
        self.entries.iter().any(|entry| entry.lock.is_none())
    }

    /// When something happens by itself next: a lock runs out, or a message
    /// that nobody holds expires.
    pub fn due(&self) -> Option<Timestamp> {
        self.entries.iter().map(Entry::due).min()
    }
}

impl Entry {
    fn due(&self) -> Timestamp {
        self.lock.map_or(self.expires, |lock| lock.until)
    }
}
