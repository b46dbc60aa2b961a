//! Questions about the entity and its partitions.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use bytes::Bytes;
use support::client::{Client, Event, link};
use support::{NOW, TestHub};
use twinhub_amqp_engine::message::{Body, Message, MessageId, Properties};
use twinhub_amqp_engine::performatives::{DeliveryState, Role};
use twinhub_amqp_engine::value::{Array, Map, Timestamp, Uuid, Value};

fn request(
    id: impl Into<Option<MessageId>>,
    properties: &[(&'static str, &'static str)],
) -> Message {
    let mut application = Map::new();
    for (name, value) in properties {
        application.push(*name, *value);
    }
    Message {
        properties: Some(Properties {
            message_id: id.into(),
            ..Properties::default()
        }),
        application_properties: Some(application),
        body: Body::Data(vec![Bytes::from_static(b"[]")]),
        ..Message::default()
    }
}

const ENTITY: [(&str, &str); 3] = [
    ("operation", "READ"),
    ("type", "com.microsoft:eventhub"),
    ("name", "plant"),
];

fn about_partition(partition: &'static str) -> Message {
    let properties = [
        ("operation", "READ"),
        ("type", "com.microsoft:partition"),
        ("name", "plant"),
        ("partition", partition),
    ];
    request(MessageId::String("p".into()), &properties)
}

async fn ask(client: &mut Client, sender: u32, request: &Message) -> Event {
    client.tell(sender, request).await;
    assert_eq!(client.outcome().await, DeliveryState::Accepted);
    client.event().await
}

fn status(answer: &Event) -> Value {
    let properties = answer.message.application_properties.as_ref().unwrap();
    assert!(
        properties
            .get("status-description")
            .unwrap()
            .as_str()
            .is_some()
    );
    properties.get("status-code").cloned().unwrap()
}

fn entries(answer: &Event) -> Vec<(String, Value)> {
    let Body::Value(Value::Map(map)) = &answer.message.body else {
        panic!("{answer:?} has no map");
    };
    map.iter()
        .map(|(key, value)| (key.as_str().unwrap().to_owned(), value.clone()))
        .collect()
}

fn entry(name: &str, value: impl Into<Value>) -> (String, Value) {
    (name.to_owned(), value.into())
}

#[tokio::test]
async fn the_entity_is_described_in_the_types_that_clients_cast_to() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;
    let (sender, _) = client.pair("$management", "$management").await;

    let id = MessageId::Uuid(Uuid([7; 16]));
    let answer = ask(&mut client, sender, &request(id.clone(), &ENTITY)).await;

    assert_eq!(status(&answer), Value::Int(200));
    let properties = answer.message.properties.clone().unwrap();
    assert_eq!(properties.correlation_id, Some(id));
    let expected = [
        entry("name", "Plant"),
        entry("type", "com.microsoft:eventhub"),
        entry("created_at", Timestamp(i64::try_from(NOW).unwrap() * 1000)),
        entry("partition_count", 2_i32),
        entry(
            "partition_ids",
            Array::of_strings(["0".to_owned(), "1".to_owned()]),
        ),
        entry("georeplication_factor", 1_i32),
    ];
    let mut entries = entries(&answer);
    // To the second: opening the hub takes a moment.
    if let Value::Timestamp(Timestamp(millis)) = &mut entries[2].1 {
        *millis -= *millis % 1000;
    }
    assert_eq!(entries, expected);
}

#[tokio::test]
async fn an_empty_partition_has_no_last_event() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;
    let (sender, _) = client.pair("$management", "$management").await;

    let answer = ask(&mut client, sender, &about_partition("1")).await;

    let expected = [
        entry("name", "Plant"),
        entry("type", "com.microsoft:partition"),
        entry("partition", "1"),
        entry("begin_sequence_number", 0_i64),
        entry("last_enqueued_sequence_number", -1_i64),
        entry("last_enqueued_offset", "-1"),
        entry("last_enqueued_time_utc", Timestamp(-62_135_596_800_000)),
        entry("is_partition_empty", true),
    ];
    assert_eq!(entries(&answer), expected);
}

#[tokio::test]
async fn a_partition_tells_of_its_first_and_last_event() {
    let hub = TestHub::new().await;
    hub.store(&["one", "two"]).await;
    let mut client = hub.client().await;
    let (sender, _) = client.pair("Plant/$management", "$management").await;

    let answer = ask(&mut client, sender, &about_partition("0")).await;

    let entries = entries(&answer);
    assert!(entries.contains(&entry("begin_sequence_number", 0_i64)));
    assert!(entries.contains(&entry("last_enqueued_sequence_number", 1_i64)));
    assert!(entries.contains(&entry("is_partition_empty", false)));
}

#[tokio::test]
async fn every_request_is_answered_also_one_that_makes_no_sense() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;
    let (sender, _) = client.pair("$management", "$management").await;
    let changed = |at: usize, value: &'static str| {
        let mut properties = ENTITY;
        properties[at].1 = value;
        request(MessageId::Ulong(1), &properties)
    };
    for (request, expected) in [
        (changed(0, "DELETE"), 400),
        (changed(1, "com.microsoft:cat"), 400),
        (changed(2, "other"), 404),
        (request(MessageId::Ulong(1), &ENTITY[..1]), 400),
        (request(None, &[]), 400),
        (Message::default(), 400),
        (about_partition("2"), 404),
        (about_partition(""), 404),
    ] {
        let id = request.properties.clone().unwrap_or_default().message_id;
        let answer = ask(&mut client, sender, &request).await;

        assert_eq!(status(&answer), Value::Int(expected), "{request:?}");
        let properties = answer.message.properties.unwrap_or_default();
        assert_eq!(properties.correlation_id, id);
    }
}

