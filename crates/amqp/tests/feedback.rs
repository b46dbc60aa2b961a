//! Feedback and file notifications, as back ends receive them.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::time::Duration;

use twinhub_amqp::messages::lock_of;
use twinhub_amqp_engine::message::Body;
use twinhub_amqp_engine::performatives::{
    Attach, DeliveryState, Modified, ReceiverSettleMode, Rejected, SenderSettleMode, condition,
};
use twinhub_amqp_engine::value::Value;
use twinhub_core::c2d::{Acknowledgement, NewMessage};
use twinhub_core::ids::IdentityId;
use twinhub_core::messages::{Message, SystemProperty};

use support::TestHub;
use support::client::{Client, Received};

const ADDRESS: &str = "/messages/serviceBound/feedback";
const MOMENT: Duration = Duration::from_millis(700);

/// A message that the device completes; its feedback is ready to be read.
async fn complete(hub: &TestHub, id: &IdentityId, name: &str) {
    let message = NewMessage {
        message: Message {
            system: vec![(SystemProperty::MessageId, name.into())],
            ..Message::default()
        },
        ack: Acknowledgement::Full,
        expires: None,
    };
    hub.queue(id, message).await;
    let permit = hub.as_device(id).await;
    for delivery in hub.queued(id).await {
        hub.c2d.complete(&permit, &delivery.lock).await.unwrap();
    }
    hub.set_clock_forward(Duration::from_secs(15));
}

async fn reader(hub: &TestHub, change: impl FnOnce(&mut Attach)) -> (Client, u32) {
    let mut client = hub.connected("service").await;
    let link = client.receiver(ADDRESS, change).await.unwrap();
    (client, link)
}

/// .NET's receivers.
fn second(attach: &mut Attach) {
    attach.rcv_settle_mode = ReceiverSettleMode::Second;
}

