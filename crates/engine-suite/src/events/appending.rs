//! Producers.

use std::sync::Arc;

use twinhub_core::access::{AuthKind, AuthMethod, AuthScope};
use twinhub_core::events::{EventSource, Origin};
use twinhub_core::ids::{IdentityId, ModuleId};
use twinhub_core::messages::SystemProperty;
use twinhub_core::ports::EventLog;

use super::{bodies, body, device, durable, events_from, hub, moment, origin, producer, rich};
use crate::EventStorage;

/// An event comes back with all that it was given.
pub async fn an_event_comes_back_as_it_was_sent(storage: impl EventStorage) {
    let log = storage.open().await;
    let from = Origin {
        identity: IdentityId::module(device("pump"), ModuleId::parse("valve").unwrap()),
        generation: moment(3),
        auth_method: Some(AuthMethod {
            scope: AuthScope::Module,
            kind: AuthKind::X509Ca,
        }),
        model_id: Some("dtmi:com:example;1".into()),
        source: EventSource::TwinChange,
    };
    let mut producer = log.producer(&hub(), &from).unwrap();
    producer.append(&rich(), moment(9)).unwrap();
    producer.hand_over();
    durable(&mut *producer, 1).await;

    let events = events_from(&*log, "pump", 0).await;

    let [event] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((event.sequence_number, event.enqueued), (0, moment(9)));
    assert_eq!(event.origin, from);
    let message = &event.message;
    let system = [
        (SystemProperty::MessageId, "m-1".into()),
        (SystemProperty::ContentType, "application/json".into()),
    ];
    assert_eq!(message.system, system);
    let application = [
        ("hall".into(), Some("7 \u{fc}".into())),
        ("empty".into(), Some("".into())),
        ("flag".into(), None),
    ];
    assert_eq!(message.application, application);
    assert_eq!(&message.body[..], b"{\"t\":\0}");
}

/// The largest message that core lets through fits.
pub async fn a_large_message_comes_back_whole(storage: impl EventStorage) {
    let log = storage.open().await;
    let large = vec![b'x'; twinhub_core::messages::MAX_DEVICE_TO_CLOUD];
    let mut producer = producer(&*log, "pump");
    for _ in 0..3 {
        producer.append(&body(&large), moment(0)).unwrap();
    }
    producer.hand_over();
    durable(&mut *producer, 3).await;

    let events = events_from(&*log, "pump", 0).await;

    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event.message.body == large));
}

/// What one sender sends stays in its order, whoever else sends.
pub async fn a_sender_keeps_its_order(storage: impl EventStorage) {
    let log = storage.open().await;
    let mut tasks = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f"] {
        let log = log.clone();
        tasks.push(tokio::spawn(send_numbers(log, name)));
    }
    for task in tasks {
        task.await.unwrap();
    }

    for name in ["a", "b", "c", "d", "e", "f"] {
        let events = events_from(&*log, name, 0).await;
        let numbers: Vec<u64> = events.iter().map(|event| event.sequence_number).collect();
        assert!(numbers.iter().copied().eq(0..numbers.len() as u64));
        assert!(events.is_sorted_by(|one, next| one.offset < next.offset));
        let own: Vec<String> = events
            .into_iter()
            .filter(|event| event.device().as_str() == name)
            .map(|event| String::from_utf8(event.message.body.to_vec()).unwrap())
            .collect();
        let sent: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        assert_eq!(own, sent);
    }
}

async fn send_numbers(log: Arc<dyn EventLog>, name: &str) {
    let mut producer = producer(&*log, name);
    for number in 0..200_u64 {
        let text = number.to_string();
        producer.append(&body(text.as_bytes()), moment(0)).unwrap();
        if number % 3 == 0 {
            producer.hand_over();
        }
        if number % 21 == 0 {
            durable(&mut *producer, number + 1).await;
        }
    }
    producer.hand_over();
    durable(&mut *producer, 200).await;
}

/// A sender that is gone loses nothing that was on its way.
pub async fn a_dropped_sender_loses_nothing_handed_over(storage: impl EventStorage) {
    let log = storage.open().await;
    let mut producer = producer(&*log, "pump");
    producer.append(&body(b"last words"), moment(0)).unwrap();
    producer.hand_over();
    drop(producer);

    log.wait_for(&hub(), super::partition_of("pump"), 0)
        .await
        .unwrap();

    let events = events_from(&*log, "pump", 0).await;
    assert_eq!(bodies(&events), ["last words"]);
}

/// There is no way into a hub that does not exist.
pub async fn a_missing_hub_has_no_producer(storage: impl EventStorage) {
    let log = storage.open().await;
    let missing = twinhub_core::ids::HubName::parse("missing").unwrap();

    assert!(log.producer(&missing, &origin(device("pump"))).is_err());
    assert_eq!(log.partitions(&missing), None);
}
