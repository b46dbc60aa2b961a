//! The state port's part for events that the hub makes of changes: they wait
//! in the state until they are in the event log. Units of work put them there.

use async_trait::async_trait;
use tokio::sync::watch;

use super::StoreError;
use crate::ids::HubName;
use crate::notifications::NewEvent;

/// An event that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEvent {
    /// Its number: grows in the order of the commits, over all hubs, and is
    /// never given twice, also not after the event has gone.
    pub number: u64,
    /// The event.
    pub event: NewEvent,
}

/// The outboxes of the hubs; see [`StateStore`](super::StateStore) for what
/// holds for all reads and writes.
///
/// An event is in its hub's outbox if and only if the unit of work that
/// carried it was done, until it is removed or the hub is.
#[async_trait]
pub trait OutboxStore: Send + Sync + 'static {
    /// Events by number, those after `after`: at most `limit`, and fewer if
    /// they are large, but at least one if there is one. The same ones each
    /// time, as long as none is added or removed. One that is damaged is left
    /// out, so that it holds up none behind it, and goes with them.
    async fn outbox(
        &self,
        hub: &HubName,
        after: u64,
        limit: usize,
    ) -> Result<Vec<OutboxEvent>, StoreError>;

    /// Removes the events up to and including this number. Durable when it
    /// returns.
    async fn remove_from_outbox(&self, hub: &HubName, through: u64) -> Result<(), StoreError>;

    /// Moves with every commit that carried events, after it is durable and
    /// before whoever committed is told.
    fn outbox_commits(&self) -> watch::Receiver<u64>;
}
