//! What readers may not, and until when they may.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::time::Duration;

use support::client::{Wish, link};
use support::{HOST, TestHub, partition};
use twinhub_amqp_engine::performatives::Role;
use twinhub_amqp_engine::value::Value;

#[tokio::test]
async fn what_is_not_there_is_told_in_the_words_that_clients_look_for() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;
    for address in [
        "other/ConsumerGroups/$Default/Partitions/0",
        "Plant/ConsumerGroups/other/Partitions/0",
        "Plant/ConsumerGroups/$Default/Partitions/2",
        "Plant/ConsumerGroups/$Default/Partitions/+1",
        "Plant/ConsumerGroups/$Default/Partitions/first",
    ] {
        let error = client.read(address, Wish::default()).await.unwrap_err();

        assert_eq!(error.condition, "amqp:not-found", "{address}");
        let description = error.description.unwrap();
        let words = format!("The messaging entity '{address}' could not be found.");
        assert!(description.contains(&words), "{description}");
        assert!(description.contains("TrackingId:"), "{description}");
    }
}

#[tokio::test]
async fn a_filter_that_makes_no_sense_is_refused() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;

    let wish = Wish::from("x-opt-offset > 'soon'");
    let error = client.read(&partition(0), wish).await.unwrap_err();

    assert_eq!(error.condition, "com.microsoft:argument-error");
}

#[tokio::test]
async fn a_position_that_never_was_is_refused() {
    let hub = TestHub::new().await;
    hub.store(&["one"]).await;
    let mut client = hub.client().await;
    for filter in ["x-opt-sequence-number > '1'", "x-opt-offset > '99999'"] {
        let error = client
            .read(&partition(0), Wish::from(filter))
            .await
            .unwrap_err();

        assert_eq!(error.condition, "com.microsoft:argument-out-of-range");
    }
}

#[tokio::test]
async fn tokens_of_event_hubs_clients_open_what_they_are_for() {
    let hub = TestHub::new().await;
    for resource in [
        format!("sb://{HOST}/Plant/consumergroups/$default"),
        format!("sb://{HOST}/plant/ConsumerGroups/$Default/Partitions/0"),
        format!("amqps://{HOST}/Plant"),
        format!("sb://{HOST}/"),
    ] {
        let mut client = hub.client_with(&hub.event_hubs_token(&resource)).await;

        let opened = client.read(&partition(0), Wish::default()).await;

        assert!(opened.is_ok(), "{resource}");
    }
    let other = format!("sb://{HOST}/Plant/ConsumerGroups/other");
    let mut client = hub.client_with(&hub.event_hubs_token(&other)).await;
    let error = client.read(&partition(0), Wish::default()).await;
    assert_eq!(error.unwrap_err().condition, "amqp:unauthorized-access");
}

#[tokio::test]
async fn a_policy_without_the_right_reads_nothing() {
    let hub = TestHub::new().await;
    let mut client = hub.client_with(&hub.token("registryRead")).await;

    let error = client.read(&partition(0), Wish::default()).await;

    assert_eq!(error.unwrap_err().condition, "amqp:unauthorized-access");
}

#[tokio::test(start_paused = true)]
async fn a_reader_ends_when_its_token_expires() {
    let hub = TestHub::new().await;
    let mut client = hub.client_with(&hub.token_for("service", 30)).await;
    let begun = tokio::time::Instant::now();
    let (handle, _) = client.read(&partition(0), Wish::default()).await.unwrap();

    let error = client.detached(handle).await.unwrap();

    assert_eq!(error.condition, "amqp:unauthorized-access");
    assert!(
        begun.elapsed() < Duration::from_secs(32),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_renewed_token_keeps_a_reader_alive() {
    let hub = TestHub::new().await;
    hub.store(&["one"]).await;
    let mut client = hub.client_with(&hub.token_for("service", 30)).await;
    let (handle, _) = client.read(&partition(0), Wish::default()).await.unwrap();

    client.put_token(&hub.token_for("service", 3_600)).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    client.credit(handle, 0, 10).await;

    assert_eq!(client.event().await.body(), "one");
}

#[tokio::test]
async fn a_reader_ends_when_its_policy_is_gone() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;
    let (handle, _) = client.read(&partition(0), Wish::default()).await.unwrap();

    hub.hubs.remove_policy("Plant", "service").await.unwrap();

    let error = client.detached(handle).await.unwrap();
    assert_eq!(error.condition, "amqp:unauthorized-access");
}

#[tokio::test]
async fn nobody_sends_events_but_devices() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;
    for (address, condition) in [
        ("Plant", "amqp:unauthorized-access"),
        ("Plant/Partitions/0", "amqp:unauthorized-access"),
        ("other", "amqp:not-found"),
    ] {
        let attach = link(&format!("to {address}"), Role::Sender, address);
        let error = client.attach(attach).await.unwrap_err();

        assert_eq!(error.condition, condition, "{address}");
    }
}

#[tokio::test]
async fn clients_that_ask_the_hub_are_sent_here() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;
    let address = format!("amqps://{HOST}/messages/events/$management");
    for (role, address, tail) in [
        (Role::Receiver, address.as_str(), "$management"),
        (Role::Sender, address.as_str(), "$management"),
        (
            Role::Receiver,
            "/messages/Events/ConsumerGroups/$Default/Partitions/1",
            "ConsumerGroups/$Default/Partitions/1",
        ),
    ] {
        let attach = link(&format!("{role:?} {address}"), role, address);
        let error = client.attach(attach).await.unwrap_err();

        assert_eq!(error.condition, "amqp:link:redirect");
        assert_eq!(error.description, None);
        let of = |name: &str| error.info.get(name).cloned().unwrap_or_default();
        assert_eq!(of("hostname"), Value::from(HOST));
        assert_eq!(of("network-host"), Value::from(HOST));
        assert_eq!(of("port"), Value::Int(5671));
        let expected = format!("amqps://{HOST}:5671/Plant/{tail}");
        assert_eq!(of("address"), Value::from(expected));
        assert!(of("com.microsoft:tracking-id").as_str().is_some());
    }
}

#[tokio::test]
async fn where_events_are_is_told_to_no_stranger() {
    let hub = TestHub::new().await;
    let mut client = hub.client_with(&hub.token("registryRead")).await;
    let attach = link("curious", Role::Receiver, "/messages/events/$management");

    let error = client.attach(attach).await.unwrap_err();

    assert_eq!(error.condition, "amqp:unauthorized-access");
}
