//! CONNECT: who is let in, and how the others are told.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use support::client::{bytes_of, connect_of, publish};
use support::{RESPONSES, Someone, TestHub};
use twinhub_core::identities::Status;
use twinhub_core::keys::Key;
use twinhub_mqtt_codec::{
    ConnAck, Connect, ConnectReturnCode, Packet, PacketId, QoS, Subscribe, Subscription,
    TopicFilter, TopicName, Will,
};

#[tokio::test]
async fn device_and_module_are_let_in_by_their_tokens() {
    let hub = TestHub::new().await;

    for who in [
        hub.with_device("pump-7").await,
        hub.with_module("pump-8", "main").await,
    ] {
        let mut client = hub.session(&who).await;

        client.ping().await;
        assert!(hub.is_connected(&who));
    }
    assert_eq!(hub.admitted.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn connack_is_four_bytes() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;

    for (password, expected) in [
        (hub.token(&who), [0x20, 2, 0, 0]),
        ("x".to_owned(), [0x20, 2, 0, 5]),
    ] {
        let mut client = hub.connection();
        let connect = Packet::Connect(Box::new(connect_of(&who, &password)));
        client.send(connect).await;

        assert_eq!(client.receive_raw().await, expected);
    }
}

type Change = fn(&mut Connect);

#[tokio::test]
async fn whoever_proves_nothing_is_refused_with_5_and_stays_a_stranger() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let changes: [(&str, Change); 10] = [
        ("no password", |c| c.password = None),
        ("empty password", |c| c.password = Some(Bytes::new())),
        ("not text", |c| {
            c.password = Some(Bytes::from_static(b"\xff\xfe"))
        }),
        ("no token", |c| {
            c.password = Some(Bytes::from_static(b"secret"))
        }),
        ("no user name", |c| (c.username, c.password) = (None, None)),
        ("bad user name", |c| {
            c.username = Some("plant.example".into())
        }),
        ("other hub", |c| {
            c.username = Some("other.example/pump-7/?api-version=1".into());
        }),
        ("other client id", |c| c.client_id = "PUMP-7".into()),
        ("will for others", |c| {
            c.will = Some(will("devices/pump-8/messages/events/"))
        }),
        ("will for the twin", |c| {
            c.will = Some(will("$iothub/twin/GET/?$rid=1"))
        }),
    ];

    for (what, change) in changes {
        let mut connect = connect_of(&who, &hub.token(&who));
        change(&mut connect);
        let mut client = hub.connection();

        let refused = client.connect_with(connect).await;

        assert_eq!(refused, Err(ConnectReturnCode::NotAuthorized), "{what}");
        client.expect_closed().await;
    }
    assert_eq!(hub.admitted.load(Ordering::Relaxed), 0);
    assert!(!hub.is_connected(&who));
}

fn will(topic: &'static str) -> Will {
    Will {
        topic: TopicName::new(topic).unwrap(),
        payload: Bytes::from_static(b"gone"),
        qos: QoS::AtLeastOnce,
        retain: false,
    }
}

#[tokio::test]
async fn a_will_of_ones_own_is_accepted() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut connect = connect_of(&who, &hub.token(&who));
    connect.will = Some(will("devices/pump-7/messages/events/"));

    assert_eq!(hub.connection().connect_with(connect).await, Ok(false));
}

#[tokio::test]
async fn a_disabled_device_and_an_old_token_are_refused_with_5() {
    let hub = TestHub::new().await;
    let disabled = hub
        .put_device("off", Key::generate(), Key::generate(), Status::Disabled)
        .await;
    let who = hub.with_device("pump-7").await;
    let expired = hub.token_for(&who, Duration::ZERO);

    for (who, token) in [(&disabled, hub.token(&disabled)), (&who, expired)] {
        let refused = hub.connection().connect_with(connect_of(who, &token)).await;

        assert_eq!(refused, Err(ConnectReturnCode::NotAuthorized));
    }
}

