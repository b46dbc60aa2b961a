//! The event port: one segmented log for each hub.
//!
//! An event is encoded once, straight into the buffer that its producer hands
//! to the log; what all events of a sender have in common is encoded when the
//! producer is made. Reads run on the runtime's threads for blocking work.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use twinhub_core::events::{EventBatch, EventRef, Origin, PartitionId, StoredEvents};
use twinhub_core::ids::HubName;
use twinhub_core::messages::MessageRef;
use twinhub_core::ports::{Busy, EventLog, LogError, PartitionState, Producer, StartPosition};
use twinhub_core::time::Timestamp;
use twinhub_event_log::{
    Commit, Log, Observer, OpenError, Options, ReadError, Record, Retention, Snapshot, Start,
    WriteError,
};

use crate::metrics::EventLogMetrics;

mod v1;

/// The largest segment, and the part of a hub's bytes that a segment may be:
/// retention drops whole segments.
const SEGMENT_BYTES: u64 = 128 << 20;
const SEGMENTS: u64 = 8;
const LEAST_SEGMENT: u64 = 1 << 20;

/// How a hub's events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSettings {
    /// How many partitions; fixed when the hub's log is made.
    pub partitions: u16,
    /// How long events are kept at least, as long as there are not too many.
    pub retention: Duration,
    /// Of more bytes than this the oldest go.
    pub max_bytes: u64,
}

/// Why the events of a hub can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenEventsError {
    /// The number of partitions is not the one that the hub was made with.
    #[error(
        "hub {hub} was made with {found} partitions, and {wanted} are set now: \
         the number can't be changed, set it to {found}"
    )]
    Partitions {
        /// Which hub.
        hub: HubName,
        /// How many it has.
        found: u16,
        /// How many are set.
        wanted: u16,
    },
    /// Something else.
    #[error("could not open the events of hub {hub}")]
    Log {
        /// Which hub.
        hub: HubName,
        /// Why.
        #[source]
        source: OpenError,
    },
}

/// The events of this process's hubs.
pub struct LocalEventLog {
    hubs: HashMap<HubName, HubLog>,
}

struct HubLog {
    log: Arc<Log>,
    settings: EventSettings,
    metrics: Arc<EventLogMetrics>,
}

impl LocalEventLog {
    /// Opens the log of each hub, in a folder of its name. Blocks.
    pub fn open(
        folder: &Path,
        hubs: impl IntoIterator<Item = (HubName, EventSettings)>,
    ) -> Result<Self, OpenEventsError> {
        let hubs = hubs.into_iter().map(|(hub, settings)| {
            let metrics = Arc::new(EventLogMetrics::of(&hub));
            let mut options = Options::new(folder.join(hub.as_str()), settings.partitions);
            let share = (settings.max_bytes / SEGMENTS).max(LEAST_SEGMENT);
            options.segment_bytes = SEGMENT_BYTES.min(share);
            options.observer = Some(Arc::new(Watch(metrics.clone())));
            match Log::open(&options) {
                Ok(log) => {
                    tell_recovered(&hub, &log);
                    metrics.held(log.bytes());
                    metrics.refusing(log.refusing().is_some());
                    let hub_log = HubLog {
                        log: Arc::new(log),
                        settings,
                        metrics,
                    };
                    Ok((hub, hub_log))
                }
                Err(OpenError::Partitions { found, wanted }) => {
                    Err(OpenEventsError::Partitions { hub, found, wanted })
                }
                Err(source) => Err(OpenEventsError::Log { hub, source }),
            }
        });
        Ok(LocalEventLog {
            hubs: hubs.collect::<Result<_, _>>()?,
        })
    }

    /// Drops events that need not be kept at this moment. To be called every
    /// minute or so.
    pub async fn retain(&self, now: Timestamp) {
        for (hub, hub_log) in &self.hubs {
            let log = hub_log.log.clone();
            let ticks = hub_log.settings.retention.as_nanos() / 100;
            let retention = Retention {
                age: i64::try_from(ticks).unwrap_or(i64::MAX),
                bytes: hub_log.settings.max_bytes,
            };
            match blocking(move || log.retain(retention, now.ticks())).await {
                Ok(Ok(dropped)) if dropped.segments > 0 => {
                    tracing::info!(%hub, bytes = dropped.bytes, "dropped old events");
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%hub, %error, "could not drop old events"),
                Err(error) => tracing::warn!(%hub, %error, "could not drop old events"),
            }
            hub_log.metrics.held(hub_log.log.bytes());
        }
    }

