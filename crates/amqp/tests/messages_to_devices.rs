//! Messages from the cloud, as devices and modules receive them.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::time::Duration;

use support::client::{Client, Received};
use support::{TestHub, path};
use twinhub_amqp::messages::{lock_of, tag_of};
use twinhub_amqp_engine::performatives::{
    AmqpError, Attach, DeliveryState, Modified, ReceiverSettleMode, Rejected, SenderSettleMode,
};
use twinhub_amqp_engine::value::Value;
use twinhub_core::c2d::{Acknowledgement, NewMessage};
use twinhub_core::ids::IdentityId;
use twinhub_core::messages::Message;

const MOMENT: Duration = Duration::from_millis(150);

fn second(attach: &mut Attach) {
    attach.rcv_settle_mode = ReceiverSettleMode::Second;
}

async fn receiver(client: &mut Client, id: &IdentityId, change: impl FnOnce(&mut Attach)) -> u32 {
    let address = format!("{}/messages/deviceBound", path(id));
    client.receiver(&address, change).await.unwrap()
}

async fn queue(hub: &TestHub, id: &IdentityId, body: &str) {
    let message = NewMessage {
        message: Message {
            body: body.to_owned().into(),
            ..Message::default()
        },
        ack: Acknowledgement::None,
        expires: None,
    };
    hub.queue(id, message).await;
}

fn delivery_count(received: &Received) -> u8 {
    match received
        .message
        .message_annotations
        .get("iothub-deliverycount")
    {
        Some(Value::Ubyte(count)) => *count,
        other => panic!("{other:?} is no count"),
    }
}

/// How many messages are left once nobody is connected.
async fn left(hub: &TestHub, id: &IdentityId) -> usize {
    hub.queued(id).await.len()
}

fn lock_lost(state: &DeliveryState) -> bool {
    match state {
        DeliveryState::Rejected(Rejected { error: Some(error) }) => {
            error.condition == "com.microsoft:message-lock-lost"
        }
        _ => false,
    }
}

#[tokio::test]
async fn a_message_waits_for_credit_and_is_gone_once_accepted() {
    let hub = TestHub::new().await;
    for id in [
        hub.with_device("pump-7").await,
        hub.with_module("pump-8", "main").await,
    ] {
        let mut client = hub.connected_as(&id).await;
        let link = receiver(&mut client, &id, |_| {}).await;
        queue(&hub, &id, "first").await;
        queue(&hub, &id, "second").await;
        assert!(client.is_quiet(link, MOMENT).await);

        client.credit(link, 1).await;
        let first = client.receive(link).await;
        assert!(client.is_quiet(link, MOMENT).await);
        client
            .dispose(first.id, true, DeliveryState::Accepted)
            .await;
        client.credit(link, 1).await;
        let second = client.receive(link).await;
        client
            .dispose(second.id, true, DeliveryState::Accepted)
            .await;
        client.detach(link).await;

        assert_eq!(
            (first.body(), second.body()),
            (&b"first"[..], &b"second"[..])
        );
        assert!(!first.settled);
        tokio::time::sleep(MOMENT).await;
        assert_eq!(left(&hub, &id).await, 0);
    }
}

#[tokio::test]
async fn the_tag_is_the_lock_token_in_the_order_of_dotnet() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = receiver(&mut client, &id, |_| {}).await;
    client.credit(link, 1).await;
    queue(&hub, &id, "x").await;

    let received = client.receive(link).await;

    let lock = lock_of(&received.tag).unwrap();
    assert_eq!(received.tag[..], tag_of(&lock));
    let annotation = received.message.message_annotations.get("x-opt-lock-token");
    assert_eq!(annotation, Some(&Value::from(lock.to_string())));
    let permit = hub.as_device(&id).await;
    hub.c2d.complete(&permit, &lock).await.unwrap();
}

#[tokio::test]
async fn released_and_modified_messages_come_again_and_count() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = receiver(&mut client, &id, |_| {}).await;
    client.credit(link, 10).await;
    queue(&hub, &id, "x").await;

    let first = client.receive(link).await;
    client
        .dispose(first.id, true, DeliveryState::Released)
        .await;
    let second = client.receive(link).await;
    let modified = DeliveryState::Modified(Modified::default());
    client.dispose(second.id, true, modified).await;
    let third = client.receive(link).await;

    let counts = [&first, &second, &third].map(delivery_count);
    assert_eq!(counts, [0, 1, 2]);
    assert_ne!(first.tag, second.tag);
}

#[tokio::test]
async fn a_rejected_message_is_gone() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = receiver(&mut client, &id, |_| {}).await;
    client.credit(link, 10).await;
    queue(&hub, &id, "x").await;

    let received = client.receive(link).await;
    let rejected = DeliveryState::Rejected(Rejected::default());
    client.dispose(received.id, true, rejected).await;

    assert!(client.is_quiet(link, MOMENT).await);
    client.detach(link).await;
    assert_eq!(left(&hub, &id).await, 0);
}

#[tokio::test]
async fn a_client_that_leaves_settling_to_the_hub_is_answered() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = receiver(&mut client, &id, second).await;
    client.credit(link, 10).await;
    let error = AmqpError::new(
        twinhub_amqp_engine::performatives::condition::INTERNAL_ERROR,
        "mine",
    );
    for state in [
        DeliveryState::Accepted,
        DeliveryState::rejected(error),
        DeliveryState::Accepted,
    ] {
        queue(&hub, &id, "x").await;
        let received = client.receive(link).await;

        client.dispose(received.id, false, state.clone()).await;

        assert_eq!(client.settled_by_hub(received.id).await, state);
    }
    client.detach(link).await;
    assert_eq!(left(&hub, &id).await, 0);
}

