//! One turn at a queue: what somebody wants, at one moment.
//!
//! A turn begins by catching up with time (locks that ran out, messages that
//! expired), so that every decision sees the queue as it stands now. It ends
//! as an [`Outcome`]: the queue to store, and what must be stored with it.

use std::mem;
use std::time::Duration;

use super::queue::{Entry, Lock, QueueRecord};
use super::{
    CloudToDeviceSettings, FeedbackStatus, Holder, LockToken, MAX_LOCK, MAX_TTL, MIN_LOCK,
    NewMessage, SendError, Settlement,
};
use crate::messages::{MAX_CLOUD_TO_DEVICE, Message, SystemProperty};
use crate::time::Timestamp;

/// The token does not hold a lock.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LockLost;

/// A message that left the queue, and that its sender wants to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub message_id: Option<Box<str>>,
    pub status: FeedbackStatus,
}

/// What a turn comes to.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    pub record: QueueRecord,
    /// The message that was enqueued.
    pub added: Option<(u64, Message)>,
    /// Messages that left the queue.
    pub removed: Vec<u64>,
    /// Those of them to give feedback on.
    pub ends: Vec<End>,
    /// Whether receivers should look: something became available.
    pub waiting: bool,
    /// Whether there is anything to store.
    pub changed: bool,
}

/// A queue at one moment.
pub(super) struct Turn<'r> {
    outcome: Outcome,
    rules: &'r CloudToDeviceSettings,
    now: Timestamp,
}

impl<'r> Turn<'r> {
    /// Takes the queue up and catches up with time.
    pub(super) fn begin(
        record: QueueRecord,
        rules: &'r CloudToDeviceSettings,
        now: Timestamp,
    ) -> Self {
        let mut turn = Turn {
            outcome: Outcome {
                record,
                added: None,
                removed: Vec::new(),
                ends: Vec::new(),
                waiting: false,
                changed: false,
            },
            rules,
            now,
        };
        turn.catch_up();
        turn
    }

    /// Adds a message; tells its number.
    pub(super) fn enqueue(&mut self, new: &NewMessage) -> Result<u64, SendError> {
        let size = new.message.size();
        if size > MAX_CLOUD_TO_DEVICE {
            return Err(SendError::TooLarge { size });
        }
        let expires = self.expiry(new.expires)?;
        let record = &mut self.outcome.record;
        if record.queue.is_full() {
            return Err(SendError::QueueFull(record.identity.clone()));
        }
        let message_id = new.message.system(SystemProperty::MessageId);
        let message_id = message_id.filter(|_| new.ack.is_wanted());
        let queue = &mut record.queue;
        queue.last_sequence_number += 1;
        queue.entries.push(Entry {
            sequence_number: queue.last_sequence_number,
            enqueued: self.now,
            expires,
            delivery_count: 0,
            delivered: false,
            ack: new.ack,
            message_id: message_id.map(Into::into),
            lock: None,
            handle: None,
        });
        let number = queue.last_sequence_number;
        let mut message = new.message.clone();
        // Receivers are told of an expiry only if the sender chose it.
        message
            .system
            .retain(|(property, _)| *property != SystemProperty::AbsoluteExpiry);
        if new.expires.is_some() {
            let chosen = (SystemProperty::AbsoluteExpiry, expires.to_string().into());
            message.system.push(chosen);
        }
        self.outcome.added = Some((number, message));
        self.outcome.waiting = true;
        self.outcome.changed = true;
        Ok(number)
    }

    /// Locks the oldest message that is available. The entry that is returned
    /// says in `delivered` whether it had been given out before.
    pub(super) fn receive(
        &mut self,
        holder: Holder,
        token: LockToken,
        lock: Duration,
    ) -> Option<Entry> {
        let until = self.now.plus(lock.clamp(MIN_LOCK, MAX_LOCK));
        let mut entries = self.outcome.record.queue.entries.iter_mut();
        let entry = entries.find(|entry| entry.lock.is_none())?;
        entry.lock = Some(Lock { token, until });
        entry.handle = match holder {
            Holder::Session { handle } => Some(handle),
            Holder::Request => None,
        };
        let received = entry.clone();
        entry.delivered = true;
        self.outcome.changed = true;
        Some(received)
    }

