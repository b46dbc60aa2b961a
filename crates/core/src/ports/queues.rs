//! The state port's part for cloud-to-device messages: queues, the messages
//! in them, and feedback. They are written by units of work like all else.

use async_trait::async_trait;

use super::{StoreError, Stored};
use crate::c2d::{FeedbackBook, NumberedFeedback, Queue};
use crate::ids::{HubName, IdentityId};
use crate::messages::Message;
use crate::time::Timestamp;

/// An identity's queue; none before the first message.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedQueue {
    /// Which of the namesakes it belongs to.
    pub generation: Timestamp,
    /// The queue.
    pub queue: Option<Stored<Queue>>,
}

/// A queue in which something happens by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueQueue {
    /// The hub.
    pub hub: HubName,
    /// Whose queue.
    pub identity: IdentityId,
    /// When: [`Queue::due`].
    pub due: Timestamp,
}

/// How much feedback a hub holds; hubs without any have no stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackStock {
    /// The hub.
    pub hub: HubName,
    /// How many records.
    pub records: u64,
    /// When the oldest was appended.
    pub oldest: Timestamp,
}

/// Reads of queues and feedback; see [`StateStore`](super::StateStore) for
/// what holds for all reads.
#[async_trait]
pub trait QueueStore: Send + Sync + 'static {
    /// An identity's queue, and the identity's generation, in one moment;
    /// nothing if there is no such identity.
    async fn queue(&self, hub: &HubName, id: &IdentityId)
    -> Result<Option<OwnedQueue>, StoreError>;

    /// A message in an identity's queue.
    async fn message(
        &self,
        hub: &HubName,
        id: &IdentityId,
        sequence_number: u64,
    ) -> Result<Option<Message>, StoreError>;

    /// The queues of all hubs that are due first, in that order. Cheap,
    /// however many queues there are.
    async fn due_queues(&self, limit: usize) -> Result<Vec<DueQueue>, StoreError>;

    /// Which feedback is in which batch.
    async fn feedback_book(
        &self,
        hub: &HubName,
    ) -> Result<Option<Stored<FeedbackBook>>, StoreError>;

    /// Feedback by number, that after `after`, at most `limit`.
    async fn feedback(
        &self,
        hub: &HubName,
        after: u64,
        limit: usize,
    ) -> Result<Vec<NumberedFeedback>, StoreError>;

    /// How much feedback each hub holds.
    async fn feedback_stocks(&self) -> Result<Vec<FeedbackStock>, StoreError>;
}
