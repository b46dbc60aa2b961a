//! Faults on demand.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::time::Duration;

use support::client::{bytes_of, connect_of, publish};
use support::{Someone, TestHub};
use twinhub_mqtt_codec::{ConnectReturnCode, Packet, PacketId};

fn fault(who: &Someone, kind: &str, delay: u64, duration: u64) -> Packet {
    let path = who.path();
    let topic = format!(
        "{path}/messages/events/AzIoTHub_FaultOperationType={kind}\
         &AzIoTHub_FaultOperationCloseReason=boom\
         &AzIoTHub_FaultOperationDelayInSecs={delay}\
         &AzIoTHub_FaultOperationDurationInSecs={duration}"
    );
    publish(&topic, b"", Some(100))
}

fn message(who: &Someone, id: u16) -> Packet {
    let topic = format!("{}/messages/events/", who.path());
    publish(&topic, b"", Some(id))
}

fn puback(id: u16) -> Packet {
    Packet::PubAck(PacketId::new(id).unwrap())
}

#[tokio::test]
async fn a_fault_closes_after_its_delay_and_is_neither_stored_nor_acknowledged() {
    let hub = TestHub::allowing_faults().await;
    let who = hub.with_device("pump-7").await;
    for kind in ["KillTcp", "ShutDownMqtt", "KillAmqpConnection"] {
        let mut session = hub.resumed_or_new(&who).await;

        let packets = [fault(&who, kind, 1, 5), message(&who, 2)];
        session.send_bytes(&bytes_of(&packets)).await;

        assert_eq!(session.receive().await, puback(2), "{kind}");
        session.expect_closed().await;
    }

    assert_eq!(hub.log.events().len(), 3);
    // These don't last: clients come back at once.
    let mut session = hub.resumed_or_new(&who).await;
    session.ping().await;
}

#[tokio::test]
async fn an_authentication_fault_lasts_for_its_duration_and_only_for_who_asked() {
    let hub = TestHub::allowing_faults().await;
    let who = hub.with_device("pump-7").await;
    let other = hub.with_device("pump-8").await;
    for (kind, code) in [
        ("InvokeAuthError", ConnectReturnCode::NotAuthorized),
        ("InvokeThrottling", ConnectReturnCode::ServerUnavailable),
    ] {
        let mut session = hub.resumed_or_new(&who).await;
        session.send(fault(&who, kind, 0, 30)).await;
        session.expect_closed().await;

        let connect = || connect_of(&who, &hub.token(&who));
        assert_eq!(hub.connection().connect_with(connect()).await, Err(code));
        hub.resumed_or_new(&other).await.ping().await;
        hub.set_clock_forward(Duration::from_secs(31));
        assert!(hub.connection().connect_with(connect()).await.is_ok());
    }
}

#[tokio::test]
async fn a_quota_fault_closes_on_telemetry_as_long_as_it_lasts() {
    let hub = TestHub::allowing_faults().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    session
        .send(fault(&who, "InvokeMaxMessageQuota", 0, 30))
        .await;
    session.expect_closed().await;

    let mut session = hub.resumed_or_new(&who).await;
    session.ping().await;
    session.send(message(&who, 1)).await;
    session.expect_closed().await;
    hub.set_clock_forward(Duration::from_secs(31));

    let mut session = hub.resumed_or_new(&who).await;
    session.send(message(&who, 1)).await;
    assert_eq!(session.receive().await, puback(1));
}

#[tokio::test]
async fn a_fault_without_duration_does_not_last() {
    let hub = TestHub::allowing_faults().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;

    session.send(fault(&who, "InvokeAuthError", 0, 0)).await;
    session.expect_closed().await;

    hub.resumed_or_new(&who).await.ping().await;
}

#[tokio::test]
async fn unless_allowed_such_a_message_is_one_like_every_other() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;

    session.send(fault(&who, "KillTcp", 0, 0)).await;

    assert_eq!(session.receive().await, puback(100));
    assert_eq!(hub.log.events()[0].message.application.len(), 4);
    session.ping().await;
}
