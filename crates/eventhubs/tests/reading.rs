//! Readers over connections.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::time::Duration;

use support::client::Wish;
use support::{HOST, NOW, TestHub, partition};
use twinhub_amqp_engine::performatives::SenderSettleMode;
use twinhub_amqp_engine::value::{Symbol, Timestamp, Value};
use twinhub_core::ports::LogError;

#[tokio::test]
async fn a_reader_gets_what_is_stored_and_what_comes_settled_and_in_order() {
    let hub = TestHub::new().await;
    hub.store(&["one", "two"]).await;
    let mut client = hub.client().await;

    let wish = Wish::from("x-opt-offset > '-1'");
    let (handle, answer) = client.read(&partition(0), wish).await.unwrap();
    client.credit(handle, 0, 300).await;
    let first = client.event().await;
    let second = client.event().await;
    hub.store(&["three"]).await;
    let third = client.event().await;

    assert_eq!(answer.snd_settle_mode, SenderSettleMode::Settled);
    assert!(first.settled && second.settled && third.settled);
    assert_eq!((first.body(), second.body()), ("one".into(), "two".into()));
    assert_eq!(third.body(), "three");
    assert_eq!(third.annotation("x-opt-sequence-number"), Value::Long(2));
    assert_eq!(
        third.annotation("iothub-connection-device-id"),
        Value::from("pump-1")
    );
}

#[tokio::test]
async fn the_answer_echoes_the_source_with_its_filter() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;

    let wish = Wish::from("x-opt-offset > '@latest'");
    let (_, answer) = client.read(&partition(0), wish).await.unwrap();

    let source = answer.source.unwrap();
    assert_eq!(source.address.unwrap(), *partition(0));
    assert_eq!(source.filter.len(), 1);
}

#[tokio::test]
async fn each_reader_begins_where_it_wants_to() {
    let hub = TestHub::new().await;
    hub.store(&["zero", "one"]).await;
    hub.set_clock_forward(Duration::from_secs(10));
    hub.store(&["two", "three"]).await;
    let mut client = hub.client().await;
    let all = client.reader(&partition(0), "x-opt-offset > '-1'", 4).await;
    let mut offsets = Vec::new();
    for _ in 0..4 {
        let Value::String(offset) = client.event().await.annotation("x-opt-offset") else {
            panic!("an offset is a string");
        };
        offsets.push(offset.parse::<u64>().unwrap());
    }
    client.detach(all).await;

    let millis = |seconds: u64| (NOW + seconds) * 1000;
    for (filter, first) in [
        (format!("x-opt-offset > '{}'", offsets[0]), "one"),
        (format!("x-opt-offset >= '{}'", offsets[1]), "one"),
        (format!("x-opt-offset > {}", offsets[1] + 1), "two"),
        ("x-opt-sequence-number > '1'".to_owned(), "two"),
        ("x-opt-sequence-number >= '1'".to_owned(), "one"),
        (format!("x-opt-enqueued-time > '{}'", millis(5)), "two"),
        (format!("x-opt-enqueuedtimeutc > {}", millis(5)), "two"),
        (format!("x-opt-enqueued-time >= '{}'", millis(0)), "zero"),
    ] {
        let reader = client.reader(&partition(0), &filter, 1).await;

        assert_eq!(client.event().await.body(), first, "{filter}");
        client.detach(reader).await;
    }
}

#[tokio::test]
async fn a_reader_of_the_latest_sees_only_what_comes_after_its_attach() {
    let hub = TestHub::new().await;
    hub.store(&["before"]).await;
    let mut client = hub.client().await;

    let wish = Wish::from("x-opt-offset > '@latest'");
    let (handle, _) = client.read(&partition(0), wish).await.unwrap();
    hub.store(&["after"]).await;
    client.credit(handle, 0, 10).await;

    assert_eq!(client.event().await.body(), "after");
}

#[tokio::test]
async fn a_moment_to_come_is_waited_for() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;
    let filter = format!("x-opt-enqueued-time > '{}'", (NOW + 60) * 1000);
    client.reader(&partition(0), &filter, 10).await;

    hub.store(&["too early"]).await;
    hub.set_clock_forward(Duration::from_secs(61));
    hub.store(&["in time"]).await;

    assert_eq!(client.event().await.body(), "in time");
}

