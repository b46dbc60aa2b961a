//! The event port: one segmented log for each hub.
//!
//! An event is encoded once, straight into the buffer that its producer hands
//! to the log; what all events of a sender have in common is encoded when the
//! producer is made. Reads run on the runtime's threads for blocking work.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use twinhub_core::events::{EventBatch, Origin, PartitionId};
use twinhub_core::ids::HubName;
use twinhub_core::ports::{EventLog, LogError, PartitionState, Producer, StartPosition};
use twinhub_core::time::Timestamp;
use twinhub_event_log::{
    Commit, Log, Observer, OpenError, Options, Retention, Snapshot, WriteError,
};

use crate::metrics::EventLogMetrics;

mod one_log;
mod v1;

pub(crate) use one_log::{OneLog, blocking, open_error};

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

impl EventSettings {
    pub(crate) fn kept(&self) -> Retention {
        let ticks = self.retention.as_nanos() / 100;
        Retention {
            age: i64::try_from(ticks).unwrap_or(i64::MAX),
            bytes: self.max_bytes,
        }
    }
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
    log: OneLog,
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
                        log: OneLog::new(log),
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
            let log = hub_log.log.log().clone();
            let retention = hub_log.settings.kept();
            match blocking(move || log.retain(retention, now.ticks())).await {
                Ok(Ok(dropped)) if dropped.segments > 0 => {
                    tracing::info!(%hub, bytes = dropped.bytes, "dropped old events");
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%hub, %error, "could not drop old events"),
                Err(error) => tracing::warn!(%hub, %error, "could not drop old events"),
            }
            hub_log.metrics.held(hub_log.log.log().bytes());
        }
    }

    /// Why a hub's log takes nothing at present, if one is in that state.
    pub fn refusing(&self) -> Option<LogError> {
        self.hubs.values().find_map(|hub| hub.log.refusing())
    }

    /// How many bytes the events of all hubs take on the disk.
    pub fn bytes(&self) -> u64 {
        let hubs = self.hubs.values();
        hubs.map(|hub| hub.log.log().bytes()).sum()
    }

    /// The logs of all hubs as they are now; `None` while there is another
    /// snapshot.
    pub(crate) fn snapshot(&self) -> Option<Vec<(HubName, Snapshot)>> {
        let hubs = self.hubs.iter();
        hubs.map(|(hub, held)| Some((hub.clone(), held.log.log().snapshot()?)))
            .collect()
    }

    /// Writes what was handed over; takes nothing from then on.
    pub async fn close(&self) {
        for hub in self.hubs.values() {
            if let Err(error) = hub.log.close().await {
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
        Ok(self.hub(hub)?.log.producer(origin))
    }

    async fn partition(
        &self,
        hub: &HubName,
        partition: PartitionId,
    ) -> Result<Option<PartitionState>, LogError> {
        Ok(self.hub(hub)?.log.partition(partition))
    }

    async fn find(
        &self,
        hub: &HubName,
        partition: PartitionId,
        position: StartPosition,
    ) -> Result<u64, LogError> {
        self.hub(hub)?.log.find(partition, position).await
    }

    async fn read(
        &self,
        hub: &HubName,
        partition: PartitionId,
        sequence_number: u64,
        max_bytes: usize,
    ) -> Result<EventBatch, LogError> {
        let log = &self.hub(hub)?.log;
        log.read(partition, sequence_number, max_bytes).await
    }

    async fn wait_for(
        &self,
        hub: &HubName,
        partition: PartitionId,
        sequence_number: u64,
    ) -> Result<(), LogError> {
        let log = &self.hub(hub)?.log;
        log.wait_for(partition, sequence_number).await
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

pub(crate) fn tell_recovered(hub: &HubName, log: &Log) {
    if let Some((segment, bytes)) = &log.recovered().torn {
        tracing::warn!(
            %hub, segment = %segment.display(), bytes,
            "cut events that were being written when the hub was stopped; none was acknowledged"
        );
    }
}
