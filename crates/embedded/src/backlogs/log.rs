//! The events of a backlog, as long as it is not removed.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use twinhub_core::events::{EventBatch, Origin, PartitionId};
use twinhub_core::ids::HubName;
use twinhub_core::ports::{EventLog, LogError, PartitionState, Producer, StartPosition};
use twinhub_core::routing::EndpointId;
use twinhub_event_log::{Commit, Log, Observer, WriteError};

use crate::events::OneLog;

/// The events of a backlog, as long as it is not removed.
pub(super) struct BacklogLog {
    hub: HubName,
    partitions: u16,
    events: OneLog,
    removed: AtomicBool,
}

impl BacklogLog {
    pub fn new(hub: HubName, partitions: u16, events: OneLog) -> Self {
        BacklogLog {
            hub,
            partitions,
            events,
            removed: AtomicBool::new(false),
        }
    }

    /// The log below it.
    pub fn events(&self) -> &OneLog {
        &self.events
    }

    /// The oldest event of each partition.
    pub fn firsts(&self) -> Vec<u64> {
        firsts(self.events.log())
    }

    /// Ends it for all who use it. Blocks.
    pub fn end(&self) {
        self.removed.store(true, Ordering::Release);
        self.events.log().close();
    }

    /// Whether it is still there.
    pub fn require(&self) -> Result<(), LogError> {
        if self.removed.load(Ordering::Acquire) {
            return Err(LogError::Closed);
        }
        Ok(())
    }

    fn of(&self, hub: &HubName) -> Result<&OneLog, LogError> {
        self.require()?;
        if *hub != self.hub {
            return Err(LogError::Failed(format!(
                "the backlog is hub {}'s, not {hub}'s",
                self.hub
            )));
        }
        Ok(&self.events)
    }

    /// What fails because the files are gone is told as what it is.
    fn told<T>(&self, result: Result<T, LogError>) -> Result<T, LogError> {
        self.require()?;
        result
    }
}

#[async_trait]
impl EventLog for BacklogLog {
    fn partitions(&self, hub: &HubName) -> Option<u16> {
        (*hub == self.hub).then_some(self.partitions)
    }

    fn producer(&self, hub: &HubName, origin: &Origin) -> Result<Box<dyn Producer>, LogError> {
        Ok(self.of(hub)?.producer(origin))
    }

    async fn partition(
        &self,
        hub: &HubName,
        partition: PartitionId,
    ) -> Result<Option<PartitionState>, LogError> {
        Ok(self.of(hub)?.partition(partition))
    }

    async fn find(
        &self,
        hub: &HubName,
        partition: PartitionId,
        position: StartPosition,
    ) -> Result<u64, LogError> {
        self.told(self.of(hub)?.find(partition, position).await)
    }

    async fn read(
        &self,
        hub: &HubName,
        partition: PartitionId,
        sequence_number: u64,
        max_bytes: usize,
    ) -> Result<EventBatch, LogError> {
        let events = self.of(hub)?;
        self.told(events.read(partition, sequence_number, max_bytes).await)
    }

    async fn wait_for(
        &self,
        hub: &HubName,
        partition: PartitionId,
        sequence_number: u64,
    ) -> Result<(), LogError> {
        self.told(self.of(hub)?.wait_for(partition, sequence_number).await)
    }
}

/// Tells whose backlog takes nothing.
pub(super) struct Watch {
    pub hub: HubName,
    pub endpoint: EndpointId,
}

impl Observer for Watch {
    fn committed(&self, _commit: &Commit) {}

    fn refusing(&self, error: &WriteError) {
        let Watch { hub, endpoint } = self;
        if !matches!(error, WriteError::Closed) {
            tracing::error!(%hub, %endpoint, %error, "events that are routed to an endpoint are refused");
        }
    }

    fn accepting(&self) {
        let Watch { hub, endpoint } = self;
        tracing::info!(%hub, %endpoint, "events that are routed to an endpoint are taken again");
    }
}

/// The oldest record of each partition.
pub(super) fn firsts(log: &Log) -> Vec<u64> {
    let partitions = 0..log.partitions();
    partitions
        .map(|partition| log.partition(partition).map_or(0, |known| known.first))
        .collect()
}
