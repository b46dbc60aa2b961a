//! What readers of events are told of connections.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use serde_json::Value;
use support::{RESPONSES, Someone, TestHub};
use twinhub_core::events::{Event, EventSource};
use twinhub_core::messages::SystemProperty;
use twinhub_mqtt_codec::{Packet, QoS};

fn property<'a>(event: &'a Event, name: &str) -> Option<&'a str> {
    let mut properties = event.message.application.iter();
    let (_, value) = properties.find(|(known, _)| **known == *name)?;
    value.as_deref()
}

/// What happened, in order; numbers must grow.
fn told(hub: &TestHub) -> Vec<String> {
    let mut last = String::new();
    let events = hub.log.events().into_iter();
    let connections = events.filter(|event| event.origin.source == EventSource::ConnectionState);
    connections
        .map(|event| {
            let body: Value = serde_json::from_slice(&event.message.body).unwrap();
            let number = body["sequenceNumber"].as_str().unwrap();
            assert_eq!(number.len(), 64);
            assert!(*number > *last, "{number} comes after {last}");
            number.clone_into(&mut last);
            property(&event, "opType").unwrap().to_owned()
        })
        .collect()
}

async fn leave(mut session: support::client::Client) {
    session.send(Packet::Disconnect).await;
    session.expect_closed().await;
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
}

async fn say_something(session: &mut support::client::Client, who: &Someone) {
    let topic = format!("{}/messages/events/", who.path());
    session.publish(&topic, b"").await;
    session.ping().await;
}

#[tokio::test]
async fn whoever_sends_or_subscribes_is_told_of_once_and_when_it_goes() {
    let hub = TestHub::telling_of_connections().await;
    let who = hub.with_module("pump-7", "main").await;
    let mut session = hub.session(&who).await;
    session.ping().await;
    assert_eq!(told(&hub), [""; 0]);

    session.subscribe(&[(RESPONSES, QoS::AtMostOnce)]).await;
    say_something(&mut session, &who).await;
    leave(session).await;

    assert_eq!(told(&hub), ["deviceConnected", "deviceDisconnected"]);
    let event = hub.log.events().remove(0);
    assert_eq!(property(&event, "hubName"), Some("plant"));
    assert_eq!(property(&event, "deviceId"), Some("pump-7"));
    assert_eq!(property(&event, "moduleId"), Some("main"));
    assert_eq!(
        property(&event, "iothub-message-schema"),
        Some("deviceConnectionStateNotification")
    );
    assert_eq!(event.message.system(SystemProperty::UserId), Some("plant"));
    assert_eq!(event.origin.identity, who.id);
    assert_eq!(event.origin.auth_method, None);
}

#[tokio::test]
async fn whoever_only_looks_in_is_not_told_of() {
    let hub = TestHub::telling_of_connections().await;
    let who = hub.with_device("pump-7").await;

    leave(hub.session(&who).await).await;

    assert_eq!(told(&hub), [""; 0]);
}

#[tokio::test]
async fn a_connection_that_takes_over_is_no_news() {
    let hub = TestHub::telling_of_connections().await;
    let who = hub.with_device("pump-7").await;
    let mut old = hub.session(&who).await;
    say_something(&mut old, &who).await;

    let mut new = hub.session(&who).await;
    old.expect_closed().await;
    say_something(&mut new, &who).await;
    leave(new).await;

    assert_eq!(told(&hub), ["deviceConnected", "deviceDisconnected"]);
}

#[tokio::test]
async fn nobody_is_told_unless_the_hub_is_set_so() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;

    say_something(&mut session, &who).await;
    leave(session).await;

    assert_eq!(told(&hub), [""; 0]);
}

#[tokio::test]
async fn events_that_wait_for_the_twin_keep_their_order_and_hold_up_nobody() {
    let hub = TestHub::telling_of_connections_if("NOT is_defined($twin.tags.silent)").await;
    let who = hub.with_device("pump-7").await;

    for _ in 0..3 {
        let mut session = hub.session(&who).await;
        say_something(&mut session, &who).await;
        leave(session).await;
    }

    let all_are_told = async {
        while told(&hub).len() < 6 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let in_time = std::time::Duration::from_secs(10);
    tokio::time::timeout(in_time, all_are_told).await.unwrap();
    assert_eq!(
        told(&hub),
        ["deviceConnected", "deviceDisconnected"].repeat(3)
    );
}
