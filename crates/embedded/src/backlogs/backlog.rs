//! What waits for one endpoint.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use twinhub_core::events::PartitionId;
use twinhub_core::ids::HubName;
use twinhub_core::ports::{Backlog, EventLog, LogError, Progress};
use twinhub_core::routing::EndpointId;
use twinhub_core::time::Timestamp;
use twinhub_event_log::{Log, Options, Snapshot};

use super::log::{BacklogLog, Watch};
use super::place::Place;
use super::progress::{self, Delivered};
use super::recovery::recover;
use crate::events::{EventSettings, OneLog, blocking, open_error};

/// Segments begin with this, and grow to at most so much, and so many fit into
/// the bytes that an endpoint may have: whole ones go.
const FIRST_SEGMENT: u64 = 1 << 20;
const SEGMENT_BYTES: u64 = 32 << 20;
const SEGMENTS: u64 = 16;
/// How many bytes may wait to be written.
const QUEUE_BYTES: usize = 4 << 20;

pub(super) struct LocalBacklog(Arc<Inner>);

struct Inner {
    hub: HubName,
    endpoint: EndpointId,
    settings: EventSettings,
    log: Arc<BacklogLog>,
    saved: Mutex<Saved>,
    /// One file is written at a time.
    writing: Arc<tokio::sync::Mutex<()>>,
    place: Mutex<Option<Arc<Place>>>,
}

/// How far the partitions are delivered.
struct Saved {
    wanted: Vec<Delivered>,
    /// How often somebody wanted to save.
    asked: u64,
    /// What the file has.
    durable: Vec<Delivered>,
    /// As often as this.
    done: u64,
}

/// A backlog at one moment.
pub(crate) struct BacklogMoment {
    /// Its folder, below that of all logs.
    pub folder: String,
    /// The file that tells how far it is delivered.
    pub progress: Option<(&'static str, Vec<u8>)>,
    /// The events.
    pub events: Snapshot,
    // The files stay as long as this does. Dropped last.
    _place: Arc<Place>,
}

impl LocalBacklog {
    /// Opens it, or makes it. Blocks.
    pub fn open(
        hub: &HubName,
        endpoint: EndpointId,
        settings: EventSettings,
        place: Arc<Place>,
    ) -> Result<Self, LogError> {
        let mut options = Options::new(place.path(), settings.partitions);
        let share = (settings.max_bytes / SEGMENTS).max(FIRST_SEGMENT);
        options.first_segment_bytes = FIRST_SEGMENT;
        options.segment_bytes = SEGMENT_BYTES.min(share);
        options.queue_bytes = QUEUE_BYTES;
        options.observer = Some(Arc::new(Watch {
            hub: hub.clone(),
            endpoint,
        }));
        let log = Log::open(&options).map_err(open_error)?;
        if let Some((segment, bytes)) = &log.recovered().torn {
            tracing::warn!(
                %hub, %endpoint, segment = %segment.display(), bytes,
                "cut events for an endpoint that were being written when the hub was stopped; \
                 none was acknowledged"
            );
        }
        let delivered = recover(&log, &place, hub, endpoint).map_err(failed)?;
        Ok(LocalBacklog(Arc::new(Inner {
            hub: hub.clone(),
            endpoint,
            settings,
            log: Arc::new(BacklogLog::new(
                hub.clone(),
                settings.partitions,
                OneLog::new(log),
            )),
            saved: Mutex::new(Saved {
                wanted: delivered.clone(),
                asked: 0,
                durable: delivered,
                done: 0,
            }),
            writing: Arc::default(),
            place: Mutex::new(Some(place)),
        })))
    }

    /// Drops what is delivered, too old, or too much. Blocks.
    pub fn retain(&self, now: Timestamp) {
        let Inner {
            hub,
            endpoint,
            settings,
            ..
        } = &*self.0;
        // What was sealed since the last save.
        self.0.release();
        let before = self.0.log.firsts();
        let kept = self
            .0
            .log
            .events()
            .log()
            .retain(settings.kept(), now.ticks());
        let lost = self.0.lost_since(&before);
        match kept {
            Ok(dropped) if dropped.segments > 0 => {
                tracing::info!(%hub, %endpoint, bytes = dropped.bytes, "dropped old events of an endpoint");
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%hub, %endpoint, %error, "could not drop old events of an endpoint");
            }
        }
        if lost > 0 {
            tracing::warn!(
                %hub, %endpoint, events = lost,
                "events for an endpoint were too old or too many, and went before they were delivered"
            );
        }
    }

