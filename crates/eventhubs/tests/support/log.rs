//! The embedded log, which can be told to fail.

use std::sync::Mutex;

use async_trait::async_trait;
use twinhub_core::events::{EventBatch, Origin, PartitionId};
use twinhub_core::ids::HubName;
use twinhub_core::ports::{EventLog, LogError, PartitionState, Producer, StartPosition};
use twinhub_embedded::LocalEventLog;

pub struct TestLog {
    pub inner: LocalEventLog,
    failure: Mutex<Option<LogError>>,
}

impl TestLog {
    pub fn new(inner: LocalEventLog) -> Self {
        TestLog {
            inner,
            failure: Mutex::default(),
        }
    }

    /// Whatever is read from now on fails.
    pub fn fail(&self, error: LogError) {
        *self.failure.lock().unwrap() = Some(error);
    }

    fn check(&self) -> Result<(), LogError> {
        match &*self.failure.lock().unwrap() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl EventLog for TestLog {
    fn partitions(&self, hub: &HubName) -> Option<u16> {
        self.inner.partitions(hub)
    }

    fn producer(&self, hub: &HubName, origin: &Origin) -> Result<Box<dyn Producer>, LogError> {
        self.inner.producer(hub, origin)
    }

    async fn partition(
        &self,
        hub: &HubName,
        partition: PartitionId,
    ) -> Result<Option<PartitionState>, LogError> {
        self.inner.partition(hub, partition).await
    }

    async fn find(
        &self,
        hub: &HubName,
        partition: PartitionId,
        position: StartPosition,
    ) -> Result<u64, LogError> {
        self.inner.find(hub, partition, position).await
    }

    async fn read(
        &self,
        hub: &HubName,
        partition: PartitionId,
        sequence_number: u64,
        max_bytes: usize,
    ) -> Result<EventBatch, LogError> {
        self.check()?;
        self.inner
            .read(hub, partition, sequence_number, max_bytes)
            .await
    }

    async fn wait_for(
        &self,
        hub: &HubName,
        partition: PartitionId,
        sequence_number: u64,
    ) -> Result<(), LogError> {
        self.inner.wait_for(hub, partition, sequence_number).await
    }
}
