//! The log of an endpoint whose backlog can't be opened.

use async_trait::async_trait;

use crate::events::{EventBatch, Origin, PartitionId};
use crate::ids::HubName;
use crate::ports::{EventLog, LogError, PartitionState, Producer, StartPosition};

/// Takes and gives nothing, and says why.
pub(super) struct RefusedLog(pub LogError);

#[async_trait]
impl EventLog for RefusedLog {
    fn partitions(&self, _: &HubName) -> Option<u16> {
        None
    }

    fn producer(&self, _: &HubName, _: &Origin) -> Result<Box<dyn Producer>, LogError> {
        Err(self.0.clone())
    }

    async fn partition(
        &self,
        _: &HubName,
        _: PartitionId,
    ) -> Result<Option<PartitionState>, LogError> {
        Ok(None)
    }

    async fn find(&self, _: &HubName, _: PartitionId, _: StartPosition) -> Result<u64, LogError> {
        Err(self.0.clone())
    }

    async fn read(
        &self,
        _: &HubName,
        _: PartitionId,
        _: u64,
        _: usize,
    ) -> Result<EventBatch, LogError> {
        Err(self.0.clone())
    }

    async fn wait_for(&self, _: &HubName, _: PartitionId, _: u64) -> Result<(), LogError> {
        Err(self.0.clone())
    }
}
