//! Tokens on `$cbs`, and what they open.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::atomic::Ordering;

use bytes::Bytes;
use support::talker::put_token;
use support::{HOST, HOUR, Plant};
use twinhub_amqp_engine::message::{Body, Message, MessageId};
use twinhub_amqp_engine::performatives::{Performative, Role};
use twinhub_amqp_engine::value::{Uuid, Value};
use twinhub_amqp_server::Settings;
use twinhub_core::time::Timestamp;

#[tokio::test]
async fn an_answer_follows_the_acceptance_and_has_the_requests_id_with_its_type() {
    let plant = Plant::new().await;
    let mut talker = plant.stranger().await;
    let token = plant.policy_token("service", HOST, HOUR);
    for id in [
        MessageId::Ulong(7),
        MessageId::Uuid(Uuid([7; 16])),
        MessageId::String("seven".into()),
        MessageId::Binary(Bytes::from_static(b"seven")),
    ] {
        let answer = talker.request(put_token(&token, id.clone())).await;

        assert!(answer.accepted_first);
        assert_eq!(answer.status, 200);
        let properties = answer.message.properties.unwrap();
        assert_eq!(properties.correlation_id, Some(id));
        let more = answer.message.application_properties.unwrap();
        assert!(more.get("status-description").unwrap().as_str().is_some());
        assert_eq!(more.get("error-condition"), None);
    }
    assert!(plant.admitted.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_bad_request_is_answered_and_the_connection_goes_on() {
    let plant = Plant::new().await;
    let mut talker = plant.stranger().await;
    let good = plant.policy_token("service", HOST, HOUR);
    let with = |name: &'static str, value: &'static str| {
        let mut request = put_token(&good, MessageId::Ulong(1));
        let properties = request.application_properties.take().unwrap();
        let changed = properties.into_iter().map(|(key, old)| {
            let value = if key.as_str() == Some(name) {
                Value::from(value)
            } else {
                old
            };
            (key, value)
        });
        request.application_properties = Some(changed.collect());
        request
    };
    let token = |text: &str| put_token(text, MessageId::Ulong(1));
    let requests = [
        (400, Message::default()),
        (400, with("operation", "delete-token")),
        (
            400,
            Message {
                body: Body::Value(Value::Null),
                ..token("")
            },
        ),
        (401, with("type", "jwt")),
        (401, token("")),
        (401, token("SharedAccessSignature sr=x&sig=y&se=1")),
        (401, token(&plant.policy_token("service", HOST, 0))),
        (401, token(&good.replace("&se=", "&se=9"))),
        (401, token(&good.replace("skn=service", "skn=device"))),
        (
            401,
            token(&plant.policy_token("service", "other.example", HOUR)),
        ),
    ];

    for (status, request) in requests {
        let answer = talker.request(request).await;

        assert_eq!(answer.status, status);
        let properties = answer.message.application_properties.unwrap();
        assert!(
            properties
                .get("status-description")
                .unwrap()
                .as_str()
                .is_some()
        );
        assert!(
            properties
                .get("error-condition")
                .unwrap()
                .as_symbol()
                .is_some()
        );
    }
    assert!(!plant.admitted.load(Ordering::Relaxed));
    assert_eq!(talker.put_token(&good).await, 200);
}

#[tokio::test]
async fn an_attach_right_behind_its_token_waits_for_the_verdict() {
    let plant = Plant::new().await;
    let mut talker = plant.stranger().await;
    let token = plant.device_token("pump", HOUR).await;
    talker.attach_cbs().await;

    talker
        .post_request(&put_token(&token, MessageId::Ulong(1)))
        .await;
    talker.ask_for(0, 0, Role::Sender, "devices/pump/in").await;

    talker.attached(0).await.unwrap();
}

#[tokio::test]
async fn without_a_token_nothing_but_cbs_can_be_attached() {
    let plant = Plant::new().await;
    let mut talker = plant.stranger().await;

    let refused = talker.attach(0, Role::Sender, "entity").await.unwrap_err();

    assert_eq!(refused.condition, "amqp:unauthorized-access");
    let description = refused.description.unwrap();
    let description: serde_json::Value = serde_json::from_str(&description).unwrap();
    assert_eq!(description["errorCode"], 401_002);
    talker.attach_cbs().await;
}

#[tokio::test]
async fn one_connection_serves_several_identities_and_each_alone() {
    let plant = Plant::new().await;
    let mut talker = plant.stranger().await;
    plant.device_token("valve", HOUR).await;
    for id in ["pump", "fan"] {
        let token = plant.device_token(id, HOUR).await;
        assert_eq!(talker.put_token(&token).await, 200);
    }

    let mut attached = Vec::new();
    for (handle, address) in (0..).zip([
        "devices/pump/in",
        "devices/fan/in",
        "devices/valve/in",
        "entity",
    ]) {
        attached.push(talker.attach(handle, Role::Sender, address).await.is_ok());
    }

    assert_eq!(attached, [true, true, false, false]);
}

#[tokio::test]
async fn a_policy_opens_what_its_rights_are_for() {
    let plant = Plant::new().await;
    plant.device_token("pump", HOUR).await;
    let address = ["devices/pump/in", "entity"];
    for (policy, expected) in [
        ("device", [true, false]),
        ("service", [false, true]),
        ("registryRead", [false, false]),
        ("iothubowner", [true, true]),
    ] {
        let mut talker = plant.connected(policy).await;

        let device = talker.attach(0, Role::Sender, address[0]).await.is_ok();
        let entity = talker.attach(1, Role::Sender, address[1]).await.is_ok();

        assert_eq!([device, entity], expected, "{policy}");
    }
}

#[tokio::test]
async fn readers_tokens_are_signed_with_the_keys_text_and_for_a_path_in_any_case() {
    let plant = Plant::new().await;
    let mut talker = plant.stranger().await;
    let resource = format!("sb://{HOST}/Entity/consumergroups/$Default");
    let token = plant.readers_token("service", &resource);

    assert_eq!(talker.put_token(&token).await, 200);

    let below = "entity/ConsumerGroups/$default/Partitions/0";
    talker.attach(0, Role::Sender, below).await.unwrap();
    let beside = talker
        .attach(1, Role::Sender, "entity/ConsumerGroups/other")
        .await;
    assert_eq!(beside.unwrap_err().condition, "amqp:unauthorized-access");
}

#[tokio::test]
async fn a_newer_token_for_the_same_replaces_the_older() {
    let plant = Plant::new().await;
    let mut talker = plant.stranger().await;
    plant.device_token("pump", HOUR).await;
    let resource = format!("{HOST}/devices/pump");

    for life in [HOUR, 2 * HOUR] {
        let token = plant.policy_token("device", &resource, life);
        assert_eq!(talker.put_token(&token).await, 200);
    }
    talker
        .attach(0, Role::Sender, "devices/pump/in")
        .await
        .unwrap();

    let expires = plant.rooms.expires.lock().unwrap().unwrap();
    assert!(expires >= Timestamp::from_unix_seconds(1_800_000_000 + 2 * HOUR));
    // The first one's time is over, and that changes nothing.
    plant.clock.set_forward(HOUR + 1);
    talker
        .attach(1, Role::Sender, "devices/pump/in")
        .await
        .unwrap();
    plant.clock.set_forward(HOUR);
    let refused = talker.attach(2, Role::Sender, "devices/pump/in").await;
    assert_eq!(refused.unwrap_err().condition, "amqp:unauthorized-access");
}

#[tokio::test]
async fn a_connection_holds_so_many_tokens_and_no_more() {
    let plant = Plant::with(Settings {
        max_tokens: 2,
        ..Settings::default()
    })
    .await;
    let mut talker = plant.stranger().await;
    let token = |device: &str, life| {
        plant.policy_token("device", &format!("{HOST}/devices/{device}"), life)
    };
    assert_eq!(talker.put_token(&token("a", HOUR)).await, 200);
    assert_eq!(talker.put_token(&token("b", 10)).await, 200);

    assert_eq!(talker.put_token(&token("c", HOUR)).await, 403);

    // A renewal takes no place, and what has expired makes room.
    assert_eq!(talker.put_token(&token("a", 2 * HOUR)).await, 200);
    plant.clock.set_forward(11);
    assert_eq!(talker.put_token(&token("c", HOUR)).await, 200);
}

#[tokio::test]
async fn each_session_may_have_a_pair_of_its_own() {
    let plant = Plant::new().await;
    let mut talker = plant.stranger().await;
    let token = plant.policy_token("service", HOST, HOUR);
    assert_eq!(talker.put_token(&token).await, 200);
    talker.begin(1).await;
    talker.ask_for(1, 0, Role::Sender, "$cbs").await;
    talker.attached(0).await.unwrap();
    talker.ask_for(1, 1, Role::Receiver, "$cbs").await;
    talker.attached(1).await.unwrap();

    assert_eq!(talker.put_token(&token).await, 200);
    talker.attach(2, Role::Sender, "entity").await.unwrap();
}

#[tokio::test]
async fn a_flood_of_requests_without_a_taker_of_answers_ends_the_link() {
    let plant = Plant::new().await;
    let mut talker = plant.stranger().await;
    talker.attach(100, Role::Sender, "$cbs").await.unwrap();
    let mut payload = bytes::BytesMut::new();
    Message::default().encode(&mut payload).unwrap();
    let payload = payload.freeze();

    for _ in 0..66 {
        talker.post(0, 100, payload.clone()).await;
    }

    let error = talker.detached().await.unwrap();
    assert_eq!(error.condition, "amqp:resource-limit-exceeded");
    // What was answered is there for whoever takes it.
    talker.attach(0, Role::Receiver, "$cbs").await.unwrap();
    talker.credit(0, 100).await;
    for _ in 0..64 {
        talker
            .until(|told| matches!(told, Performative::Transfer(_)))
            .await;
    }
}

#[tokio::test]
async fn answers_that_wait_keep_little_of_what_was_asked() {
    let plant = Plant::new().await;
    let mut talker = plant.stranger().await;
    let long = "\u{1}".repeat(6000);
    let mut request = put_token("", MessageId::String(long.clone().into()));
    let properties = request.application_properties.take().unwrap();
    let changed = properties.into_iter().map(|(key, old)| match key.as_str() {
        Some("type") => (key, Value::from(long.clone())),
        _ => (key, old),
    });
    request.application_properties = Some(changed.collect());

    let answer = talker.request(request).await;

    let mut encoded = bytes::BytesMut::new();
    answer.message.encode(&mut encoded).unwrap();
    assert!(encoded.len() < 1000, "{} bytes", encoded.len());
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_request_larger_than_any_token_ends_the_link() {
    let plant = Plant::new().await;
    let mut talker = plant.stranger().await;

    let request = put_token(&"x".repeat(20_000), MessageId::Ulong(1));
    talker.post_request(&request).await;

    let error = talker.detached().await.unwrap();
    assert_eq!(error.condition, "amqp:link:message-size-exceeded");
}

#[tokio::test]
async fn a_good_token_for_something_else_is_said_to_be_that() {
    let plant = Plant::new().await;
    let mut talker = plant.stranger().await;
    let token = plant.device_token("pump", HOUR).await;
    plant.device_token("valve", HOUR).await;
    assert_eq!(talker.put_token(&token).await, 200);
    for (handle, address) in (0..).zip(["devices/valve/in", "entity"]) {
        let refused = talker.attach(handle, Role::Sender, address).await;

        let description = refused.unwrap_err().description.unwrap();
        assert!(description.contains("does not cover"), "{description}");
    }
}
