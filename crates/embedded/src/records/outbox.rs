//! Rows of events that wait in the outbox.

use twinhub_core::notifications::NewEvent;
use twinhub_core::ports::StoreError;

use super::{MessageRow, v1};
use crate::errors::unreadable;

/// The columns of an event in the outbox.
#[derive(Clone)]
pub(crate) struct OutboxRow {
    pub at: i64,
    pub origin: String,
    pub message: MessageRow,
}

impl OutboxRow {
    pub(crate) fn encode(event: &NewEvent) -> Self {
        v1::outbox::encode(event)
    }

    pub(crate) fn decode(&self, number: i64) -> Result<NewEvent, StoreError> {
        let format = self.message.format;
        let decoded = match format {
            v1::FORMAT => v1::outbox::decode(self),
            _ => None,
        };
        decoded.ok_or_else(|| unreadable(format_args!("event {number} of the outbox"), format))
    }

    /// How long its documents are.
    pub(crate) fn bytes(&self) -> usize {
        self.origin.len() + self.message.properties.len() + self.message.body.len()
    }
}

#[cfg(test)]
mod tests;
