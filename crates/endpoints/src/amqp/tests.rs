use fe2o3_amqp::types::messaging::annotations::OwnedKey;
use fe2o3_amqp::types::primitives::{SimpleValue, Symbol, Value};
use twinhub_core::events::{Event, EventRef};
use twinhub_core::messages::{Message, SystemProperty};
use twinhub_core::ports::{FailureReason, Target as _};
use twinhub_core::routing::{AmqpKind, AmqpTarget, Secret};
use twinhub_core::time::{Clock, Timestamp};

use super::*;
use crate::samples::event;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000)
    }
}

fn sample() -> Event {
    event(
        7,
        Message {
            system: vec![
                (SystemProperty::MessageId, "m-1".into()),
                (SystemProperty::ContentType, "application/json".into()),
            ],
            application: vec![
                ("hall".into(), Some("3".into())),
                ("flag".into(), None),
                ("iothub-connection-device-id".into(), Some("liar".into())),
            ],
            body: "{}".into(),
        },
    )
}

fn text(value: &str) -> Option<SimpleValue> {
    Some(SimpleValue::String(value.to_owned()))
}

fn target(connection: &str) -> Amqp {
    let target = AmqpTarget {
        kind: AmqpKind::Queue,
        connection: Secret::new(connection.to_owned()),
        address: "orders".to_owned(),
    };
    Amqp::new(&target, Trust::default(), Arc::new(Noon))
}

#[test]
fn a_queue_gets_what_the_hub_knows_as_application_properties() {
    let event = sample();

    let message = message::of(&EventRef::from(&event), AmqpKind::ServiceBusQueue);

    let properties = message.application_properties.unwrap();
    let of = |name: &str| properties.get(name).cloned();
    assert_eq!(of("hall"), text("3"));
    assert_eq!(of("flag"), Some(SimpleValue::Null));
    assert_eq!(of("iothub-connection-module-id"), text("sensor"));
    assert_eq!(of("iothub-message-source"), text("Telemetry"));
    // Whatever the device says of itself.
    assert_eq!(of("iothub-connection-device-id"), text("pump-7"));
    assert!(message.message_annotations.is_none());
    assert!(message.header.unwrap().durable);
    assert_eq!(message.body.0, "{}");
    let properties = message.properties.unwrap();
    assert_eq!(properties.message_id, Some("m-1".to_owned().into()));
    assert_eq!(
        properties.content_type,
        Some(Symbol::from("application/json"))
    );
}

#[test]
fn an_event_hub_gets_what_the_hub_knows_as_annotations_and_the_device_as_its_key() {
    let event = sample();

    let message = message::of(&EventRef::from(&event), AmqpKind::EventHub);

    let annotations = message.message_annotations.unwrap();
    let of = |name: &str| annotations.get(&OwnedKey::from(Symbol::from(name)));
    let device = Some(Value::String("pump-7".to_owned()));
    assert_eq!(of("x-opt-partition-key").cloned(), device);
    assert_eq!(of("iothub-connection-device-id").cloned(), device);
    assert!(matches!(
        of("iothub-enqueuedtime"),
        Some(Value::Timestamp(_))
    ));
    let properties = message.application_properties.unwrap();
    let of = |name: &str| properties.get(name).cloned();
    assert_eq!(of("iothub-connection-device-id"), text("liar"));
}

#[test]
fn the_user_of_an_event_is_not_taken_for_the_login_at_other_brokers() {
    let mut event = sample();
    event.message.system = vec![(SystemProperty::UserId, "plant".into())];

    let at_azure = message::of(&EventRef::from(&event), AmqpKind::ServiceBusQueue);
    let elsewhere = message::of(&EventRef::from(&event), AmqpKind::Queue);

    let user = |message: &fe2o3_amqp::types::messaging::Message<_>| {
        let properties = message.properties.as_ref();
        properties.unwrap().user_id.as_ref().map(|id| id.to_vec())
    };
    assert_eq!(user(&at_azure), Some(b"plant".to_vec()));
    assert_eq!(user(&elsewhere), None::<Vec<u8>>);
    let properties = elsewhere.application_properties.unwrap();
    assert_eq!(properties.get("user-id").cloned(), text("plant"));
}

#[test]
fn a_content_type_that_is_no_symbol_is_left_out() {
    let mut event = sample();
    event.message.system = vec![(SystemProperty::ContentType, "text/\u{e9}".into())];

    let message = message::of(&EventRef::from(&event), AmqpKind::EventHub);

    assert_eq!(message.properties.unwrap().content_type, None);
}

#[tokio::test]
async fn a_connection_that_can_not_be_used_is_told_by_the_first_delivery() {
    let event = sample();

    let failure = target("amqp:nowhere").take(&[EventRef::from(&event)]).await;

    assert_eq!(failure.unwrap_err().reason, FailureReason::NotFound);
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    // A port that was free a moment ago.
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let event = sample();

    let mut target = target(&format!("amqp://hub:secret@127.0.0.1:{port}"));
    let failure = target.take(&[EventRef::from(&event)]).await.unwrap_err();

    assert_eq!(failure.reason, FailureReason::Unreachable);
    assert!(!failure.detail.contains("secret"));
}

#[tokio::test]
async fn who_does_not_speak_amqp_is_a_failure() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer)
            .await
            .unwrap();
    });
    let event = sample();

    let mut target = target(&format!("amqp://127.0.0.1:{port}"));
    let failure = target.take(&[EventRef::from(&event)]).await.unwrap_err();

    assert_eq!(failure.reason, FailureReason::Unreachable);
}
