//! Storage that is opened again.

use super::{bodies, events_from, hub, partition_of, send};
use crate::EventStorage;

/// Events and numbers outlive the process.
pub async fn events_are_there_after_reopening_and_numbers_go_on(storage: impl EventStorage) {
    let log = storage.open().await;
    send(&*log, "pump", &["a", "b"]).await;
    let before = log.partition(&hub(), partition_of("pump")).await.unwrap();
    drop(log);

    let log = storage.open().await;

    let after = log.partition(&hub(), partition_of("pump")).await.unwrap();
    assert_eq!(after, before);
    send(&*log, "pump", &["c"]).await;
    let events = events_from(&*log, "pump", 0).await;
    assert_eq!(bodies(&events), ["a", "b", "c"]);
    let numbers = events.iter().map(|event| event.sequence_number);
    assert!(numbers.eq(0..3));
}
