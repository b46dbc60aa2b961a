//! Messages of devices and back ends over AMQP.

use bytes::{Bytes, BytesMut};
use twinhub_amqp::messages::{ReceivedMessage, read_batch, read_message, write_delivery};
use twinhub_amqp_engine::decode::Limits;
use twinhub_core::c2d::{Acknowledgement, Delivery, LockToken};
use twinhub_core::ids::DeviceId;
use twinhub_core::messages::SystemProperty;
use twinhub_core::time::Timestamp;

/// Reads bytes as a message and as a batch of messages. What is read has the
/// same size lent and kept, and arrives at a device as it was sent.
pub fn amqp_message(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    for message in read_batch(bytes.clone(), Limits::default()).flatten() {
        one(message);
    }
    one(bytes);
}

fn one(bytes: Bytes) {
    let length = bytes.len();
    let Ok(message) = read_message(bytes, Limits::default()) else {
        return;
    };
    assert!(
        message.body.len() <= length,
        "a body is part of its message"
    );
    for (property, _) in &message.system {
        let known = message.system.iter().filter(|(other, _)| other == property);
        assert_eq!(known.count(), 1, "{property:?} is there once");
    }
    let size = message.lend(|lent| lent.size());
    assert_eq!(message.clone().into_message().size(), size);
    arrives(&message);
}

fn arrives(sent: &ReceivedMessage) {
    let device = DeviceId::parse("pump-7").expect("a plain id");
    let delivery = Delivery {
        lock: LockToken::from_bytes([7; 16]),
        handle: None,
        redelivered: false,
        sequence_number: 1,
        enqueued: Timestamp::NEVER,
        expires: Timestamp::NEVER,
        delivery_count: 0,
        message: sent.clone().into_message(),
        ack: Acknowledgement::None,
    };
    let mut written = BytesMut::new();
    write_delivery(&delivery, &device.into(), &mut written);
    // A decimal may need more bytes as text than it had.
    let limits = Limits {
        max_values: u32::MAX,
        ..Limits::default()
    };
    let arrived = read_message(written.freeze(), limits).expect("what is written is read");

    assert_eq!(arrived.body, sent.body);
    for property in [
        SystemProperty::MessageId,
        SystemProperty::CorrelationId,
        SystemProperty::UserId,
        SystemProperty::Schema,
        SystemProperty::Operation,
    ] {
        assert_eq!(arrived.system(property), sent.system(property));
    }
    assert_eq!(arrived.application.len(), sent.application.len());
    for (there, here) in arrived.application.iter().zip(&sent.application) {
        assert_eq!(there.0, here.0);
        let value = here.1.clone().unwrap_or_default();
        assert_eq!(there.1.as_ref(), Some(&value));
    }
}
