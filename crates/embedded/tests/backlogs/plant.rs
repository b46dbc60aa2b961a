//! What the tests are given.

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use twinhub_core::events::{EventSource, Origin, PartitionId};
use twinhub_core::ids::{DeviceId, HubName};
use twinhub_core::messages::MessageRef;
use twinhub_core::ports::{Backlog, Backlogs, EventLog, Producer, Progress};
use twinhub_core::routing::EndpointId;
use twinhub_core::time::Timestamp;
use twinhub_embedded::{EventSettings, LocalBacklogs};
use twinhub_engine_suite::BacklogStorage;
use twinhub_engine_suite::events::{PARTITIONS, hubs};

/// A folder that goes with its test.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn backlogs(&self) -> LocalBacklogs {
        open_in(self.0.path())
    }

    pub fn of(&self, endpoint: EndpointId) -> PathBuf {
        let below = format!("{}.endpoints/{endpoint}", hub());
        self.0.path().join(below)
    }
}

pub fn open_in(folder: &Path) -> LocalBacklogs {
    let settings = EventSettings {
        partitions: PARTITIONS,
        retention: Duration::from_secs(24 * 60 * 60),
        max_bytes: 4 << 20,
    };
    LocalBacklogs::new(folder, hubs().map(|hub| (hub, settings)))
}

#[async_trait]
impl BacklogStorage for Folder {
    async fn open(&self) -> Arc<dyn Backlogs> {
        Arc::new(self.backlogs())
    }
}

pub fn hub() -> HubName {
    hubs()[0].clone()
}

pub fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000)
}

/// The device whose events the tests send.
pub fn device() -> DeviceId {
    DeviceId::parse("pump").unwrap()
}

pub fn partition() -> PartitionId {
    PartitionId::of(&device(), PARTITIONS)
}

pub fn delivered(next: u64, lost: u64) -> Progress {
    Progress {
        partition: partition(),
        next,
        lost,
    }
}

pub fn producer(log: &dyn EventLog) -> Box<dyn Producer> {
    let origin = Origin {
        identity: device().into(),
        generation: now(),
        auth_method: None,
        model_id: None,
        source: EventSource::Telemetry,
    };
    log.producer(&hub(), &origin).unwrap()
}

pub fn append(producer: &mut dyn Producer, body: &[u8]) {
    let message = MessageRef {
        system: &[],
        application: &[],
        body,
    };
    producer.append(&message, now()).unwrap();
}

pub async fn durable(producer: &mut dyn Producer, count: u64) {
    let mut known = 0;
    while known < count {
        let told = poll_fn(|cx| producer.poll_durable(cx, known));
        known = told.await.unwrap();
    }
}

/// Adds so many events of 100 KB.
pub async fn fill(backlog: &dyn Backlog, count: u64) {
    let mut producer = producer(&*backlog.log());
    let body = vec![7; 100_000];
    for number in 1..=count {
        append(&mut *producer, &body);
        producer.hand_over();
        durable(&mut *producer, number).await;
    }
}

pub async fn progress(backlog: &dyn Backlog) -> Progress {
    let all = backlog.progress().await.unwrap();
    all[usize::from(partition().0)]
}

pub async fn first(backlog: &dyn Backlog) -> u64 {
    let known = backlog.log().partition(&hub(), partition()).await;
    known.unwrap().unwrap().first
}
