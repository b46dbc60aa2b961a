//! Storage that is opened again.

use twinhub_core::routing::EndpointId;

use super::{add, delivered, held, open, progress_of};
use crate::BacklogStorage;
use crate::events::hub;

/// Events and progress outlive the process.
pub async fn events_and_progress_are_there_after_reopening(storage: impl BacklogStorage) {
    let endpoint = EndpointId::generate();
    {
        let backlogs = storage.open().await;
        let backlog = open(&*backlogs, endpoint).await;
        add(&*backlog, "pump", &["a", "b", "c"]).await;
        backlog.save(&[delivered("pump", 1, 4)]).await.unwrap();
    }

    let backlogs = storage.open().await;
    let backlog = open(&*backlogs, endpoint).await;

    let progress = progress_of(&*backlog, "pump").await;
    assert_eq!(progress, delivered("pump", 1, 4));
    assert_eq!(held(&*backlog, "pump", 1).await, ["b", "c"]);
    add(&*backlog, "pump", &["d"]).await;
    assert_eq!(held(&*backlog, "pump", 2).await, ["c", "d"]);
}

/// What nobody opens is found, and can be removed.
pub async fn what_is_left_of_an_endpoint_is_listed_and_removed(storage: impl BacklogStorage) {
    let (one, other) = (EndpointId::generate(), EndpointId::generate());
    {
        let backlogs = storage.open().await;
        add(&*open(&*backlogs, one).await, "pump", &["a"]).await;
        open(&*backlogs, other).await;
    }
    let backlogs = storage.open().await;

    let mut left = backlogs.endpoints(&hub()).await.unwrap();
    backlogs.remove(&hub(), one).await.unwrap();

    left.sort();
    let mut expected = [one, other];
    expected.sort();
    assert_eq!(left, expected);
    assert_eq!(backlogs.endpoints(&hub()).await.unwrap(), [other]);
}
