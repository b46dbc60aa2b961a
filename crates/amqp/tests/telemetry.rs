//! Messages to the cloud.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use support::client::Client;
use support::{TestHub, path};
use twinhub_amqp::messages::BATCH_FORMAT;
use twinhub_amqp_engine::message::{Body, Message, MessageId, Properties};
use twinhub_amqp_engine::performatives::{AmqpError, DeliveryState, Performative, Rejected, Role};
use twinhub_amqp_engine::value::{Map, Symbol};
use twinhub_core::events::Event;
use twinhub_core::ids::IdentityId;
use twinhub_core::messages::SystemProperty;
use twinhub_core::ports::LogError;

fn message(body: &str) -> Message {
    Message {
        body: Body::Data(vec![Bytes::copy_from_slice(body.as_bytes())]),
        ..Message::default()
    }
}

fn encoded(message: &Message) -> Bytes {
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes).unwrap();
    bytes.freeze()
}

fn batch(messages: &[Message]) -> Bytes {
    encoded(&Message {
        body: Body::Data(messages.iter().map(encoded).collect()),
        ..Message::default()
    })
}

async fn telemetry_of(client: &mut Client, id: &IdentityId) -> u32 {
    let address = format!("{}/messages/events", path(id));
    client.sender(&address).await.unwrap()
}

fn bodies(hub: &TestHub) -> Vec<String> {
    let body = |event: Event| String::from_utf8(event.message.body.to_vec()).unwrap();
    hub.log.events().into_iter().map(body).collect()
}

fn error_of(state: DeliveryState) -> AmqpError {
    match state {
        DeliveryState::Rejected(Rejected { error: Some(error) }) => error,
        other => panic!("{other:?} is no rejection with an error"),
    }
}

async fn is_quiet(client: &mut Client) -> bool {
    let said = client.hear(|told| matches!(told, Performative::Disposition(_)));
    tokio::time::timeout(Duration::from_millis(100), said)
        .await
        .is_err()
}

/// Until everything that was sent has been handed to the log.
async fn wait_until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come about");
}

#[tokio::test]
async fn a_message_is_stored_with_its_properties_and_accepted() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = telemetry_of(&mut client, &id).await;
    let sent = Message {
        properties: Some(Properties {
            message_id: Some(MessageId::String("m-1".into())),
            content_type: Some(Symbol::from_static("application/json")),
            ..Properties::default()
        }),
        application_properties: Some(Map::new().with("hall", "7")),
        ..message("{}")
    };

    let state = client.send(link, &sent).await;

    assert_eq!(state, DeliveryState::Accepted);
    let events = hub.log.events();
    let event = &events[0];
    assert_eq!(event.origin.identity, id);
    assert_eq!(&event.message.body[..], b"{}");
    let system = |property| event.message.system(property);
    assert_eq!(system(SystemProperty::MessageId), Some("m-1"));
    let content_type = system(SystemProperty::ContentType);
    assert_eq!(content_type, Some("application/json"));
    let application = &event.message.application;
    assert_eq!(application[..], [("hall".into(), Some("7".into()))]);
}

#[tokio::test]
async fn a_message_is_accepted_only_once_it_is_durable_and_many_at_once() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = telemetry_of(&mut client, &id).await;
    hub.log.stick();
    let first = client.post(link, &message("0"), false).await;
    for number in 1..20 {
        client
            .post(link, &message(&number.to_string()), false)
            .await;
    }
    wait_until(|| hub.log.waiting() == 20).await;
    assert!(is_quiet(&mut client).await);

    hub.log.go_on();

    let told = client
        .hear(|told| matches!(told, Performative::Disposition(_)))
        .await;
    let Performative::Disposition(told) = told else {
        unreachable!();
    };
    assert_eq!((told.role, told.settled), (Role::Receiver, true));
    assert_eq!((told.first, told.last), (first, Some(first + 19)));
    assert_eq!(told.state, Some(DeliveryState::Accepted));
    assert_eq!(hub.log.events().len(), 20);
}

