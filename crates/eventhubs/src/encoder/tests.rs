//! Events as the codec reads them back.

use bytes::Bytes;
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::message::{Body, Message, MessageId, Properties};
use twinhub_amqp_engine::value::{Map, Symbol, Timestamp as Milliseconds, Value};
use twinhub_core::events::{Event, EventSource, Origin};
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};
use twinhub_core::messages;
use twinhub_core::ports::PartitionState;
use twinhub_core::time::Timestamp;

use super::*;

/// 2026-11-21T08:00:00.123 and a bit.
const ENQUEUED: i64 = 1_795_248_000_123;

fn event(message: messages::Message) -> Event {
    let device = DeviceId::parse("pump-7").unwrap();
    Event {
        sequence_number: 12,
        offset: 4_294_967_296,
        enqueued: Timestamp::parse("2026-11-21T08:00:00.1239999Z").unwrap(),
        origin: Origin {
            identity: IdentityId::Device(device),
            generation: Timestamp::from_ticks(638_000_000_000_000_000),
            auth_method: Some(AuthMethod {
                scope: AuthScope::Device,
                kind: AuthKind::Sas,
            }),
            model_id: None,
            source: EventSource::Telemetry,
        },
        message,
    }
}

fn with_system(system: &[(SystemProperty, &str)]) -> messages::Message {
    let system = system.iter();
    messages::Message {
        system: system
            .map(|(property, value)| (*property, (*value).into()))
            .collect(),
        ..messages::Message::default()
    }
}

fn encoded(event: &Event, runtime: Option<&RuntimeInfo>) -> Bytes {
    let mut out = BytesMut::from(&b"before"[..]);
    EventEncoder::new().encode(&EventRef::from(event), runtime, &mut out);
    assert_eq!(&out.split_to(6)[..], b"before");
    out.freeze()
}

fn read(event: &Event) -> Message {
    Message::decode(encoded(event, None), Limits::default()).unwrap()
}

fn pairs(map: &Map) -> Vec<(String, Value)> {
    let mut pairs: Vec<_> = map
        .iter()
        .map(|(key, value)| match key {
            Value::Symbol(key) => (format!(":{key}"), value.clone()),
            Value::String(key) => (key.to_string(), value.clone()),
            other => panic!("{other:?} is no key"),
        })
        .collect();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs
}

fn pair(key: &str, value: impl Into<Value>) -> (String, Value) {
    (key.to_owned(), value.into())
}

#[test]
fn an_event_tells_where_it_is_when_it_came_and_who_sent_it() {
    let message = read(&event(messages::Message::default()));

    let expected = [
        pair(
            ":iothub-connection-auth-generation-id",
            "638000000000000000",
        ),
        pair(
            ":iothub-connection-auth-method",
            r#"{"scope":"device","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}"#,
        ),
        pair(":iothub-connection-device-id", "pump-7"),
        pair(":iothub-enqueuedtime", Milliseconds(ENQUEUED)),
        pair(":iothub-message-source", "Telemetry"),
        pair(":x-opt-enqueued-time", Milliseconds(ENQUEUED)),
        pair(":x-opt-offset", "4294967296"),
        pair(":x-opt-sequence-number", 12_i64),
    ];
    assert_eq!(pairs(&message.message_annotations), expected);
}

#[test]
fn an_event_without_properties_has_no_such_sections_and_one_empty_body() {
    let message = read(&event(messages::Message::default()));

    assert_eq!(message.header, None);
    assert_eq!(message.delivery_annotations, Map::new());
    assert_eq!(message.properties, None);
    assert_eq!(message.application_properties, None);
    assert_eq!(message.body, Body::Data(vec![Bytes::new()]));
}

#[test]
fn every_way_to_prove_who_one_is_has_its_own_text() {
    for scope in SCOPES {
        for kind in KINDS {
            let method = AuthMethod { scope, kind };
            let mut event = event(messages::Message::default());
            event.origin.auth_method = Some(method);

            let message = read(&event);

            let told = message
                .message_annotations
                .get("iothub-connection-auth-method");
            assert_eq!(told, Some(&Value::from(method.to_json())));
        }
    }
}

#[test]
fn what_a_module_and_its_model_add_stands_in_annotations() {
    let mut event = event(with_system(&[
        (SystemProperty::Component, "thermostat"),
        (SystemProperty::InterfaceId, "urn:old:1"),
        (SystemProperty::DiagnosticId, "d-1"),
        (SystemProperty::CorrelationContext, "c=1"),
        (SystemProperty::ModelId, "dtmi:sender:says;1"),
    ]));
    let module = ModuleId::parse("sensor").unwrap();
    event.origin.identity = IdentityId::module(event.device().clone(), module);
    event.origin.model_id = Some("dtmi:plant:pump;1".into());
    event.origin.auth_method = None;

    let annotations = read(&event).message_annotations;

    let of = |name: &str| annotations.get(name).and_then(Value::as_str);
    assert_eq!(of("iothub-connection-module-id"), Some("sensor"));
    assert_eq!(of("dt-dataschema"), Some("dtmi:plant:pump;1"));
    assert_eq!(of("dt-subject"), Some("thermostat"));
    assert_eq!(of("iothub-interface-id"), Some("urn:old:1"));
    assert_eq!(of("Diagnostic-Id"), Some("d-1"));
    assert_eq!(of("Correlation-Context"), Some("c=1"));
    assert_eq!(annotations.get("iothub-connection-auth-method"), None);
    assert_eq!(annotations.len(), 13);
}