fn names(received: &Received) -> Vec<String> {
    let records: serde_json::Value = serde_json::from_slice(received.body()).unwrap();
    let records = records.as_array().unwrap().iter();
    records
        .map(|record| record["originalMessageId"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_batch_has_what_readers_look_for() {
    let hub = TestHub::new().await;
    let pump = hub.with_device("pump-7").await;
    complete(&hub, &pump, "m-1").await;
    let (mut client, link) = reader(&hub, |_| {}).await;

    client.credit(link, 10).await;
    let batch = client.receive(link).await;

    assert!(!batch.settled);
    assert!(lock_of(&batch.tag).is_some(), "the tag is a GUID");
    let properties = batch.message.properties.as_ref().unwrap();
    assert_eq!(properties.user_id.as_deref(), Some(&b"plant"[..]));
    let content_type = properties.content_type.as_ref().unwrap();
    assert_eq!(
        content_type.as_str(),
        "application/vnd.microsoft.iothub.feedback.json"
    );
    let enqueued = batch.message.message_annotations.get("iothub-enqueuedtime");
    assert!(matches!(enqueued, Some(Value::Timestamp(_))));
    assert!(matches!(&batch.message.body, Body::Data(_)));
    assert_eq!(names(&batch), ["m-1"]);
}

#[tokio::test]
async fn nothing_is_sent_without_credit_and_one_batch_for_one_credit() {
    let hub = TestHub::new().await;
    let pump = hub.with_device("pump-7").await;
    complete(&hub, &pump, "m-1").await;
    let (mut client, link) = reader(&hub, second).await;

    assert!(client.is_quiet(link, MOMENT).await);
    client.credit(link, 1).await;
    let first = client.receive(link).await;
    client
        .dispose(first.id, false, DeliveryState::Accepted)
        .await;
    client.settled_by_hub(first.id).await;
    complete(&hub, &pump, "m-2").await;
    assert!(client.is_quiet(link, MOMENT).await);
    client.credit(link, 1).await;

    assert_eq!(names(&client.receive(link).await), ["m-2"]);
}

#[tokio::test]
async fn who_waits_with_credit_is_woken() {
    let hub = TestHub::new().await;
    let pump = hub.with_device("pump-7").await;
    let (mut client, link) = reader(&hub, |_| {}).await;
    client.credit(link, 1).await;
    assert!(client.is_quiet(link, MOMENT).await);

    complete(&hub, &pump, "m-1").await;

    assert_eq!(names(&client.receive(link).await), ["m-1"]);
}

#[tokio::test]
async fn a_reader_that_settles_second_is_answered() {
    let hub = TestHub::new().await;
    let pump = hub.with_device("pump-7").await;
    for (number, said) in [
        DeliveryState::Accepted,
        DeliveryState::Rejected(Rejected::default()),
    ]
    .into_iter()
    .enumerate()
    {
        complete(&hub, &pump, &format!("m-{number}")).await;
        let (mut client, link) = reader(&hub, second).await;
        client.credit(link, 1).await;
        let batch = client.receive(link).await;

        client.dispose(batch.id, false, said.clone()).await;

        assert_eq!(client.settled_by_hub(batch.id).await, said);
        client.detach(link).await;
    }
    let (mut client, link) = reader(&hub, |_| {}).await;
    client.credit(link, 1).await;
    assert!(client.is_quiet(link, MOMENT).await, "both are gone");
}

#[tokio::test]
async fn what_is_released_or_modified_comes_again() {
    let hub = TestHub::new().await;
    let pump = hub.with_device("pump-7").await;
    complete(&hub, &pump, "m-1").await;
    let (mut client, link) = reader(&hub, |_| {}).await;
    client.credit(link, 10).await;

    let first = client.receive(link).await;
    client
        .dispose(first.id, true, DeliveryState::Released)
        .await;
    let second = client.receive(link).await;
    let modified = DeliveryState::Modified(Modified::default());
    client.dispose(second.id, true, modified).await;
    let third = client.receive(link).await;

    assert_eq!(names(&third), ["m-1"]);
    assert_ne!(third.tag, first.tag);
    let count = third
        .message
        .message_annotations
        .get("iothub-deliverycount");
    assert_eq!(count, Some(&Value::Ubyte(2)));
}

#[tokio::test]
async fn a_batch_comes_again_when_its_lock_ran_out_and_is_settled_too_late() {
    let hub = TestHub::new().await;
    let pump = hub.with_device("pump-7").await;
    complete(&hub, &pump, "m-1").await;
    let (mut slow, its_link) = reader(&hub, second).await;
    slow.credit(its_link, 1).await;
    let held = slow.receive(its_link).await;
    hub.set_clock_forward(Duration::from_secs(60));
    let (mut other, link) = reader(&hub, second).await;
    other.credit(link, 1).await;

    let again = other.receive(link).await;
    slow.dispose(held.id, false, DeliveryState::Accepted).await;

    assert_eq!(names(&again), ["m-1"]);
    let DeliveryState::Rejected(rejected) = slow.settled_by_hub(held.id).await else {
        panic!("it was too late");
    };
    let condition = rejected.error.unwrap().condition;
    assert_eq!(condition, "com.microsoft:message-lock-lost");
}

#[tokio::test]
async fn what_a_reader_leaves_unsettled_is_for_the_next_at_once() {
    let hub = TestHub::new().await;
    let pump = hub.with_device("pump-7").await;
    complete(&hub, &pump, "m-1").await;
    let (mut first, link) = reader(&hub, |_| {}).await;
    first.credit(link, 1).await;
    first.receive(link).await;

    first.detach(link).await;
    let (mut second, link) = reader(&hub, |_| {}).await;
    second.credit(link, 1).await;
    second.receive(link).await;
    drop(second);
    let (mut third, link) = reader(&hub, |_| {}).await;
    third.credit(link, 1).await;

    let batch = third.receive(link).await;
    assert_eq!(names(&batch), ["m-1"]);
    let count = batch
        .message
        .message_annotations
        .get("iothub-deliverycount");
    assert_eq!(count, Some(&Value::Ubyte(0)));
}

#[tokio::test]
async fn a_reader_that_wants_no_settling_gets_each_batch_once() {
    let hub = TestHub::new().await;
    let pump = hub.with_device("pump-7").await;
    complete(&hub, &pump, "m-1").await;
    let (mut client, link) = reader(&hub, |attach| {
        attach.snd_settle_mode = SenderSettleMode::Settled;
    })
    .await;

    client.credit(link, 1).await;
    let batch = client.receive(link).await;
    client.detach(link).await;

    assert!(batch.settled);
    let (mut other, link) = reader(&hub, |_| {}).await;
    other.credit(link, 1).await;
    assert!(other.is_quiet(link, MOMENT).await);
}

#[tokio::test]
async fn draining_gives_what_there_is_and_then_the_credit_back() {
    let hub = TestHub::new().await;
    let pump = hub.with_device("pump-7").await;
    let (mut client, link) = reader(&hub, |_| {}).await;

    client.drain(link, 5).await;
    complete(&hub, &pump, "m-1").await;
    assert!(client.is_quiet(link, MOMENT).await, "there is no credit");
    client.credit(link, 1).await;

    assert_eq!(names(&client.receive(link).await), ["m-1"]);
}

#[tokio::test]
async fn file_notifications_are_waited_for_in_silence() {
    let hub = TestHub::new().await;
    let mut client = hub.connected("service").await;
    let address = "amqps://plant.example:5671/messages/servicebound/FileNotifications";
    let link = client.receiver(address, |_| {}).await.unwrap();

    client.credit(link, 1).await;

    assert!(client.is_quiet(link, MOMENT).await);
    client.drain(link, 1).await;
    client.detach(link).await;
}

#[tokio::test]
async fn a_reader_ends_when_its_policy_is_removed() {
    let hub = TestHub::new().await;
    let (mut client, link) = reader(&hub, |_| {}).await;

    hub.remove_policy("service").await;

    let error = client.detached(link).await.unwrap();
    assert_eq!(error.condition, condition::UNAUTHORIZED_ACCESS);
}
