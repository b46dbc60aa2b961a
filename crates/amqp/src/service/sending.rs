//! `/messages/devicebound`: messages from back ends into the queues.
//!
//! Accepted means durable. Answers come as the messages are queued, which for
//! different devices need not be the order in which they came.

use std::sync::Arc;

use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::performatives::DeliveryState;
use twinhub_amqp_server::links::{DeliveryId, IncomingDelivery};
use twinhub_amqp_server::{HubError, Incoming, IncomingTerms, PendingLink, PermitWatch};
use twinhub_core::c2d::{CloudToDevice, InvalidNewMessage, NewMessage, SendError};
use twinhub_core::messages::{MAX_CLOUD_TO_DEVICE, Message, SystemProperty};

use super::Asker;
use super::destination::Destination;
use super::errors;
use super::lanes::{Done, Lanes, Order};
use crate::messages::{BATCH_FORMAT, read_message};

/// How many messages a back end may have under way.
const CREDIT: u32 = 200;
/// Far more than a message may have, so that one that is a little too large
/// is refused and not its link.
const MAX_MESSAGE_SIZE: u64 = 256 * 1024;

/// Serves such a link until it ends.
pub(super) async fn serve(link: PendingLink, asker: Asker, c2d: Arc<CloudToDevice>) {
    let permission = match asker.ask().await {
        Ok(permission) => permission,
        Err(error) => return link.refuse(error),
    };
    let terms = IncomingTerms {
        credit: CREDIT,
        max_message_size: MAX_MESSAGE_SIZE,
    };
    let sender = Sender {
        link: link.accept_incoming(terms),
        permission,
        lanes: Lanes::new(c2d),
    };
    sender.run().await;
}

/// A link on which a back end sends.
struct Sender {
    link: Incoming,
    permission: PermitWatch,
    lanes: Lanes,
}

impl Sender {
    async fn run(mut self) {
        loop {
            tokio::select! {
                done = self.lanes.next() => self.answer(done),
                delivery = self.link.next(), if self.lanes.has_room() => match delivery {
                    Some(delivery) => self.take(delivery),
                    None => return self.lanes.finish().await,
                },
                refused = self.permission.withdrawn() => {
                    self.link.end(Some(self.permission.connection().error(&refused)));
                    return self.lanes.finish().await;
                }
            }
        }
    }

    fn take(&mut self, delivery: IncomingDelivery) {
        let answer = (!delivery.settled).then_some(delivery.id);
        match order(delivery) {
            Ok((to, message)) => self.lanes.push(Order {
                answer,
                to,
                message,
                permit: self.permission.permit().clone(),
            }),
            Err(error) => self.reject(answer, error),
        }
    }

    fn answer(&mut self, done: Done) {
        match (done.result, done.answer) {
            (Ok(_), None) => {}
            (Ok(_), Some(id)) => self.link.accept(id, id),
            (Err(error), answer) => self.reject(answer, errors::not_sent(&error)),
        }
    }

    fn reject(&mut self, answer: Option<DeliveryId>, error: HubError) {
        tracing::debug!(reason = error.message, "message to a device refused");
        let Some(id) = answer else { return };
        let error = self.permission.connection().error(error);
        self.link.settle(id, id, &DeliveryState::rejected(error));
    }
}

/// What a delivery asks for.
fn order(delivery: IncomingDelivery) -> Result<(Destination, NewMessage), HubError> {
    if delivery.message_format == BATCH_FORMAT {
        return Err(errors::argument("messages to devices come one by one"));
    }
    let read = read_message(delivery.payload, Limits::default());
    let message = read.map_err(|error| HubError::from(&error))?;
    let to = message
        .system(SystemProperty::To)
        .and_then(Destination::parse)
        .ok_or_else(|| {
            errors::argument(
                "property to must be /devices/{id}/messages/devicebound, or the same of a module",
            )
        })?;
    let message = message.into_message();
    let size = message.size();
    if size > MAX_CLOUD_TO_DEVICE {
        // Before it waits with others and takes their room.
        return Err(errors::not_sent(&SendError::TooLarge { size }));
    }
    Ok((to, new_message(message)?))
}

fn new_message(message: Message) -> Result<NewMessage, HubError> {
    message.try_into().map_err(|error| match error {
        InvalidNewMessage::Acknowledgement(error) => {
            errors::argument(format!("property iothub-ack: {error}"))
        }
        InvalidNewMessage::Expiry => errors::argument("property absolute-expiry-time is no moment"),
    })
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use twinhub_amqp_engine::message::{Message as AmqpMessage, Properties};
    use twinhub_amqp_engine::value::{Map, Timestamp as Millis};
    use twinhub_core::c2d::Acknowledgement;
    use twinhub_core::time::Timestamp;

    use super::*;

    fn delivery(message: &AmqpMessage) -> IncomingDelivery {
        let mut payload = BytesMut::new();
        message.encode(&mut payload).unwrap();
        IncomingDelivery {
            id: DeliveryId(0),
            tag: Default::default(),
            message_format: 0,
            settled: false,
            payload: payload.freeze(),
        }
    }

    fn to_pump() -> AmqpMessage {
        AmqpMessage {
            properties: Some(Properties {
                to: Some("/devices/pump-7/messages/devicebound".into()),
                ..Properties::default()
            }),
            ..AmqpMessage::default()
        }
    }

    fn with_ack(text: &'static str) -> AmqpMessage {
        AmqpMessage {
            application_properties: Some(Map::new().with("iothub-ack", text)),
            ..to_pump()
        }
    }

    #[test]
    fn acknowledgement_and_expiry_are_about_the_message_and_no_part_of_it() {
        let mut sent = with_ack("Full");
        let properties = sent.properties.as_mut().unwrap();
        properties.absolute_expiry_time = Some(Millis(1_600_000_000_500));

        let (_, new) = order(delivery(&sent)).unwrap();

        assert_eq!(new.ack, Acknowledgement::Full);
        assert_eq!(
            new.expires,
            Some(Timestamp::from_unix_millis(1_600_000_000_500))
        );
        let to = "/devices/pump-7/messages/devicebound".into();
        assert_eq!(new.message.system, [(SystemProperty::To, to)]);
    }

    #[test]
    fn what_goes_nowhere_or_makes_no_sense_is_an_argument_error() {
        let elsewhere = AmqpMessage {
            properties: Some(Properties {
                to: Some("/devices/pump-7/messages/events".into()),
                ..Properties::default()
            }),
            ..AmqpMessage::default()
        };
        for message in [AmqpMessage::default(), elsewhere, with_ack("sometimes")] {
            let error = order(delivery(&message)).unwrap_err();

            assert_eq!(error.condition, "com.microsoft:argument-error");
        }
    }

    #[test]
    fn batches_are_refused() {
        let batch = IncomingDelivery {
            message_format: BATCH_FORMAT,
            ..delivery(&to_pump())
        };

        assert!(order(batch).is_err());
    }
}
