//! Messages with every section.

use bytes::{Bytes, BytesMut};
use twinhub_amqp_engine::decode::{DecodeError, Limits};
use twinhub_amqp_engine::descriptor;
use twinhub_amqp_engine::message::{Body, Header, Message, MessageId, Properties, Sections};
use twinhub_amqp_engine::value::{Map, Symbol, Timestamp, Uuid, Value};

use crate::{assert_bytes, golden};

#[test]
fn messages_are_written_as_the_golden_bytes_say() {
    for (name, message) in messages() {
        let mut written = BytesMut::new();
        message.encode(&mut written).unwrap();

        assert_bytes(&written, &golden(name), name);
    }
}

#[test]
fn golden_bytes_are_read_as_their_messages() {
    for (name, message) in messages() {
        let read = Message::decode(golden(name), Limits::default());

        assert_eq!(read, Ok(message), "{name}");
    }
}

#[test]
fn sections_are_accepted_in_any_order() {
    // Given a body with delivery annotations behind it, as one client writes them.
    let bytes = Bytes::from_static(b"\x00\x53\x75\xa0\x01x\x00\x53\x71\xc1\x05\x02\xa3\x01k\x41");

    let message = Message::decode(bytes, Limits::default()).unwrap();

    assert_eq!(message.body, Body::Data(vec![Bytes::from_static(b"x")]));
    assert_eq!(
        message.delivery_annotations.get("k"),
        Some(&Value::Boolean(true))
    );
}

#[test]
fn a_section_that_may_occur_once_is_refused_a_second_time() {
    let bytes = Bytes::from_static(b"\x00\x53\x73\x45\x00\x53\x73\x45");

    let read = Message::decode(bytes, Limits::default());

    assert_eq!(
        read,
        Err(DecodeError::UnexpectedSection(descriptor::PROPERTIES))
    );
}

#[test]
fn a_body_of_two_kinds_is_refused() {
    let bytes = Bytes::from_static(b"\x00\x53\x75\xa0\x00\x00\x53\x77\x40");

    let read = Message::decode(bytes, Limits::default());

    assert_eq!(
        read,
        Err(DecodeError::UnexpectedSection(descriptor::AMQP_VALUE))
    );
}

#[test]
fn sections_end_after_the_first_that_cannot_be_read() {
    // Given a good section, a bad one, and a good one again.
    let bytes = Bytes::from_static(b"\x00\x53\x75\xa0\x00\x00\x53\x75\x40\x00\x53\x75\xa0\x00");

    let read: Vec<bool> = Sections::new(bytes, Limits::default())
        .map(|section| section.is_ok())
        .collect();

    assert_eq!(read, [true, false]);
}

fn messages() -> Vec<(&'static str, Message)> {
    vec![
        ("message_answer", answer()),
        ("message_event", event()),
        ("message_sequence", sequence()),
    ]
}

fn answer() -> Message {
    let id = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    Message {
        properties: Some(Properties {
            correlation_id: Some(MessageId::Uuid(Uuid(id))),
            ..Properties::default()
        }),
        application_properties: Some(
            Map::new()
                .with("status-code", 200_i32)
                .with("status-description", "OK"),
        ),
        body: Body::Value(Value::Null),
        ..Message::default()
    }
}

fn event() -> Message {
    Message {
        header: Some(Header {
            durable: true,
            ttl: Some(60_000),
            ..Header::default()
        }),
        delivery_annotations: Map::new().with(Symbol::from_static("d"), -1_i64),
        message_annotations: Map::new()
            .with(Symbol::from_static("x-opt-sequence-number"), 42_i64)
            .with(Symbol::from_static("x-opt-offset"), "4096")
            .with(
                Symbol::from_static("x-opt-enqueued-time"),
                Timestamp(1_700_000_000_000),
            ),
        properties: Some(Properties {
            message_id: Some(MessageId::String("m1".into())),
            user_id: Some(Bytes::from_static(b"u")),
            correlation_id: Some(MessageId::Ulong(65_536)),
            content_type: Some(Symbol::from_static("application/json")),
            content_encoding: Some(Symbol::from_static("utf-8")),
            ..Properties::default()
        }),
        application_properties: None,
        body: Body::Data(vec![Bytes::from_static(b"{}"), Bytes::new()]),
        footer: Map::new().with(Symbol::from_static("f"), true),
    }
}

fn sequence() -> Message {
    Message {
        properties: Some(Properties::default()),
        body: Body::Sequence(vec![vec![Value::Int(1), Value::Int(-128)], Vec::new()]),
        ..Message::default()
    }
}
