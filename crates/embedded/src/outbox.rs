//! The state port's part for events that wait for the event log: as many as
//! there is room for.

use async_trait::async_trait;
use tokio::sync::watch;
use twinhub_core::ids::HubName;
use twinhub_core::ports::{CommitError, OutboxEvent, OutboxStore, StoreError};

use crate::engine::Engine;
use crate::tables::outbox;
use crate::unit::Unit;

pub(crate) mod room;

#[async_trait]
impl OutboxStore for Engine {
    async fn outbox(
        &self,
        hub: &HubName,
        after: u64,
        limit: usize,
    ) -> Result<Vec<OutboxEvent>, StoreError> {
        let hub = hub.clone();
        self.read(move |connection| outbox::read_page(connection, &hub, after, limit))
            .await
    }

    async fn remove_from_outbox(&self, hub: &HubName, through: u64) -> Result<(), StoreError> {
        let unit = Unit::of_told(hub.clone(), through);
        match self.write(unit).await {
            // A hub that is gone has taken its outbox along.
            Ok(()) | Err(CommitError::Conflict(_)) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    fn outbox_commits(&self) -> watch::Receiver<u64> {
        self.outbox_watch()
    }
}