#[test]
fn properties_that_the_standard_knows_stand_in_their_places() {
    let message = read(&event(with_system(&[
        (SystemProperty::AbsoluteExpiry, "2026-11-21T08:00:00.123Z"),
        (SystemProperty::ContentEncoding, "utf-8"),
        (SystemProperty::ContentType, "application/json"),
        (SystemProperty::CorrelationId, "c-1"),
        (SystemProperty::To, "/devices/pump-7/messages/events"),
        (SystemProperty::UserId, "plant"),
        (SystemProperty::MessageId, "m-1"),
    ])));

    let expected = Properties {
        message_id: Some(MessageId::String("m-1".into())),
        user_id: Some(Bytes::from_static(b"plant")),
        to: Some("/devices/pump-7/messages/events".into()),
        correlation_id: Some(MessageId::String("c-1".into())),
        content_type: Some(Symbol::from_static("application/json")),
        content_encoding: Some(Symbol::from_static("utf-8")),
        absolute_expiry_time: Some(Milliseconds(ENQUEUED)),
        ..Properties::default()
    };
    assert_eq!(message.properties, Some(expected));
    assert_eq!(message.application_properties, None);
}

#[test]
fn an_expiry_that_is_no_moment_is_told_as_it_is() {
    let message = read(&event(with_system(&[(
        SystemProperty::AbsoluteExpiry,
        "soon",
    )])));

    let annotation = message.message_annotations.get("absolute-expiry-time");
    assert_eq!(annotation, Some(&Value::from("soon")));
    assert_eq!(message.properties, None);
}

#[test]
fn a_content_type_that_is_no_symbol_is_made_one() {
    let message = read(&event(with_system(&[(
        SystemProperty::ContentType,
        "text/ünï",
    )])));

    let properties = message.properties.unwrap();
    assert_eq!(
        properties.content_type,
        Some(Symbol::from_static("text/?n?"))
    );
}

#[test]
fn properties_of_the_sender_are_strings_or_null_and_the_hubs_come_before_them() {
    let mut event = event(with_system(&[
        (SystemProperty::Schema, "twinChangeNotification"),
        (SystemProperty::OutputName, "alerts"),
        (SystemProperty::CreationTime, "2026-11-21T08:00:00Z"),
    ]));
    event.message.application = vec![
        ("hall".into(), Some("7".into())),
        ("flag".into(), None),
        ("empty".into(), Some("".into())),
        ("hall".into(), Some("8".into())),
        ("iothub-message-schema".into(), Some("forged".into())),
        ("iothub-ack".into(), Some("the sender's".into())),
    ];

    let properties = read(&event).application_properties.unwrap();

    let expected = [
        pair("empty", ""),
        pair("flag", Value::Null),
        pair("hall", "7"),
        pair("iothub-ack", "the sender's"),
        pair("iothub-creation-time-utc", "2026-11-21T08:00:00Z"),
        pair("iothub-message-schema", "twinChangeNotification"),
        pair("iothub-outputname", "alerts"),
    ];
    assert_eq!(pairs(&properties), expected);
}

#[test]
fn many_properties_are_told_once_each() {
    let mut event = event(messages::Message::default());
    event.message.application = (0..2_000)
        .map(|number| {
            (
                format!("{}", number % 500).into(),
                Some(format!("{number}").into()),
            )
        })
        .collect();

    let properties = read(&event).application_properties.unwrap();

    assert_eq!(properties.len(), 500);
    assert_eq!(properties.get("499"), Some(&Value::from("499")));
}

#[test]
fn long_names_values_and_bodies_are_told_whole() {
    let long = "ä".repeat(40_000);
    let mut event = event(with_system(&[
        (SystemProperty::MessageId, &long),
        (SystemProperty::Component, &long),
    ]));
    event.message.application = vec![(long.clone().into(), Some(long.clone().into()))];
    event.message.body = Bytes::from(vec![7; 256 * 1024]);

    let message = read(&event);

    let id = message.properties.unwrap().message_id;
    assert_eq!(id, Some(MessageId::String(long.clone().into())));
    let subject = message.message_annotations.get("dt-subject");
    assert_eq!(subject, Some(&Value::from(long.clone())));
    let properties = message.application_properties.unwrap();
    assert_eq!(properties.get(&long), Some(&Value::from(long.clone())));
    assert_eq!(message.body, Body::Data(vec![event.message.body]));
}

#[test]
fn a_reader_that_asked_is_told_of_the_newest_event_with_each() {
    let partition = PartitionState {
        first: 3,
        next: 40,
        last_offset: Some(9_000),
        last_enqueued: Some(Timestamp::parse("2026-11-21T08:00:00.123Z").unwrap()),
    };
    let now = Timestamp::parse("2026-11-21T08:00:01.123Z").unwrap();
    let runtime = RuntimeInfo::new(&partition, now);

    let bytes = encoded(&event(messages::Message::default()), Some(&runtime));
    let message = Message::decode(bytes, Limits::default()).unwrap();

    let expected = [
        pair(":last_enqueued_offset", "9000"),
        pair(":last_enqueued_sequence_number", 39_i64),
        pair(":last_enqueued_time_utc", Milliseconds(ENQUEUED)),
        pair(
            ":runtime_info_retrieval_time_utc",
            Milliseconds(ENQUEUED + 1_000),
        ),
    ];
    assert_eq!(pairs(&message.delivery_annotations), expected);
    assert_eq!(message.message_annotations.len(), 8);
}
