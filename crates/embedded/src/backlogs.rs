//! The backlogs port: a segmented log for each custom endpoint, and a file
//! that tells how far it is delivered.
//!
//! ```text
//! log/<hub>.endpoints/<endpoint>/*.log, *.idx   the events, as the hub's own log has them
//! log/<hub>.endpoints/<endpoint>/progress       how far each partition is delivered
//! ```
//!
//! Segments are small, and go as soon as all of their events are delivered;
//! otherwise by the age and the size that are set. A backlog that is removed
//! ends at once for all who use it; its files go when no copy of a moment needs
//! them any more. What a crash left of one is found by name, and removed
//! without being opened.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use async_trait::async_trait;
use twinhub_core::ids::HubName;
use twinhub_core::ports::{Backlog, Backlogs, LogError};
use twinhub_core::routing::EndpointId;
use twinhub_core::time::Timestamp;
use uuid::Uuid;

use crate::events::{EventSettings, blocking};

mod backlog;
mod log;
mod place;
mod progress;
mod recovery;

pub(crate) use backlog::BacklogMoment;

use backlog::LocalBacklog;
use place::Place;

type Key = (HubName, EndpointId);

/// What waits for the custom endpoints of this process's hubs.
pub struct LocalBacklogs(Arc<Shared>);

struct Shared {
    folder: PathBuf,
    hubs: HashMap<HubName, EventSettings>,
    /// Whoever opens or removes one waits for those before.
    changing: Arc<tokio::sync::Mutex<()>>,
    opened: RwLock<Opened>,
}

#[derive(Default)]
struct Opened {
    backlogs: HashMap<Key, Arc<LocalBacklog>>,
    /// Those that are removed, as long as their files are needed.
    leaving: HashMap<Key, Weak<Place>>,
}

impl LocalBacklogs {
    /// Backlogs beside the logs of these hubs, in the same folder.
    /// `max_bytes` is for each endpoint.
    pub fn new(folder: &Path, hubs: impl IntoIterator<Item = (HubName, EventSettings)>) -> Self {
        LocalBacklogs(Arc::new(Shared {
            folder: folder.to_owned(),
            hubs: hubs.into_iter().collect(),
            changing: Arc::default(),
            opened: RwLock::default(),
        }))
    }

    /// Drops events that need not be kept at this moment, delivered or not. To
    /// be called every minute or so.
    pub async fn retain(&self, now: Timestamp) {
        for backlog in self.opened() {
            let kept = blocking(move || backlog.retain(now)).await;
            if let Err(error) = kept {
                tracing::warn!(%error, "could not drop old events of an endpoint");
            }
        }
    }

    /// Why a backlog takes nothing at present, if one is in that state.
    pub fn refusing(&self) -> Option<LogError> {
        let opened = self.0.opened();
        let mut backlogs = opened.backlogs.values();
        backlogs.find_map(|backlog| backlog.refusing())
    }

    /// How many bytes all backlogs take on the disk that are open: those of
    /// endpoints that there are.
    pub fn bytes(&self) -> u64 {
        let opened = self.0.opened();
        opened
            .backlogs
            .values()
            .map(|backlog| backlog.bytes())
            .sum()
    }

    /// Writes what was handed over; takes no events from then on. Progress can
    /// still be saved.
    pub async fn close(&self) {
        for backlog in self.opened() {
            if let Err(error) = blocking(move || backlog.close()).await {
                tracing::error!(%error, "could not close the backlog of an endpoint");
            }
        }
    }

    /// All backlogs as they are now; `None` while there is another snapshot.
    pub(crate) fn snapshot(&self) -> Option<Vec<BacklogMoment>> {
        // Nothing is removed while this is held.
        let opened = self.0.opened();
        let backlogs = opened.backlogs.values();
        backlogs.map(|backlog| backlog.snapshot()).collect()
    }

    fn opened(&self) -> Vec<Arc<LocalBacklog>> {
        self.0.opened().backlogs.values().cloned().collect()
    }
}