#[tokio::test]
async fn settled_messages_are_stored_and_not_spoken_of() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = telemetry_of(&mut client, &id).await;

    client.post(link, &message("a"), true).await;
    client.post(link, &message("b"), true).await;
    let state = client.send(link, &message("c")).await;

    assert_eq!(state, DeliveryState::Accepted);
    assert_eq!(bodies(&hub), ["a", "b", "c"]);
    assert!(is_quiet(&mut client).await);
}

#[tokio::test]
async fn what_was_sent_settled_before_the_link_went_is_stored() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = telemetry_of(&mut client, &id).await;

    for _ in 0..50 {
        client.post(link, &message("x"), true).await;
    }
    client.detach(link).await;
    drop(client);

    wait_until(|| hub.log.events().len() == 50).await;
}

#[tokio::test]
async fn a_batch_is_one_delivery_and_every_message_an_event() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = telemetry_of(&mut client, &id).await;
    let payload = batch(&[message("a"), message("b"), message("c")]);

    let delivery = client.post_bytes(link, BATCH_FORMAT, payload, false).await;

    assert_eq!(client.outcome(delivery).await, DeliveryState::Accepted);
    assert_eq!(bodies(&hub), ["a", "b", "c"]);
    assert!(is_quiet(&mut client).await);
}

#[tokio::test]
async fn a_batch_is_accepted_with_its_last_message_only() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = telemetry_of(&mut client, &id).await;
    hub.log.stick();
    let payload = batch(&[message("a"), message("b"), message("c")]);
    let delivery = client.post_bytes(link, BATCH_FORMAT, payload, false).await;
    wait_until(|| hub.log.waiting() == 3).await;

    hub.log.store(2);
    assert!(is_quiet(&mut client).await);
    hub.log.store(1);

    assert_eq!(client.outcome(delivery).await, DeliveryState::Accepted);
}

#[tokio::test]
async fn of_a_batch_with_one_bad_message_nothing_is_stored() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = telemetry_of(&mut client, &id).await;
    let large = message(&"x".repeat(256 * 1024 + 1));
    let unreadable = encoded(&Message {
        body: Body::Data(vec![encoded(&message("a")), Bytes::from_static(b"\0")]),
        ..Message::default()
    });
    for (payload, condition) in [
        (
            batch(&[message("a"), large]),
            "amqp:link:message-size-exceeded",
        ),
        (unreadable, "amqp:decode-error"),
    ] {
        let delivery = client.post_bytes(link, BATCH_FORMAT, payload, false).await;

        let error = error_of(client.outcome(delivery).await);
        assert_eq!(error.condition, condition);
    }

    assert_eq!(
        client.send(link, &message("b")).await,
        DeliveryState::Accepted
    );
    assert_eq!(bodies(&hub), ["b"]);
}

#[tokio::test]
async fn a_message_that_is_too_large_or_none_is_rejected_and_the_link_goes_on() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = telemetry_of(&mut client, &id).await;

    let large = message(&"x".repeat(256 * 1024 + 1));
    let error = error_of(client.send(link, &large).await);
    assert_eq!(error.condition, "amqp:link:message-size-exceeded");
    assert!(error.description.unwrap().contains("\"errorCode\":413001"));
    let junk = Bytes::from_static(b"\x00\x53\x75");
    let delivery = client.post_bytes(link, 0, junk, false).await;
    let error = error_of(client.outcome(delivery).await);
    assert_eq!(error.condition, "amqp:decode-error");
    let largest = message(&"x".repeat(256 * 1024));
    let state = client.send(link, &largest).await;

    assert_eq!(state, DeliveryState::Accepted);
    assert_eq!(hub.log.events().len(), 1);
}

