//! The steps of a unit that concern messages and feedback.

use twinhub_core::ids::IdentityId;
use twinhub_core::ports::RecordKey;
use twinhub_core::time::Timestamp;

use super::{Application, Refused, require};
use crate::records::{FeedbackRow, MessageRow};
use crate::tables::{feedback, queues};

pub(super) enum QueueStep {
    PutMessage(IdentityId, u64, MessageRow),
    RemoveMessage(IdentityId, u64),
    AppendFeedback(FeedbackRow),
    RemoveFeedback { first: u64, last: u64 },
    TrimFeedback { before: Timestamp, keep: u64 },
}

impl Application<'_> {
    pub(super) fn queue_step(&mut self, step: &QueueStep) -> Result<(), Refused> {
        let connection = self.connection;
        match step {
            QueueStep::PutMessage(id, number, row) => {
                let identity = self.existing(id)?.number;
                let put = queues::put_message(connection, identity, *number, row)?;
                require(put, &RecordKey::Queue(id.clone()))?;
            }
            QueueStep::RemoveMessage(id, number) => {
                if let Some(identity) = self.find(id)? {
                    queues::remove_message(connection, identity.number, *number)?;
                }
            }
            QueueStep::AppendFeedback(row) => {
                let number = self.next_revision().0;
                feedback::append(connection, self.hub()?, number, row)?;
            }
            QueueStep::RemoveFeedback { first, last } => {
                feedback::remove(connection, self.hub()?, *first, *last)?;
            }
            QueueStep::TrimFeedback { before, keep } => {
                feedback::trim(connection, self.hub()?, *before, *keep)?;
            }
        }
        Ok(())
    }
}
