//! A hub's consumer groups: made, deleted, and noticed to be gone.

use std::sync::Arc;

use super::{Done, Hub, Hubs};
use crate::consumer_groups::{ConsumerGroup, ConsumerGroupName};
use crate::ids::HubName;
use crate::ports::{Change, Record, RecordKey, StoreError, UnitOfWork};
use crate::time::Timestamp;

/// Why a hub's consumer groups could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeConsumerGroupError {
    /// No such hub.
    #[error("hub {0} does not exist")]
    NoSuchHub(String),
    /// No such group.
    #[error("consumer group {0} does not exist")]
    NoSuchConsumerGroup(ConsumerGroupName),
    /// `$Default` stays.
    #[error(
        "the consumer group {} can't be deleted",
        ConsumerGroupName::default_group()
    )]
    Default,
    /// The tier allows no more.
    #[error("a hub has at most {limit} consumer groups, $Default among them")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// It could not be saved.
    #[error("could not save the consumer group")]
    Store(#[from] StoreError),
}

impl Hub {
    /// A consumer group by its name, whatever the case.
    pub fn consumer_group(&self, name: &str) -> Option<&ConsumerGroup> {
        let folded = name.to_ascii_lowercase();
        self.consumer_groups()
            .find(|group| group.name.folded() == folded)
    }

    /// All consumer groups: `$Default`, and the others by name.
    pub fn consumer_groups(&self) -> impl Iterator<Item = &ConsumerGroup> {
        let others = self.consumer_groups.values().map(|stored| &stored.value);
        std::iter::once(&self.default_group).chain(others)
    }
}

impl Hubs {
    /// Adds a consumer group. One of that name stays as it is; tells whether
    /// it is new.
    pub async fn put_consumer_group(
        &self,
        hub: &str,
        name: ConsumerGroupName,
        now: Timestamp,
    ) -> Result<(ConsumerGroup, bool), ChangeConsumerGroupError> {
        let _one_at_a_time = self.changing.lock().await;
        let hub = self.hub_with_groups(hub)?;
        if let Some(known) = hub.consumer_group(name.as_str()) {
            return Ok((known.clone(), false));
        }
        let limit = hub.settings.tier.max_consumer_groups();
        if hub.consumer_groups().count() >= limit {
            return Err(ChangeConsumerGroupError::TooMany { limit });
        }
        let group = ConsumerGroup {
            name,
            created: Some(now),
        };
        let insert = Change::Insert(Record::ConsumerGroup(group.clone()));
        let done = self.commit_group(&hub, insert).await?;
        if done.is_committed {
            return Ok((group, true));
        }
        // Another node made it: just as good.
        match done.hub.consumer_group(group.name.as_str()) {
            Some(known) => Ok((known.clone(), false)),
            None => Err(ChangeConsumerGroupError::NoSuchConsumerGroup(group.name)),
        }
    }

    /// Deletes a consumer group. Its readers end, see
    /// [`without_consumer_group`](Self::without_consumer_group).
    pub async fn remove_consumer_group(
        &self,
        hub: &str,
        name: ConsumerGroupName,
    ) -> Result<(), ChangeConsumerGroupError> {
        if name.is_default() {
            return Err(ChangeConsumerGroupError::Default);
        }
        let _one_at_a_time = self.changing.lock().await;
        let hub = self.hub_with_groups(hub)?;
        let missing = || ChangeConsumerGroupError::NoSuchConsumerGroup(name.clone());
        let stored = hub.consumer_groups.get(&name.folded());
        let revision = stored.ok_or_else(missing)?.revision;
        let remove = Change::Remove(RecordKey::ConsumerGroup(name.clone()), revision);
        let done = self.commit_group(&hub, remove).await?;
        // Another node that was quicker has deleted it.
        done.is_committed.then_some(()).ok_or_else(missing)
    }

    /// Returns once a hub is without this consumer group, which is what ends
    /// its readers. A new group of the same name is another one. Safe to
    /// cancel.
    pub async fn without_consumer_group(&self, hub: &HubName, group: &ConsumerGroup) {
        let mut changes = self.changes();
        loop {
            changes.mark_unchanged();
            let known = self.by_name(hub.as_str());
            let stands = known.is_some_and(|hub| hub.has_consumer_group(group));
            if !stands || changes.changed().await.is_err() {
                return;
            }
        }
    }

    async fn commit_group(&self, hub: &Hub, change: Change) -> Result<Done, StoreError> {
        let work = UnitOfWork::new(hub.name().clone(), vec![change]);
        self.commit(hub, work).await
    }

    fn hub_with_groups(&self, hub: &str) -> Result<Arc<Hub>, ChangeConsumerGroupError> {
        self.by_name(hub)
            .ok_or_else(|| ChangeConsumerGroupError::NoSuchHub(hub.to_owned()))
    }
}

impl Hub {
    fn has_consumer_group(&self, group: &ConsumerGroup) -> bool {
        self.consumer_group(group.name.as_str()) == Some(group)
    }
}
