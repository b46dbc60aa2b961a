//! Sessions: who may attach what, and what ends all links of an identity.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value as Json;
use support::client::Client;
use support::{HOUR, TestHub, path};
use twinhub_amqp_engine::message::{Body, Message};
use twinhub_amqp_engine::performatives::{AmqpError, DeliveryState};
use twinhub_core::events::EventSource;
use twinhub_core::identities::Status;
use twinhub_core::ids::{DeviceId, IdentityId};

const MOMENT: Duration = Duration::from_millis(150);

fn events_of(id: &IdentityId) -> String {
    format!("{}/messages/events", path(id))
}

fn message() -> Message {
    Message {
        body: Body::Data(vec![Bytes::from_static(b"x")]),
        ..Message::default()
    }
}

fn code(error: &AmqpError) -> (String, u64) {
    let description = error.description.as_ref().expect("it says why");
    let description: Json = serde_json::from_str(description).expect("in JSON");
    let code = description["errorCode"].as_u64().unwrap();
    (error.condition.to_string(), code)
}

/// A connection with a link of each kind of direction.
async fn session(hub: &TestHub, id: &IdentityId) -> (Client, [u32; 2]) {
    let mut client = hub.connected_as(id).await;
    let out = client.sender(&events_of(id)).await.unwrap();
    let back = client
        .receiver(&format!("{}/messages/devicebound", path(id)), |_| {})
        .await
        .unwrap();
    (client, [out, back])
}

async fn ended_with(client: &mut Client, links: [u32; 2]) -> (String, u64) {
    let first = client.detached(links[0]).await.expect("with an error");
    let second = client.detached(links[1]).await.expect("with an error");
    assert_eq!(first.condition, second.condition);
    code(&first)
}

fn expected(condition: &str, code: u64) -> (String, u64) {
    (condition.to_owned(), code)
}

#[tokio::test]
async fn a_device_may_attach_its_own_links_and_its_modules_and_no_others() {
    let hub = TestHub::new().await;
    let module = hub.with_module("pump-7", "main").await;
    let device = IdentityId::from(module.device_id().clone());
    let other = hub.with_device("pump-8").await;
    let unknown = IdentityId::from(DeviceId::parse("nobody").unwrap());
    let mut client = hub.connected_as(&device).await;

    assert!(client.sender(&events_of(&device)).await.is_ok());
    assert!(client.sender(&events_of(&module)).await.is_ok());
    for stranger in [&other, &unknown] {
        let refused = client.sender(&events_of(stranger)).await.unwrap_err();
        assert_eq!(
            code(&refused),
            expected("amqp:unauthorized-access", 401_002)
        );
    }
    for device in [&device, &unknown] {
        let mut back_end = hub.connected("service").await;
        let refused = back_end.sender(&events_of(device)).await.unwrap_err();
        assert_eq!(refused.condition, "amqp:unauthorized-access");
    }
    // Who may act as any device is told which there are.
    let mut gateway = hub.connected("device").await;
    let refused = gateway.sender(&events_of(&unknown)).await.unwrap_err();
    assert_eq!(code(&refused), expected("amqp:not-found", 404_001));
}

#[tokio::test]
async fn addresses_that_lead_nowhere_are_refused_and_the_connection_goes_on() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;

    let nowhere = client.sender("/devices/pump-7/nothing").await.unwrap_err();
    let wrong_way = client
        .sender("/devices/pump-7/messages/deviceBound")
        .await
        .unwrap_err();

    assert_eq!(nowhere.condition, "amqp:not-found");
    assert_eq!(code(&wrong_way), expected("amqp:not-allowed", 405_000));
    assert!(client.sender(&events_of(&id)).await.is_ok());
}

#[tokio::test]
async fn a_newer_connection_over_any_protocol_steals_all_links() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let (mut first, links) = session(&hub, &id).await;
    let (mut second, links_of_second) = session(&hub, &id).await;
    let stolen = expected("amqp:link:stolen", 409_002);
    assert_eq!(ended_with(&mut first, links).await, stolen);

    let other = hub.take_over(&id).await;
    assert_eq!(ended_with(&mut second, links_of_second).await, stolen);

    // Whoever comes back on the same connection is let in again.
    let link = second.sender(&events_of(&id)).await.unwrap();
    let state = second.send(link, &message()).await;
    assert_eq!(state, DeliveryState::Accepted);
    drop(other);
    assert!(hub.is_connected(&id).await);
}

