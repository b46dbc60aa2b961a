//! Who may read beside whom, across connections.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use support::client::Wish;
use support::{TestHub, partition};
use twinhub_amqp_engine::value::Symbol;
use twinhub_core::consumer_groups::ConsumerGroupName;

#[tokio::test]
async fn a_higher_epoch_takes_over_from_another_connection() {
    let hub = TestHub::new().await;
    hub.store(&["one"]).await;
    let (mut first, mut second) = (hub.client().await, hub.client().await);
    let wish = Wish {
        name: Some("the first"),
        ..Wish::of_epoch(1)
    };
    let (held, _) = first.read(&partition(0), wish).await.unwrap();

    let (handle, _) = second.read(&partition(0), Wish::of_epoch(2)).await.unwrap();
    second.credit(handle, 0, 1).await;

    let error = first.detached(held).await.unwrap();
    assert_eq!(error.condition, "amqp:link:stolen");
    let description = error.description.unwrap();
    assert!(
        description.contains("'the first' of epoch 1"),
        "{description}"
    );
    assert_eq!(second.event().await.body(), "one");
}

#[tokio::test]
async fn a_lower_epoch_is_refused_and_so_is_a_reader_without_one() {
    let hub = TestHub::new().await;
    let (mut first, mut second) = (hub.client().await, hub.client().await);
    let (held, _) = first.read(&partition(0), Wish::of_epoch(5)).await.unwrap();

    for wish in [Wish::of_epoch(4), Wish::default()] {
        let error = second.read(&partition(0), wish).await.unwrap_err();

        assert_eq!(error.condition, "amqp:link:stolen");
    }

    first.detach(held).await;
    assert!(second.read(&partition(0), Wish::of_epoch(4)).await.is_ok());
}

#[tokio::test]
async fn a_reader_whose_connection_breaks_makes_room() {
    let hub = TestHub::new().await;
    let mut first = hub.client().await;
    first.read(&partition(0), Wish::of_epoch(5)).await.unwrap();
    let mut second = hub.client().await;

    drop(first);

    // The hub notices by itself, soon.
    while second.read(&partition(0), Wish::default()).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn five_readers_without_an_epoch_get_everything_and_a_sixth_is_refused() {
    let hub = TestHub::new().await;
    hub.store(&["one"]).await;
    let mut client = hub.client().await;
    let mut handles = Vec::new();
    for _ in 0..5 {
        handles.push(
            client
                .reader(&partition(0), "x-opt-offset > '-1'", 10)
                .await,
        );
    }

    let sixth = client.read(&partition(0), Wish::default()).await;

    assert_eq!(sixth.unwrap_err().condition, "amqp:resource-limit-exceeded");
    assert_eq!(client.bodies(5).await, ["one"; 5]);
    client.detach(handles[0]).await;
    assert!(client.read(&partition(0), Wish::default()).await.is_ok());
}

#[tokio::test]
async fn consumer_groups_read_for_themselves_until_they_are_removed() {
    let hub = TestHub::new().await;
    hub.store(&["one"]).await;
    let group = ConsumerGroupName::parse("archive").unwrap();
    hub.hubs
        .put_consumer_group("Plant", group.clone(), hub.now())
        .await
        .unwrap();
    let mut client = hub.client().await;
    client.read(&partition(0), Wish::of_epoch(9)).await.unwrap();
    let address = "Plant/ConsumerGroups/Archive/Partitions/0";
    let reader = client.reader(address, "x-opt-offset > '-1'", 10).await;
    assert_eq!(client.event().await.body(), "one");

    hub.hubs
        .remove_consumer_group("Plant", group)
        .await
        .unwrap();

    let error = client.detached(reader).await.unwrap();
    assert_eq!(error.condition, "amqp:not-found");
    assert!(client.read(address, Wish::default()).await.is_err());
}

#[tokio::test]
async fn an_epoch_that_is_none_is_refused() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;

    let error = client.read(&partition(0), Wish::of_epoch(-1)).await;

    assert_eq!(error.unwrap_err().condition, "com.microsoft:argument-error");
    let unknown = Wish {
        capabilities: vec![Symbol::from_static("com.example:unknown")],
        ..Wish::default()
    };
    let (_, answer) = client.read(&partition(0), unknown).await.unwrap();
    assert!(answer.offered_capabilities.is_empty());
}
