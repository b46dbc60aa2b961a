//! One of a producer's ways into a log.

use std::task::{Context, Poll};

use super::marks::Marks;
use crate::messages::MessageRef;
use crate::ports::{Busy, LogError, Producer};
use crate::routing::EndpointId;
use crate::time::Timestamp;

/// A way into a log, and what is noted of it.
pub(super) struct Lane {
    /// Whose log it is; none for the hub's own.
    pub endpoint: Option<EndpointId>,
    producer: Box<dyn Producer>,
    marks: Marks,
    /// It took nothing, and tells when it does again.
    is_busy: bool,
}

/// What came of asking.
pub(super) enum Told {
    /// Nothing that the sender waits for.
    Nothing,
    /// There is room again.
    Room,
    /// Something was not stored.
    Failed(LogError),
}

impl Lane {
    /// For a sender that has sent so many messages already.
    pub(super) fn new(
        endpoint: Option<EndpointId>,
        producer: Box<dyn Producer>,
        messages: u64,
    ) -> Self {
        Lane {
            endpoint,
            producer,
            marks: Marks::from(messages),
            is_busy: false,
        }
    }

    /// Takes a copy of the message that follows so many.
    pub(super) fn append(
        &mut self,
        message: &MessageRef<'_>,
        enqueued: Timestamp,
        messages_before: u64,
    ) -> Result<(), Busy> {
        let taken = self.producer.append(message, enqueued);
        match taken {
            Ok(()) => self.marks.took(messages_before),
            Err(Busy) => self.is_busy = true,
        }
        taken
    }

    /// Sends what was taken on its way; so many messages were taken so far.
    pub(super) fn hand_over(&mut self, messages: u64) {
        self.marks.handed_over(messages);
        self.producer.hand_over();
    }

    /// Asks what became durable, and has the sender woken for more.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Told {
        while self.is_busy || self.marks.is_pending() {
            match self.producer.poll_durable(cx, self.marks.durable()) {
                Poll::Pending => break,
                Poll::Ready(Err(error)) => return Told::Failed(error),
                Poll::Ready(Ok(durable)) => {
                    self.marks.stored(durable.max(self.marks.durable()));
                    if std::mem::take(&mut self.is_busy) {
                        return Told::Room;
                    }
                }
            }
        }
        Told::Nothing
    }

    /// Whether something of it is not durable yet.
    pub(super) fn is_pending(&self) -> bool {
        self.marks.is_pending()
    }

    /// How many messages it holds nothing back of, of so many.
    pub(super) fn covered(&self, messages: u64) -> u64 {
        self.marks.covered(messages)
    }
}
