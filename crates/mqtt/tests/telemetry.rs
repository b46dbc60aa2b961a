//! Telemetry: into the log, and acknowledged once it is there.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::time::Duration;

use support::client::{Client, bytes_of, connect_of, publish};
use support::{RESPONSES, Someone, TestHub};
use tokio::time::Instant;
use twinhub_core::access::AuthScope;
use twinhub_core::events::{Event, EventSource};
use twinhub_core::messages::{MAX_DEVICE_TO_CLOUD, SystemProperty};
use twinhub_core::ports::LogError;
use twinhub_mqtt::Settings;
use twinhub_mqtt_codec::{Delivery, Packet, PacketId, QoS, TopicName, Will};

fn events_of(who: &Someone) -> String {
    format!("{}/messages/events/", who.path())
}

fn puback(id: u16) -> Packet {
    Packet::PubAck(PacketId::new(id).unwrap())
}

/// Sends messages of QoS 1 in one write: `from`, `from + 1`, ...
async fn send_messages(client: &mut Client, topic: &str, ids: std::ops::RangeInclusive<u16>) {
    let messages: Vec<Packet> = ids
        .map(|id| publish(topic, id.to_string().as_bytes(), Some(id)))
        .collect();
    client.send_bytes(&bytes_of(&messages)).await;
}

async fn expect_pubacks(client: &mut Client, ids: std::ops::RangeInclusive<u16>) {
    for id in ids {
        assert_eq!(client.receive().await, puback(id));
    }
}

/// Lets the hub do what it can do now.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

fn application(event: &Event) -> Vec<(&str, Option<&str>)> {
    let properties = event.message.application.iter();
    properties
        .map(|(name, value)| (&**name, value.as_deref()))
        .collect()
}

fn bodies(events: &[Event]) -> Vec<&str> {
    let bodies = events.iter().map(|event| &*event.message.body);
    bodies
        .map(|body| std::str::from_utf8(body).unwrap())
        .collect()
}

#[tokio::test]
async fn a_message_arrives_with_its_properties_and_its_sender() {
    let hub = TestHub::new().await;
    let who = hub.with_module("pump-7", "main").await;
    let mut session = hub.session(&who).await;

    let topic = format!("{}$.mid=m-1&hall=7&%24.ct=a%2Fb&flag/", events_of(&who));
    session.send(publish(&topic, b"{}", Some(1))).await;
    assert_eq!(session.receive().await, puback(1));

    let [event] = &hub.log.events()[..] else {
        panic!("one message is one event");
    };
    assert_eq!(event.origin.identity, who.id);
    assert_eq!(event.origin.generation, who.generation);
    assert_eq!(event.origin.source, EventSource::Telemetry);
    let method = event.origin.auth_method.unwrap();
    assert_eq!(method.scope, AuthScope::Module);
    assert_eq!(event.message.system(SystemProperty::MessageId), Some("m-1"));
    assert_eq!(
        event.message.system(SystemProperty::ContentType),
        Some("a/b")
    );
    assert_eq!(application(event), [("hall", Some("7")), ("flag", None)]);
    assert_eq!(&event.message.body[..], b"{}");
}

#[tokio::test]
async fn messages_of_qos_0_are_stored_and_not_acknowledged() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;

    session.publish(&events_of(&who), b"a").await;
    session.ping().await;

    assert_eq!(bodies(&hub.log.events()), ["a"]);
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_durable_and_more_is_read_meanwhile() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    hub.log.stick();

    send_messages(&mut session, &events_of(&who), 1..=3).await;
    session.ping().await;
    send_messages(&mut session, &events_of(&who), 4..=5).await;
    session.ping().await;
    assert_eq!(hub.log.waiting(), 5);

    hub.log.store(2);
    expect_pubacks(&mut session, 1..=2).await;
    session.ping().await;
    hub.log.go_on();
    expect_pubacks(&mut session, 3..=5).await;
}

#[tokio::test]
async fn the_same_and_other_topics_in_turn_keep_their_own_properties() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    let topics = ["a=1", "a=1", "a=1", "a=2", "a=1", "", "", "", "a=2", "a=2"];

    for (id, bag) in (1..).zip(topics) {
        let topic = format!("{}{bag}", events_of(&who));
        session.send(publish(&topic, b"", Some(id))).await;
        assert_eq!(session.receive().await, puback(id));
    }

    let events = hub.log.events();
    let stored: Vec<_> = events.iter().map(|event| application(event)).collect();
    let sent = topics.map(|bag| match bag.split_once('=') {
        Some((name, value)) => vec![(name, Some(value))],
        None => vec![],
    });
    assert_eq!(stored, sent);
}