impl Shared {
    fn opened(&self) -> RwLockReadGuard<'_, Opened> {
        self.opened.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened_mut(&self) -> RwLockWriteGuard<'_, Opened> {
        self.opened.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the backlogs of a hub are. No hub's name has a dot.
    fn folder_of(&self, hub: &HubName) -> PathBuf {
        self.folder.join(format!("{hub}.endpoints"))
    }

    fn open(&self, key: Key) -> Result<Arc<LocalBacklog>, LogError> {
        if let Some(opened) = self.opened().backlogs.get(&key) {
            return Ok(opened.clone());
        }
        let (hub, endpoint) = &key;
        let settings = self.hubs.get(hub).copied();
        let settings =
            settings.ok_or_else(|| LogError::Failed(format!("there is no hub {hub}")))?;
        if self.is_leaving(&key) {
            return Err(LogError::Failed(format!(
                "endpoint {endpoint} of hub {hub} is being removed"
            )));
        }
        let place = Place::of(self.folder_of(hub).join(endpoint.to_string()));
        let backlog = LocalBacklog::open(hub, *endpoint, settings, place)?;
        for folder in [&self.folder_of(hub), &self.folder] {
            sync(folder).map_err(|error| LogError::Failed(error.to_string()))?;
        }
        let backlog = Arc::new(backlog);
        self.opened_mut().backlogs.insert(key, backlog.clone());
        Ok(backlog)
    }

    fn remove(&self, key: Key) {
        let opened = self.opened_mut().backlogs.remove(&key);
        let place = match opened {
            Some(opened) => opened.end(),
            None if self.is_leaving(&key) => None,
            None => {
                let (hub, endpoint) = &key;
                Some(Place::of(self.folder_of(hub).join(endpoint.to_string())))
            }
        };
        if let Some(place) = place {
            place.leave();
            let mut opened = self.opened_mut();
            opened.leaving.retain(|_, place| place.strong_count() > 0);
            opened.leaving.insert(key, Arc::downgrade(&place));
        }
    }

    fn is_leaving(&self, key: &Key) -> bool {
        let opened = self.opened();
        let place = opened.leaving.get(key);
        place.is_some_and(|place| place.strong_count() > 0)
    }

    fn endpoints(&self, hub: &HubName) -> std::io::Result<Vec<EndpointId>> {
        let entries = match std::fs::read_dir(self.folder_of(hub)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut endpoints = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let endpoint = name.to_str().and_then(|name| Uuid::parse_str(name).ok());
            let endpoint = endpoint.map(EndpointId);
            // As it is named here, and no other way to write it.
            endpoints.extend(endpoint.filter(|endpoint| name == *endpoint.to_string()));
        }
        endpoints.retain(|endpoint| !self.is_leaving(&(hub.clone(), *endpoint)));
        endpoints.sort();
        Ok(endpoints)
    }
}

#[async_trait]
impl Backlogs for LocalBacklogs {
    async fn open(
        &self,
        hub: &HubName,
        endpoint: EndpointId,
    ) -> Result<Arc<dyn Backlog>, LogError> {
        let (shared, key) = (self.0.clone(), (hub.clone(), endpoint));
        let changing = shared.changing.clone().lock_owned().await;
        // The lock goes along: whoever asks may go away meanwhile.
        let opened = blocking(move || {
            let _changing = changing;
            shared.open(key)
        });
        Ok(opened.await??)
    }

    async fn remove(&self, hub: &HubName, endpoint: EndpointId) -> Result<(), LogError> {
        let (shared, key) = (self.0.clone(), (hub.clone(), endpoint));
        let changing = shared.changing.clone().lock_owned().await;
        let removed = blocking(move || {
            let _changing = changing;
            shared.remove(key);
        });
        removed.await
    }

    async fn endpoints(&self, hub: &HubName) -> Result<Vec<EndpointId>, LogError> {
        let (shared, hub) = (self.0.clone(), hub.clone());
        let found = blocking(move || shared.endpoints(&hub)).await?;
        found.map_err(|error| LogError::Failed(error.to_string()))
    }
}

/// Makes the names in a folder durable.
fn sync(folder: &Path) -> std::io::Result<()> {
    // Other systems have no flush of a folder.
    if cfg!(unix) {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