#[tokio::test]
async fn a_lost_lock_is_told_where_an_answer_is_due() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = receiver(&mut client, &id, second).await;
    client.credit(link, 1).await;
    queue(&hub, &id, "x").await;
    let received = client.receive(link).await;
    hub.set_clock_forward(Duration::from_secs(61));

    client
        .dispose(received.id, false, DeliveryState::Accepted)
        .await;

    assert!(lock_lost(&client.settled_by_hub(received.id).await));
    client.credit(link, 1).await;
    queue(&hub, &id, "y").await;
    let again = client.receive(link).await;
    assert_eq!(again.body(), b"x");
}

#[tokio::test]
async fn what_is_unsettled_when_the_link_goes_is_given_back_uncounted() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = receiver(&mut client, &id, |_| {}).await;
    client.credit(link, 10).await;
    queue(&hub, &id, "x").await;
    client.receive(link).await;

    client.detach(link).await;
    let link = receiver(&mut client, &id, |_| {}).await;
    client.credit(link, 10).await;
    let again = client.receive(link).await;
    assert_eq!((again.body(), delivery_count(&again)), (&b"x"[..], 0));
    drop(client);

    // The connection is lost: the message is available at once, too.
    let mut client = hub.connected_as(&id).await;
    let link = receiver(&mut client, &id, |_| {}).await;
    client.credit(link, 10).await;
    let again = client.receive(link).await;
    assert_eq!((again.body(), delivery_count(&again)), (&b"x"[..], 0));
}

#[tokio::test]
async fn what_an_earlier_session_left_locked_is_given_to_the_next() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut first = hub.connected_as(&id).await;
    let link = receiver(&mut first, &id, |_| {}).await;
    first.credit(link, 10).await;
    queue(&hub, &id, "x").await;
    first.receive(link).await;

    let mut second = hub.connected_as(&id).await;
    let link_of_second = receiver(&mut second, &id, |_| {}).await;
    second.credit(link_of_second, 10).await;

    assert_eq!(second.receive(link_of_second).await.body(), b"x");
    let error = first.detached(link).await.unwrap();
    assert_eq!(error.condition, "amqp:link:stolen");
}

#[tokio::test]
async fn a_newer_link_replaces_the_older() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let older = receiver(&mut client, &id, |_| {}).await;
    client.credit(older, 10).await;
    queue(&hub, &id, "x").await;
    client.receive(older).await;

    let newer = receiver(&mut client, &id, |_| {}).await;
    client.credit(newer, 10).await;

    let error = client.detached(older).await.unwrap();
    assert_eq!(error.condition, "amqp:link:stolen");
    assert_eq!(client.receive(newer).await.body(), b"x");
}

#[tokio::test]
async fn a_link_of_settled_deliveries_completes_what_it_sends() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let settled = |attach: &mut Attach| attach.snd_settle_mode = SenderSettleMode::Settled;
    let link = receiver(&mut client, &id, settled).await;
    client.credit(link, 10).await;
    queue(&hub, &id, "x").await;

    let received = client.receive(link).await;

    assert!(received.settled);
    tokio::time::sleep(MOMENT).await;
    client.detach(link).await;
    assert_eq!(left(&hub, &id).await, 0);
}

#[tokio::test]
async fn a_drained_link_has_no_credit_left_and_goes_on_with_new() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = receiver(&mut client, &id, |_| {}).await;
    queue(&hub, &id, "x").await;

    client.drain(link, 10).await;
    let first = client.receive(link).await;
    client
        .dispose(first.id, true, DeliveryState::Accepted)
        .await;
    queue(&hub, &id, "y").await;
    assert!(client.is_quiet(link, MOMENT).await);
    client.credit(link, 1).await;

    assert_eq!(client.receive(link).await.body(), b"y");
}

#[tokio::test]
async fn a_full_queue_comes_in_order_and_what_finds_no_credit_stays_uncounted() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    for number in 0..50 {
        queue(&hub, &id, &number.to_string()).await;
    }
    let mut client = hub.connected_as(&id).await;
    let link = receiver(&mut client, &id, |_| {}).await;

    let mut bodies = Vec::new();
    for credit in [20, 25, 5] {
        client.credit(link, credit).await;
        for _ in 0..credit {
            let received = client.receive(link).await;
            assert_eq!(delivery_count(&received), 0);
            bodies.push(String::from_utf8(received.body().to_vec()).unwrap());
        }
        assert!(client.is_quiet(link, MOMENT).await);
    }

    let expected: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    assert_eq!(bodies, expected);
}

#[tokio::test]
async fn a_range_of_dispositions_settles_each() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let link = receiver(&mut client, &id, second).await;
    client.credit(link, 10).await;
    for body in ["a", "b", "c"] {
        queue(&hub, &id, body).await;
    }
    let first = client.receive(link).await.id;
    client.receive(link).await;
    let last = client.receive(link).await.id;

    let accepted = DeliveryState::Accepted;
    client
        .dispose_range(first, last, false, accepted.clone())
        .await;

    for id in first..=last {
        assert_eq!(client.settled_by_hub(id).await, accepted);
    }
    client.detach(link).await;
    assert_eq!(left(&hub, &id).await, 0);
}

#[tokio::test]
async fn inputs_of_modules_can_be_attached_and_stay_silent() {
    let hub = TestHub::new().await;
    let id = hub.with_module("pump-7", "main").await;
    let mut client = hub.connected_as(&id).await;

    let address = format!("{}/messages/events", path(&id));
    let link = client.receiver(&address, |_| {}).await.unwrap();
    client.drain(link, 10).await;

    assert!(client.is_quiet(link, MOMENT).await);
    client.detach(link).await;
}
