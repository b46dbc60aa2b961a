//! Messages from the cloud.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use support::client::{Client, connect_of};
use support::{RESPONSES, Someone, TestHub};
use twinhub_mqtt_codec::{Delivery, Packet, PacketId, Publish, QoS};

fn filter_of(who: &Someone) -> String {
    format!("{}/messages/devicebound/#", who.path())
}

async fn listening(hub: &TestHub, who: &Someone, qos: QoS) -> Client {
    let mut session = hub.session(who).await;
    session.subscribe(&[(&filter_of(who), qos)]).await;
    session
}

fn body(publish: &Publish) -> &str {
    std::str::from_utf8(&publish.payload).unwrap()
}

fn id(publish: &Publish) -> PacketId {
    publish.delivery.packet_id().unwrap()
}

/// Acknowledges, and waits until the hub has seen it.
async fn acknowledge(session: &mut Client, id: PacketId) {
    session.send(Packet::PubAck(id)).await;
    session.ping().await;
}

async fn leave(mut session: Client) {
    session.send(Packet::Disconnect).await;
    while session.next().await.is_some() {}
}

#[tokio::test]
async fn a_message_is_delivered_at_once_and_done_when_it_is_acknowledged() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = listening(&hub, &who, QoS::AtLeastOnce).await;

    hub.send_message(&who, "hello").await;
    let message = session.receive_publish().await;

    assert_eq!(body(&message), "hello");
    assert_eq!(
        &*message.topic,
        "devices/pump-7/messages/devicebound/\
         %24.to=%2Fdevices%2Fpump-7%2Fmessages%2Fdevicebound"
    );
    assert!(!message.delivery.is_duplicate());
    acknowledge(&mut session, id(&message)).await;
    assert_eq!(hub.purge(&who).await, 0);
}

#[tokio::test]
async fn messages_of_qos_0_are_done_when_they_are_sent() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = listening(&hub, &who, QoS::AtMostOnce).await;

    hub.send_message(&who, "hello").await;
    let message = session.receive_publish().await;
    session.ping().await;

    assert_eq!(message.delivery, Delivery::AtMostOnce);
    assert_eq!(hub.purge(&who).await, 0);
}

#[tokio::test]
async fn what_waited_comes_in_order_after_the_suback() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    for text in ["1", "2", "3"] {
        hub.send_message(&who, text).await;
    }

    let mut session = listening(&hub, &who, QoS::AtLeastOnce).await;

    for text in ["1", "2", "3"] {
        assert_eq!(body(&session.receive_publish().await), text);
    }
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_first_and_as_it_was() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = listening(&hub, &who, QoS::AtLeastOnce).await;
    let mut ids = Vec::new();
    for text in ["1", "2", "3"] {
        hub.send_message(&who, text).await;
        ids.push(id(&session.receive_publish().await));
    }
    acknowledge(&mut session, ids[1]).await;
    drop(session);
    hub.send_message(&who, "4").await;

    let mut session = hub.resumed(&who).await;

    for (text, first_id) in [("1", ids[0]), ("3", ids[2])] {
        let again = session.receive_publish().await;
        assert_eq!((body(&again), id(&again)), (text, first_id));
        assert!(again.delivery.is_duplicate());
    }
    let new = session.receive_publish().await;
    assert_eq!(body(&new), "4");
    assert!(!new.delivery.is_duplicate());
    for id in [ids[0], ids[2], id(&new)] {
        acknowledge(&mut session, id).await;
    }
    assert_eq!(hub.purge(&who).await, 0);
}

#[tokio::test]
async fn a_takeover_hands_unacknowledged_messages_to_the_new_connection() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut old = listening(&hub, &who, QoS::AtLeastOnce).await;
    hub.send_message(&who, "hello").await;
    let first = old.receive_publish().await;

    let mut new = hub.resumed(&who).await;

    let again = new.receive_publish().await;
    assert_eq!(id(&again), id(&first));
    assert!(again.delivery.is_duplicate());
}

#[tokio::test]
async fn acknowledgements_may_come_in_any_order() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = listening(&hub, &who, QoS::AtLeastOnce).await;
    let mut ids = Vec::new();
    for text in ["1", "2", "3"] {
        hub.send_message(&who, text).await;
        ids.push(id(&session.receive_publish().await));
    }

    for at in [2, 0, 1] {
        acknowledge(&mut session, ids[at]).await;
    }

    assert_eq!(hub.purge(&who).await, 0);
}

