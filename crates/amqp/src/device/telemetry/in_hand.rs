//! The delivery whose messages are being sent.

use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_server::HubError;
use twinhub_amqp_server::links::{DeliveryId, IncomingDelivery};
use twinhub_core::messages::{MAX_DEVICE_TO_CLOUD, size_of};
use twinhub_core::telemetry::SendError;

use crate::device::end::too_large;
use crate::messages::{BATCH_FORMAT, MessageError, ReceivedMessage, read_batch, read_message};

/// How many messages a batch may have: more than fit into one that is worth
/// sending, so that empty ones are bounded, too.
const MAX_BATCH: usize = 16_384;

/// Room that need not be given back.
const SMALL: usize = 256;

/// The delivery whose messages are being sent, if any.
#[derive(Default)]
pub(super) struct InHand {
    delivery: Option<Taken>,
    messages: Vec<ReceivedMessage>,
    /// How many of them were sent.
    sent: usize,
}

/// What is kept of a delivery.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) id: DeliveryId,
    pub(super) settled: bool,
    pub(super) bytes: usize,
}

impl Taken {
    /// Its number, if the client wants to hear of it.
    pub(super) fn unsettled(self) -> Option<DeliveryId> {
        (!self.settled).then_some(self.id)
    }
}

impl InHand {
    /// Takes a delivery, with one message or a batch of them: if all can be
    /// read and none is too large.
    pub(super) fn take(&mut self, delivery: IncomingDelivery) -> Result<(), HubError> {
        let taken = Taken {
            id: delivery.id,
            settled: delivery.settled,
            bytes: delivery.payload.len(),
        };
        let read = self.read(delivery);
        match read {
            Ok(()) => {
                self.delivery = Some(taken);
                Ok(())
            }
            Err(refused) => {
                self.done();
                Err(refused)
            }
        }
    }

    fn read(&mut self, delivery: IncomingDelivery) -> Result<(), HubError> {
        let unreadable = |error: MessageError| HubError::from(&error);
        let limits = Limits::default();
        if delivery.message_format != BATCH_FORMAT {
            let message = read_message(delivery.payload, limits).map_err(unreadable)?;
            return self.push(message);
        }
        for payload in read_batch(delivery.payload, limits) {
            let message = payload.and_then(|payload| read_message(payload, limits));
            self.push(message.map_err(unreadable)?)?;
        }
        Ok(())
    }

    fn push(&mut self, message: ReceivedMessage) -> Result<(), HubError> {
        let size = size_of(&message.system, &message.application, &message.body);
        if size > MAX_DEVICE_TO_CLOUD {
            return Err(too_large(SendError::TooLarge { size }.to_string()));
        }
        if self.messages.len() == MAX_BATCH {
            let text = format!("a batch has at most {MAX_BATCH} messages");
            return Err(too_large(text));
        }
        self.messages.push(message);
        Ok(())
    }

    pub(super) fn delivery(&self) -> Option<Taken> {
        self.delivery
    }

    /// The next message that was not sent.
    pub(super) fn next(&self) -> Option<&ReceivedMessage> {
        self.messages.get(self.sent)
    }

    /// It was.
    pub(super) fn sent(&mut self) {
        self.sent += 1;
    }

    /// All of the delivery were sent, or none will be.
    pub(super) fn done(&mut self) {
        self.delivery = None;
        self.messages.clear();
        self.messages.shrink_to(SMALL);
        self.sent = 0;
    }
}