#[tokio::test]
async fn pubacks_of_twin_requests_and_method_answers_wait_for_telemetry_before_them() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    session.subscribe(&[(RESPONSES, QoS::AtMostOnce)]).await;
    hub.log.stick();

    let telemetry = events_of(&who);
    let packets = [
        publish(&telemetry, b"a", Some(11)),
        publish("$iothub/methods/res/200/?$rid=1", b"", Some(12)),
        publish("$iothub/twin/GET/?$rid=1", b"", Some(13)),
        publish(&telemetry, b"b", Some(14)),
        publish("$iothub/methods/res/200/?$rid=2", b"", Some(15)),
    ];
    session.send_bytes(&bytes_of(&packets)).await;
    a_moment().await;
    assert_eq!(
        hub.log.waiting(),
        1,
        "the twin request waits, and what is behind it"
    );
    hub.log.go_on();

    expect_pubacks(&mut session, 11..=13).await;
    assert_eq!(
        session.receive_json().await.0,
        "$iothub/twin/res/200/?$rid=1"
    );
    expect_pubacks(&mut session, 14..=15).await;
}

#[tokio::test]
async fn a_full_sender_leaves_the_client_unread_and_loses_nothing() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    hub.log.stick();
    hub.log.has_room_for(3);

    send_messages(&mut session, &events_of(&who), 1..=10).await;
    a_moment().await;
    assert_eq!(hub.log.waiting(), 3);
    hub.log.store(1);
    expect_pubacks(&mut session, 1..=1).await;
    a_moment().await;
    assert_eq!(hub.log.waiting(), 3);
    hub.log.go_on();

    expect_pubacks(&mut session, 2..=10).await;
    assert_eq!(
        bodies(&hub.log.events()),
        ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]
    );
    session.ping().await;
}

#[tokio::test]
async fn a_sender_with_nothing_on_its_way_waits_for_room_that_others_take() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    hub.log.has_room_for(0);
    send_messages(&mut session, &events_of(&who), 1..=3).await;
    a_moment().await;
    assert_eq!(hub.log.events(), []);

    hub.log.has_room_for(10);

    expect_pubacks(&mut session, 1..=3).await;
}

#[tokio::test]
async fn a_client_has_so_many_bytes_on_their_way_and_no_more() {
    let settings = Settings {
        max_unstored: 2000,
        ..Settings::default()
    };
    let hub = TestHub::with_settings(settings).await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    hub.log.stick();

    for id in 1..=4 {
        session
            .send(publish(&events_of(&who), &[0; 1000], Some(id)))
            .await;
    }
    a_moment().await;
    assert_eq!(hub.log.waiting(), 2);
    hub.log.go_on();

    expect_pubacks(&mut session, 1..=4).await;
}

#[tokio::test]
async fn a_client_that_is_not_read_is_not_taken_for_silent() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut connect = connect_of(&who, &hub.token(&who));
    connect.keep_alive = 10;
    let mut session = hub.connection();
    session.connect_with(connect).await.unwrap();
    hub.log.stick();
    hub.log.has_room_for(1);
    send_messages(&mut session, &events_of(&who), 1..=2).await;
    a_moment().await;
    tokio::time::pause();

    tokio::time::sleep(Duration::from_secs(60)).await;
    hub.log.go_on();

    expect_pubacks(&mut session, 1..=2).await;
    let last = Instant::now();
    session.expect_closed().await;
    assert_eq!(last.elapsed().as_secs(), 15);
}

#[tokio::test]
async fn a_session_that_waits_for_the_disk_still_ends_when_it_must() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    hub.log.stick();
    hub.log.has_room_for(1);
    send_messages(&mut session, &events_of(&who), 1..=2).await;

    let mut newer = hub.resumed_or_new(&who).await;

    session.expect_closed().await;
    newer.ping().await;
    hub.log.go_on();
    assert_eq!(
        bodies(&hub.log.events()),
        ["1"],
        "what was handed over is kept"
    );
}

#[tokio::test]
async fn what_the_log_fails_to_store_is_not_acknowledged() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    hub.log.stick();
    send_messages(&mut session, &events_of(&who), 1..=3).await;
    session.ping().await;
    hub.log.store(1);

    expect_pubacks(&mut session, 1..=1).await;
    hub.log.break_with(LogError::Full);

    session.expect_closed().await;
}

#[tokio::test]
async fn messages_up_to_the_limit_are_taken_and_larger_ones_close() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    let topic = format!("{}a=b", events_of(&who));
    let largest = vec![b'x'; MAX_DEVICE_TO_CLOUD - 2];

    session.send(publish(&topic, &largest, Some(1))).await;
    assert_eq!(session.receive().await, puback(1));
    let too_large = vec![b'x'; MAX_DEVICE_TO_CLOUD - 1];
    session.send(publish(&topic, &too_large, Some(2))).await;

    session.expect_closed().await;
    assert_eq!(hub.log.events().len(), 1);
}

#[tokio::test]
async fn what_stands_before_a_forbidden_packet_is_stored() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;

    let packets = [
        publish(&events_of(&who), b"a", None),
        publish("home/kitchen", b"", None),
    ];
    session.send_bytes(&bytes_of(&packets)).await;

    session.expect_closed().await;
    assert_eq!(bodies(&hub.log.events()), ["a"]);
}