    pub fn refusing(&self) -> Option<LogError> {
        self.0.log.events().refusing()
    }

    /// Writes what was handed over; takes nothing from then on. Blocks.
    pub fn close(&self) {
        self.0.log.events().log().close();
    }

    /// Ends it for all who use it, and gives back its place. Blocks.
    pub fn end(&self) -> Option<Arc<Place>> {
        self.0.log.end();
        // Who saves at this moment has written, and nobody writes any more.
        let _writing = self.0.writing.blocking_lock();
        let place = self.0.place.lock();
        place.unwrap_or_else(PoisonError::into_inner).take()
    }

    /// It as it is now; `None` while there is another snapshot.
    pub fn snapshot(&self) -> Option<BacklogMoment> {
        let place = self.0.place()?;
        // Nothing is released because of progress that is not in the copy, and
        // none of that is of events that are not.
        let saved = self.0.saved();
        let events = self.0.log.events().log().snapshot()?;
        Some(BacklogMoment {
            folder: format!("{}.endpoints/{}", self.0.hub, self.0.endpoint),
            progress: Some((progress::NAME, progress::encode(&saved.durable))),
            events,
            _place: place,
        })
    }
}

impl Inner {
    fn saved(&self) -> MutexGuard<'_, Saved> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> Option<Arc<Place>> {
        let place = self.place.lock();
        place.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many events that were not delivered went since.
    fn lost_since(&self, before: &[u64]) -> u64 {
        let saved = self.saved();
        let now = self.log.firsts();
        let each = before.iter().zip(&now).zip(&saved.durable);
        each.map(|((before, now), delivered)| now.saturating_sub(delivered.next.max(*before)))
            .sum()
    }

    /// Takes what is to be saved, and gives it a number.
    fn want(&self, progress: &[Progress]) -> Result<u64, LogError> {
        let mut saved = self.saved();
        let partitions = saved.wanted.len();
        let beyond = |one: &&Progress| usize::from(one.partition.0) >= partitions;
        if let Some(beyond) = progress.iter().find(beyond) {
            let partition = beyond.partition;
            return Err(LogError::Failed(format!(
                "there is no partition {partition}"
            )));
        }
        for one in progress {
            saved.wanted[usize::from(one.partition.0)] = Delivered {
                next: one.next,
                lost: one.lost,
            };
        }
        saved.asked += 1;
        Ok(saved.asked)
    }

    /// Writes what is wanted by now. Blocks.
    fn write(&self) -> Result<(), LogError> {
        let place = self.place().ok_or(LogError::Closed)?;
        let (asked, wanted) = {
            let saved = self.saved();
            (saved.asked, saved.wanted.clone())
        };
        progress::write(place.path(), &wanted).map_err(failed)?;
        {
            let mut saved = self.saved();
            saved.durable = wanted;
            saved.done = asked;
        }
        self.release();
        Ok(())
    }

    /// Drops what is delivered. Blocks.
    fn release(&self) {
        let needed: Vec<u64> = {
            let saved = self.saved();
            let each = saved.durable.iter();
            each.map(|delivered| delivered.next).collect()
        };
        if let Err(error) = self.log.events().log().release(&needed) {
            let Inner { hub, endpoint, .. } = self;
            tracing::warn!(%hub, %endpoint, %error, "could not drop delivered events of an endpoint");
        }
    }
}

#[async_trait]
impl Backlog for LocalBacklog {
    fn log(&self) -> Arc<dyn EventLog> {
        self.0.log.clone()
    }

    fn bytes(&self) -> u64 {
        self.0.log.events().log().bytes()
    }

    async fn progress(&self) -> Result<Vec<Progress>, LogError> {
        self.0.log.require()?;
        let saved = self.0.saved();
        let each = (0..).zip(&saved.durable);
        let progress = each.map(|(partition, delivered)| Progress {
            partition: PartitionId(partition),
            next: delivered.next,
            lost: delivered.lost,
        });
        Ok(progress.collect())
    }

    async fn save(&self, progress: &[Progress]) -> Result<(), LogError> {
        self.0.log.require()?;
        let wanted = self.0.want(progress)?;
        let writing = self.0.writing.clone().lock_owned().await;
        // Those who came together are saved together.
        if self.0.saved().done >= wanted {
            return Ok(());
        }
        let inner = self.0.clone();
        let written = blocking(move || {
            let _writing = writing;
            inner.write()
        });
        written.await?
    }
}

fn failed(error: io::Error) -> LogError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LogError::Full,
        _ => LogError::Failed(error.to_string()),
    }
}
