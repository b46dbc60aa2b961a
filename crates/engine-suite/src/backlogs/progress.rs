//! How far backlogs are delivered.

use twinhub_core::events::PartitionId;
use twinhub_core::ports::Progress;
use twinhub_core::routing::EndpointId;

use super::{add, delivered, held, open, progress_of};
use crate::BacklogStorage;
use crate::events::{PARTITIONS, partition_of};

/// What was saved is told, and partitions that were not named stay.
pub async fn progress_comes_back_as_it_was_saved(storage: impl BacklogStorage) {
    let backlogs = storage.open().await;
    let backlog = open(&*backlogs, EndpointId::generate()).await;
    add(&*backlog, "pump-1", &["a", "b", "c"]).await;
    add(&*backlog, "pump-2", &["a", "b", "c"]).await;
    assert_ne!(partition_of("pump-1"), partition_of("pump-2"));

    backlog.save(&[delivered("pump-1", 1, 0)]).await.unwrap();
    backlog.save(&[delivered("pump-2", 3, 2)]).await.unwrap();
    backlog.save(&[]).await.unwrap();

    let one = progress_of(&*backlog, "pump-1").await;
    assert_eq!(one, delivered("pump-1", 1, 0));
    let other = progress_of(&*backlog, "pump-2").await;
    assert_eq!(other, delivered("pump-2", 3, 2));
}

/// What is saved for a partition that there is not changes nothing.
pub async fn a_partition_that_there_is_not_is_refused(storage: impl BacklogStorage) {
    let backlogs = storage.open().await;
    let backlog = open(&*backlogs, EndpointId::generate()).await;
    let before = backlog.progress().await.unwrap();
    let beyond = Progress {
        partition: PartitionId(PARTITIONS),
        next: 1,
        lost: 0,
    };

    let refused = backlog.save(&[delivered("pump", 0, 7), beyond]).await;

    assert!(refused.is_err());
    assert_eq!(backlog.progress().await.unwrap(), before);
}

/// What is not delivered can be read, whatever else may go.
pub async fn what_is_not_delivered_stays(storage: impl BacklogStorage) {
    let backlogs = storage.open().await;
    let backlog = open(&*backlogs, EndpointId::generate()).await;
    add(&*backlog, "pump-1", &["a", "b", "c"]).await;
    add(&*backlog, "pump-2", &["a"]).await;

    backlog.save(&[delivered("pump-1", 2, 0)]).await.unwrap();

    assert_eq!(held(&*backlog, "pump-1", 2).await, ["c"]);
    assert_eq!(held(&*backlog, "pump-2", 0).await, ["a"]);
}

/// Numbers go on behind what was delivered.
pub async fn numbers_go_on_when_all_is_delivered(storage: impl BacklogStorage) {
    let backlogs = storage.open().await;
    let backlog = open(&*backlogs, EndpointId::generate()).await;
    add(&*backlog, "pump", &["a", "b"]).await;
    backlog.save(&[delivered("pump", 2, 0)]).await.unwrap();

    add(&*backlog, "pump", &["c"]).await;

    let progress = progress_of(&*backlog, "pump").await;
    assert_eq!((progress.next, progress.lost), (2, 0));
    assert_eq!(held(&*backlog, "pump", 2).await, ["c"]);
}

/// Those who save at the same moment are all heard.
pub async fn partitions_are_saved_side_by_side(storage: impl BacklogStorage) {
    let backlogs = storage.open().await;
    let backlog = open(&*backlogs, EndpointId::generate()).await;
    for device in ["pump-1", "pump-2", "pump-3", "x"] {
        add(&*backlog, device, &["e"; 50]).await;
    }

    let saving = ["pump-1", "pump-2", "pump-3", "x"].map(|device| {
        let backlog = backlog.clone();
        tokio::spawn(async move {
            for next in 0..=50 {
                let progress = [delivered(device, next, next * 2)];
                backlog.save(&progress).await.unwrap();
                assert_eq!(progress_of(&*backlog, device).await, progress[0]);
            }
        })
    });
    for saving in saving {
        saving.await.unwrap();
    }

    let progress = backlog.progress().await.unwrap();
    assert!(progress.iter().all(|one| (one.next, one.lost) == (50, 100)));
}
