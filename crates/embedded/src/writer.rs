//! Group commit: one thread writes, and flushes once for everybody.
//!
//! A batch is whatever queued during the last commit; there is no timer. Each
//! unit of work is applied as a whole or refused without hurting the others.
//! Once the batch is on disk, announcements go out in the order of the units,
//! and only then does anybody hear that theirs is done. When a batch fails,
//! everybody in it is told what is known, and the next one starts afresh.

use std::sync::Arc;
use std::{io, mem};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};
use twinhub_core::ids::HubName;
use twinhub_core::ports::{CommitError, Sessions, StoreError};

use self::batch::BatchError;
use crate::checkpointer::CheckpointSignal;
use crate::counts::{CountChange, Counts};
use crate::indexes::book::IndexBook;
use crate::open::StateFile;
use crate::outbox::room::Room;
use crate::own_thread::OwnThread;
use crate::schema;
use crate::unit::{Applied, Unit};

mod batch;

/// Units that wait for the writer. One more waits at `commit`, in its caller.
const QUEUE_CAPACITY: usize = 1024;
/// Steps in one batch, so that the first in it does not wait for a crowd.
const MAX_BATCH_STEPS: usize = 2048;

type Outcome = Result<(), CommitError>;
type Pause = Box<dyn FnOnce(&Connection, &mut IndexBook) + Send>;

enum Message {
    Unit(Unit, oneshot::Sender<Outcome>),
    /// Do this between two batches.
    Pause(Pause),
    /// Do what is queued, then stop.
    Close,
}

/// What the writer works with.
pub(crate) struct Workbench {
    pub connection: Connection,
    pub file: StateFile,
    pub counts: Arc<Counts>,
    pub sessions: Arc<dyn Sessions>,
    pub checkpoint: Arc<CheckpointSignal>,
    /// Counts the batches that put something into an outbox.
    pub outbox: watch::Sender<u64>,
    /// How much may wait in the outboxes.
    pub room: Arc<Room>,
    pub indexes: IndexBook,
}

/// The way to the writer's thread. Dropping it waits until all is written.
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
    thread: OwnThread,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(workbench: Workbench, last_revision: u64) -> io::Result<Self> {
        let (queue, queued) = mpsc::channel(QUEUE_CAPACITY);
        let mut group_commit = GroupCommit {
            workbench,
            last_revision,
        };
        let panicked = "the writer of the state has panicked";
        let thread = OwnThread::start("state-writer", panicked, move || group_commit.run(queued))?;
        Ok(Writer { queue, thread })
    }

    /// Queues a unit and waits until it is durable or refused.
    pub(crate) async fn commit(&self, unit: Unit) -> Outcome {
        let (reply, replied) = oneshot::channel();
        let message = Message::Unit(unit, reply);
        self.queue
            .send(message)
            .await
            .map_err(|_| StoreError::closed())?;
        // A writer that stops drains its queue. One that panicked may have
        // written anything.
        replied
            .await
            .unwrap_or_else(|gone| Err(StoreError::in_doubt("the writer has stopped", gone).into()))
    }

    /// Does something short between two batches, when what is written is what
    /// others were told, and returns what came of it.
    pub(crate) async fn pause<T: Send + 'static>(
        &self,
        act: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, replied) = oneshot::channel();
        let pause: Pause = Box::new(move |_, _| {
            // A caller that went away does not care.
            let _ = reply.send(act());
        });
        let queued = self.queue.send(Message::Pause(pause)).await;
        queued.map_err(|_| StoreError::closed())?;
        replied
            .await
            .map_err(|gone| StoreError::not_written("the writer has stopped", gone))
    }

    /// Takes nothing more, and returns when all is written.
    pub(crate) async fn close(&self) {
        // An error means that it is closed already.
        let _ = self.queue.send(Message::Close).await;
        self.queue.closed().await;
        self.thread.ended().await;
    }

    /// For a thread that ends before this does.
    pub(crate) fn handle(&self) -> WriterHandle {
        WriterHandle(self.queue.clone())
    }
}

/// A way to the writer's thread from another one that waits for what it asks.
pub(crate) struct WriterHandle(mpsc::Sender<Message>);

