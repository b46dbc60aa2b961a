//! Backlogs as they are opened.

use twinhub_core::ports::LogError;
use twinhub_core::routing::EndpointId;

use super::{add, held, nothing_delivered, open};
use crate::BacklogStorage;
use crate::events::{PARTITIONS, device, hub, hubs, origin};

/// A new backlog has its hub's partitions, and nothing in them.
pub async fn a_new_backlog_is_empty(storage: impl BacklogStorage) {
    let backlogs = storage.open().await;

    let backlog = open(&*backlogs, EndpointId::generate()).await;

    assert_eq!(backlog.log().partitions(&hub()), Some(PARTITIONS));
    assert_eq!(held(&*backlog, "pump", 0).await, [""; 0]);
    let nothing: Vec<_> = (0..PARTITIONS).map(nothing_delivered).collect();
    assert_eq!(backlog.progress().await.unwrap(), nothing);
}

/// What is added through one is read through the other.
pub async fn a_backlog_is_the_same_however_often_it_is_opened(storage: impl BacklogStorage) {
    let backlogs = storage.open().await;
    let endpoint = EndpointId::generate();
    let one = open(&*backlogs, endpoint).await;
    let other = open(&*backlogs, endpoint).await;

    add(&*one, "pump", &["a"]).await;
    add(&*other, "pump", &["b"]).await;

    assert_eq!(held(&*one, "pump", 0).await, ["a", "b"]);
    assert_eq!(held(&*other, "pump", 0).await, ["a", "b"]);
}

/// Those who open it at the same moment get the same one.
pub async fn a_backlog_is_the_same_for_all_who_race_to_open_it(storage: impl BacklogStorage) {
    let backlogs = storage.open().await;
    let endpoint = EndpointId::generate();
    let racing = (0..8).map(|_| {
        let backlogs = backlogs.clone();
        tokio::spawn(async move { open(&*backlogs, endpoint).await })
    });
    let racing: Vec<_> = racing.collect();

    for opened in racing {
        add(&*opened.await.unwrap(), "pump", &["x"]).await;
    }

    let backlog = open(&*backlogs, endpoint).await;
    assert_eq!(held(&*backlog, "pump", 0).await, ["x"; 8]);
}

/// Endpoints do not see each other's events.
pub async fn endpoints_are_apart(storage: impl BacklogStorage) {
    let backlogs = storage.open().await;
    let (one, other) = (EndpointId::generate(), EndpointId::generate());
    add(&*open(&*backlogs, one).await, "pump", &["a"]).await;

    let other = open(&*backlogs, other).await;

    assert_eq!(held(&*other, "pump", 0).await, [""; 0]);
}

/// A backlog is of one hub, and listed for it alone.
pub async fn hubs_are_apart(storage: impl BacklogStorage) {
    let backlogs = storage.open().await;
    let mut endpoints = [EndpointId::generate(), EndpointId::generate()];
    for endpoint in endpoints {
        open(&*backlogs, endpoint).await;
    }
    let [hub, other] = hubs();

    let backlog = open(&*backlogs, endpoints[0]).await;

    endpoints.sort();
    assert_eq!(backlogs.endpoints(&hub).await.unwrap(), endpoints);
    assert_eq!(backlogs.endpoints(&other).await.unwrap(), []);
    assert_eq!(backlog.log().partitions(&other), None);
    let refused = backlog.log().producer(&other, &origin(device("pump")));
    assert!(matches!(refused.err(), Some(LogError::Failed(_))));
}
