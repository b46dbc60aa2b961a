//! The backlogs port's contract, a behaviour per function.

pub mod opening;
pub mod progress;
pub mod removal;
pub mod reopening;

use std::sync::Arc;

use twinhub_core::events::PartitionId;
use twinhub_core::ports::{Backlog, Backlogs, Progress};
use twinhub_core::routing::EndpointId;

use crate::events::{bodies, events_from, hub, partition_of, send};

/// The backlog of an endpoint of the suite's hub.
async fn open(backlogs: &dyn Backlogs, endpoint: EndpointId) -> Arc<dyn Backlog> {
    backlogs.open(&hub(), endpoint).await.unwrap()
}

/// Adds events of a device.
async fn add(backlog: &dyn Backlog, device: &str, texts: &[&str]) {
    send(&*backlog.log(), device, texts).await;
}

/// What there is of a device's partition, from a number on.
async fn held(backlog: &dyn Backlog, device: &str, from: u64) -> Vec<String> {
    bodies(&events_from(&*backlog.log(), device, from).await)
}

/// How far a device's partition is delivered.
async fn progress_of(backlog: &dyn Backlog, device: &str) -> Progress {
    let partition = partition_of(device);
    let all = backlog.progress().await.unwrap();
    let found = all.into_iter().find(|one| one.partition == partition);
    found.unwrap()
}

/// What is to be saved for a device's partition.
fn delivered(device: &str, next: u64, lost: u64) -> Progress {
    Progress {
        partition: partition_of(device),
        next,
        lost,
    }
}

fn nothing_delivered(partition: u16) -> Progress {
    Progress {
        partition: PartitionId(partition),
        next: 0,
        lost: 0,
    }
}
