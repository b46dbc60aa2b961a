//! The state port's part for cloud-to-device messages.

use async_trait::async_trait;
use twinhub_core::c2d::{FeedbackBook, NumberedFeedback};
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::messages::Message;
use twinhub_core::ports::{DueQueue, FeedbackStock, OwnedQueue, QueueStore, StoreError, Stored};

use crate::engine::Engine;
use crate::tables::{feedback, queues};

#[async_trait]
impl QueueStore for Engine {
    async fn queue(
        &self,
        hub: &HubName,
        id: &IdentityId,
    ) -> Result<Option<OwnedQueue>, StoreError> {
        self.read_point(|connection| queues::read(connection, hub, id))
    }

    async fn message(
        &self,
        hub: &HubName,
        id: &IdentityId,
        sequence_number: u64,
    ) -> Result<Option<Message>, StoreError> {
        self.read_point(|connection| queues::read_message(connection, hub, id, sequence_number))
    }

    async fn due_queues(&self, limit: usize) -> Result<Vec<DueQueue>, StoreError> {
        self.read(move |connection| queues::read_due(connection, limit))
            .await
    }

    async fn feedback_book(
        &self,
        hub: &HubName,
    ) -> Result<Option<Stored<FeedbackBook>>, StoreError> {
        self.read_point(|connection| feedback::read_book(connection, hub))
    }

    async fn feedback(
        &self,
        hub: &HubName,
        after: u64,
        limit: usize,
    ) -> Result<Vec<NumberedFeedback>, StoreError> {
        let hub = hub.clone();
        self.read(move |connection| feedback::read_page(connection, &hub, after, limit))
            .await
    }

    async fn feedback_stocks(&self) -> Result<Vec<FeedbackStock>, StoreError> {
        self.read(feedback::read_stocks).await
    }
}
