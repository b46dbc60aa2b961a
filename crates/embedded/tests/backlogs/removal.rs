//! Backlogs that are removed, and what they leave behind.

use std::fs;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use twinhub_core::ports::{Backlog, Backlogs as _, LogError};
use twinhub_core::routing::EndpointId;

use crate::plant::{Folder, append, delivered, fill, first, hub, now, partition, producer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_backlog_leaves_no_file_and_no_descriptor() {
    let folder = Folder::new();
    let backlogs = folder.backlogs();
    let mut kept = Vec::new();
    for _ in 0..20 {
        let endpoint = EndpointId::generate();
        let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
        fill(&*backlog, 2).await;
        let log = backlog.log();
        // Sessions keep what they have until they send next.
        kept.push((producer(&*log), log, backlog));

        backlogs.remove(&hub(), endpoint).await.unwrap();

        assert!(!folder.of(endpoint).exists());
    }

    assert_eq!(descriptors_in(folder.path()), [] as [PathBuf; 0]);
    assert_eq!(kept.len(), 20);
}

/// What files of a folder this process has open, where that can be told.
fn descriptors_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(descriptors) = fs::read_dir("/proc/self/fd") else {
        return Vec::new();
    };
    let files = descriptors.filter_map(|one| fs::read_link(one.ok()?.path()).ok());
    files.filter(|file| file.starts_with(folder)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_that_a_crash_left_half_removed_can_be_removed() {
    let folder = Folder::new();
    let endpoint = EndpointId::generate();
    {
        let backlogs = folder.backlogs();
        let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
        fill(&*backlog, 50).await;
    }
    let first = folder.of(endpoint).join("00000000000000000000.log");
    fs::remove_file(folder.of(endpoint).join("progress")).unwrap();
    fs::write(first, "half of it").unwrap();
    let backlogs = folder.backlogs();

    let found = backlogs.endpoints(&hub()).await.unwrap();
    backlogs.remove(&hub(), endpoint).await.unwrap();

    assert_eq!(found, [endpoint]);
    assert!(!folder.of(endpoint).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backlog_is_removed_while_it_is_written_read_saved_and_trimmed() {
    for _ in 0..10 {
        let folder = Folder::new();
        let backlogs = Arc::new(folder.backlogs());
        let endpoint = EndpointId::generate();
        let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
        let writer = tokio::spawn(write_until_closed(backlog.clone()));
        let courier = tokio::spawn(deliver_until_closed(backlog.clone()));
        let trimmer = tokio::spawn({
            let backlogs = backlogs.clone();
            async move {
                while !backlogs.endpoints(&hub()).await.unwrap().is_empty() {
                    backlogs.retain(now()).await;
                }
            }
        });
        while first(&*backlog).await == 0 {
            tokio::task::yield_now().await;
        }

        backlogs.remove(&hub(), endpoint).await.unwrap();

        let ended = async { tokio::join!(writer, courier, trimmer) };
        let ended = tokio::time::timeout(Duration::from_secs(30), ended).await;
        let (writer, courier, trimmer) = ended.unwrap();
        for ended in [writer, courier, trimmer] {
            ended.unwrap();
        }
        assert!(!folder.of(endpoint).exists());
    }
}

async fn write_until_closed(backlog: Arc<dyn Backlog>) {
    let mut producer = producer(&*backlog.log());
    let body = vec![7; 100_000];
    let mut known = 0;
    loop {
        append(&mut *producer, &body);
        producer.hand_over();
        match poll_fn(|cx| producer.poll_durable(cx, known)).await {
            Ok(durable) => known = durable,
            Err(error) => {
                assert!(matches!(error, LogError::Closed));
                return;
            }
        }
    }
}

async fn deliver_until_closed(backlog: Arc<dyn Backlog>) {
    let log = backlog.log();
    let mut done = delivered(0, 0);
    let ended = loop {
        if let Err(error) = log.wait_for(&hub(), partition(), done.next).await {
            break error;
        }
        match log.read(&hub(), partition(), done.next, 1 << 20).await {
            Ok(batch) => {
                let first = batch.get(0).unwrap().sequence_number;
                done.lost += first - done.next;
                done.next = batch.last().unwrap().sequence_number + 1;
            }
            Err(error) => break error,
        }
        if let Err(error) = backlog.save(&[done]).await {
            break error;
        }
    };
    assert!(matches!(ended, LogError::Closed), "{ended}");
}
