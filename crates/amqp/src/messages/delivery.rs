//! Cloud-to-device messages as devices and modules are given them.
//!
//! Clients are particular: the tag is the lock token in .NET's byte order,
//! the body one data section, and application properties strings.

use bytes::{Bytes, BytesMut};
use twinhub_amqp_engine::message::{Body, Message, MessageId, Properties};
use twinhub_amqp_engine::value::{Map, Symbol, Timestamp};
use twinhub_core::c2d::{Delivery, LockToken};
use twinhub_core::ids::IdentityId;
use twinhub_core::messages::SystemProperty;

use super::names::in_application_properties;

const LOCK_TOKEN: Symbol = Symbol::from_static("x-opt-lock-token");
const SEQUENCE_NUMBER: Symbol = Symbol::from_static("x-opt-sequence-number");
const ENQUEUED_TIME: Symbol = Symbol::from_static("iothub-enqueuedtime");
const DELIVERY_COUNT: Symbol = Symbol::from_static("iothub-deliverycount");

/// Appends a delivery to `to` as an AMQP message.
pub fn write_delivery(delivery: &Delivery, to: &IdentityId, out: &mut BytesMut) {
    let message = Message {
        message_annotations: annotations(delivery),
        properties: Some(properties(delivery, to)),
        application_properties: Some(application_properties(delivery)),
        body: Body::Data(vec![delivery.message.body.clone()]),
        ..Message::default()
    };
    message
        .encode(out)
        .expect("messages to devices are below 64 KiB, plus a few annotations");
}

/// The tag of a delivery: the lock token as .NET lays out a GUID.
pub fn tag_of(lock: &LockToken) -> [u8; 16] {
    in_other_order(lock.to_bytes())
}

/// The lock token that a tag stands for.
pub fn lock_of(tag: &[u8]) -> Option<LockToken> {
    let bytes = <[u8; 16]>::try_from(tag).ok()?;
    Some(LockToken::from_bytes(in_other_order(bytes)))
}

/// The first three groups of a GUID are little-endian numbers.
fn in_other_order(mut bytes: [u8; 16]) -> [u8; 16] {
    bytes[0..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    bytes
}

fn annotations(delivery: &Delivery) -> Map {
    let count = u8::try_from(delivery.delivery_count).unwrap_or(u8::MAX);
    Map::new()
        .with(LOCK_TOKEN, delivery.lock.to_string())
        .with(SEQUENCE_NUMBER, delivery.sequence_number)
        .with(ENQUEUED_TIME, Timestamp(delivery.enqueued.unix_millis()))
        .with(DELIVERY_COUNT, count)
}

fn properties(delivery: &Delivery, to: &IdentityId) -> Properties {
    let system = |property| delivery.message.system(property).map(str::to_owned);
    // AMQP has no way to send a type that is not ASCII.
    let symbol = |property| system(property).and_then(|text| Symbol::try_from(text).ok());
    let id = |property| system(property).map(|text| MessageId::String(text.into()));
    Properties {
        message_id: id(SystemProperty::MessageId),
        correlation_id: id(SystemProperty::CorrelationId),
        user_id: system(SystemProperty::UserId).map(Bytes::from),
        to: Some(
            system(SystemProperty::To)
                .unwrap_or_else(|| address(to))
                .into(),
        ),
        content_type: symbol(SystemProperty::ContentType),
        content_encoding: symbol(SystemProperty::ContentEncoding),
        absolute_expiry_time: system(SystemProperty::AbsoluteExpiry)
            .map(|_| Timestamp(delivery.expires.unix_millis())),
        ..Properties::default()
    }
}

fn application_properties(delivery: &Delivery) -> Map {
    let message = &delivery.message;
    let mut map = Map::new();
    if delivery.ack.is_wanted() {
        let name = SystemProperty::Acknowledgement.name();
        map.push(name, delivery.ack.to_string());
    }
    for property in [
        SystemProperty::Schema,
        SystemProperty::CreationTime,
        SystemProperty::Operation,
    ] {
        if let Some(value) = message.system(property) {
            map.push(property.name(), value.to_owned());
        }
    }
    for (name, value) in &message.application {
        if in_application_properties(name).is_none() {
            // Null is nothing to .NET, and breaks others.
            let value = value.as_deref().unwrap_or_default();
            map.push(name.to_string(), value.to_owned());
        }
    }
    map
}

fn address(to: &IdentityId) -> String {
    let device = to.device_id();
    match to.module_id() {
        None => format!("/devices/{device}/messages/deviceBound"),
        Some(module) => format!("/devices/{device}/modules/{module}/messages/deviceBound"),
    }
}
