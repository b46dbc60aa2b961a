//! Feedback: what became of messages, for whoever sent them.
//!
//! Records are appended by the queues and read in batches. A batch is made
//! when [`MAX_FEEDBACK_BATCH`] records wait, or the oldest has waited for
//! [`READY_AFTER`]; it is locked by its reader, and gone once completed. The
//! book of batches is a value of its own: appending does not touch it.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Acknowledgement, FeedbackSettings, Lock, LockToken};
use crate::ids::IdentityId;
use crate::time::Timestamp;

/// Records in a batch, at most.
pub const MAX_FEEDBACK_BATCH: usize = 64;
/// How long a record waits for others, at most.
pub(super) const READY_AFTER: Duration = Duration::from_secs(15);

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeedbackStatus {
    /// It was completed.
    Success,
    /// Its time was over.
    Expired,
    /// It came back too often.
    DeliveryCountExceeded,
    /// Its receiver rejected it.
    Rejected,
    /// Its queue was purged.
    Purged,
}

impl FeedbackStatus {
    /// Whether a sender who asked for `ack` hears of it.
    pub fn is_wanted_by(self, ack: Acknowledgement) -> bool {
        match ack {
            Acknowledgement::None => false,
            Acknowledgement::Positive => self == FeedbackStatus::Success,
            Acknowledgement::Negative => self != FeedbackStatus::Success,
            Acknowledgement::Full => true,
        }
    }

    /// The same in words, for people.
    pub fn description(self) -> &'static str {
        match self {
            FeedbackStatus::Success => "Success",
            FeedbackStatus::Expired => "Message expired",
            FeedbackStatus::DeliveryCountExceeded => "Maximum delivery count exceeded",
            FeedbackStatus::Rejected => "Message rejected",
            FeedbackStatus::Purged => "Message purged",
        }
    }
}

/// Azure's words.
impl fmt::Display for FeedbackStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackRecord {
    /// The sender's name for the message, if it gave one.
    pub original_message_id: Option<Box<str>>,
    /// When it happened.
    pub enqueued: Timestamp,
    /// What happened.
    pub status: FeedbackStatus,
    /// Whose queue it was in.
    pub identity: IdentityId,
    /// Which of the namesakes.
    pub generation: Timestamp,
}

impl FeedbackRecord {
    /// As readers of feedback get it, over every protocol.
    /// <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-c2d#message-feedback>
    pub fn to_json(&self) -> Value {
        let mut document = json!({
            "originalMessageId": self.original_message_id,
            "enqueuedTimeUtc": self.enqueued.to_string(),
            "statusCode": self.status.to_string(),
            "description": self.status.description(),
            "deviceId": self.identity.device_id().as_str(),
            "deviceGenerationId": self.generation.ticks().to_string(),
        });
        if let Some(module) = self.identity.module_id() {
            document["moduleId"] = module.as_str().into();
        }
        document
    }
}

/// A record as it is stored. Numbers ascend in the order of the commits and
/// are never given twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedFeedback {
    /// Its number within the hub.
    pub number: u64,
    /// The record.
    pub record: FeedbackRecord,
}

/// Records that were received together, and the lock on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackBatch {
    /// What it is settled with.
    pub lock: LockToken,
    /// When it was made.
    pub enqueued: Timestamp,
    /// How often it came back before.
    pub delivery_count: u32,
    /// The records, oldest first.
    pub records: Vec<FeedbackRecord>,
}

/// Which records are in which batch, and who holds it. One per hub.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedbackBook {
    /// The last record that was ever put into a batch.
    pub batched_through: u64,
    /// Batches that are not completed, oldest first.
    pub batches: Vec<LockedBatch>,
}

/// A batch in the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedBatch {
    /// The numbers of its first and its last record.
    pub records: (u64, u64),
    /// When it was made.
    pub made: Timestamp,
    /// How often it came back.
    pub delivery_count: u32,
    /// Who holds it.
    pub lock: Option<Lock>,
}

/// The token does not hold a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BatchLost;

/// From when on these records, all that are in no batch yet or the first of
/// them, make a batch. They are sorted by number.
pub(super) fn ready_at(waiting: &[NumberedFeedback]) -> Option<Timestamp> {
    let oldest = waiting.first()?.record.enqueued;
    Some(match waiting.len() >= MAX_FEEDBACK_BATCH {
        true => oldest,
        false => oldest.plus(READY_AFTER),
    })
}

/// Whether they make a batch now.
pub(super) fn is_ready(waiting: &[NumberedFeedback], now: Timestamp) -> bool {
    ready_at(waiting).is_some_and(|ready| ready <= now)
}

impl FeedbackBook {
    /// Frees batches whose lock ran out, and gives up those that came back too
    /// often or are too old; tells the records of these.
    pub(super) fn catch_up(&mut self, rules: &FeedbackSettings, now: Timestamp) -> Vec<(u64, u64)> {
        let mut given_up = Vec::new();
        self.batches.retain_mut(|batch| {
            if batch.lock.is_some_and(|lock| lock.until <= now) {
                batch.lock = None;
                batch.delivery_count += 1;
            }
            let too_often = batch.delivery_count >= rules.max_delivery_count;
            let too_old = batch.made.plus(rules.ttl) <= now;
            let kept = batch.lock.is_some() || !(too_often || too_old);
            if !kept {
                given_up.push(batch.records);
            }
            kept
        });
        given_up
    }

    /// Locks the oldest batch that nobody holds.
    pub(super) fn receive(&mut self, lock: Lock) -> Option<LockedBatch> {
        let mut free = self.batches.iter_mut().filter(|batch| batch.lock.is_none());
        let batch = free.next()?;
        batch.lock = Some(lock);
        Some(batch.clone())
    }

    /// When the first batch is free that nobody holds, or whose lock runs out.
    pub(super) fn free_at(&self, now: Timestamp) -> Option<Timestamp> {
        let free = |batch: &LockedBatch| batch.lock.map_or(now, |lock| lock.until);
        self.batches.iter().map(free).min()
    }

    /// Makes a batch of the records from `first` to `last`.
    pub(super) fn add(&mut self, records: (u64, u64), now: Timestamp) {
        self.batched_through = records.1;
        self.batches.push(LockedBatch {
            records,
            made: now,
            delivery_count: 0,
            lock: None,
        });
    }

    /// Takes out the batch that `token` holds; tells its records.
    pub(super) fn complete(&mut self, token: &LockToken) -> Result<(u64, u64), BatchLost> {
        let at = self.held(token)?;
        Ok(self.batches.remove(at).records)
    }

    /// Frees the batch that `token` holds.
    pub(super) fn abandon(&mut self, token: &LockToken) -> Result<(), BatchLost> {
        let at = self.held(token)?;
        let batch = &mut self.batches[at];
        batch.lock = None;
        batch.delivery_count += 1;
        Ok(())
    }

    /// Frees those of the batches that are still held with one of these
    /// tokens, as if they had not been given out.
    pub(super) fn give_back(&mut self, tokens: &[LockToken]) {
        for batch in &mut self.batches {
            if batch.lock.is_some_and(|lock| tokens.contains(&lock.token)) {
                batch.lock = None;
            }
        }
    }

    fn held(&self, token: &LockToken) -> Result<usize, BatchLost> {
        let is_held = |batch: &LockedBatch| batch.lock.is_some_and(|lock| lock.token == *token);
        self.batches.iter().position(is_held).ok_or(BatchLost)
    }
}

#[cfg(test)]
mod tests;
