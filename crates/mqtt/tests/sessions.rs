//! Sessions: what ends them, what outlives them.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use bytes::BytesMut;
use serde_json::json;
use support::client::{bytes_of, connect_of, publish};
use support::{CHANGES, RESPONSES, TestHub};
use twinhub_core::identities::Status;
use twinhub_core::keys::Key;
use twinhub_mqtt_codec::{ConnectReturnCode, Packet, PacketId, QoS, SubAckCode};

const GET: &str = "$iothub/twin/GET/?$rid=1";

#[tokio::test]
async fn a_new_connection_ends_the_old_one_and_stays_connected() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut old = hub.session(&who).await;

    let mut new = hub.session(&who).await;

    old.expect_closed().await;
    new.ping().await;
    assert!(hub.is_connected(&who));
}

#[tokio::test]
async fn a_device_and_its_module_do_not_displace_each_other() {
    let hub = TestHub::new().await;
    let module = hub.with_module("pump-7", "main").await;
    let device = hub.with_device("pump-7").await;

    let mut of_device = hub.session(&device).await;
    let mut of_module = hub.session(&module).await;

    of_device.ping().await;
    of_module.ping().await;
}

#[tokio::test]
async fn subscriptions_outlive_the_connection_with_their_qos() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    let asked = [
        (RESPONSES, QoS::AtMostOnce),
        (CHANGES, QoS::ExactlyOnce),
        ("$iothub/methods/POST/#", QoS::AtLeastOnce),
    ];
    let granted = session.subscribe(&asked).await;
    assert_eq!(
        granted,
        [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::AtLeastOnce].map(SubAckCode::Granted)
    );
    session.send(Packet::Disconnect).await;
    session.expect_closed().await;

    let mut session = hub.resumed(&who).await;

    session.publish(GET, b"").await;
    assert_eq!(
        session.receive_publish().await.delivery.qos(),
        QoS::AtMostOnce
    );
    hub.patch_desired(&who, json!({"mode": "fast"})).await;
    let change = session.receive_publish().await;
    assert_eq!(change.delivery.qos(), QoS::AtLeastOnce);
}

#[tokio::test]
async fn an_unsubscribed_filter_is_forgotten() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    let asked = [(RESPONSES, QoS::AtMostOnce), (CHANGES, QoS::AtMostOnce)];
    session.subscribe(&asked).await;
    session.unsubscribe(CHANGES).await;
    session.unsubscribe("never/asked/for").await;

    let mut session = hub.resumed(&who).await;
    hub.patch_desired(&who, json!({"mode": "fast"})).await;
    session.publish(GET, b"").await;

    // Would the change be pushed, it would come before this answer.
    let (topic, _) = session.receive_json().await;
    assert_eq!(topic, "$iothub/twin/res/200/?$rid=1");
}

#[tokio::test]
async fn a_clean_session_starts_without_and_leaves_nothing() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    hub.session(&who)
        .await
        .subscribe(&[(RESPONSES, QoS::AtMostOnce)])
        .await;
    let mut clean = connect_of(&who, &hub.token(&who));
    clean.clean_session = true;

    let mut session = hub.connection();
    assert_eq!(session.connect_with(clean).await, Ok(false));
    session.publish(GET, b"").await;
    session.ping().await;
    session.subscribe(&[(RESPONSES, QoS::AtMostOnce)]).await;

    hub.session(&who).await.ping().await;
}

#[tokio::test]
async fn a_set_that_did_not_change_is_not_stored_again_and_one_that_can_t_be_is_not_granted() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    let asked = [(RESPONSES, QoS::AtMostOnce)];
    session.subscribe(&asked).await;

    hub.engine.close().await;

    session.subscribe(&asked).await;
    session.ask_for(&[(CHANGES, QoS::AtMostOnce)]).await;
    session.expect_closed().await;
}

#[tokio::test]
async fn one_forbidden_filter_closes_and_stores_nothing() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;

    let asked = [(RESPONSES, QoS::AtMostOnce), ("#", QoS::AtMostOnce)];
    session.ask_for(&asked).await;

    session.expect_closed().await;
    hub.session(&who).await.ping().await;
}

