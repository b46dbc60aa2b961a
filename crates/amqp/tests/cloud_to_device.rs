//! What back ends send to devices, and what they are told.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use twinhub_amqp_engine::message::{Body, Message, MessageId, Properties};
use twinhub_amqp_engine::performatives::{DeliveryState, condition};
use twinhub_amqp_engine::value::{Map, Symbol, Timestamp as Millis};
use twinhub_core::c2d::Acknowledgement;
use twinhub_core::messages::SystemProperty;

use support::client::Client;
use support::{HOUR, TestHub};

const ADDRESS: &str = "/messages/devicebound";

fn message(to: &str, body: &str) -> Message {
    Message {
        properties: Some(Properties {
            message_id: Some(MessageId::String("m-1".into())),
            to: Some(to.to_owned().into()),
            ..Properties::default()
        }),
        application_properties: Some(Map::new().with("hall", "north")),
        body: Body::Data(vec![Bytes::copy_from_slice(body.as_bytes())]),
        ..Message::default()
    }
}

fn to_pump(body: &str) -> Message {
    message("/devices/pump-7/messages/devicebound", body)
}

/// The condition of a rejection, and the hub's code in its description.
fn rejection(state: DeliveryState) -> (Symbol, u64) {
    let DeliveryState::Rejected(rejected) = state else {
        panic!("{state:?} is no rejection");
    };
    let error = rejected.error.expect("a rejection has a reason");
    let description: serde_json::Value = serde_json::from_str(&error.description.unwrap()).unwrap();
    (error.condition, description["errorCode"].as_u64().unwrap())
}

async fn sender(hub: &TestHub) -> (Client, u32) {
    let mut client = hub.connected("service").await;
    let link = client.sender(ADDRESS).await.unwrap();
    (client, link)
}

#[tokio::test]
async fn an_accepted_message_is_queued_with_everything_that_was_said() {
    let hub = TestHub::new().await;
    let pump = hub.with_device("pump-7").await;
    let (mut client, link) = sender(&hub).await;
    let mut sent = to_pump("on");
    let expiry = 1_800_000_000_000 + 3_600_000;
    sent.properties.as_mut().unwrap().absolute_expiry_time = Some(Millis(expiry));
    sent.application_properties = Some(Map::new().with("iothub-ack", "full").with("n", 7_i32));

    let outcome = client.send(link, &sent).await;

    assert_eq!(outcome, DeliveryState::Accepted);
    let queued = hub.queued(&pump).await;
    assert_eq!(queued.len(), 1);
    let stored = &queued[0].message;
    assert_eq!(&stored.body[..], b"on");
    assert_eq!(stored.system(SystemProperty::MessageId), Some("m-1"));
    assert_eq!(stored.application, [("n".into(), Some("7".into()))]);
    assert_eq!(queued[0].ack, Acknowledgement::Full);
    assert_eq!(queued[0].expires.unix_millis(), expiry);
}

#[tokio::test]
async fn modules_have_addresses_of_their_own() {
    let hub = TestHub::new().await;
    let module = hub.with_module("pump-7", "valve").await;
    let (mut client, link) = sender(&hub).await;

    let to = "/devices/pump-7/modules/valve/messages/deviceBound";
    let outcome = client.send(link, &message(to, "x")).await;

    assert_eq!(outcome, DeliveryState::Accepted);
    assert_eq!(hub.queued(&module).await.len(), 1);
}

#[tokio::test]
async fn an_id_is_found_encoded_and_as_it_stands() {
    let hub = TestHub::new().await;
    let at = hub.with_device("a@b").await;
    let percent = hub.with_device("a%41b").await;
    let (mut client, link) = sender(&hub).await;

    for to in [
        "/devices/a%40b/messages/devicebound",
        "/devices/a@b/messages/devicebound",
        "/devices/a%41b/messages/devicebound",
    ] {
        let outcome = client.send(link, &message(to, "x")).await;
        assert_eq!(outcome, DeliveryState::Accepted, "{to}");
    }

    assert_eq!(hub.queued(&at).await.len(), 2);
    assert_eq!(hub.queued(&percent).await.len(), 1);
}

#[tokio::test]
async fn each_refusal_has_its_condition_and_the_link_goes_on() {
    let hub = TestHub::new().await;
    hub.with_device("pump-7").await;
    let (mut client, link) = sender(&hub).await;
    let mut late = to_pump("x");
    late.properties.as_mut().unwrap().absolute_expiry_time = Some(Millis(0));
    let mut unclear = to_pump("x");
    unclear.application_properties = Some(Map::new().with("iothub-ack", "sometimes"));
    let argument = Symbol::from_static("com.microsoft:argument-error");

    for (message, expected) in [
        (
            message("/devices/nobody/messages/devicebound", "x"),
            (condition::NOT_FOUND, 404_001),
        ),
        (
            message("/devices/pump-7/modules/none/messages/devicebound", "x"),
            (condition::NOT_FOUND, 404_010),
        ),
        (
            to_pump(&"x".repeat(64 * 1024 + 1)),
            (condition::MESSAGE_SIZE_EXCEEDED, 413_001),
        ),
        (late, (argument.clone(), 403_009)),
        (unclear, (argument.clone(), 400_004)),
        (message("/elsewhere", "x"), (argument.clone(), 400_004)),
        (Message::default(), (argument, 400_004)),
    ] {
        assert_eq!(rejection(client.send(link, &message).await), expected);
    }
    let garbage = client
        .post_bytes(link, 0, Bytes::from_static(b"\xff"), false)
        .await;
    let (garbled, _) = rejection(client.outcome(garbage).await);
    assert_eq!(garbled, condition::DECODE_ERROR);
    assert_eq!(
        client.send(link, &to_pump("x")).await,
        DeliveryState::Accepted
    );
}