#[tokio::test]
async fn a_message_whose_lock_ran_out_comes_again_and_a_late_acknowledgement_counts() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = listening(&hub, &who, QoS::AtLeastOnce).await;
    hub.send_message(&who, "hello").await;
    let first = session.receive_publish().await;

    hub.set_clock_forward(std::time::Duration::from_secs(61));
    // Whatever is new makes the session look at its queue.
    hub.send_message(&who, "new").await;

    let again = session.receive_publish().await;
    assert_eq!((body(&again), id(&again)), ("hello", id(&first)));
    assert!(again.delivery.is_duplicate());
    let new = session.receive_publish().await;
    assert_eq!(body(&new), "new");
    assert_ne!(id(&new), id(&first));
    acknowledge(&mut session, id(&first)).await;
    acknowledge(&mut session, id(&new)).await;
    assert_eq!(hub.purge(&who).await, 0);
}

#[tokio::test]
async fn identifiers_of_messages_and_answers_do_not_clash() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = listening(&hub, &who, QoS::AtLeastOnce).await;
    session.subscribe(&[(RESPONSES, QoS::AtLeastOnce)]).await;

    let mut ids = Vec::new();
    for number in 0..4 {
        hub.send_message(&who, "hello").await;
        ids.push(id(&session.receive_publish().await));
        let topic = format!("$iothub/twin/GET/?$rid={number}");
        session.publish(&topic, b"").await;
        ids.push(id(&session.receive_publish().await));
    }

    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 8);
}

#[tokio::test]
async fn a_module_has_messages_of_its_own_by_either_filter() {
    let hub = TestHub::new().await;
    let who = hub.with_module("pump-7", "main").await;
    for filter in [filter_of(&who), format!("{}/#", who.path())] {
        let mut session = hub.resumed_or_new(&who).await;
        session.subscribe(&[(&filter, QoS::AtLeastOnce)]).await;
        hub.send_message(&who, "hello").await;

        let message = session.receive_publish().await;

        let start = "devices/pump-7/modules/main/messages/devicebound/%24.to=";
        assert!(message.topic.starts_with(start), "{}", message.topic);
        acknowledge(&mut session, id(&message)).await;
        session.unsubscribe(&filter).await;
        leave(session).await;
    }
}

#[tokio::test]
async fn nothing_comes_without_a_subscription_or_after_it() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    hub.send_message(&who, "hello").await;
    session.ping().await;
    session
        .subscribe(&[(&filter_of(&who), QoS::AtLeastOnce)])
        .await;
    let message = session.receive_publish().await;
    acknowledge(&mut session, id(&message)).await;

    session.unsubscribe(&filter_of(&who)).await;
    hub.send_message(&who, "later").await;
    session.ping().await;

    assert_eq!(hub.purge(&who).await, 1);
}

#[tokio::test]
async fn a_clean_session_gives_up_what_an_earlier_one_was_given() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = listening(&hub, &who, QoS::AtLeastOnce).await;
    hub.send_message(&who, "hello").await;
    session.receive_publish().await;
    leave(session).await;
    let mut clean = connect_of(&who, &hub.token(&who));
    clean.clean_session = true;

    let mut session = hub.connection();
    session.connect_with(clean).await.unwrap();
    session.ping().await;
    session
        .subscribe(&[(&filter_of(&who), QoS::AtLeastOnce)])
        .await;

    let again = session.receive_publish().await;
    assert_eq!(body(&again), "hello");
    assert!(!again.delivery.is_duplicate());
    acknowledge(&mut session, id(&again)).await;
    assert_eq!(hub.purge(&who).await, 0);
}

#[tokio::test]
async fn a_full_queue_is_delivered_whole() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    for number in 0..50 {
        hub.send_message(&who, &number.to_string()).await;
    }
    let mut session = listening(&hub, &who, QoS::AtLeastOnce).await;

    for number in 0..50 {
        let message = session.receive_publish().await;
        assert_eq!(body(&message), number.to_string());
        session.send(Packet::PubAck(id(&message))).await;
    }

    session.ping().await;
    assert_eq!(hub.purge(&who).await, 0);
}