#[tokio::test]
async fn links_end_when_the_identity_is_disabled_removed_or_has_new_keys() {
    let hub = TestHub::new().await;
    let unauthorized = expected("amqp:unauthorized-access", 401_002);

    let id = hub.with_device("disabled").await;
    let (mut client, links) = session(&hub, &id).await;
    hub.set_status(&id, Status::Disabled).await;
    assert_eq!(ended_with(&mut client, links).await, unauthorized);
    let refused = client.sender(&events_of(&id)).await.unwrap_err();
    assert_eq!(code(&refused), unauthorized);

    let id = hub.with_device("rekeyed").await;
    let (mut client, links) = session(&hub, &id).await;
    hub.regenerate_keys(&id).await;
    assert_eq!(ended_with(&mut client, links).await, unauthorized);

    let id = hub.with_device("removed").await;
    let (mut client, links) = session(&hub, &id).await;
    hub.delete(&id).await;
    let not_found = expected("amqp:not-found", 404_001);
    assert_eq!(ended_with(&mut client, links).await, not_found);
}

#[tokio::test]
async fn links_end_with_the_policy_that_let_them_in() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected("device").await;
    let link = client.sender(&events_of(&id)).await.unwrap();

    hub.remove_policy("device").await;

    let error = client.detached(link).await.unwrap();
    assert_eq!(error.condition, "amqp:unauthorized-access");
}

#[tokio::test]
async fn links_end_with_the_token_unless_it_is_renewed() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let (mut client, links) = session(&hub, &id).await;
    let renewed = hub.token(&id, 3 * HOUR).await;
    assert_eq!(client.put_token(&renewed).await, 200);

    hub.set_clock_forward(HOUR + Duration::from_secs(1));
    for _ in 0..2 {
        let state = client.send(links[0], &message()).await;
        assert_eq!(state, DeliveryState::Accepted);
        tokio::time::sleep(MOMENT).await;
    }
    hub.set_clock_forward(2 * HOUR);
    client.post(links[0], &message(), true).await;

    let unauthorized = expected("amqp:unauthorized-access", 401_002);
    assert_eq!(ended_with(&mut client, links).await, unauthorized);
}

#[tokio::test(start_paused = true)]
async fn a_silent_link_ends_with_its_token_too() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.stranger().await;
    let token = hub.token(&id, Duration::from_secs(5)).await;
    assert_eq!(client.put_token(&token).await, 200);
    let link = client.sender(&events_of(&id)).await.unwrap();

    let error = client.detached(link).await.unwrap();

    assert_eq!(error.condition, "amqp:unauthorized-access");
}

#[tokio::test]
async fn an_identity_is_connected_while_it_has_a_link() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    assert!(!hub.is_connected(&id).await);

    let link = client.sender(&events_of(&id)).await.unwrap();
    assert!(hub.is_connected(&id).await);
    client.detach(link).await;
    tokio::time::sleep(MOMENT).await;
    assert!(!hub.is_connected(&id).await);

    client.sender(&events_of(&id)).await.unwrap();
    assert!(hub.is_connected(&id).await);
    drop(client);
    tokio::time::sleep(MOMENT).await;
    assert!(!hub.is_connected(&id).await);
}

#[tokio::test]
async fn connections_that_do_something_are_told_of_once_and_when_they_go() {
    let hub = TestHub::telling_of_connections().await;
    let id = hub.with_device("pump-7").await;
    let told = || {
        let events = hub.log.events().into_iter();
        let told = events.filter(|event| event.origin.source == EventSource::ConnectionState);
        let operations = told.filter_map(|event| {
            let properties = event.message.application.iter();
            let mut named = properties.filter(|(name, _)| **name == *"opType");
            named.next()?.1.clone()
        });
        operations.map(String::from).collect::<Vec<_>>()
    };
    let mut client = hub.connected_as(&id).await;
    let link = client.sender(&events_of(&id)).await.unwrap();
    assert_eq!(told(), [""; 0]);

    client.send(link, &message()).await;
    client.send(link, &message()).await;
    let (mut second, links) = session(&hub, &id).await;
    client.detached(link).await;
    for link in links {
        second.detach(link).await;
    }
    tokio::time::sleep(MOMENT).await;

    assert_eq!(told(), ["deviceConnected", "deviceDisconnected"]);
}
