//! Rows of cloud-to-device messages and of feedback on them.

use bytes::Bytes;
use twinhub_core::c2d::{FeedbackBook, FeedbackRecord, Queue};
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::messages::Message;
use twinhub_core::ports::StoreError;

use super::v1;
use crate::errors::unreadable;

/// A queue's columns.
#[derive(Debug, Clone)]
pub(crate) struct QueueRow {
    pub format: i64,
    pub messages: u32,
    pub due: Option<i64>,
    pub state: Vec<u8>,
}

/// The columns of a message in a queue.
#[derive(Clone)]
pub(crate) struct MessageRow {
    pub format: i64,
    pub properties: String,
    pub body: Bytes,
}

/// A feedback record's columns.
#[derive(Debug, Clone)]
pub(crate) struct FeedbackRow {
    pub format: i64,
    pub enqueued: i64,
    pub doc: String,
}

/// The columns of a hub's book of feedback batches.
#[derive(Debug, Clone)]
pub(crate) struct FeedbackBookRow {
    pub format: i64,
    pub doc: String,
}

impl QueueRow {
    pub(crate) fn encode(queue: &Queue) -> Self {
        v1::queue::encode_queue(queue)
    }

    pub(crate) fn decode(&self, id: &IdentityId) -> Result<Queue, StoreError> {
        let decoded = match self.format {
            v1::FORMAT => v1::queue::decode_queue(self),
            _ => None,
        };
        decoded.ok_or_else(|| unreadable(format_args!("the queue of {id}"), self.format))
    }
}

impl MessageRow {
    pub(crate) fn encode(message: &Message) -> Self {
        v1::message::encode_message(message)
    }

    pub(crate) fn decode(&self, id: &IdentityId, number: u64) -> Result<Message, StoreError> {
        let decoded = match self.format {
            v1::FORMAT => v1::message::decode_message(self),
            _ => None,
        };
        let name = format_args!("message {number} to {id}");
        decoded.ok_or_else(|| unreadable(name, self.format))
    }
}

impl FeedbackRow {
    pub(crate) fn encode(record: &FeedbackRecord) -> Self {
        v1::feedback::encode_feedback(record)
    }

    pub(crate) fn decode(&self, number: i64) -> Result<FeedbackRecord, StoreError> {
        let decoded = match self.format {
            v1::FORMAT => v1::feedback::decode_feedback(self),
            _ => None,
        };
        decoded.ok_or_else(|| unreadable(format_args!("feedback {number}"), self.format))
    }
}

impl FeedbackBookRow {
    pub(crate) fn encode(book: &FeedbackBook) -> Self {
        v1::feedback::encode_book(book)
    }

    pub(crate) fn decode(&self, hub: &HubName) -> Result<FeedbackBook, StoreError> {
        let decoded = match self.format {
            v1::FORMAT => v1::feedback::decode_book(self),
            _ => None,
        };
        decoded.ok_or_else(|| unreadable(format_args!("the feedback book of {hub}"), self.format))
    }
}

#[cfg(test)]
mod tests;