#[tokio::test]
async fn the_link_announces_what_it_takes() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;

    let address = format!("{}/messages/events", path(&id));
    let (_, answer) = client.sender_with(&address, |_| {}).await.unwrap();

    assert_eq!(answer.max_message_size, Some(1024 * 1024));
    let flow = client
        .hear(|told| matches!(told, Performative::Flow(flow) if flow.handle == Some(answer.handle)))
        .await;
    let Performative::Flow(flow) = flow else {
        unreachable!();
    };
    assert!(flow.link_credit.unwrap() >= 100);
}

#[tokio::test]
async fn a_busy_log_holds_back_and_loses_nothing() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = telemetry_of(&mut client, &id).await;
    hub.log.stick();
    hub.log.has_room_for(5);

    let mut last = 0;
    for number in 0..50 {
        last = client
            .post(link, &message(&number.to_string()), false)
            .await;
    }
    let payload = batch(&[message("50"), message("51")]);
    wait_until(|| hub.log.waiting() == 5).await;
    hub.log.go_on();
    assert_eq!(client.outcome(last).await, DeliveryState::Accepted);
    let delivery = client.post_bytes(link, BATCH_FORMAT, payload, false).await;
    assert_eq!(client.outcome(delivery).await, DeliveryState::Accepted);

    let expected: Vec<String> = (0..52).map(|number| number.to_string()).collect();
    assert_eq!(bodies(&hub), expected);
}

#[tokio::test]
async fn when_the_log_fails_what_is_not_stored_is_rejected_and_the_link_ends() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    for error in [LogError::Full, LogError::Failed("broken".into())] {
        hub.log.stick();
        let link = telemetry_of(&mut client, &id).await;
        let first = client.post(link, &message("a"), false).await;
        let second = client.post(link, &message("b"), false).await;
        wait_until(|| hub.log.waiting() == 2).await;

        hub.log.break_with(error);

        for delivery in [first, second] {
            let error = error_of(client.outcome(delivery).await);
            assert_eq!(error.condition, "amqp:internal-error");
            assert!(error.description.unwrap().contains("\"errorCode\":503001"));
        }
        let error = client.detached(link).await.unwrap();
        assert_eq!(error.condition, "amqp:internal-error");
        hub.log.forget_waiting();
        hub.log.go_on();
    }

    let link = telemetry_of(&mut client, &id).await;
    let state = client.send(link, &message("c")).await;
    assert_eq!(state, DeliveryState::Accepted);
}

#[tokio::test]
async fn modules_and_several_identities_of_one_connection_are_told_apart() {
    let hub = TestHub::new().await;
    let module = hub.with_module("pump-7", "main").await;
    let device = IdentityId::from(module.device_id().clone());
    let other = hub.with_device("a%2Fb").await;
    let mut client = hub.connected("iothubowner").await;
    let addresses = [
        format!("{}/messages/events", path(&device)),
        format!("{}/Messages/Events/", path(&module)),
        "amqps://plant.example:5671/devices/a%252Fb/messages/events".to_owned(),
    ];

    for address in addresses {
        let link = client.sender(&address).await.unwrap();
        let state = client.send(link, &message("x")).await;
        assert_eq!(state, DeliveryState::Accepted);
    }

    let events = hub.log.events().into_iter();
    let from: Vec<IdentityId> = events.map(|event| event.origin.identity).collect();
    assert_eq!(from, [device, module, other]);
}

#[tokio::test]
async fn a_model_is_noted_and_told_with_each_message() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let address = format!("{}/messages/events", path(&id));

    let model = "dtmi:example:pump;1";
    let announce = |attach: &mut twinhub_amqp_engine::performatives::Attach| {
        let name = Symbol::from_static("com.microsoft:model-id");
        attach.properties = Map::new().with(name, model);
    };
    let (link, _) = client.sender_with(&address, announce).await.unwrap();
    client.send(link, &message("x")).await;

    assert_eq!(hub.twin(&id).await.model_id, model);
    let events = hub.log.events();
    assert_eq!(events[0].origin.model_id.as_deref(), Some(model));
}
