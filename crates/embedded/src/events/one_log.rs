//! One segmented log as the event port sees it, whosever events it holds.

use std::sync::Arc;
use std::task::{Context, Poll};

use twinhub_core::events::{EventBatch, EventRef, Origin, PartitionId, StoredEvents};
use twinhub_core::messages::MessageRef;
use twinhub_core::ports::{Busy, LogError, PartitionState, Producer, StartPosition};
use twinhub_core::time::Timestamp;
use twinhub_event_log::{Log, OpenError, ReadError, Record, Start, WriteError};

use super::v1;

/// A log of events.
#[derive(Clone)]
pub(crate) struct OneLog(Arc<Log>);

impl OneLog {
    pub fn new(log: Log) -> Self {
        OneLog(Arc::new(log))
    }

    /// The log itself.
    pub fn log(&self) -> &Arc<Log> {
        &self.0
    }

    pub fn producer(&self, origin: &Origin) -> Box<dyn Producer> {
        Box::new(EventProducer {
            partition: PartitionId::of(origin.identity.device_id(), self.0.partitions()),
            origin: v1::encode_origin(origin).into(),
            producer: self.0.producer(),
        })
    }

    pub fn partition(&self, partition: PartitionId) -> Option<PartitionState> {
        let known = self.0.partition(partition.0)?;
        Some(PartitionState {
            first: known.first,
            next: known.next,
            last_offset: known.newest.map(|(offset, _)| offset),
            last_enqueued: known
                .newest
                .map(|(_, enqueued)| Timestamp::from_ticks(enqueued)),
        })
    }

    pub async fn find(
        &self,
        partition: PartitionId,
        position: StartPosition,
    ) -> Result<u64, LogError> {
        let log = self.0.clone();
        let start = match position {
            StartPosition::Earliest => Start::Earliest,
            StartPosition::Latest => Start::Latest,
            StartPosition::SequenceNumber(number) => {
                let first = log.find(partition.0, Start::Earliest).map_err(read_error)?;
                return Ok(number.max(first));
            }
            StartPosition::AfterOffset(offset) => Start::AfterOffset(offset),
            StartPosition::EnqueuedFrom(moment) => Start::EnqueuedFrom(moment.ticks()),
        };
        blocking(move || log.find(partition.0, start))
            .await?
            .map_err(read_error)
    }

    pub async fn read(
        &self,
        partition: PartitionId,
        sequence_number: u64,
        max_bytes: usize,
    ) -> Result<EventBatch, LogError> {
        let log = self.0.clone();
        let known = log.partition(partition.0);
        if known.is_some_and(|known| sequence_number >= known.next) {
            return Ok(EventBatch::empty());
        }
        blocking(move || {
            let records = log.read(partition.0, sequence_number, max_bytes);
            let records = records.map_err(read_error)?;
            let checked = records.into_iter().map(|record| check(partition, record));
            Ok(EventBatch::new(ReadEvents(
                checked.collect::<Result<_, _>>()?,
            )))
        })
        .await?
    }

    pub async fn wait_for(
        &self,
        partition: PartitionId,
        sequence_number: u64,
    ) -> Result<(), LogError> {
        if partition.0 >= self.0.partitions() {
            return Err(read_error(ReadError::NoPartition(partition.0)));
        }
        self.0
            .wait_for(partition.0, sequence_number)
            .await
            .map_err(write_error)
    }

    /// Why it takes nothing at present, if so.
    pub fn refusing(&self) -> Option<LogError> {
        self.0.refusing().map(write_error)
    }

    /// Writes what was handed over; takes nothing from then on.
    pub async fn close(&self) -> Result<(), LogError> {
        let log = self.0.clone();
        blocking(move || log.close()).await
    }
}

/// One sender's way in.
struct EventProducer {
    partition: PartitionId,
    /// What all of its events begin with.
    origin: Box<[u8]>,
    producer: twinhub_event_log::Producer,
}

impl Producer for EventProducer {
    fn append(&mut self, message: &MessageRef<'_>, enqueued: Timestamp) -> Result<(), Busy> {
        let Self {
            partition,
            origin,
            producer,
        } = self;
        let taken = producer.append(partition.0, v1::TAG, enqueued.ticks(), |out| {
            out.extend_from_slice(origin);
            v1::encode_message(message, out);
        });
        match taken {
            Ok(()) => Ok(()),
            Err(twinhub_event_log::AppendError::Busy) => Err(Busy),
            Err(twinhub_event_log::AppendError::TooLarge) => {
                unreachable!("core bounds messages, far below the size of a record")
            }
        }
    }

    fn hand_over(&mut self) {
        self.producer.hand_over();
    }

    fn poll_durable(&mut self, cx: &mut Context<'_>, known: u64) -> Poll<Result<u64, LogError>> {
        self.producer.poll_durable(cx, known).map_err(write_error)
    }
}

/// What one read gave.
struct ReadEvents(Vec<v1::Checked>);

impl StoredEvents for ReadEvents {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, index: usize) -> EventRef<'_> {
        self.0[index].event()
    }
}

fn check(partition: PartitionId, record: Record) -> Result<v1::Checked, LogError> {
    let (sequence_number, offset, tag) = (record.sequence_number, record.offset, record.tag);
    let checked = match tag {
        v1::TAG => v1::Checked::new(record),
        _ => None,
    };
    checked.ok_or_else(|| LogError::Damaged {
        partition,
        sequence_number,
        detail: format!(
            "event {sequence_number} of partition {partition} at offset {offset} has format {tag}, which this build can't read"
        ),
    })
}

/// The same for a log that is opened while the hub works.
pub(crate) fn open_error(error: OpenError) -> LogError {
    match error {
        OpenError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
            LogError::Full
        }
        OpenError::Io { path, source } => {
            LogError::Failed(format!("could not use {}: {source}", path.display()))
        }
        OpenError::Segment { path, source } => {
            LogError::Failed(format!("{} can't be used: {source}", path.display()))
        }
        error => LogError::Failed(error.to_string()),
    }
}

fn write_error(error: WriteError) -> LogError {
    match error {
        WriteError::Full => LogError::Full,
        WriteError::Io(source) => LogError::Failed(source.to_string()),
        WriteError::Closed => LogError::Closed,
    }
}

fn read_error(error: ReadError) -> LogError {
    match &error {
        ReadError::Io { source, .. } => LogError::Failed(format!("{error}: {source}")),
        ReadError::Damaged {
            partition,
            sequence_number,
            ..
        } => LogError::Damaged {
            partition: PartitionId(*partition),
            sequence_number: *sequence_number,
            detail: error.to_string(),
        },
        ReadError::NoPartition(_) => LogError::Failed(error.to_string()),
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LogError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| LogError::Failed(error.to_string()))
}
