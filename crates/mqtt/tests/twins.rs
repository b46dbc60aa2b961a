//! Twins: requests, answers, changes.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use bytes::BytesMut;
use serde_json::json;
use support::client::{bytes_of, publish};
use support::{CHANGES, RESPONSES, TestHub};
use twinhub_mqtt::Settings;
use twinhub_mqtt_codec::{Packet, PacketId, QoS};

const REPORT: &str = "$iothub/twin/PATCH/properties/reported/?$rid=r";

#[tokio::test]
async fn get_shows_both_sections_with_their_versions_and_echoes_the_rid() {
    let hub = TestHub::new().await;
    let who = hub.with_module("pump-7", "main").await;
    let mut session = hub.session(&who).await;
    session.subscribe(&[(RESPONSES, QoS::AtMostOnce)]).await;
    hub.patch_desired(&who, json!({"interval": {"s": 5}})).await;

    for rid in ["1", "0f8fad5b-d9cb-469f-a165-70867728950e", "a%20b", "Ä"] {
        session
            .publish(&format!("$iothub/twin/GET/?$rid={rid}"), b" ")
            .await;

        let (topic, body) = session.receive_json().await;
        assert_eq!(topic, format!("$iothub/twin/res/200/?$rid={rid}"));
        assert_eq!(
            body.unwrap(),
            json!({
                "desired": {"interval": {"s": 5}, "$version": 2},
                "reported": {"$version": 1},
            })
        );
    }
}

#[tokio::test]
async fn a_report_is_answered_204_with_its_version_and_no_body() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    session.subscribe(&[(RESPONSES, QoS::AtMostOnce)]).await;

    session.publish(REPORT, br#"{"battery":97.5}"#).await;

    let answer = ("$iothub/twin/res/204/?$rid=r&$version=2".to_owned(), None);
    assert_eq!(session.receive_json().await, answer);
    assert_eq!(hub.reported(&who).await, json!({"battery": 97.5}));
}

#[tokio::test]
async fn a_refused_report_says_why_and_changes_nothing() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    session.subscribe(&[(RESPONSES, QoS::AtMostOnce)]).await;

    for (version, payload, status, code) in [
        ("", b"".as_slice(), 400, 400_006),
        ("", b"{}{}", 400, 400_006),
        ("", b"[1]", 400, 400_004),
        ("", br#"{"a.b":1}"#, 400, 400_004),
        ("&$version=x", b"{}", 400, 400_004),
        ("&$version=9", b"{}", 412, 412_001),
    ] {
        session
            .publish(&format!("{REPORT}{version}"), payload)
            .await;

        let (topic, body) = session.receive_json().await;
        let body = body.unwrap();
        assert_eq!(topic, format!("$iothub/twin/res/{status}/?$rid=r"));
        assert_eq!(body["errorCode"], code);
        for member in ["message", "trackingId", "timestampUtc"] {
            assert!(!body[member].as_str().unwrap().is_empty(), "{member}");
        }
    }
    assert_eq!(hub.twin(&who).await.reported.version, 1);
}

#[tokio::test]
async fn a_hub_that_cannot_read_answers_500_and_goes_on() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    session.subscribe(&[(RESPONSES, QoS::AtMostOnce)]).await;
    hub.engine.close().await;

    session.publish(REPORT, br#"{"n":1}"#).await;

    let (topic, body) = session.receive_json().await;
    assert_eq!(topic, "$iothub/twin/res/500/?$rid=r");
    assert_eq!(body.unwrap()["errorCode"], 500_001);
    session.ping().await;
}

#[tokio::test]
async fn without_the_subscription_a_report_counts_and_is_acknowledged_only() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;

    session.send(publish(REPORT, br#"{"n":1}"#, Some(5))).await;

    let acknowledged = Packet::PubAck(PacketId::new(5).unwrap());
    assert_eq!(session.receive().await, acknowledged);
    assert_eq!(hub.reported(&who).await, json!({"n": 1}));
    session.ping().await;
}

#[tokio::test]
async fn acknowledgements_come_in_the_order_of_the_requests() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    let mut requests = BytesMut::new();
    for id in 1..=40_u16 {
        let topic = match id % 3 {
            0 => "$iothub/methods/res/200/?$rid=1",
            1 => "$iothub/twin/GET/?$rid=1",
            _ => REPORT,
        };
        let payload = format!("{{\"n{id}\":{id}}}");
        requests.extend(bytes_of(&[publish(topic, payload.as_bytes(), Some(id))]));
    }

    session.send_bytes(&requests).await;

    for id in 1..=40 {
        let expected = Packet::PubAck(PacketId::new(id).unwrap());
        assert_eq!(session.receive().await, expected);
    }
}

#[tokio::test]
async fn changes_are_pushed_with_their_version_from_the_suback_on() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    hub.patch_desired(&who, json!({"before": 1})).await;
    session.subscribe(&[(CHANGES, QoS::AtMostOnce)]).await;

    hub.patch_desired(&who, json!({"climate": {"fan": "slow"}}))
        .await;
    hub.patch_desired(&who, json!({"climate": {"fan": null}}))
        .await;

    for (version, climate) in [(3, json!({"fan": "slow"})), (4, json!({"fan": null}))] {
        let (topic, body) = session.receive_json().await;
        assert_eq!(
            topic,
            format!("$iothub/twin/PATCH/properties/desired/?$version={version}")
        );
        assert_eq!(
            body.unwrap(),
            json!({"climate": climate, "$version": version})
        );
    }
}

#[tokio::test]
async fn deliveries_of_qos_1_have_identifiers_that_may_be_acknowledged_in_any_order() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    session.subscribe(&[(RESPONSES, QoS::AtLeastOnce)]).await;
    let mut ids = Vec::new();
    for rid in 0..5 {
        session
            .publish(&format!("$iothub/twin/GET/?$rid={rid}"), b"")
            .await;
        let answer = session.receive_publish().await;
        ids.push(answer.delivery.packet_id().unwrap());
    }

    for id in ids.iter().rev() {
        session.send(Packet::PubAck(*id)).await;
    }

    session.ping().await;
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[tokio::test]
async fn a_client_that_acknowledges_nothing_is_closed_in_the_end() {
    let hub = TestHub::with_settings(Settings {
        max_unacknowledged: 3,
        ..Settings::default()
    })
    .await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    session.subscribe(&[(RESPONSES, QoS::AtLeastOnce)]).await;

    for _ in 0..4 {
        session.publish("$iothub/twin/GET/?$rid=1", b"").await;
    }

    for _ in 0..3 {
        session.receive_publish().await;
    }
    session.expect_closed().await;
}

#[tokio::test]
async fn changes_made_while_the_client_does_not_read_wait_for_it() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.connection_with_room_for(100);
    session.connect(&who, &hub.token(&who)).await;
    session.subscribe(&[(CHANGES, QoS::AtMostOnce)]).await;

    for number in 0..40 {
        hub.patch_desired(&who, json!({"number": number})).await;
    }

    for number in 0..40 {
        let (_, body) = session.receive_json().await;
        assert_eq!(body.unwrap()["number"], number);
    }
}
