use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use proptest::prelude::*;
use twinhub_amqp_engine::decode::{DecodeError, Limits, from_bytes};
use twinhub_amqp_engine::message::{Body, Message as AmqpMessage, MessageId, Properties};
use twinhub_amqp_engine::performatives::condition;
use twinhub_amqp_engine::value::{Described, Map, Symbol, Timestamp as Millis, Uuid, Value};
use twinhub_core::c2d::{Acknowledgement, Delivery, LockToken};
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};
use twinhub_core::messages::{Message, SystemProperty};
use twinhub_core::time::Timestamp;

use super::*;

fn written(message: &AmqpMessage) -> Bytes {
    let mut out = BytesMut::new();
    message.encode(&mut out).unwrap();
    out.freeze()
}

fn read(message: &AmqpMessage) -> Result<ReceivedMessage, MessageError> {
    read_message(written(message), Limits::default())
}

fn with_body(body: Body) -> AmqpMessage {
    AmqpMessage {
        body,
        ..AmqpMessage::default()
    }
}

fn data(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[test]
fn every_property_of_the_standard_that_the_hub_knows_is_text() {
    let message = AmqpMessage {
        properties: Some(Properties {
            message_id: Some(MessageId::Ulong(7)),
            correlation_id: Some(MessageId::Uuid(Uuid([0xab; 16]))),
            user_id: Some(data("me")),
            to: Some("/devices/d/messages/events".into()),
            content_type: Some(Symbol::from_static("application/json")),
            content_encoding: Some(Symbol::from_static("utf-8")),
            absolute_expiry_time: Some(Millis(1_600_000_000_123)),
            creation_time: Some(Millis(-1)),
            subject: Some("passed over".into()),
            ..Properties::default()
        }),
        ..AmqpMessage::default()
    };

    let read = read(&message).unwrap();

    for (property, text) in [
        (SystemProperty::MessageId, "7"),
        (
            SystemProperty::CorrelationId,
            "abababab-abab-abab-abab-abababababab",
        ),
        (SystemProperty::UserId, "me"),
        (SystemProperty::To, "/devices/d/messages/events"),
        (SystemProperty::ContentType, "application/json"),
        (SystemProperty::ContentEncoding, "utf-8"),
        (
            SystemProperty::AbsoluteExpiry,
            "2020-09-13T12:26:40.1230000Z",
        ),
        (SystemProperty::CreationTime, "1969-12-31T23:59:59.9990000Z"),
    ] {
        assert_eq!(read.system(property), Some(text), "{property:?}");
    }
    assert_eq!(read.system.len(), 8);
    assert!(read.application.is_empty());
}

#[test]
fn annotations_and_application_properties_of_the_hub_s_names_are_for_the_hub() {
    let message = AmqpMessage {
        message_annotations: Map::new()
            .with(Symbol::from_static("dt-subject"), "thermostat1")
            .with(Symbol::from_static("iothub-interface-id"), "urn:x")
            .with(Symbol::from_static("Diagnostic-Id"), "00-a")
            .with(Symbol::from_static("Correlation-Context"), "k=v")
            .with(Symbol::from_static("dt-dataschema"), "not the sender's")
            .with(
                Symbol::from_static("iothub-connection-device-id"),
                "another",
            ),
        application_properties: Some(
            Map::new()
                .with("iothub-outputname", "out")
                .with("iothub-message-schema", "s")
                .with("iothub-creation-time-utc", "2026-11-21T08:00:00Z")
                .with("iothub-operation", "op")
                .with("iothub-ack", "full")
                .with("dt-subject", "mine"),
        ),
        properties: Some(Properties {
            creation_time: Some(Millis(0)),
            ..Properties::default()
        }),
        ..AmqpMessage::default()
    };

    let read = read(&message).unwrap();

    for (property, text) in [
        (SystemProperty::Component, "thermostat1"),
        (SystemProperty::InterfaceId, "urn:x"),
        (SystemProperty::DiagnosticId, "00-a"),
        (SystemProperty::CorrelationContext, "k=v"),
        (SystemProperty::OutputName, "out"),
        (SystemProperty::Schema, "s"),
        (SystemProperty::CreationTime, "2026-11-21T08:00:00Z"),
        (SystemProperty::Operation, "op"),
        (SystemProperty::Acknowledgement, "full"),
    ] {
        assert_eq!(read.system(property), Some(text), "{property:?}");
    }
    assert_eq!(read.system.len(), 9);
    assert_eq!(
        read.application,
        [("dt-subject".into(), Some("mine".into()))]
    );
}

#[test]
fn values_of_every_simple_type_have_their_text() {
    for (value, text) in [
        (Value::from("a"), Some("a")),
        (Value::Symbol(Symbol::from_static("s")), Some("s")),
        (Value::Char('ä'), Some("ä")),
        (Value::Boolean(true), Some("true")),
        (Value::Boolean(false), Some("false")),
        (Value::Ubyte(255), Some("255")),
        (Value::Ushort(65_535), Some("65535")),
        (Value::Uint(u32::MAX), Some("4294967295")),
        (Value::Ulong(u64::MAX), Some("18446744073709551615")),
        (Value::Byte(-1), Some("-1")),
        (Value::Short(-2), Some("-2")),
        (Value::Int(-3), Some("-3")),
        (Value::Long(i64::MIN), Some("-9223372036854775808")),
        (Value::Float(21.5), Some("21.5")),
        (Value::Double(0.1), Some("0.1")),
        (Value::Double(f64::NAN), Some("NaN")),
        (Value::Decimal32([0x31, 0x80, 0, 125]), Some("125E-2")),
        (
            Value::Timestamp(Millis(0)),
            Some("1970-01-01T00:00:00.0000000Z"),
        ),
        (
            Value::Uuid(Uuid([1; 16])),
            Some("01010101-0101-0101-0101-010101010101"),
        ),
        (Value::Binary(data("bytes")), Some("bytes")),
        (Value::Binary(Bytes::from_static(&[0xff, 0])), Some("/wA=")),
        (Value::Null, None),
    ] {
        let message = AmqpMessage {
            application_properties: Some(Map::new().with("p", value.clone())),
            ..AmqpMessage::default()
        };

        let read = read(&message).unwrap();

        let expected = [("p".into(), text.map(ByteString::from))];
        assert_eq!(read.application, expected, "{value:?}");
    }
}

#[test]
fn values_that_are_no_simple_type_are_refused_by_name() {
    let described = Described {
        descriptor: 7.into(),
        value: Value::Null,
    };
    for value in [
        Value::List(vec![]),
        Value::Map(Map::new()),
        Value::Described(Box::new(described)),
    ] {
        let message = AmqpMessage {
            application_properties: Some(Map::new().with("p", value)),
            ..AmqpMessage::default()
        };

        let error = read(&message).unwrap_err();

        assert_eq!(error, MessageError::PropertyValue("p".into()));
        assert_eq!(error.condition(), "com.microsoft:argument-error");
    }
}

#[test]
fn names_must_be_text() {
    let message = AmqpMessage {
        application_properties: Some(Map::new().with(7_i32, "x")),
        ..AmqpMessage::default()
    };

    assert_eq!(read(&message), Err(MessageError::PropertyName));
}

#[test]
fn bodies_are_data_text_or_nothing() {
    for (body, expected) in [
        (Body::Empty, ""),
        (Body::Data(vec![data("one")]), "one"),
        (
            Body::Data(vec![data("one "), data(""), data("two "), data("three")]),
            "one two three",
        ),
        (Body::Value(Value::from("text")), "text"),
        (Body::Value(Value::Binary(data("bytes"))), "bytes"),
        (Body::Value(Value::Null), ""),
    ] {
        let read = read(&with_body(body.clone())).unwrap();

        assert_eq!(read.body, expected, "{body:?}");
    }
    for body in [
        Body::Sequence(vec![vec![]]),
        Body::Value(Value::Int(1)),
        Body::Value(Value::Map(Map::new())),
    ] {
        assert_eq!(read(&with_body(body)), Err(MessageError::Body));
    }
}

#[test]
fn a_body_is_not_copied() {
    let payload = written(&with_body(Body::Data(vec![data("a body")])));

    let read = read_message(payload.clone(), Limits::default()).unwrap();

    let range = payload.as_ptr_range();
    assert!(range.contains(&read.body.as_ptr()));
}

#[test]
fn sections_twice_and_bodies_of_two_kinds_are_refused() {
    let value = written(&with_body(Body::Value(Value::Null)));
    let bytes = written(&with_body(Body::Data(vec![data("x")])));
    let properties = written(&AmqpMessage {
        application_properties: Some(Map::new()),
        ..AmqpMessage::default()
    });
    for pair in [
        [&value, &bytes],
        [&bytes, &value],
        [&value, &value],
        [&properties, &properties],
    ] {
        let error = read_message(
            pair.map(|part| &part[..]).concat().into(),
            Limits::default(),
        )
        .unwrap_err();

        assert!(
            matches!(
                error,
                MessageError::Malformed(DecodeError::UnexpectedSection(_))
            ),
            "{error:?}"
        );
        assert_eq!(error.condition(), condition::DECODE_ERROR);
    }
}

#[test]
fn a_batch_holds_a_message_in_each_data_section() {
    let inner = ["one", "two"].map(|text| written(&with_body(Body::Data(vec![data(text)]))));
    let batch = written(&AmqpMessage {
        message_annotations: Map::new().with(Symbol::from_static("x-opt-partition-key"), "k"),
        body: Body::Data(inner.to_vec()),
        ..AmqpMessage::default()
    });

    let messages = read_batch(batch, Limits::default())
        .map(|message| read_message(message?, Limits::default()))
        .collect::<Result<Vec<_>, _>>()
        .unwrap();

    let bodies: Vec<_> = messages.iter().map(|message| &message.body[..]).collect();
    assert_eq!(bodies, [b"one", b"two"]);
}

#[test]
fn a_batch_of_anything_else_is_refused() {
    let batch = written(&with_body(Body::Value(Value::Null)));

    let first = read_batch(batch, Limits::default()).next();

    assert_eq!(first, Some(Err(MessageError::Batch)));
}

#[test]
fn what_is_lent_and_what_is_kept_say_the_same() {
    let message = AmqpMessage {
        properties: Some(Properties {
            message_id: Some(MessageId::String("m".into())),
            ..Properties::default()
        }),
        application_properties: Some(Map::new().with("a", 1_i32).with("b", Value::Null)),
        body: Body::Data(vec![data("x")]),
        ..AmqpMessage::default()
    };
    let received = read(&message).unwrap();

    let size = received.lend(|lent| {
        assert_eq!(lent.system, [(SystemProperty::MessageId, "m".into())]);
        assert_eq!(
            lent.application,
            [("a".into(), Some("1".into())), ("b".into(), None)]
        );
        assert_eq!(lent.body, b"x");
        lent.size()
    });

    let kept = received.into_message();
    assert_eq!(kept.size(), size);
    assert_eq!(kept.system(SystemProperty::MessageId), Some("m"));
    assert_eq!(
        kept.application,
        [("a".into(), Some("1".into())), ("b".into(), None)]
    );
}

fn delivery(message: Message, ack: Acknowledgement) -> Delivery {
    Delivery {
        lock: LockToken::from_bytes([
            0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd,
            0xee, 0xff,
        ]),
        handle: None,
        redelivered: true,
        sequence_number: 7,
        enqueued: Timestamp::from_unix_seconds(1_600_000_000),
        expires: Timestamp::from_unix_seconds(1_600_003_600),
        delivery_count: 300,
        message,
        ack,
    }
}

fn device() -> DeviceId {
    DeviceId::parse("pump-7").unwrap()
}

fn delivered(delivery: &Delivery, to: &IdentityId) -> AmqpMessage {
    let mut out = BytesMut::new();
    write_delivery(delivery, to, &mut out);
    AmqpMessage::decode(out.freeze(), Limits::default()).unwrap()
}

#[test]
fn a_delivery_has_what_clients_look_for_and_of_the_type_they_expect() {
    let message = Message {
        system: vec![
            (SystemProperty::MessageId, "m".into()),
            (SystemProperty::CorrelationId, "c".into()),
            (SystemProperty::UserId, "u".into()),
            (SystemProperty::ContentType, "application/json".into()),
            (SystemProperty::ContentEncoding, "ütf".into()),
            (
                SystemProperty::AbsoluteExpiry,
                "2020-09-13T13:26:40Z".into(),
            ),
            (SystemProperty::Schema, "s".into()),
        ],
        application: vec![
            ("a".into(), Some("1".into())),
            ("bare".into(), None),
            ("iothub-ack".into(), Some("forged".into())),
        ],
        body: data("turn on"),
    };

    let sent = delivered(
        &delivery(message, Acknowledgement::Negative),
        &device().into(),
    );

    let expected = AmqpMessage {
        message_annotations: Map::new()
            .with(
                Symbol::from_static("x-opt-lock-token"),
                "00112233-4455-6677-8899-aabbccddeeff",
            )
            .with(Symbol::from_static("x-opt-sequence-number"), 7_u64)
            .with(
                Symbol::from_static("iothub-enqueuedtime"),
                Millis(1_600_000_000_000),
            )
            .with(Symbol::from_static("iothub-deliverycount"), 255_u8),
        properties: Some(Properties {
            message_id: Some(MessageId::String("m".into())),
            correlation_id: Some(MessageId::String("c".into())),
            user_id: Some(data("u")),
            to: Some("/devices/pump-7/messages/deviceBound".into()),
            content_type: Some(Symbol::from_static("application/json")),
            absolute_expiry_time: Some(Millis(1_600_003_600_000)),
            ..Properties::default()
        }),
        application_properties: Some(
            Map::new()
                .with("iothub-ack", "negative")
                .with("iothub-message-schema", "s")
                .with("a", "1")
                .with("bare", ""),
        ),
        body: Body::Data(vec![data("turn on")]),
        ..AmqpMessage::default()
    };
    assert_eq!(sent, expected);
}

#[test]
fn an_empty_delivery_still_has_every_section() {
    let module = IdentityId::module(device(), ModuleId::parse("m").unwrap());

    let sent = delivered(
        &delivery(Message::default(), Acknowledgement::None),
        &module,
    );

    let to = sent.properties.unwrap().to.unwrap();
    assert_eq!(to, "/devices/pump-7/modules/m/messages/deviceBound");
    assert_eq!(sent.application_properties, Some(Map::new()));
    assert_eq!(sent.body, Body::Data(vec![Bytes::new()]));
}

#[test]
fn a_tag_is_the_lock_token_as_dot_net_lays_out_a_guid() {
    let lock: LockToken = "00112233-4455-6677-8899-aabbccddeeff".parse().unwrap();

    let tag = tag_of(&lock);

    assert_eq!(
        tag,
        [
            0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd,
            0xee, 0xff
        ]
    );
    assert_eq!(lock_of(&tag), Some(lock));
    assert_eq!(lock_of(&tag[1..]), None);
}

#[test]
fn descriptors_of_ids_are_read_as_the_standard_has_them() {
    let id = from_bytes::<MessageId>(Bytes::from_static(&[0x53, 7]), Limits::default()).unwrap();

    assert_eq!(text_of_id(id), "7");
}

proptest! {
    #[test]
    fn foreign_bytes_are_a_message_or_an_error(bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        for message in read_batch(bytes.clone(), Limits::default()).flatten() {
            let _ = read_message(message, Limits::default());
        }
        if let Ok(message) = read_message(bytes, Limits::default()) {
            let size = message.lend(|lent| lent.size());
            prop_assert_eq!(message.into_message().size(), size);
        }
    }

    /// Cut anywhere and with any byte changed: most foreign bytes of the test
    /// above end at the first section.
    #[test]
    fn a_damaged_message_is_a_message_or_an_error(
        value in any::<i64>(),
        body in any::<Vec<u8>>(),
        cut in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let whole = written(&AmqpMessage {
            message_annotations: Map::new().with(Symbol::from_static("dt-subject"), value),
            properties: Some(Properties {
                message_id: Some(MessageId::Uuid(Uuid([9; 16]))),
                absolute_expiry_time: Some(Millis(value)),
                ..Properties::default()
            }),
            application_properties: Some(
                Map::new().with("t", Millis(value)).with("d", Value::Decimal128([byte; 16])),
            ),
            body: Body::Data(vec![body.into()]),
            ..AmqpMessage::default()
        });
        let mut bytes = whole.to_vec();
        bytes[at.index(whole.len())] = byte;
        bytes.truncate(cut.index(whole.len() + 1));

        if let Ok(message) = read_message(bytes.into(), Limits::default()) {
            message.lend(|lent| lent.size());
        }
    }

    #[test]
    fn what_a_back_end_sends_a_device_is_given(
        text in "[a-zA-Zä ]{0,20}",
        body in any::<Vec<u8>>(),
    ) {
        let sent = AmqpMessage {
            properties: Some(Properties {
                message_id: Some(MessageId::String(text.clone().into())),
                to: Some(text.clone().into()),
                user_id: Some(text.clone().into()),
                ..Properties::default()
            }),
            application_properties: Some(Map::new().with(text.clone(), text)),
            body: Body::Data(vec![body.into()]),
            ..AmqpMessage::default()
        };

        let stored = read(&sent).unwrap().into_message();
        let given = delivered(&delivery(stored, Acknowledgement::None), &device().into());

        prop_assert_eq!(given.properties, sent.properties);
        prop_assert_eq!(given.application_properties, sent.application_properties);
        prop_assert_eq!(given.body, sent.body);
    }
}
