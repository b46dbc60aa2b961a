//! Backlogs that are removed while they are used.

use std::future::poll_fn;

use twinhub_core::ports::{LogError, StartPosition};
use twinhub_core::routing::EndpointId;

use super::{add, delivered, held, open};
use crate::BacklogStorage;
use crate::events::{body, device, hub, moment, origin, partition_of, producer};

/// What is removed is no longer listed; the others stay as they are.
pub async fn a_removed_backlog_is_gone_and_others_stay(storage: impl BacklogStorage) {
    let backlogs = storage.open().await;
    let (one, other) = (EndpointId::generate(), EndpointId::generate());
    add(&*open(&*backlogs, one).await, "pump", &["a"]).await;
    let kept = open(&*backlogs, other).await;
    add(&*kept, "pump", &["b"]).await;

    backlogs.remove(&hub(), one).await.unwrap();

    assert_eq!(backlogs.endpoints(&hub()).await.unwrap(), [other]);
    assert_eq!(held(&*kept, "pump", 0).await, ["b"]);
}

/// There is nothing to remove, and that is fine.
pub async fn what_there_is_not_can_be_removed(storage: impl BacklogStorage) {
    let backlogs = storage.open().await;
    let endpoint = EndpointId::generate();
    open(&*backlogs, endpoint).await;
    backlogs.remove(&hub(), endpoint).await.unwrap();

    let again = backlogs.remove(&hub(), endpoint).await;
    let never = backlogs.remove(&hub(), EndpointId::generate()).await;

    assert!(again.is_ok() && never.is_ok());
}

/// Producers learn of it, those that are made later as well.
pub async fn producers_of_a_removed_backlog_are_told(storage: impl BacklogStorage) {
    let backlogs = storage.open().await;
    let endpoint = EndpointId::generate();
    let log = open(&*backlogs, endpoint).await.log();
    let mut early = producer(&*log, "pump");

    backlogs.remove(&hub(), endpoint).await.unwrap();

    early.append(&body(b"late"), moment(0)).unwrap();
    early.hand_over();
    let told = poll_fn(|cx| early.poll_durable(cx, 0)).await;
    assert!(matches!(told, Err(LogError::Closed)), "{told:?}");
    let late = log.producer(&hub(), &origin(device("pump")));
    assert!(matches!(late.err(), Some(LogError::Closed)));
}

/// Whoever waits for the next event learns of it.
pub async fn readers_who_wait_for_a_removed_backlog_are_told(storage: impl BacklogStorage) {
    let backlogs = storage.open().await;
    let endpoint = EndpointId::generate();
    let log = open(&*backlogs, endpoint).await.log();
    let waiting = tokio::spawn(async move {
        let (hub, partition) = (hub(), partition_of("pump"));
        log.wait_for(&hub, partition, 0).await
    });

    backlogs.remove(&hub(), endpoint).await.unwrap();

    let told = waiting.await.unwrap();
    assert!(matches!(told, Err(LogError::Closed)), "{told:?}");
}

/// Nothing of it can be read or saved any more.
pub async fn nothing_is_read_or_saved_of_a_removed_backlog(storage: impl BacklogStorage) {
    let backlogs = storage.open().await;
    let endpoint = EndpointId::generate();
    let backlog = open(&*backlogs, endpoint).await;
    add(&*backlog, "pump", &["a"]).await;
    let (log, partition) = (backlog.log(), partition_of("pump"));

    backlogs.remove(&hub(), endpoint).await.unwrap();

    let read = log.read(&hub(), partition, 0, 1).await.map(|_| ());
    let found = log.find(&hub(), partition, StartPosition::Earliest).await;
    let known = log.partition(&hub(), partition).await;
    let saved = backlog.save(&[delivered("pump", 1, 0)]).await;
    let progress = backlog.progress().await;
    let told = [
        read.err(),
        found.err(),
        known.err(),
        saved.err(),
        progress.err(),
    ];
    let is_closed = |error: &Option<LogError>| matches!(error, Some(LogError::Closed));
    assert!(told.iter().all(is_closed), "{told:?}");
    assert_eq!(backlogs.endpoints(&hub()).await.unwrap(), []);
}