#[tokio::test]
async fn what_was_sent_before_taking_leave_is_stored() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;

    let packets = [
        publish(&events_of(&who), b"a", None),
        publish(&events_of(&who), b"b", Some(1)),
        Packet::Disconnect,
    ];
    session.send_bytes(&bytes_of(&packets)).await;

    while session.next().await.is_some() {}
    assert_eq!(bodies(&hub.log.events()), ["a", "b"]);
}

#[tokio::test]
async fn retained_and_repeated_messages_say_so() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;
    let topic = format!("{}a=b", events_of(&who));
    let with = |retain, duplicate, id| {
        let mut packet = publish(&topic, b"", Some(id));
        if let Packet::Publish(publish) = &mut packet {
            publish.retain = retain;
            publish.delivery = Delivery::AtLeastOnce {
                id: PacketId::new(id).unwrap(),
                duplicate,
            };
        }
        packet
    };

    let packets = [
        with(true, false, 1),
        with(false, true, 2),
        with(false, false, 3),
    ];
    session.send_bytes(&bytes_of(&packets)).await;
    expect_pubacks(&mut session, 1..=3).await;

    let events = hub.log.events();
    let stored: Vec<_> = events.iter().map(|event| application(event)).collect();
    assert_eq!(
        stored,
        [
            vec![("a", Some("b")), ("mqtt-retain", Some("true"))],
            vec![("a", Some("b")), ("mqtt-dup", Some("true"))],
            vec![("a", Some("b"))],
        ]
    );
}

#[tokio::test]
async fn the_announced_model_goes_with_each_message() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut connect = connect_of(&who, &hub.token(&who));
    connect.username = Some(format!("{}&model-id=dtmi:a:b;1", who.username()).into());
    let mut session = hub.connection();
    session.connect_with(connect).await.unwrap();

    session.publish(&events_of(&who), b"").await;
    session.ping().await;

    let model = hub.log.events()[0].origin.model_id.clone();
    assert_eq!(model.as_deref(), Some("dtmi:a:b;1"));
}

#[tokio::test]
async fn a_session_that_never_sends_has_no_way_in() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;

    session.publish("$iothub/twin/GET/?$rid=1", b"").await;
    session.ping().await;
    assert_eq!(hub.log.producers(), 0);

    session.publish(&events_of(&who), b"").await;
    session.publish(&events_of(&who), b"").await;
    session.ping().await;
    assert_eq!(hub.log.producers(), 1);
}

async fn with_will(hub: &TestHub, who: &Someone, retain: bool) -> Client {
    let mut connect = connect_of(who, &hub.token(who));
    connect.will = Some(Will {
        topic: TopicName::new(format!("{}reason=gone&$.ct=text", events_of(who))).unwrap(),
        payload: b"bye".as_slice().into(),
        qos: QoS::AtLeastOnce,
        retain,
    });
    let mut session = hub.connection();
    session.connect_with(connect).await.unwrap();
    session
}

#[tokio::test]
async fn a_will_fires_when_the_connection_is_lost_and_says_that_it_is_one() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = with_will(&hub, &who, true).await;
    session.publish(&events_of(&who), b"last").await;

    drop(session);
    a_moment().await;

    let events = hub.log.events();
    assert_eq!(bodies(&events), ["last", "bye"]);
    assert_eq!(
        events[1].message.system(SystemProperty::ContentType),
        Some("text")
    );
    assert_eq!(
        application(&events[1]),
        [
            ("reason", Some("gone")),
            ("iothub-MessageType", Some("Will")),
            ("mqtt-retain", Some("true")),
        ]
    );
}

#[tokio::test]
async fn a_will_fires_when_another_connection_takes_over() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut old = with_will(&hub, &who, false).await;

    hub.session(&who).await.ping().await;
    old.expect_closed().await;
    a_moment().await;

    assert_eq!(bodies(&hub.log.events()), ["bye"]);
}

#[tokio::test]
async fn a_will_fires_when_the_client_is_cut_off_for_what_it_sent() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = with_will(&hub, &who, false).await;

    session.publish("home/kitchen", b"").await;
    session.expect_closed().await;
    a_moment().await;

    assert_eq!(bodies(&hub.log.events()), ["bye"]);
}

#[tokio::test]
async fn a_will_is_dropped_when_the_client_takes_its_leave() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = with_will(&hub, &who, false).await;

    session.send(Packet::Disconnect).await;
    session.expect_closed().await;
    a_moment().await;

    assert_eq!(hub.log.events(), []);
}

#[tokio::test]
async fn a_will_waits_for_room_although_nobody_is_left() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = with_will(&hub, &who, false).await;
    hub.log.stick();
    hub.log.has_room_for(1);
    session.publish(&events_of(&who), b"last").await;
    session.ping().await;

    drop(session);
    a_moment().await;
    assert_eq!(hub.log.waiting(), 1);
    hub.log.go_on();
    a_moment().await;

    assert_eq!(bodies(&hub.log.events()), ["last", "bye"]);
}