#[tokio::test]
async fn what_a_client_may_not_send_closes_without_an_answer() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let connect = Packet::Connect(Box::new(connect_of(&who, &hub.token(&who))));
    let id = PacketId::MIN;
    let mut exactly_once = bytes_of(&[publish(GET, b"", Some(1))]);
    exactly_once[0] = 0x34;

    for bytes in [
        bytes_of(&[connect]),
        exactly_once,
        bytes_of(&[publish("home/kitchen", b"", Some(1))]),
        bytes_of(&[publish("devices/pump-8/messages/events/", b"", Some(1))]),
        bytes_of(&[Packet::PubRel(id)]),
        bytes_of(&[Packet::PingResp]),
        BytesMut::from(&b"\x00\x00"[..]),
        // One mebibyte is announced, and not waited for.
        BytesMut::from(&b"\x30\x80\x80\x40"[..]),
    ] {
        let mut session = hub.session(&who).await;

        session.send_bytes(&bytes).await;

        session.expect_closed().await;
    }
}

#[tokio::test]
async fn answers_to_methods_nobody_called_and_stray_pubacks_are_taken() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;

    let reply = publish("$iothub/methods/res/200/?$rid=1", b"{}", Some(7));
    session.send(reply).await;
    assert_eq!(
        session.receive().await,
        Packet::PubAck(PacketId::new(7).unwrap())
    );
    session.send(Packet::PubAck(PacketId::MAX)).await;

    session.ping().await;
}

#[tokio::test]
async fn a_deleted_or_disabled_device_is_cut_off() {
    let hub = TestHub::new().await;
    let deleted = hub.with_device("pump-7").await;
    let disabled = hub.with_device("pump-8").await;
    let mut of_deleted = hub.session(&deleted).await;
    let mut of_disabled = hub.session(&disabled).await;

    hub.delete(&deleted).await;
    hub.put_device(
        "pump-8",
        key(&disabled.primary),
        key(&disabled.secondary),
        Status::Disabled,
    )
    .await;

    of_deleted.expect_closed().await;
    of_disabled.expect_closed().await;
}

#[tokio::test]
async fn whoever_is_deleted_while_entering_does_not_stay() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let connect = connect_of(&who, &hub.token(&who));
    hub.delete_while_entering(&who).await;

    let refused = hub.connection().connect_with(connect).await;

    assert_eq!(refused, Err(ConnectReturnCode::NotAuthorized));
    assert!(!hub.is_connected(&who));
}

#[tokio::test]
async fn removing_the_key_that_signed_cuts_and_removing_the_other_does_not() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;

    hub.put_device(
        "pump-7",
        key(&who.primary),
        Key::generate(),
        Status::Enabled,
    )
    .await;
    session.ping().await;
    hub.put_device(
        "pump-7",
        key(&who.secondary),
        Key::generate(),
        Status::Enabled,
    )
    .await;

    session.expect_closed().await;
}

#[tokio::test]
async fn regenerating_a_devices_keys_cuts_whomever_they_let_in() {
    let hub = TestHub::new().await;
    let module = hub.with_module("pump-7", "main").await;
    let device = hub.with_device("pump-7").await;
    let by_its_own = hub.with_module("pump-8", "main").await;
    let mut of_device = hub.session(&device).await;
    let mut of_module = hub.connection();
    of_module.connect(&module, &hub.token(&device)).await;
    let mut of_other = hub.session(&by_its_own).await;

    hub.regenerate_keys(&device).await;

    of_device.expect_closed().await;
    of_module.expect_closed().await;
    hub.regenerate_keys(&hub.with_device("pump-8").await).await;
    of_other.ping().await;
}

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

#[tokio::test]
async fn shutdown_closes_sessions_and_strangers() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    let mut stranger = hub.connection();

    hub.shutdown.cancel();

    session.expect_closed().await;
    stranger.expect_closed().await;
}

#[tokio::test]
async fn a_connection_needs_less_than_three_kilobytes_of_state() {
    let hub = TestHub::new().await;
    let (stream, _) = tokio::io::duplex(1);
    let peer = twinhub_core::access::Peer::at("192.0.2.1:50000".parse().unwrap());

    let connection = hub.gateway.serve(stream, peer, || {}, hub.shutdown.clone());

    let size = size_of_val(&connection);
    assert!(size < 3 * 1024, "{size}");
}
