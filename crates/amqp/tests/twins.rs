//! Twins: requests, answers and changes on a pair of links.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value as Json, json};
use support::client::{Client, Received};
use support::{TestHub, path};
use twinhub_amqp_engine::message::{Body, Message, MessageId, Properties};
use twinhub_amqp_engine::performatives::{Attach, DeliveryState, Detach};
use twinhub_amqp_engine::value::{Map, Symbol, Uuid, Value};
use twinhub_core::ids::IdentityId;

const DESIRED: &str = "/notifications/twin/properties/desired";
const MOMENT: Duration = Duration::from_millis(150);

/// A pair of links about the twin.
#[derive(Clone, Copy)]
struct Twin {
    requests: u32,
    answers: u32,
}

fn channel(text: &'static str) -> impl Fn(&mut Attach) {
    move |attach| {
        let name = Symbol::from_static("com.microsoft:channel-correlation-id");
        attach.properties = Map::new().with(name, text);
    }
}

async fn twin_of(client: &mut Client, id: &IdentityId, channel_id: &'static str) -> Twin {
    let address = format!("{}/twin", path(id));
    let change = channel(channel_id);
    let (requests, _) = client.sender_with(&address, &change).await.unwrap();
    let answers = client.receiver(&address, &change).await.unwrap();
    client.credit(answers, 50).await;
    Twin { requests, answers }
}

fn request(correlation: MessageId, operation: &'static str, resource: &'static str) -> Message {
    let annotation = |name| Symbol::from_static(name);
    let mut annotations = Map::new().with(annotation("operation"), operation);
    if !resource.is_empty() {
        annotations.push(annotation("resource"), resource);
    }
    Message {
        properties: Some(Properties {
            correlation_id: Some(correlation),
            ..Properties::default()
        }),
        message_annotations: annotations,
        body: Body::Data(vec![Bytes::from_static(b" ")]),
        ..Message::default()
    }
}

fn report(correlation: u64, body: &str) -> Message {
    Message {
        body: Body::Data(vec![Bytes::copy_from_slice(body.as_bytes())]),
        ..request(
            MessageId::Ulong(correlation),
            "PATCH",
            "/properties/reported",
        )
    }
}

fn correlation(received: &Received) -> Option<MessageId> {
    let properties = received.message.properties.as_ref()?;
    properties.correlation_id.clone()
}

fn annotation<'a>(received: &'a Received, name: &str) -> Option<&'a Value> {
    received.message.message_annotations.get(name)
}

fn status(received: &Received) -> Option<i32> {
    match annotation(received, "status")? {
        Value::Int(status) => Some(*status),
        other => panic!("{other:?} is no int"),
    }
}

fn json_of(received: &Received) -> Json {
    serde_json::from_slice(received.body()).unwrap()
}

async fn ask(client: &mut Client, twin: Twin, message: &Message) -> Received {
    client.post(twin.requests, message, true).await;
    client.receive(twin.answers).await
}

async fn subscribe(client: &mut Client, twin: Twin) {
    let put = request(MessageId::Ulong(1), "PUT", DESIRED);
    let answer = ask(client, twin, &put).await;
    assert_eq!(status(&answer), Some(200));
}

#[tokio::test]
async fn the_twin_is_read_under_the_correlation_of_the_request() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    hub.patch_desired(&id, json!({"interval": 5})).await;
    let mut client = hub.connected_as(&id).await;
    let twin = twin_of(&mut client, &id, "twin:1").await;
    for asked in [
        MessageId::String("GetX".into()),
        MessageId::Uuid(Uuid([7; 16])),
        MessageId::Ulong(7),
    ] {
        let answer = ask(&mut client, twin, &request(asked.clone(), "GET", "")).await;

        assert_eq!(correlation(&answer), Some(asked));
        assert!(answer.settled);
        assert_eq!(status(&answer), Some(200));
        let expected = json!({
            "desired": {"interval": 5, "$version": 2},
            "reported": {"$version": 1},
        });
        assert_eq!(json_of(&answer), expected);
    }
}