#[tokio::test]
async fn a_full_queue_refuses_the_rest() {
    let hub = TestHub::new().await;
    let pump = hub.with_device("pump-7").await;
    let (mut client, link) = sender(&hub).await;
    let mut posted = Vec::new();
    for number in 0..51 {
        let message = to_pump(&number.to_string());
        posted.push(client.post(link, &message, false).await);
    }

    let mut outcomes = Vec::new();
    for id in posted {
        outcomes.push(client.outcome(id).await);
    }

    let last = outcomes.pop().unwrap();
    assert!(outcomes.iter().all(|one| *one == DeliveryState::Accepted));
    let expected = (condition::RESOURCE_LIMIT_EXCEEDED, 403_004);
    assert_eq!(rejection(last), expected);
    let queued = hub.queued(&pump).await;
    let bodies: Vec<_> = queued.iter().map(|one| one.message.body.clone()).collect();
    let in_order: Vec<_> = (0..50)
        .map(|number| Bytes::from(number.to_string()))
        .collect();
    assert_eq!(bodies, in_order);
}

#[tokio::test]
async fn many_messages_are_under_way_at_once_and_each_is_answered() {
    let hub = TestHub::new().await;
    let mut pumps = Vec::new();
    for number in 0..30 {
        pumps.push(hub.with_device(&format!("pump-{number}")).await);
    }
    let (mut client, link) = sender(&hub).await;

    let mut posted = HashSet::new();
    for round in 0..6 {
        for number in 0..30 {
            let to = format!("/devices/pump-{number}/messages/devicebound");
            let message = message(&to, &round.to_string());
            posted.insert(client.post(link, &message, false).await);
        }
    }
    for id in posted {
        assert_eq!(client.outcome(id).await, DeliveryState::Accepted);
    }

    for pump in &pumps {
        let bodies: Vec<_> = hub.queued(pump).await;
        let bodies: Vec<_> = bodies.iter().map(|one| one.message.body[0]).collect();
        assert_eq!(bodies, *b"012345", "in the order in which they came");
    }
}

#[tokio::test]
async fn a_settled_message_is_queued_without_an_answer() {
    let hub = TestHub::new().await;
    let pump = hub.with_device("pump-7").await;
    let (mut client, link) = sender(&hub).await;

    client.post(link, &to_pump("first"), true).await;
    let second = client.send(link, &to_pump("second")).await;

    assert_eq!(second, DeliveryState::Accepted);
    assert_eq!(hub.queued(&pump).await.len(), 2);
}

#[tokio::test]
async fn only_service_connect_opens_the_link() {
    let hub = TestHub::new().await;

    for policy in ["device", "registryRead"] {
        let mut client = hub.connected(policy).await;
        for (name, refused) in [
            ("send", client.sender(ADDRESS).await),
            (
                "feedback",
                client
                    .receiver("/messages/serviceBound/feedback", |_| {})
                    .await,
            ),
            (
                "files",
                client
                    .receiver("/messages/serviceBound/filenotifications", |_| {})
                    .await,
            ),
        ] {
            let error = refused.unwrap_err();
            assert_eq!(error.condition, condition::UNAUTHORIZED_ACCESS, "{name}");
        }
    }
}

#[tokio::test]
async fn an_address_of_the_wrong_direction_is_refused() {
    let hub = TestHub::new().await;
    let mut client = hub.connected("service").await;

    let received = client.receiver(ADDRESS, |_| {}).await.unwrap_err();
    let sent = client
        .sender("/messages/serviceBound/feedback")
        .await
        .unwrap_err();

    assert_eq!(received.condition, condition::NOT_ALLOWED);
    assert_eq!(sent.condition, condition::NOT_ALLOWED);
}

#[tokio::test]
async fn a_link_ends_when_its_token_expires() {
    let hub = TestHub::new().await;
    let mut client = hub.stranger().await;
    let short = Duration::from_secs(600);
    client.put_token(&hub.policy_token("service", short)).await;
    let link = client.sender(ADDRESS).await.unwrap();

    hub.set_clock_forward(short);

    let error = client.detached(link).await.unwrap();
    assert_eq!(error.condition, condition::UNAUTHORIZED_ACCESS);
}

#[tokio::test]
async fn a_renewed_token_keeps_the_link() {
    let hub = TestHub::new().await;
    let pump = hub.with_device("pump-7").await;
    let mut client = hub.stranger().await;
    let short = Duration::from_secs(600);
    client.put_token(&hub.policy_token("service", short)).await;
    let link = client.sender(ADDRESS).await.unwrap();
    client.put_token(&hub.policy_token("service", HOUR)).await;

    hub.set_clock_forward(short);
    tokio::time::sleep(Duration::from_millis(1500)).await;

    assert_eq!(
        client.send(link, &to_pump("x")).await,
        DeliveryState::Accepted
    );
    assert_eq!(hub.queued(&pump).await.len(), 1);
}

#[tokio::test]
async fn a_link_ends_when_its_policy_is_removed() {
    let hub = TestHub::new().await;
    let (mut client, link) = sender(&hub).await;

    hub.remove_policy("service").await;

    let error = client.detached(link).await.unwrap();
    assert_eq!(error.condition, condition::UNAUTHORIZED_ACCESS);
}
