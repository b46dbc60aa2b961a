//! Direct methods.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::sync::Arc;

use bytes::Bytes;
use support::client::{Client, publish};
use support::{Someone, TestHub};
use tokio::task::JoinHandle;
use twinhub_core::methods::{InvokeError, MethodCall, MethodName, MethodReply, Timeouts};
use twinhub_mqtt_codec::{Packet, PacketId, QoS};

const ALL: &str = "$iothub/methods/POST/#";

async fn call(
    hub: &Arc<TestHub>,
    who: &Someone,
    name: &str,
    connect_seconds: u64,
) -> JoinHandle<Result<MethodReply, InvokeError>> {
    let permit = hub.owner().await.service().unwrap();
    let call = MethodCall {
        target: who.id.clone(),
        name: MethodName::parse(name).unwrap(),
        payload: Some(Bytes::from_static(b"{\"a\":1}")),
        timeouts: Timeouts::from_seconds(Some(connect_seconds), Some(30)).unwrap(),
    };
    let methods = hub.methods.clone();
    tokio::spawn(async move { methods.invoke(&permit, call).await })
}

/// The call that comes next: its method and its ID.
async fn next_call(session: &mut Client, qos: QoS) -> (String, String) {
    let request = session.receive_publish().await;
    assert_eq!(request.delivery.qos(), qos);
    assert_eq!(&request.payload[..], b"{\"a\":1}");
    if let Some(id) = request.delivery.packet_id() {
        session.send(Packet::PubAck(id)).await;
    }
    let rest = request.topic.strip_prefix("$iothub/methods/POST/").unwrap();
    let (name, rid) = rest.split_once("/?$rid=").unwrap();
    (name.to_owned(), rid.to_owned())
}

#[tokio::test]
async fn a_call_reaches_the_client_and_its_answer_the_caller() {
    let hub = Arc::new(TestHub::new().await);
    let who = hub.with_device("pump-7").await;
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        let mut session = hub.resumed_or_new(&who).await;
        session.subscribe(&[(ALL, qos)]).await;
        let called = call(&hub, &who, "reboot", 0).await;

        let (name, rid) = next_call(&mut session, qos).await;
        let topic = format!("$iothub/methods/res/-7/?$rid={rid}");
        session.send(publish(&topic, b"[1]", Some(9))).await;

        assert_eq!(name, "reboot");
        let puback = Packet::PubAck(PacketId::new(9).unwrap());
        assert_eq!(session.receive().await, puback);
        let reply = called.await.unwrap().unwrap();
        assert_eq!((reply.status, &reply.payload[..]), (-7, &b"[1]"[..]));
    }
}

#[tokio::test]
async fn calls_go_to_kept_subscriptions_and_to_single_methods() {
    let hub = Arc::new(TestHub::new().await);
    let who = hub.with_module("pump-7", "main").await;
    let mut session = hub.session(&who).await;
    let only = "$iothub/methods/POST/reboot/#";
    session.subscribe(&[(only, QoS::AtMostOnce)]).await;
    drop(session);

    let other = call(&hub, &who, "reboot", 5).await;
    let mut session = hub.resumed(&who).await;
    let (_, rid) = next_call(&mut session, QoS::AtMostOnce).await;
    let topic = format!("$iothub/methods/res/200/?$rid={rid}");
    session.publish(&topic, b"").await;
    assert_eq!(other.await.unwrap().unwrap().status, 200);

    let refused = call(&hub, &who, "stop", 0).await.await.unwrap();
    assert!(matches!(refused, Err(InvokeError::NotOnline(_))));
    session.unsubscribe(only).await;
    let refused = call(&hub, &who, "reboot", 0).await.await.unwrap();
    assert!(matches!(refused, Err(InvokeError::NotOnline(_))));
}

#[tokio::test]
async fn answers_that_nobody_waits_for_are_taken_and_dropped() {
    let hub = Arc::new(TestHub::new().await);
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    session.subscribe(&[(ALL, QoS::AtMostOnce)]).await;
    let called = call(&hub, &who, "reboot", 0).await;
    let (_, rid) = next_call(&mut session, QoS::AtMostOnce).await;

    for rid in ["7", "not-ours", &rid, &rid] {
        let topic = format!("$iothub/methods/res/200/?$rid={rid}");
        session.publish(&topic, b"1").await;
    }

    session.ping().await;
    assert_eq!(called.await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn whoever_takes_its_leave_before_it_listens_does_not_end_the_waiting() {
    let hub = Arc::new(TestHub::new().await);
    let who = hub.with_device("pump-7").await;
    let called = call(&hub, &who, "reboot", 20).await;
    let mut brief = hub.session(&who).await;
    brief.ping().await;

    brief.send(Packet::Disconnect).await;
    brief.expect_closed().await;
    let mut session = hub.session(&who).await;
    session.subscribe(&[(ALL, QoS::AtMostOnce)]).await;
    let (_, rid) = next_call(&mut session, QoS::AtMostOnce).await;
    let topic = format!("$iothub/methods/res/200/?$rid={rid}");
    session.publish(&topic, b"").await;

    assert_eq!(called.await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn whoever_takes_its_leave_answers_no_call() {
    let hub = Arc::new(TestHub::new().await);
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    session.subscribe(&[(ALL, QoS::AtMostOnce)]).await;
    let called = call(&hub, &who, "reboot", 0).await;
    next_call(&mut session, QoS::AtMostOnce).await;

    session.send(Packet::Disconnect).await;

    let failed = called.await.unwrap();
    assert!(matches!(failed, Err(InvokeError::Disconnected(_))));
}