impl WriterHandle {
    /// Does something short with the writer's connection between two batches,
    /// and returns what came of it; nothing if the writer takes no more.
    pub(crate) fn between_batches<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Connection, &mut IndexBook) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, replied) = oneshot::channel();
        let pause: Pause = Box::new(move |connection, indexes| {
            let _ = reply.send(act(connection, indexes));
        });
        self.0.blocking_send(Message::Pause(pause)).ok()?;
        replied.blocking_recv().ok()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The queue ends when its last sender goes.
        self.queue = mpsc::channel(1).0;
        self.thread.join();
    }
}

/// The writer's side of the queue.
struct GroupCommit {
    workbench: Workbench,
    last_revision: u64,
}

impl GroupCommit {
    fn run(&mut self, mut queue: mpsc::Receiver<Message>) {
        let mut batch = Vec::new();
        let mut pauses: Vec<Pause> = Vec::new();
        while let Some(first) = queue.blocking_recv() {
            let mut steps = 0;
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Unit(unit, reply) => {
                        steps += unit.size();
                        batch.push((unit, reply));
                    }
                    Message::Pause(pause) => pauses.push(pause),
                    Message::Close => queue.close(),
                }
                next = if steps < MAX_BATCH_STEPS {
                    queue.try_recv().ok()
                } else {
                    None
                };
            }
            self.commit(mem::take(&mut batch));
            for pause in pauses.drain(..) {
                pause(&self.workbench.connection, &mut self.workbench.indexes);
                self.workbench.checkpoint.written();
            }
        }
    }

    fn commit(&mut self, batch: Vec<(Unit, oneshot::Sender<Outcome>)>) {
        let (units, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let last_revision = &mut self.last_revision;
        let outcomes = match batch::write(&self.workbench, &units, last_revision) {
            Ok(written) => {
                self.count(&units, &written);
                self.announce(&units, &written);
                self.tell_of_events(&units, &written);
                written.into_iter().map(|unit| unit.map(drop)).collect()
            }
            Err(failed) => {
                self.recover(&failed);
                units
                    .iter()
                    .map(|_| Err(failed.told().into()))
                    .collect::<Vec<_>>()
            }
        };
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            // A caller that went away does not care.
            let _ = reply.send(outcome);
        }
        self.workbench.checkpoint.written();
    }

    fn count(&self, units: &[Unit], written: &[Result<Applied, CommitError>]) {
        for (hub, change) in batch::changes_by_hub(units, written) {
            self.workbench.counts.apply(hub, change);
        }
        for (unit, written) in units.iter().zip(written) {
            if let Ok(applied) = written {
                self.workbench.room.moved(&unit.hub, applied.outbox);
            }
        }
    }

    fn announce(&self, units: &[Unit], written: &[Result<Applied, CommitError>]) {
        let done = units.iter().zip(written).filter(|(_, unit)| unit.is_ok());
        for (unit, _) in done {
            for announcement in &unit.announcements {
                self.workbench.sessions.announce(&unit.hub, announcement);
            }
        }
    }

    fn tell_of_events(&self, units: &[Unit], written: &[Result<Applied, CommitError>]) {
        let mut done = units.iter().zip(written).filter(|(_, unit)| unit.is_ok());
        if done.any(|(unit, _)| unit.has_events()) {
            let commits = &self.workbench.outbox;
            commits.send_modify(|commits| *commits += 1);
        }
    }

    /// Makes the connection fit for the next batch.
    fn recover(&mut self, failed: &BatchError) {
        tracing::error!(error = %failed, "a batch of writes failed");
        if let Err(error) = self.start_afresh() {
            tracing::error!(%error, "the writer could not recover yet");
        }
    }

    fn start_afresh(&mut self) -> rusqlite::Result<()> {
        let workbench = &mut self.workbench;
        let undone = workbench.connection.is_autocommit()
            || workbench.connection.execute_batch("ROLLBACK").is_ok();
        if !undone {
            workbench.connection = workbench.file.writer()?;
        }
        // The disk decides: a commit in doubt may have happened, and its
        // revisions must not be given again.
        let stored = schema::last_revision(&workbench.connection)?.cast_unsigned();
        self.last_revision = self.last_revision.max(stored);
        workbench.room.load(&workbench.connection)?;
        workbench.counts.load(&workbench.connection)
    }
}

/// Hubs with what their counts move by.
type HubChanges<'a> = Vec<(&'a HubName, CountChange)>;

#[cfg(test)]
mod tests;
