//! Against a NATS server, which Debian has as `nats-server`.

mod server;

use async_nats::jetstream::{self, consumer, stream};
use futures_util::StreamExt as _;
use twinhub_core::events::Event;
use twinhub_core::messages::Message;

use self::server::Server;
use super::*;
use crate::samples::event;

fn events(numbers: std::ops::Range<u64>) -> Vec<Event> {
    let message = |number: u64| Message {
        application: vec![("hall".into(), Some("7".into()))],
        body: number.to_string().into(),
        ..Message::default()
    };
    numbers
        .map(|number| event(number, message(number)))
        .collect()
}

async fn take(target: &mut Nats, events: &[Event]) -> Result<usize, DeliveryFailure> {
    let refs: Vec<_> = events.iter().map(EventRef::from).collect();
    target.take(&refs).await
}

/// Hands all of them over.
async fn deliver(target: &mut Nats, mut events: &[Event]) {
    while !events.is_empty() {
        let taken = take(target, events).await.unwrap();
        target.flush().await.unwrap();
        events = &events[taken..];
    }
}

/// The bodies that a stream has, in its order.
async fn bodies(stream: &stream::Stream, count: u64) -> Vec<u64> {
    let config = consumer::pull::Config {
        ack_policy: consumer::AckPolicy::None,
        ..consumer::pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await.unwrap();
    let messages = consumer.messages().await.unwrap();
    let messages = messages.take(usize::try_from(count).unwrap());
    let bodies = messages.map(|message| {
        let payload = message.unwrap().payload.clone();
        std::str::from_utf8(&payload)
            .unwrap()
            .parse::<u64>()
            .unwrap()
    });
    bodies.collect().await
}

async fn stored(stream: &mut stream::Stream) -> u64 {
    stream.info().await.unwrap().state.messages
}

#[tokio::test]
async fn a_stream_stores_events_in_their_order_with_what_is_known_of_them() {
    let server = Server::start(&[]).await;
    let mut stream = server.stream(stream::Config::default()).await;
    let mut target = server.target("", true);

    deliver(&mut target, &events(0..1500)).await;

    assert_eq!(stored(&mut stream).await, 1500);
    assert!(bodies(&stream, 1500).await.into_iter().eq(0..1500));
    let first = stream.get_raw_message(1).await.unwrap();
    assert_eq!(first.subject.as_str(), "plant.pump-7.sensor");
    let header = |name: &str| first.headers.get(name).map(ToString::to_string);
    assert_eq!(header("iothub-app-hall").as_deref(), Some("7"));
    assert_eq!(
        header("iothub-connection-device-id").as_deref(),
        Some("pump-7")
    );
}

#[tokio::test]
async fn what_is_given_twice_is_stored_once() {
    let server = Server::start(&[]).await;
    let mut stream = server.stream(stream::Config::default()).await;
    let mut target = server.target("", true);

    deliver(&mut target, &events(0..10)).await;
    deliver(&mut target, &events(5..15)).await;

    assert_eq!(stored(&mut stream).await, 15);
}

#[tokio::test]
async fn a_server_that_dies_on_the_way_loses_nothing() {
    let mut server = Server::start(&[]).await;
    server.stream(stream::Config::default()).await;
    let mut target = server.target("", true);
    deliver(&mut target, &events(0..100)).await;

    let taken = take(&mut target, &events(100..200)).await.unwrap();
    server.kill();
    let failure = target.flush().await.map_or_else(
        |failure| failure,
        |()| {
            // All were stored before the server died: the next find it gone.
            DeliveryFailure::new(FailureReason::Unreachable, "").having_delivered(taken)
        },
    );
    let next = 100 + failure.delivered as u64;
    let while_gone = match take(&mut target, &events(next..next + 10)).await {
        Ok(_) => target.flush().await,
        Err(failure) => Err(failure),
    };
    server.restart().await;
    deliver(&mut target, &events(next..300)).await;

    assert_eq!(failure.reason, FailureReason::Unreachable, "{failure}");
    assert_eq!(while_gone.unwrap_err().reason, FailureReason::Unreachable);
    let context = jetstream::new(server.client().await);
    let mut stream = context.get_stream("telemetry").await.unwrap();
    assert_eq!(stored(&mut stream).await, 300);
    assert!(bodies(&stream, 300).await.into_iter().eq(0..300));
}

#[tokio::test]
async fn a_server_that_was_away_while_nothing_was_sent_is_no_failure() {
    let mut server = Server::start(&[]).await;
    server.stream(stream::Config::default()).await;
    let mut target = server.target("", true);
    deliver(&mut target, &events(0..10)).await;

    server.kill();
    server.restart().await;
    let trouble = target.connection.as_ref().unwrap();
    while trouble.check().is_ok() {
        tokio::task::yield_now().await;
    }
    deliver(&mut target, &events(10..20)).await;

    let context = jetstream::new(server.client().await);
    let mut stream = context.get_stream("telemetry").await.unwrap();
    assert_eq!(stored(&mut stream).await, 20);
}

#[tokio::test]
async fn properties_count_for_what_is_on_its_way_at_once() {
    let server = Server::start(&[]).await;
    server.stream(stream::Config::default()).await;
    let mut target = server.target("", true);
    let mut large = events(0..100);
    for event in &mut large {
        let text = "x".repeat(200_000);
        event.message.application = vec![("hall".into(), Some(text.into()))];
    }

    let taken = take(&mut target, &large).await.unwrap();

    assert!((20..=22).contains(&taken), "{taken}");
}

#[tokio::test]
async fn a_subject_without_a_stream_is_not_found() {
    let server = Server::start(&[]).await;
    let mut target = server.target("", true);

    take(&mut target, &events(0..3)).await.unwrap();
    let failure = target.flush().await.unwrap_err();

    assert_eq!(failure.reason, FailureReason::NotFound, "{failure}");
    assert_eq!(failure.delivered, 0);
    let mut stream = server.stream(stream::Config::default()).await;
    deliver(&mut target, &events(0..3)).await;
    assert_eq!(stored(&mut stream).await, 3);
}

#[tokio::test]
async fn a_login_is_needed_where_one_is() {
    let server = Server::start(&["--user", "hub", "--pass", "p@ss"]).await;

    let refused = take(&mut server.target("", true), &events(0..1)).await;
    let wrong = take(&mut server.target("hub:pass@", true), &events(0..1)).await;
    let right = take(&mut server.target("hub:p%40ss@", true), &events(0..1)).await;

    for refused in [refused, wrong] {
        assert_eq!(refused.unwrap_err().reason, FailureReason::Unauthorized);
    }
    assert_eq!(right, Ok(1));
}

#[tokio::test]
async fn an_event_that_is_too_large_is_told_behind_those_before_it() {
    let server = Server::start(&[]).await;
    let mut stream = server.stream(stream::Config::default()).await;
    let mut target = server.target("", true);
    let mut mixed = events(0..3);
    mixed[1].message.body = vec![b'x'; 2_000_000].into();

    assert_eq!(take(&mut target, &mixed).await, Ok(1));
    assert_eq!(take(&mut target, &mixed[1..]).await, Ok(0));
    target.flush().await.unwrap();
    let failure = take(&mut target, &mixed[1..]).await.unwrap_err();
    deliver(&mut target, &mixed[2..]).await;

    assert_eq!(
        (failure.reason, failure.delivered),
        (FailureReason::Invalid, 0)
    );
    assert_eq!(stored(&mut stream).await, 2);
}

#[tokio::test]
async fn an_event_that_is_too_large_for_the_stream_is_told_with_its_place() {
    let server = Server::start(&[]).await;
    let config = stream::Config {
        max_message_size: 5000,
        ..stream::Config::default()
    };
    server.stream(config).await;
    let mut target = server.target("", true);
    let mut mixed = events(0..4);
    mixed[2].message.body = vec![b'x'; 10_000].into();

    assert_eq!(take(&mut target, &mixed).await, Ok(4));
    let failure = target.flush().await.unwrap_err();

    assert_eq!(
        (failure.reason, failure.delivered),
        (FailureReason::Invalid, 2)
    );
}

#[tokio::test]
async fn without_a_stream_whoever_listens_gets_events() {
    let server = Server::start(&[]).await;
    let client = server.client().await;
    let listening = client.subscribe("plant.*.sensor").await.unwrap();
    client.flush().await.unwrap();
    let mut target = server.target("", false);

    deliver(&mut target, &events(0..100)).await;

    let heard: Vec<_> = listening.take(100).collect().await;
    let bodies: Vec<_> = heard.iter().map(|message| &message.payload[..]).collect();
    assert_eq!(bodies[0], b"0");
    assert_eq!(bodies[99], b"99");
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let mut server = Server::start(&[]).await;
    server.kill();
    let mut target = server.target("", true);

    let failure = take(&mut target, &events(0..1)).await.unwrap_err();

    assert_eq!(failure.reason, FailureReason::Unreachable, "{failure}");
}
