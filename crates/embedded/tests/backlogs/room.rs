//! What goes: because it is delivered, old, or too much.

use std::fs;
use std::time::Duration;

use twinhub_core::ports::Backlogs as _;
use twinhub_core::routing::EndpointId;

use crate::plant::{Folder, delivered, fill, first, hub, now, progress};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_delivered_gives_its_room_back() {
    let folder = Folder::new();
    let backlogs = folder.backlogs();
    let endpoint = EndpointId::generate();
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
    fill(&*backlog, 100).await;
    let before = backlog.bytes();

    backlog.save(&[delivered(70, 0)]).await.unwrap();

    let first = first(&*backlog).await;
    assert!((40..=70).contains(&first), "{first}");
    assert!(backlog.bytes() < before / 10 * 6);
    assert_eq!(progress(&*backlog).await, delivered(70, 0));
    let segments = fs::read_dir(folder.of(endpoint)).unwrap();
    let on_disk: u64 = segments
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    // The room that is made ready for what comes is bounded.
    assert!(on_disk < 12 << 20, "{on_disk}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_delivered_of_a_quiet_endpoint_gives_its_room_back_in_time() {
    let folder = Folder::new();
    let endpoint = EndpointId::generate();
    let backlogs = folder.backlogs();
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
    fill(&*backlog, 5).await;
    backlog.save(&[delivered(5, 0)]).await.unwrap();

    // The segment is sealed after a quarter of the day, in its own time.
    let later = now().plus(Duration::from_secs(7 * 60 * 60));
    for _ in 0..1000 {
        backlogs.retain(later).await;
        if backlog.bytes() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    assert_eq!(backlog.bytes(), 0);
    assert_eq!(progress(&*backlog).await, delivered(5, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_before_it_is_delivered_lies_between_the_progress_and_the_oldest() {
    let folder = Folder::new();
    let endpoint = EndpointId::generate();
    let backlogs = folder.backlogs();
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
    fill(&*backlog, 100).await;
    backlog.save(&[delivered(10, 3)]).await.unwrap();

    backlogs.retain(now()).await;

    // 4 MiB are kept, in whole segments.
    let first = first(&*backlog).await;
    assert!(first > 50, "{first}");
    assert_eq!(progress(&*backlog).await, delivered(10, 3));
    drop((backlog, backlogs));

    let backlogs = folder.backlogs();
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
    assert_eq!(progress(&*backlog).await, delivered(10, 3));
    let counted = delivered(first, 3 + first - 10);
    backlog.save(&[counted]).await.unwrap();
    backlogs.retain(now()).await;
    assert_eq!(progress(&*backlog).await, counted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_went_undelivered_is_known_after_a_restart() {
    let folder = Folder::new();
    let endpoint = EndpointId::generate();
    let backlogs = folder.backlogs();
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
    fill(&*backlog, 100).await;
    backlogs.retain(now()).await;
    drop((backlog, backlogs));

    let backlog = folder.backlogs().open(&hub(), endpoint).await.unwrap();

    assert!(first(&*backlog).await > 0);
    assert_eq!(progress(&*backlog).await, delivered(0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_events_go_though_they_are_not_delivered() {
    let folder = Folder::new();
    let endpoint = EndpointId::generate();
    let backlogs = folder.backlogs();
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
    fill(&*backlog, 3).await;
    drop((backlog, backlogs));
    // What an earlier process wrote is sealed.
    let backlogs = folder.backlogs();
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();

    backlogs.retain(now()).await;
    let young = first(&*backlog).await;
    let day = Duration::from_secs(24 * 60 * 60 + 1);
    backlogs.retain(now().plus(day)).await;
    let old = first(&*backlog).await;

    assert_eq!((young, old), (0, 3));
}
