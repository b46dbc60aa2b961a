//! Partitions.

use twinhub_core::events::PartitionId;
use twinhub_core::ids::{IdentityId, ModuleId};
use twinhub_core::ports::PartitionState;

use super::{
    PARTITIONS, bodies, body, device, durable, events_from, hub, hubs, moment, origin,
    partition_of, send,
};
use crate::EventStorage;

/// A partition without events is known to have none.
pub async fn an_empty_partition_is_known(storage: impl EventStorage) {
    let log = storage.open().await;

    let state = log.partition(&hub(), PartitionId(PARTITIONS - 1)).await;

    let expected = PartitionState {
        first: 0,
        next: 0,
        last_offset: None,
        last_enqueued: None,
    };
    assert_eq!(state.unwrap(), Some(expected));
    let beyond = log.partition(&hub(), PartitionId(PARTITIONS)).await;
    assert_eq!(beyond.unwrap(), None);
    assert_eq!(log.partitions(&hub()), Some(PARTITIONS));
}

/// A partition's state tells of its newest event.
pub async fn a_partition_tells_of_its_newest_event(storage: impl EventStorage) {
    let log = storage.open().await;
    send(&*log, "pump", &["one", "two", "three"]).await;

    let state = log.partition(&hub(), partition_of("pump")).await.unwrap();

    let newest = events_from(&*log, "pump", 2).await.remove(0);
    let expected = PartitionState {
        first: 0,
        next: 3,
        last_offset: Some(newest.offset),
        last_enqueued: Some(moment(2)),
    };
    assert_eq!(state, Some(expected));
}

/// Modules send into their device's partition.
pub async fn modules_share_the_partition_of_their_device(storage: impl EventStorage) {
    let log = storage.open().await;
    send(&*log, "pump", &["device"]).await;
    let module = IdentityId::module(device("pump"), ModuleId::parse("valve").unwrap());
    let mut producer = log.producer(&hub(), &origin(module)).unwrap();
    producer.append(&body(b"module"), moment(0)).unwrap();
    producer.hand_over();
    durable(&mut *producer, 1).await;

    let events = events_from(&*log, "pump", 0).await;

    assert_eq!(bodies(&events), ["device", "module"]);
    assert_eq!(events[1].module().map(ModuleId::as_str), Some("valve"));
}

/// Hubs do not see each other's events.
pub async fn hubs_are_apart(storage: impl EventStorage) {
    let log = storage.open().await;
    send(&*log, "pump", &["one"]).await;

    let other = log.partition(&hubs()[1], partition_of("pump")).await;

    assert_eq!(other.unwrap().unwrap().next, 0);
}