    /// Locks anew, for a session that begins, what earlier ones were given
    /// and nobody has settled since.
    pub(super) fn resume(
        &mut self,
        lock: Duration,
        mut token: impl FnMut() -> LockToken,
    ) -> Vec<Entry> {
        let until = self.now.plus(lock.clamp(MIN_LOCK, MAX_LOCK));
        let entries = self.outcome.record.queue.entries.iter_mut();
        let mut resumed = Vec::new();
        for entry in entries.filter(|entry| entry.handle.is_some()) {
            let token = token();
            entry.lock = Some(Lock { token, until });
            resumed.push(entry.clone());
        }
        self.outcome.changed |= !resumed.is_empty();
        resumed
    }

    /// Gives up what earlier sessions were given; that is not abandonment.
    pub(super) fn release(&mut self) {
        for entry in &mut self.outcome.record.queue.entries {
            if entry.handle.take().is_some() {
                self.outcome.changed = true;
                self.outcome.waiting |= entry.lock.take().is_some();
            }
        }
    }

    /// Gives up what these tokens hold; that is not abandonment either. Locks
    /// that are lost already are passed over.
    pub(super) fn give_back(&mut self, tokens: &[LockToken]) {
        for entry in &mut self.outcome.record.queue.entries {
            if entry.lock.is_some_and(|lock| tokens.contains(&lock.token)) {
                entry.lock = None;
                entry.handle = None;
                self.outcome.changed = true;
                self.outcome.waiting = true;
            }
        }
    }

    /// Settles the message that `token` holds.
    pub(super) fn settle(
        &mut self,
        token: &LockToken,
        settlement: Settlement,
    ) -> Result<(), LockLost> {
        let entries = &mut self.outcome.record.queue.entries;
        let is_held = |entry: &Entry| entry.lock.is_some_and(|lock| lock.token == *token);
        let at = entries.iter().position(is_held).ok_or(LockLost)?;
        let mut entry = entries.remove(at);
        self.outcome.changed = true;
        match settlement {
            Settlement::Complete => self.end(entry, FeedbackStatus::Success),
            Settlement::Reject => self.end(entry, FeedbackStatus::Rejected),
            Settlement::Abandon => {
                entry.handle = None;
                if let Some(entry) = self.come_back(entry, true) {
                    self.outcome.record.queue.entries.insert(at, entry);
                }
            }
        }
        Ok(())
    }

    /// Empties the queue, whoever holds what; tells how many there were.
    pub(super) fn purge(&mut self) -> u64 {
        let entries = mem::take(&mut self.outcome.record.queue.entries);
        let count = entries.len() as u64;
        self.outcome.changed |= count > 0;
        for entry in entries {
            self.end(entry, FeedbackStatus::Purged);
        }
        count
    }

    /// Ends the turn.
    pub(super) fn finish(mut self) -> Outcome {
        self.outcome.waiting &= self.outcome.record.queue.has_available();
        self.outcome
    }

    fn catch_up(&mut self) {
        let is_due = |due: Timestamp| due <= self.now;
        if !self.outcome.record.queue.due().is_some_and(is_due) {
            return;
        }
        self.outcome.changed = true;
        let entries = mem::take(&mut self.outcome.record.queue.entries);
        for entry in entries {
            let kept = match entry.lock {
                Some(lock) if lock.until > self.now => Some(entry),
                Some(_) => self.come_back(entry, self.rules.lock_expiry_counts),
                None => Some(entry),
            };
            let Some(entry) = kept else { continue };
            if entry.lock.is_none() && entry.expires <= self.now {
                self.end(entry, FeedbackStatus::Expired);
            } else {
                self.outcome.record.queue.entries.push(entry);
            }
        }
    }

    /// Frees a message, unless it came back too often.
    fn come_back(&mut self, mut entry: Entry, counts: bool) -> Option<Entry> {
        entry.lock = None;
        if counts {
            entry.delivery_count += 1;
            if entry.delivery_count >= self.rules.max_delivery_count {
                self.end(entry, FeedbackStatus::DeliveryCountExceeded);
                return None;
            }
        }
        self.outcome.waiting = true;
        Some(entry)
    }

    fn end(&mut self, entry: Entry, status: FeedbackStatus) {
        self.outcome.removed.push(entry.sequence_number);
        if status.is_wanted_by(entry.ack) {
            self.outcome.ends.push(End {
                message_id: entry.message_id,
                status,
            });
        }
    }

    fn expiry(&self, wanted: Option<Timestamp>) -> Result<Timestamp, SendError> {
        let Some(expires) = wanted else {
            return Ok(self.now.plus(self.rules.default_ttl));
        };
        let latest = self.now.plus(MAX_TTL);
        if expires <= self.now || expires > latest {
            return Err(SendError::InvalidExpiry { expires, latest });
        }
        Ok(expires)
    }
}

#[cfg(test)]
mod tests;
