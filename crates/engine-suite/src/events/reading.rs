//! Readers.

use twinhub_core::ports::StartPosition;

use super::{bodies, events_from, hub, moment, partition_of, send};
use crate::EventStorage;

/// Reading begins at any number, and behind the newest there is nothing.
pub async fn events_are_read_from_any_number(storage: impl EventStorage) {
    let log = storage.open().await;
    send(&*log, "pump", &["a", "b", "c"]).await;

    let from = async |number| bodies(&events_from(&*log, "pump", number).await);

    assert_eq!(from(0).await, ["a", "b", "c"]);
    assert_eq!(from(2).await, ["c"]);
    assert_eq!(from(3).await, [""; 0]);
    assert_eq!(from(30).await, [""; 0]);
}

/// A read is bounded, but never empty if there is something.
pub async fn a_read_has_at_least_one_event(storage: impl EventStorage) {
    let log = storage.open().await;
    let large = "x".repeat(10_000);
    send(&*log, "pump", &[&large, &large, &large]).await;

    let (hub, partition) = (hub(), partition_of("pump"));
    let one = log.read(&hub, partition, 0, 1).await.unwrap();
    let all = log.read(&hub, partition, 0, 1 << 20).await.unwrap();

    assert_eq!((one.len(), all.len()), (1, 3));
}

/// Every way to say where to begin.
pub async fn readers_begin_where_they_say(storage: impl EventStorage) {
    let log = storage.open().await;
    send(&*log, "pump", &["a", "b", "c"]).await;
    let events = events_from(&*log, "pump", 0).await;

    let find = async |position| {
        let (hub, partition) = (hub(), partition_of("pump"));
        log.find(&hub, partition, position).await.unwrap()
    };

    assert_eq!(find(StartPosition::Earliest).await, 0);
    assert_eq!(find(StartPosition::Latest).await, 3);
    assert_eq!(find(StartPosition::SequenceNumber(1)).await, 1);
    assert_eq!(find(StartPosition::SequenceNumber(7)).await, 7);
    for event in &events {
        let behind = find(StartPosition::AfterOffset(event.offset)).await;
        assert_eq!(behind, event.sequence_number + 1);
        let at = find(StartPosition::EnqueuedFrom(event.enqueued)).await;
        assert_eq!(at, event.sequence_number);
    }
    assert_eq!(find(StartPosition::EnqueuedFrom(moment(3))).await, 3);
}

/// In an empty partition every reader begins at the first event to come.
pub async fn readers_of_an_empty_partition_begin_at_the_first(storage: impl EventStorage) {
    let log = storage.open().await;

    for position in [
        StartPosition::Earliest,
        StartPosition::Latest,
        StartPosition::SequenceNumber(0),
        StartPosition::AfterOffset(0),
        StartPosition::EnqueuedFrom(moment(0)),
    ] {
        let found = log.find(&hub(), partition_of("pump"), position).await;
        assert_eq!(found.unwrap(), 0, "{position:?}");
    }
    assert_eq!(events_from(&*log, "pump", 0).await, []);
}

/// A reader that waits is told when the event is there, not before.
pub async fn a_reader_waits_for_the_next_event(storage: impl EventStorage) {
    let log = storage.open().await;
    send(&*log, "pump", &["a"]).await;
    let waiting = {
        let log = log.clone();
        tokio::spawn(async move {
            let (hub, partition) = (hub(), partition_of("pump"));
            log.wait_for(&hub, partition, 1).await.unwrap();
            bodies(&events_from(&*log, "pump", 1).await)
        })
    };

    send(&*log, "pump", &["b"]).await;

    assert_eq!(waiting.await.unwrap(), ["b"]);
}