    /// Why a hub's log takes nothing at present, if one is in that state.
    pub fn refusing(&self) -> Option<LogError> {
        self.hubs
            .values()
            .find_map(|hub| hub.log.refusing().map(write_error))
    }

    /// The logs of all hubs as they are now; `None` while there is another
    /// snapshot.
    pub(crate) fn snapshot(&self) -> Option<Vec<(HubName, Snapshot)>> {
        let hubs = self.hubs.iter();
        hubs.map(|(hub, held)| Some((hub.clone(), held.log.snapshot()?)))
            .collect()
    }

    /// Writes what was handed over; takes nothing from then on.
    pub async fn close(&self) {
        for hub in self.hubs.values() {
            let log = hub.log.clone();
            if let Err(error) = blocking(move || log.close()).await {
                tracing::error!(%error, "could not close the event log");
            }
        }
    }

    fn hub(&self, hub: &HubName) -> Result<&HubLog, LogError> {
        self.hubs
            .get(hub)
            .ok_or_else(|| LogError::Failed(format!("hub {hub} has no event log")))
    }
}

#[async_trait]
impl EventLog for LocalEventLog {
    fn partitions(&self, hub: &HubName) -> Option<u16> {
        self.hubs.get(hub).map(|hub| hub.settings.partitions)
    }

    fn producer(&self, hub: &HubName, origin: &Origin) -> Result<Box<dyn Producer>, LogError> {
        let hub = self.hub(hub)?;
        Ok(Box::new(EventProducer {
            partition: PartitionId::of(origin.identity.device_id(), hub.settings.partitions),
            origin: v1::encode_origin(origin).into(),
            producer: hub.log.producer(),
        }))
    }

    async fn partition(
        &self,
        hub: &HubName,
        partition: PartitionId,
    ) -> Result<Option<PartitionState>, LogError> {
        let known = self.hub(hub)?.log.partition(partition.0);
        Ok(known.map(|known| PartitionState {
            first: known.first,
            next: known.next,
            last_offset: known.newest.map(|(offset, _)| offset),
            last_enqueued: known
                .newest
                .map(|(_, enqueued)| Timestamp::from_ticks(enqueued)),
        }))
    }

    async fn find(
        &self,
        hub: &HubName,
        partition: PartitionId,
        position: StartPosition,
    ) -> Result<u64, LogError> {
        let log = self.hub(hub)?.log.clone();
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

    async fn read(
        &self,
        hub: &HubName,
        partition: PartitionId,
        sequence_number: u64,
        max_bytes: usize,
    ) -> Result<EventBatch, LogError> {
        let log = self.hub(hub)?.log.clone();
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

    async fn wait_for(
        &self,
        hub: &HubName,
        partition: PartitionId,
        sequence_number: u64,
    ) -> Result<(), LogError> {
        let log = &self.hub(hub)?.log;
        if partition.0 >= log.partitions() {
            return Err(read_error(ReadError::NoPartition(partition.0)));
        }
        log.wait_for(partition.0, sequence_number)
            .await
            .map_err(write_error)
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

/// Counts the log's work.
struct Watch(Arc<EventLogMetrics>);

impl Observer for Watch {
    fn committed(&self, commit: &Commit) {
        self.0.committed(commit.records, commit.bytes, commit.took);
    }

    fn refusing(&self, _error: &WriteError) {
        self.0.refusing(true);
    }

    fn accepting(&self) {
        self.0.refusing(false);
    }
}

fn tell_recovered(hub: &HubName, log: &Log) {
    if let Some((segment, bytes)) = &log.recovered().torn {
        tracing::warn!(
            %hub, segment = %segment.display(), bytes,
            "cut events that were being written when the hub was stopped; none was acknowledged"
        );
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

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LogError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| LogError::Failed(error.to_string()))
}
