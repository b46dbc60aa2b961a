//! Snapshots of a registry: one read transaction, on a thread of its own.
//!
//! The thread is a batch or two ahead of whoever takes them, and then waits.
//! An empty batch is the end: without it, the thread has broken off.
//! As long as it lives, the write-ahead log grows by what is written.

use std::mem;
use std::ops::ControlFlow;
use std::thread;

use async_trait::async_trait;
use rusqlite::Connection;
use twinhub_core::ids::HubName;
use twinhub_core::ports::{Member, RegistrySnapshot, SnapshotStore, StoreError};

use crate::checkpointer::LongRead;
use crate::engine::Engine;
use crate::tables;

/// Identities in a batch, at most.
const BATCH: usize = 500;
/// A batch ends early when its identities were stored in as many bytes.
const BATCH_BYTES: usize = 1024 * 1024;
/// Batches that wait to be taken.
const AHEAD: usize = 2;

type Batch = Result<Vec<Member>, StoreError>;

struct Snapshot {
    identities: u64,
    batches: async_channel::Receiver<Batch>,
    is_over: bool,
}

#[async_trait]
impl SnapshotStore for Engine {
    async fn registry_snapshot(
        &self,
        hub: &HubName,
    ) -> Result<Box<dyn RegistrySnapshot>, StoreError> {
        let (connection, long_read) = self.long_reader()?;
        let identities = tables::snapshot::begin(&connection, hub)?;
        let (queue, batches) = async_channel::bounded(AHEAD);
        let hub = hub.clone();
        thread::Builder::new()
            .name("state-snapshot".to_owned())
            .spawn(move || run(&connection, &hub, &queue, long_read))
            .map_err(|error| StoreError::not_written("could not start a thread", error))?;
        Ok(Box::new(Snapshot {
            identities,
            batches,
            is_over: false,
        }))
    }
}

#[async_trait]
impl RegistrySnapshot for Snapshot {
    fn identities(&self) -> u64 {
        self.identities
    }

    async fn next(&mut self) -> Batch {
        if self.is_over {
            return Ok(Vec::new());
        }
        let batch = self.batches.recv().await;
        let batch = batch.unwrap_or_else(|gone| {
            Err(StoreError::not_written(
                "reading the state has broken off",
                gone,
            ))
        })?;
        self.is_over = batch.is_empty();
        Ok(batch)
    }
}

/// Ends when all is told, or when nobody takes it any more.
fn run(
    connection: &Connection,
    hub: &HubName,
    queue: &async_channel::Sender<Batch>,
    _long_read: LongRead,
) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut bytes = 0;
    let read = tables::snapshot::read(connection, hub, |member, size| {
        batch.push(member);
        bytes += size;
        if batch.len() < BATCH && bytes < BATCH_BYTES {
            return ControlFlow::Continue(());
        }
        bytes = 0;
        let full = mem::replace(&mut batch, Vec::with_capacity(BATCH));
        match queue.send_blocking(Ok(full)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    });
    // Whoever asked may have gone.
    let _ = match read {
        Ok(()) => queue
            .send_blocking(Ok(batch))
            .and_then(|()| queue.send_blocking(Ok(Vec::new()))),
        Err(error) => queue.send_blocking(Err(error)),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thread_that_breaks_off_is_no_end() {
        let (queue, batches) = async_channel::bounded(AHEAD);
        let mut snapshot = Snapshot {
            identities: 1,
            batches,
            is_over: false,
        };

        drop(queue);

        assert!(snapshot.next().await.is_err());
    }
}