#[tokio::test]
async fn another_protocol_level_is_refused_with_1() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut level_3 = connect_bytes(&hub, &who);
    let level = level_3.iter().position(|byte| *byte == 4).unwrap() + 5;
    assert_eq!(level_3[level], 4);
    level_3[level] = 3;
    let mut client = hub.connection();

    client.send_bytes(&level_3).await;

    let refused = ConnAck::Refused(ConnectReturnCode::UnacceptableProtocolVersion);
    assert_eq!(client.receive().await, Packet::ConnAck(refused));
    client.expect_closed().await;
}

#[tokio::test]
async fn a_hub_that_cannot_look_up_the_device_answers_3() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    hub.engine.close().await;

    let connect = connect_of(&who, &hub.token(&who));
    let mut connect_clean = connect.clone();
    connect_clean.clean_session = true;

    for connect in [connect, connect_clean] {
        let refused = hub.connection().connect_with(connect).await;
        assert_eq!(refused, Err(ConnectReturnCode::ServerUnavailable));
    }
}

#[tokio::test]
async fn what_comes_behind_connect_is_handled_after_connack() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let connect = Packet::Connect(Box::new(connect_of(&who, &hub.token(&who))));
    let subscribe = Packet::Subscribe(Subscribe {
        id: PacketId::MIN,
        subscriptions: vec![Subscription {
            filter: TopicFilter::new(RESPONSES).unwrap(),
            max_qos: QoS::AtMostOnce,
        }],
    });
    let get = publish("$iothub/twin/GET/?$rid=early", b"", None);
    let mut client = hub.connection();

    let all = bytes_of(&[connect, subscribe, get, Packet::PingReq]);
    client.send_bytes(&all).await;

    assert!(matches!(client.receive().await, Packet::ConnAck(_)));
    assert!(matches!(client.receive().await, Packet::SubAck(_)));
    let answer = client.receive_publish().await;
    assert_eq!(&*answer.topic, "$iothub/twin/res/200/?$rid=early");
    assert_eq!(client.receive().await, Packet::PingResp);
}

#[tokio::test]
async fn what_comes_behind_a_refused_connect_does_nothing() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let connect = Packet::Connect(Box::new(connect_of(&who, "wrong")));
    let topic = "$iothub/twin/PATCH/properties/reported/?$rid=1";
    let mut client = hub.connection();

    let all = bytes_of(&[connect, publish(topic, br#"{"sneaky":true}"#, None)]);
    client.send_bytes(&all).await;

    assert!(matches!(
        client.receive().await,
        Packet::ConnAck(ConnAck::Refused(_))
    ));
    client.expect_closed().await;
    assert_eq!(hub.reported(&who).await, serde_json::json!({}));
}

#[tokio::test]
async fn anything_but_connect_comes_first_only_once() {
    let hub = TestHub::new().await;

    for first in [
        bytes_of(&[Packet::PingReq]).to_vec(),
        bytes_of(&[Packet::Disconnect]).to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0; 64],
        // A CONNECT that announces a mebibyte.
        b"\x10\x80\x80\x40\x00\x04MQTT".to_vec(),
    ] {
        let mut client = hub.connection();

        client.send_bytes(&first).await;

        client.expect_closed().await;
    }
}

#[tokio::test]
async fn an_announced_model_is_in_the_twin() {
    let hub = TestHub::new().await;
    let who = hub.with_module("pump-7", "main").await;
    let mut connect = connect_of(&who, &hub.token(&who));
    connect.username = Some(format!("{}&model-id=dtmi:a:b;1", who.username()).into());

    hub.connection().connect_with(connect).await.unwrap();

    assert_eq!(hub.twin(&who).await.model_id, "dtmi:a:b;1");
}

fn connect_bytes(hub: &TestHub, who: &Someone) -> Vec<u8> {
    bytes_of(&[Packet::Connect(Box::new(connect_of(who, &hub.token(who))))]).to_vec()
}
