//! Sending and purging, and how every turn at a queue is taken.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::Notify;

use super::sweep::Alarm;
use super::turn::{Outcome, Turn};
use super::{
    CloudToDeviceSettings, FeedbackRecord, NewMessage, PurgeError, Queue, QueueRecord, SendError,
};
use crate::access::ServicePermit;
use crate::ids::{DeviceId, HubName, IdentityId};
use crate::ports::{
    Announcement, Change, CommitError, OwnedQueue, Record, Revision, StateStore, StoreError,
    Stored, UnitOfWork,
};
use crate::time::{Clock, Timestamp};

/// The cloud-to-device messages of all hubs.
pub struct CloudToDevice {
    pub(super) store: Arc<dyn StateStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: CloudToDeviceSettings,
    pub(super) alarm: Alarm,
    /// Tells who waits for feedback that there is more.
    pub(super) feedback_news: Notify,
}

/// Whose queue, in which hub.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    pub hub: &'a HubName,
    pub id: &'a IdentityId,
    /// Which of the namesakes, if only one will do.
    pub generation: Option<Timestamp>,
}

/// Why a turn was not taken.
pub(super) enum TurnError<E> {
    /// The identity is gone.
    NotRegistered,
    /// The turn was refused; nothing changed.
    Refused(E),
    /// The engine failed.
    Store(StoreError),
}

/// Which part of an identity's name is not registered.
enum Missing {
    Device(DeviceId),
    Module(IdentityId),
}

impl CloudToDevice {
    /// Queues over a store.
    pub fn new(
        store: Arc<dyn StateStore>,
        clock: Arc<dyn Clock>,
        settings: CloudToDeviceSettings,
    ) -> Self {
        CloudToDevice {
            store,
            clock,
            settings,
            alarm: Alarm::default(),
            feedback_news: Notify::new(),
        }
    }

    /// Queues a message; tells its number in its queue. Whether the device is
    /// enabled does not matter.
    pub async fn send(
        &self,
        permit: &ServicePermit,
        to: &IdentityId,
        message: NewMessage,
    ) -> Result<u64, SendError> {
        let owner = Owner {
            hub: permit.hub().name(),
            id: to,
            generation: None,
        };
        let sent = self.turn(owner, |turn| turn.enqueue(&message)).await;
        match sent {
            Ok(number) => Ok(number),
            Err(TurnError::Refused(refused)) => Err(refused),
            Err(TurnError::Store(error)) => Err(error.into()),
            Err(TurnError::NotRegistered) => Err(match self.missing(owner).await? {
                Missing::Device(device) => SendError::NoSuchDevice(device),
                Missing::Module(module) => SendError::NoSuchModule(module),
            }),
        }
    }

    /// Removes all messages, also those that are locked; tells how many.
    pub async fn purge(&self, permit: &ServicePermit, of: &IdentityId) -> Result<u64, PurgeError> {
        let owner = Owner {
            hub: permit.hub().name(),
            id: of,
            generation: None,
        };
        let purged = self
            .turn(owner, |turn| Ok::<_, Infallible>(turn.purge()))
            .await;
        match purged {
            Ok(count) => Ok(count),
            Err(TurnError::Refused(never)) => match never {},
            Err(TurnError::Store(error)) => Err(error.into()),
            Err(TurnError::NotRegistered) => Err(match self.missing(owner).await? {
                Missing::Device(device) => PurgeError::NoSuchDevice(device),
                Missing::Module(module) => PurgeError::NoSuchModule(module),
            }),
        }
    }

    /// Takes a turn at a queue: reads, decides, commits; on a lost race again.
    /// A refused turn writes nothing.
    pub(super) async fn turn<T, E>(
        &self,
        owner: Owner<'_>,
        mut act: impl FnMut(&mut Turn<'_>) -> Result<T, E>,
    ) -> Result<T, TurnError<E>> {
        loop {
            let found = self.store.queue(owner.hub, owner.id).await;
            let found = found.map_err(TurnError::Store)?;
            let OwnedQueue { generation, queue } = found.ok_or(TurnError::NotRegistered)?;
            if owner.generation.is_some_and(|wanted| wanted != generation) {
                return Err(TurnError::NotRegistered);
            }
            let (queue, revision) = match queue {
                Some(Stored { revision, value }) => (value, Some(revision)),
                None => (Queue::default(), None),
            };
            let record = QueueRecord {
                identity: owner.id.clone(),
                queue,
            };
            let now = self.clock.now();

            let mut turn = Turn::begin(record, &self.settings, now);
            let done = act(&mut turn).map_err(TurnError::Refused)?;
            let outcome = turn.finish();
            if !outcome.changed {
                return Ok(done);
            }

            let due = outcome.record.queue.due();
            let has_feedback = !outcome.ends.is_empty();
            let work = work_of(owner, outcome, revision, generation, now);
            match self.store.commit(work).await {
                Ok(()) => {
                    self.alarm.set(due);
                    if has_feedback {
                        self.feedback_news.notify_waiters();
                    }
                    return Ok(done);
                }
                Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Store(error)) => return Err(TurnError::Store(error)),
            }
        }
    }

    async fn missing(&self, owner: Owner<'_>) -> Result<Missing, StoreError> {
        let device = owner.id.device_id();
        let has_device = self.store.device(owner.hub, device).await?.is_some();
        if has_device && owner.id.module_id().is_some() {
            return Ok(Missing::Module(owner.id.clone()));
        }
        Ok(Missing::Device(device.clone()))
    }
}

/// What is stored of a turn.
fn work_of(
    owner: Owner<'_>,
    outcome: Outcome,
    revision: Option<Revision>,
    generation: Timestamp,
    now: Timestamp,
) -> UnitOfWork {
    let record = Record::Queue(outcome.record);
    let mut changes = vec![match revision {
        Some(revision) => Change::Replace(record, revision),
        None => Change::Insert(record),
    }];
    if let Some((number, message)) = outcome.added {
        changes.push(Change::PutMessage(owner.id.clone(), number, message));
    }
    let removed = outcome.removed.into_iter();
    changes.extend(removed.map(|number| Change::RemoveMessage(owner.id.clone(), number)));
    changes.extend(outcome.ends.into_iter().map(|end| {
        Change::AppendFeedback(FeedbackRecord {
            original_message_id: end.message_id,
            enqueued: now,
            status: end.status,
            identity: owner.id.clone(),
            generation,
        })
    }));
    let waiting = outcome
        .waiting
        .then(|| Announcement::MessagesWaiting(owner.id.clone()));
    UnitOfWork::new(owner.hub.clone(), changes).announcing(waiting.into_iter().collect())
}