#[tokio::test]
async fn what_is_reported_is_stored_and_its_version_told() {
    let hub = TestHub::new().await;
    let module = hub.with_module("pump-7", "main").await;
    let mut client = hub.connected_as(&module).await;
    let twin = twin_of(&mut client, &module, "twin:1").await;

    let answer = ask(&mut client, twin, &report(7, r#"{"speed":3}"#)).await;

    assert_eq!(status(&answer), Some(204));
    assert_eq!(annotation(&answer, "version"), Some(&Value::Long(2)));
    assert_eq!(hub.reported(&module).await, json!({"speed": 3}));
}

#[tokio::test]
async fn an_unsettled_request_is_settled() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let twin = twin_of(&mut client, &id, "twin:1").await;

    let state = client.send(twin.requests, &report(7, "{}")).await;

    assert_eq!(state, DeliveryState::Accepted);
    assert_eq!(status(&client.receive(twin.answers).await), Some(204));
    let nameless = Message {
        properties: None,
        ..report(7, "{}")
    };
    let state = client.send(twin.requests, &nameless).await;
    assert!(matches!(state, DeliveryState::Rejected(_)));
}

#[tokio::test]
async fn refused_requests_have_a_status_and_a_json_body() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let twin = twin_of(&mut client, &id, "twin:1").await;
    let stale = {
        let mut message = report(7, r#"{"a":1}"#);
        let version = Symbol::from_static("version");
        message.message_annotations.push(version, 7_i64);
        message
    };
    for (message, code) in [
        (request(MessageId::Ulong(7), "POST", ""), 400_004),
        (report(7, "{"), 400_006),
        (report(7, "[]"), 400_004),
        (report(7, r#"{"$a":1}"#), 400_004),
        (stale, 412_001),
    ] {
        let answer = ask(&mut client, twin, &message).await;

        assert_eq!(status(&answer), Some(code / 1000));
        assert_eq!(correlation(&answer), Some(MessageId::Ulong(7)));
        assert_eq!(json_of(&answer)["errorCode"], code);
    }

    assert_eq!(hub.reported(&id).await, json!({}));
}

#[tokio::test]
async fn changes_are_told_from_put_to_delete_without_correlation() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let twin = twin_of(&mut client, &id, "twin:1").await;
    hub.patch_desired(&id, json!({"a": 1})).await;
    assert!(client.is_quiet(twin.answers, MOMENT).await);

    subscribe(&mut client, twin).await;
    hub.patch_desired(&id, json!({"a": 2})).await;
    let change = client.receive(twin.answers).await;
    let delete = request(MessageId::Ulong(9), "DELETE", DESIRED);
    let answer = ask(&mut client, twin, &delete).await;
    hub.patch_desired(&id, json!({"a": 3})).await;

    assert_eq!(correlation(&change), None);
    assert_eq!(json_of(&change), json!({"a": 2, "$version": 3}));
    assert_eq!(annotation(&change, "version"), Some(&Value::Long(3)));
    assert_eq!(status(&change), None);
    assert!(change.settled);
    assert_eq!(status(&answer), Some(200));
    assert!(client.is_quiet(twin.answers, MOMENT).await);
}

#[tokio::test]
async fn answers_and_changes_wait_for_credit_in_their_order() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let twin = twin_of(&mut client, &id, "twin:1").await;
    subscribe(&mut client, twin).await;
    client.credit(twin.answers, 0).await;

    client.send(twin.requests, &report(1, "{}")).await;
    tokio::time::sleep(MOMENT).await;
    hub.patch_desired(&id, json!({"a": 1})).await;
    tokio::time::sleep(MOMENT).await;
    client.send(twin.requests, &report(2, "{}")).await;
    assert!(client.is_quiet(twin.answers, MOMENT).await);
    client.credit(twin.answers, 3).await;

    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(correlation(&client.receive(twin.answers).await));
    }
    assert_eq!(
        told,
        [Some(MessageId::Ulong(1)), None, Some(MessageId::Ulong(2))]
    );
}

#[tokio::test]
async fn who_takes_no_answers_is_detached_before_many_wait() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let twin = twin_of(&mut client, &id, "twin:1").await;
    client.credit(twin.answers, 0).await;

    for number in 0..65 {
        let get = request(MessageId::Ulong(number), "GET", "");
        client.post(twin.requests, &get, true).await;
    }

    for link in [twin.requests, twin.answers] {
        let error = client.detached(link).await.unwrap();
        assert_eq!(error.condition, "amqp:resource-limit-exceeded");
    }
}

#[tokio::test]
async fn what_waits_is_bounded_in_bytes_too() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let large: serde_json::Map<String, Json> = names
        .map(|name| (name.to_owned(), json!("x".repeat(4000))))
        .into_iter()
        .collect();
    hub.patch_desired(&id, large.clone().into()).await;
    let mut client = hub.connected_as(&id).await;
    let twin = twin_of(&mut client, &id, "twin:1").await;
    let report = report(1, &Json::Object(large).to_string());
    assert_eq!(status(&ask(&mut client, twin, &report).await), Some(204));
    client.credit(twin.answers, 0).await;

    for number in 0..20 {
        let get = request(MessageId::Ulong(number), "GET", "");
        client.post(twin.requests, &get, true).await;
    }

    let error = client.detached(twin.answers).await.unwrap();
    assert_eq!(error.condition, "amqp:resource-limit-exceeded");
}

#[tokio::test]
async fn a_newer_pair_replaces_the_older() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let older = twin_of(&mut client, &id, "twin:1").await;

    let newer = twin_of(&mut client, &id, "twin:2").await;

    for link in [older.requests, older.answers] {
        let error = client.detached(link).await.unwrap();
        assert_eq!(error.condition, "amqp:link:stolen");
    }
    let get = request(MessageId::Ulong(7), "GET", "");
    assert_eq!(status(&ask(&mut client, newer, &get).await), Some(200));
}

#[tokio::test]
async fn links_without_a_channel_are_paired_by_their_session() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let address = format!("{}/twin", path(&id));
    let (requests, _) = client
        .sender_with(&address, channel("uuid-1"))
        .await
        .unwrap();
    let answers = client.receiver(&address, channel("uuid-2")).await.unwrap();
    client.credit(answers, 5).await;
    let twin = Twin { requests, answers };

    let get = request(MessageId::Ulong(7), "GET", "");

    assert_eq!(status(&ask(&mut client, twin, &get).await), Some(200));
}

#[tokio::test]
async fn a_subscription_ends_with_its_link() {
    let hub = TestHub::new().await;
    let id = hub.with_device("pump-7").await;
    let mut client = hub.connected_as(&id).await;
    let twin = twin_of(&mut client, &id, "twin:1").await;
    subscribe(&mut client, twin).await;

    // In one go: the hub sees the new link before it misses the old one.
    let detach = Detach {
        handle: twin.answers,
        closed: true,
        error: None,
    };
    client.say(detach).await;
    let address = format!("{}/twin", path(&id));
    let answers = client.receiver(&address, channel("twin:1")).await.unwrap();
    client.credit(answers, 5).await;
    hub.patch_desired(&id, json!({"a": 1})).await;

    assert!(client.is_quiet(answers, MOMENT).await);
    let get = request(MessageId::Ulong(7), "GET", "");
    let twin = Twin { answers, ..twin };
    assert_eq!(status(&ask(&mut client, twin, &get).await), Some(200));
}
