//! Blobs: events of a partition go to one until time or size is reached.
//!
//! A blob's name has the minute in which its first block leaves: the one in
//! which it is flushed, unless it is larger than a block. One that is there is
//! never written again; a name that is taken gets a number.
//!
//! **Memory.** Some megabytes for each partition, however large blobs are:
//! blocks leave while the blob still grows. Nobody sees it before it is whole.
//!
//! **After a failure** nothing of the blob is left, and its events are given
//! again.

mod avro;
mod connection;
mod encoder;
mod file_name;
mod json_lines;
mod record;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use twinhub_core::events::{EventRef, PartitionId};
use twinhub_core::ids::HubName;
use twinhub_core::ports::{
    BlobWriter, Container, ContainerError, Containers, DeliveryFailure, FailureReason, OpenedFor,
    Target,
};
use twinhub_core::routing::StorageTarget;
use twinhub_core::time::{Clock, Timestamp};

use self::encoder::Encoder;
use self::file_name::FileNames;
use crate::limits::{ANSWER, CALL, CONNECT, within};

const WHO: &str = "the container";
/// What leaves at once.
const BLOCK: usize = 1024 * 1024;
/// Blobs of one name and minute: more are a fault of the format.
const MOST_OF_A_NAME: usize = 1000;

/// The blobs of an endpoint's partition.
pub(crate) struct Storage {
    place: Place,
    blob: Option<Blob>,
}

/// Where blobs go, and what they are like.
struct Place {
    containers: Arc<dyn Containers>,
    clock: Arc<dyn Clock>,
    target: StorageTarget,
    names: FileNames,
    /// The last name that was begun, and which of its namesakes it was.
    begun: Option<(String, usize)>,
}

/// A blob that is being filled.
struct Blob {
    encoder: Encoder,
    /// How many bytes have left.
    sent: u64,
    is_empty: bool,
    /// Once a block has left.
    writer: Option<Box<dyn BlobWriter>>,
}

/// Whether a target is a container that blobs could be written to, as far as
/// this machine knows: a folder of it must be there.
pub(crate) fn check(
    containers: &dyn Containers,
    target: &StorageTarget,
    now: Timestamp,
) -> Result<(), String> {
    let address = connection::address(target.connection.expose(), &target.container, now)?;
    match containers.open(&address, OpenedFor::Operator) {
        Ok(_) => Ok(()),
        // Nothing in the address of a folder is secret.
        Err(ContainerError::Address(why)) if address.expose().starts_with("file:") => {
            Err(format!("{} can't be used: {why}", address.expose()))
        }
        Err(error) => Err(error.to_string()),
    }
}

impl Storage {
    pub(crate) fn new(
        containers: Arc<dyn Containers>,
        clock: Arc<dyn Clock>,
        hub: &HubName,
        target: &StorageTarget,
        partition: PartitionId,
    ) -> Self {
        let place = Place {
            containers,
            clock,
            target: target.clone(),
            names: FileNames::new(hub, target, partition),
            begun: None,
        };
        Storage { place, blob: None }
    }
}

impl Place {
    /// Takes events for the blob as long as it has room.
    async fn fill(
        &mut self,
        blob: &mut Blob,
        events: &[EventRef<'_>],
    ) -> Result<usize, DeliveryFailure> {
        for (index, event) in events.iter().enumerate() {
            let size = blob.sent + u64::try_from(blob.encoder.written().len()).unwrap_or(u64::MAX);
            let would_be = size.saturating_add(record::at_most(event));
            if would_be > self.target.max_chunk_bytes && !blob.is_empty {
                return Ok(index);
            }
            blob.encoder.append(event);
            blob.is_empty = false;
            if blob.encoder.written().len() >= BLOCK {
                self.send(blob).await?;
            }
        }
        Ok(events.len())
    }

    async fn send(&mut self, blob: &mut Blob) -> Result<(), DeliveryFailure> {
        let mut bytes = Bytes::from(std::mem::take(blob.encoder.written()));
        let writer = match &mut blob.writer {
            Some(writer) => writer,
            None => blob.writer.insert(self.begin().await?),
        };
        while !bytes.is_empty() {
            let block = bytes.split_to(bytes.len().min(BLOCK));
            blob.sent += u64::try_from(block.len()).unwrap_or(u64::MAX);
            writer.put(block).await.map_err(told)?;
        }
        Ok(())
    }

    /// Begins a blob under the first name that is free. One that was begun here
    /// is not, which a signature for writers alone does not let be seen.
    async fn begin(&mut self) -> Result<Box<dyn BlobWriter>, DeliveryFailure> {
        let now = self.clock.now();
        let target = &self.target;
        let address = connection::address(target.connection.expose(), &target.container, now);
        let address =
            address.map_err(|detail| DeliveryFailure::new(FailureReason::NotFound, detail))?;
        let container = self.containers.open(&address, OpenedFor::Operator);
        let container = container.map_err(told)?;
        let plain = self.names.name(now, 0);
        let begun = self.begun.as_ref().filter(|(name, _)| *name == plain);
        let first = begun.map_or(0, |(_, nth)| nth + 1);
        for nth in first..MOST_OF_A_NAME {
            let name = self.names.name(now, nth);
            // The first that is asked: who says nothing to this takes no blocks.
            let taken = is_taken(&*container, &name);
            if !within(CONNECT + ANSWER, WHO, taken).await? {
                self.begun = Some((plain, nth));
                return container.write_new(&name).await.map_err(told);
            }
        }
        let detail = "there are too many blobs of the name that this minute's get";
        Err(DeliveryFailure::new(FailureReason::Failed, detail))
    }
}

/// Whether there is a blob of that name. A signature that only lets in writers
/// does not say: if there is one, it stays, and finishing fails.
async fn is_taken(container: &dyn Container, name: &str) -> Result<bool, DeliveryFailure> {
    match container.contains(name).await {
        Err(ContainerError::Refused { .. }) => Ok(false),
        other => other.map_err(told),
    }
}

#[async_trait]
impl Target for Storage {
    async fn take(&mut self, events: &[EventRef<'_>]) -> Result<usize, DeliveryFailure> {
        let mut blob = self.blob.take().unwrap_or_else(|| Blob {
            encoder: Encoder::new(self.place.target.encoding),
            sent: 0,
            is_empty: true,
            writer: None,
        });
        let filled = self.place.fill(&mut blob, events);
        let taken = within(CALL, WHO, filled).await?;
        self.blob = Some(blob);
        Ok(taken)
    }

    async fn flush(&mut self) -> Result<(), DeliveryFailure> {
        let Some(mut blob) = self.blob.take().filter(|blob| !blob.is_empty) else {
            return Ok(());
        };
        blob.encoder.end();
        let sent = async {
            self.place.send(&mut blob).await?;
            match blob.writer {
                Some(writer) => writer.finish().await.map_err(told),
                None => Ok(()),
            }
        };
        within(CALL, WHO, sent).await
    }

    fn linger(&self) -> Duration {
        self.place.target.batch_frequency
    }
}

fn told(error: ContainerError) -> DeliveryFailure {
    let reason = match &error {
        ContainerError::Address(_) | ContainerError::NotFound { .. } => FailureReason::NotFound,
        ContainerError::Refused { .. } => FailureReason::Unauthorized,
        ContainerError::Failed { .. } => FailureReason::Unreachable,
    };
    DeliveryFailure::new(reason, error.to_string())
}

#[cfg(test)]
mod tests;