#[tokio::test]
async fn what_can_not_be_read_is_rejected() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;
    let (sender, _) = client.pair("$management", "$management").await;

    client
        .transfer(sender, Bytes::from_static(b"\xff\xff"))
        .await;

    let outcome = client.outcome().await;
    assert!(matches!(outcome, DeliveryState::Rejected(_)), "{outcome:?}");
}

#[tokio::test]
async fn each_of_several_pairs_gets_its_own_answers() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;
    let mut pairs = Vec::new();
    for reply_to in ["$management", "$management", "mine"] {
        pairs.push(client.pair("$management", reply_to).await);
    }

    for (sender, receiver) in pairs.iter().rev() {
        let answer = ask(&mut client, *sender, &request(None, &ENTITY)).await;

        assert_eq!(answer.handle, *receiver);
    }

    let mut named = request(None, &ENTITY);
    named.properties.as_mut().unwrap().reply_to = Some("mine".into());
    let answer = ask(&mut client, pairs[0].0, &named).await;
    assert_eq!(answer.handle, pairs[2].1);

    // The last links of the connection go, and others come.
    for (sender, receiver) in pairs {
        client.detach(sender).await;
        client.detach(receiver).await;
    }
    let (sender, receiver) = client.pair("$management", "again").await;
    let answer = ask(&mut client, sender, &request(None, &ENTITY)).await;
    assert_eq!(answer.handle, receiver);
}

#[tokio::test]
async fn whoever_asks_on_and_takes_no_answers_loses_the_link() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;
    let (sender, receiver) = client.pair("$management", "$management").await;
    client.credit(receiver, 0, 0).await;

    for _ in 0..65 {
        client.tell(sender, &request(None, &ENTITY)).await;
        client.outcome().await;
    }

    let error = client.detached(sender).await.unwrap();
    assert_eq!(error.condition, "amqp:resource-limit-exceeded");
}

#[tokio::test(start_paused = true)]
async fn questions_on_an_expired_token_are_answered_with_401() {
    let hub = TestHub::new().await;
    let mut client = hub.client_with(&hub.token_for("service", 5)).await;
    let (sender, _) = client.pair("$management", "$management").await;

    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    let answer = ask(&mut client, sender, &request(None, &ENTITY)).await;

    assert_eq!(status(&answer), Value::Int(401));
}

#[tokio::test]
async fn whoever_has_no_right_is_told_so_in_an_answer() {
    let hub = TestHub::new().await;
    let mut client = hub.client_with(&hub.token("registryRead")).await;
    let (sender, _) = client.pair("$management", "$management").await;

    let answer = ask(&mut client, sender, &request(None, &ENTITY)).await;

    assert_eq!(status(&answer), Value::Int(401));
    assert_eq!(answer.message.body, Body::Value(Value::Null));
}

#[tokio::test]
async fn a_certificate_that_has_opened_nothing_opens_no_links() {
    let hub = TestHub::new().await;
    let mut client = hub.stranger_with_a_certificate().await;
    for address in ["$management", "Plant/$management"] {
        for role in [Role::Sender, Role::Receiver] {
            let attach = link(&format!("{address} {role:?}"), role, address);

            let error = client.attach(attach).await.unwrap_err();

            assert_eq!(error.condition, "amqp:unauthorized-access", "{address}");
        }
    }
}

#[tokio::test]
async fn a_question_longer_than_any_ends_the_link() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;
    let (sender, _) = client.pair("$management", "$management").await;
    let mut long = request(None, &ENTITY);
    long.body = Body::Data(vec![Bytes::from(vec![b' '; 16 * 1024])]);

    client.tell(sender, &long).await;

    let error = client.detached(sender).await.unwrap();
    assert_eq!(error.condition, "amqp:link:message-size-exceeded");
}

#[tokio::test]
async fn an_answer_repeats_no_long_id() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;
    let (sender, _) = client.pair("$management", "$management").await;
    let id = MessageId::String("i".repeat(8 * 1024).into());

    let answer = ask(&mut client, sender, &request(id, &ENTITY)).await;

    assert_eq!(status(&answer), Value::Int(200));
    let properties = answer.message.properties.unwrap_or_default();
    assert_eq!(properties.correlation_id, None);
}

#[tokio::test]
async fn whoever_signs_for_another_entity_is_told_that_it_is_not_there() {
    let hub = TestHub::new().await;
    let token = hub.event_hubs_token(&format!("sb://{}/other", support::HOST));
    let mut client = hub.client_with(&token).await;
    let (sender, _) = client.pair("$management", "$management").await;
    let mut about_other = ENTITY;
    about_other[2].1 = "other";

    let answer = ask(&mut client, sender, &request(None, &about_other)).await;

    assert_eq!(status(&answer), Value::Int(404));
}

#[tokio::test]
async fn an_entity_that_is_not_there_has_nobody_to_ask() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;
    let attach = link("curious", Role::Sender, "other/$management");

    let error = client.attach(attach).await.unwrap_err();

    assert_eq!(error.condition, "amqp:not-found");
}
