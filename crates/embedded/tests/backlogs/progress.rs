//! What becomes of progress that is not sound.

use std::fs;
use std::path::Path;

use twinhub_core::ports::Backlogs as _;
use twinhub_core::routing::EndpointId;

use crate::plant::{Folder, delivered, fill, first, hub, progress};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_sound_progress_delivery_begins_at_the_oldest_there_is() {
    let damages: [fn(&Path); 4] = [
        |file| fs::remove_file(file).unwrap(),
        |file| fs::write(file, "").unwrap(),
        |file| {
            let bytes = fs::read(file).unwrap();
            fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
        },
        |file| {
            let mut bytes = fs::read(file).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(file, bytes).unwrap();
        },
    ];
    for damage in damages {
        let folder = Folder::new();
        let endpoint = EndpointId::generate();
        let backlogs = folder.backlogs();
        let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
        fill(&*backlog, 50).await;
        backlog.save(&[delivered(40, 2)]).await.unwrap();
        let first = first(&*backlog).await;
        assert!(first > 0);
        drop((backlog, backlogs));
        damage(&folder.of(endpoint).join("progress"));

        let backlog = folder.backlogs().open(&hub(), endpoint).await.unwrap();

        assert_eq!(progress(&*backlog).await, delivered(first, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_is_saved_after_the_events_are_closed() {
    let folder = Folder::new();
    let endpoint = EndpointId::generate();
    let backlogs = folder.backlogs();
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
    fill(&*backlog, 5).await;

    backlogs.close().await;
    backlog.save(&[delivered(3, 0)]).await.unwrap();

    drop((backlog, backlogs));
    let backlog = folder.backlogs().open(&hub(), endpoint).await.unwrap();
    assert_eq!(progress(&*backlog).await, delivered(3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_that_is_ahead_of_the_events_skips_none() {
    let folder = Folder::new();
    let endpoint = EndpointId::generate();
    let backlogs = folder.backlogs();
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
    fill(&*backlog, 5).await;
    backlog.save(&[delivered(900, 0)]).await.unwrap();
    drop((backlog, backlogs));

    let backlog = folder.backlogs().open(&hub(), endpoint).await.unwrap();

    assert_eq!(progress(&*backlog).await, delivered(0, 0));
}