#[tokio::test]
async fn no_more_is_sent_than_the_reader_takes() {
    let hub = TestHub::new().await;
    hub.store(&["one", "two", "three"]).await;
    let mut client = hub.client().await;
    let filter = "x-opt-offset > '-1'";
    let reader = client.reader(&partition(0), filter, 2).await;

    let taken = client.bodies(2).await;
    let nothing_more = client.is_silent().await;
    client.credit(reader, 2, 1).await;

    assert_eq!(taken, ["one", "two"]);
    assert!(nothing_more);
    assert_eq!(client.event().await.body(), "three");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_pauses_goes_on_where_it_was() {
    let hub = TestHub::new().await;
    hub.store(&["one", "two", "three"]).await;
    let mut client = hub.client().await;
    let reader = client.reader(&partition(0), "x-opt-offset > '-1'", 1).await;
    let before = client.bodies(1).await;

    tokio::time::sleep(Duration::from_secs(100)).await;
    client.credit(reader, 1, 10).await;

    assert_eq!(before, ["one"]);
    assert_eq!(client.bodies(2).await, ["two", "three"]);
}

#[tokio::test]
async fn a_drained_link_gives_what_there_is_and_then_its_credit() {
    let hub = TestHub::new().await;
    hub.store(&["one", "two"]).await;
    let mut client = hub.client().await;
    let wish = Wish::from("x-opt-offset > '-1'");
    let (reader, _) = client.read(&partition(0), wish).await.unwrap();

    let count = client.drain(reader, 0, 100).await;
    let drained_again = client.drain(reader, count, 50).await;
    hub.store(&["three"]).await;
    client.credit(reader, drained_again, 1).await;

    assert_eq!((count, drained_again), (100, 150));
    assert_eq!(client.bodies(3).await, ["one", "two", "three"]);
}

#[tokio::test]
async fn links_of_one_connection_read_side_by_side() {
    let hub = TestHub::new().await;
    hub.store_in(0, &["zero"]).await;
    hub.store_in(1, &["one"]).await;
    let mut client = hub.client().await;
    let filter = "x-opt-offset > '-1'";

    let first = client.reader(&partition(0), filter, 10).await;
    let second = client.reader(&partition(1), filter, 10).await;
    let mut events = [client.event().await, client.event().await];
    events.sort_by_key(|event| event.handle);

    let seen = events.map(|event| (event.handle, event.body()));
    assert_eq!(seen, [(first, "zero".into()), (second, "one".into())]);
}

#[tokio::test]
async fn a_large_event_comes_whole() {
    let hub = TestHub::new().await;
    let large = "x".repeat(256 * 1024 - 100);
    hub.store(&[&large, "small"]).await;
    let mut client = hub.client().await;
    client
        .reader(&partition(0), "x-opt-offset > '-1'", 10)
        .await;

    assert_eq!(client.bodies(2).await, [large, "small".to_owned()]);
}

#[tokio::test]
async fn a_reader_that_asks_is_told_of_the_partition_with_each_event() {
    let hub = TestHub::new().await;
    hub.store(&["one", "two"]).await;
    let mut client = hub.client().await;
    let wanted = Symbol::from_static("com.microsoft:enable-receiver-runtime-metric");
    let wish = Wish {
        capabilities: vec![
            wanted.clone(),
            Symbol::from_static("com.microsoft:georeplication"),
        ],
        ..Wish::from("x-opt-offset > '-1'")
    };

    let (handle, answer) = client.read(&partition(0), wish).await.unwrap();
    client.credit(handle, 0, 10).await;
    let annotations = client.event().await.message.delivery_annotations;

    assert_eq!(answer.offered_capabilities, [wanted]);
    let last = annotations.get("last_enqueued_sequence_number");
    assert_eq!(last, Some(&Value::Long(1)));
    let last = annotations.get("last_enqueued_time_utc");
    let Some(Value::Timestamp(Timestamp(millis))) = last else {
        panic!("{last:?} is no moment");
    };
    assert!(*millis >= i64::try_from(NOW).unwrap() * 1000);
}

#[tokio::test]
async fn a_reader_that_retention_overtakes_goes_on_at_the_oldest_event() {
    let hub = TestHub::keeping(2 << 20).await;
    let filler = "x".repeat(64 * 1024);
    let bodies = vec![filler.as_str(); 8];
    hub.store(&bodies).await;
    let mut client = hub.client().await;
    let reader = client.reader(&partition(0), "x-opt-offset > '-1'", 1).await;
    client.event().await;

    for _ in 0..8 {
        hub.store(&bodies).await;
    }
    hub.log.inner.retain(hub.now()).await;
    hub.store(&["last"]).await;
    client.credit(reader, 1, 1_000).await;

    let mut numbers = Vec::new();
    loop {
        let event = client.event().await;
        let Value::Long(number) = event.annotation("x-opt-sequence-number") else {
            panic!("a sequence number is a long");
        };
        numbers.push(number);
        if event.body() == "last" {
            break;
        }
    }
    assert_eq!(numbers.last(), Some(&72));
    let gaps = numbers.windows(2).filter(|pair| pair[0] + 1 != pair[1]);
    assert_eq!(gaps.count(), 1, "{numbers:?}");
}

#[tokio::test]
async fn a_reader_ends_when_the_log_can_not_be_read() {
    let hub = TestHub::new().await;
    hub.store(&["one"]).await;
    let mut client = hub.client().await;
    let wish = Wish::from("x-opt-offset > '-1'");
    let (handle, _) = client.read(&partition(0), wish).await.unwrap();
    hub.log.fail(LogError::Damaged {
        partition: twinhub_core::events::PartitionId(0),
        sequence_number: 0,
        detail: "/secret/path".to_owned(),
    });

    client.credit(handle, 0, 10).await;
    let error = client.detached(handle).await.unwrap();

    assert_eq!(error.condition, "amqp:internal-error");
    let description = error.description.unwrap();
    assert!(
        description.contains("event 0 of partition 0"),
        "{description}"
    );
    assert!(!description.contains("secret"), "{description}");
}

#[tokio::test]
async fn a_waiting_reader_ends_when_the_log_closes() {
    let hub = TestHub::new().await;
    let mut client = hub.client().await;
    let handle = client
        .reader(&partition(0), "x-opt-offset > '-1'", 10)
        .await;
    assert!(client.is_silent().await);

    hub.log.inner.close().await;

    let error = client.detached(handle).await.unwrap();
    assert_eq!(error.condition, "amqp:link:detach-forced");
}

#[tokio::test]
async fn addresses_may_be_relative_and_in_any_case() {
    let hub = TestHub::new().await;
    hub.store(&["one"]).await;
    let mut client = hub.client().await;
    for address in [
        "plant/ConsumerGroups/$default/Partitions/0".to_owned(),
        "/PLANT/consumergroups/$Default/partitions/0".to_owned(),
        format!("amqps://{HOST}:5671/Plant/ConsumerGroups/%24Default/Partitions/0/"),
    ] {
        let handle = client.reader(&address, "x-opt-offset > '-1'", 1).await;

        assert_eq!(client.event().await.body(), "one", "{address}");
        client.detach(handle).await;
    }
}
