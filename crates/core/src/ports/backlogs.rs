//! The port for what waits for custom endpoints.

use std::sync::Arc;

use async_trait::async_trait;

use super::{EventLog, LogError};
use crate::events::PartitionId;
use crate::ids::HubName;
use crate::routing::EndpointId;

/// How far the events of a partition are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which partition.
    pub partition: PartitionId,
    /// The sequence number of the first event that is not delivered.
    pub next: u64,
    /// How many went before they were delivered, since the endpoint was made.
    pub lost: u64,
}

/// What waits for each custom endpoint of the hubs: an event log each, with as
/// many partitions as the hub's own.
#[async_trait]
pub trait Backlogs: Send + Sync + 'static {
    /// The backlog of an endpoint, made if there is none. The same one, however
    /// often it is opened.
    async fn open(&self, hub: &HubName, endpoint: EndpointId)
    -> Result<Arc<dyn Backlog>, LogError>;

    /// Removes what there is of an endpoint. Producers and readers of it end
    /// with [`LogError::Closed`].
    async fn remove(&self, hub: &HubName, endpoint: EndpointId) -> Result<(), LogError>;

    /// The endpoints that there is something of.
    async fn endpoints(&self, hub: &HubName) -> Result<Vec<EndpointId>, LogError>;
}

/// What waits for one endpoint.
///
/// Retention drops the oldest events of it, also those that were not
/// delivered. Whoever delivers knows which: an event that it has read is not
/// lost, though it is dropped while it is on its way, and one that it wanted to
/// read next and did not find is.
#[async_trait]
pub trait Backlog: Send + Sync + 'static {
    /// The events. It answers for the endpoint's hub.
    fn log(&self) -> Arc<dyn EventLog>;

    /// How many bytes it takes on the disk.
    fn bytes(&self) -> u64;

    /// How far each partition is delivered, as last saved; from 0 if never. The
    /// oldest event there is may be a later one: whoever delivers counts, and
    /// tells, what lies between.
    async fn progress(&self) -> Result<Vec<Progress>, LogError>;

    /// Saves how far partitions are delivered; those that are not named stay.
    /// Durable when it returns. What lies before may go from then on. `lost`
    /// is kept as it is given.
    async fn save(&self, progress: &[Progress]) -> Result<(), LogError>;
}
