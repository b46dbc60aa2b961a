//! What waits for custom endpoints, in memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use twinhub_core::events::PartitionId;
use twinhub_core::ids::HubName;
use twinhub_core::ports::{Backlog, Backlogs, EventLog, LogError, Progress};
use twinhub_core::routing::EndpointId;

use crate::log::MemoryLog;

type Held = HashMap<(HubName, EndpointId), Arc<MemoryBacklog>>;

/// Backlogs in memory. Copies are of the same ones.
#[derive(Clone)]
pub struct MemoryBacklogs {
    partitions: u16,
    held: Arc<Mutex<Held>>,
    broken: Arc<Mutex<HashSet<EndpointId>>>,
}

impl Default for MemoryBacklogs {
    fn default() -> Self {
        MemoryBacklogs::new(1)
    }
}

impl MemoryBacklogs {
    /// Backlogs of so many partitions each: as many as the hub's log has.
    pub fn new(partitions: u16) -> Self {
        MemoryBacklogs {
            partitions,
            held: Arc::default(),
            broken: Arc::default(),
        }
    }

    /// An endpoint's backlog can't be opened, until it is mended.
    pub fn break_one(&self, endpoint: EndpointId) {
        self.broken.lock().unwrap().insert(endpoint);
    }

    /// It can be opened again.
    pub fn mend(&self, endpoint: EndpointId) {
        self.broken.lock().unwrap().remove(&endpoint);
    }

    /// An endpoint's backlog, if it was opened and not removed.
    pub fn of(&self, hub: &HubName, endpoint: EndpointId) -> Option<Arc<MemoryBacklog>> {
        let held = self.held.lock().unwrap();
        held.get(&(hub.clone(), endpoint)).cloned()
    }
}

#[async_trait]
impl Backlogs for MemoryBacklogs {
    async fn open(
        &self,
        hub: &HubName,
        endpoint: EndpointId,
    ) -> Result<Arc<dyn Backlog>, LogError> {
        if self.broken.lock().unwrap().contains(&endpoint) {
            return Err(LogError::Failed("it is broken".to_owned()));
        }
        let mut held = self.held.lock().unwrap();
        let backlog = held.entry((hub.clone(), endpoint)).or_insert_with(|| {
            Arc::new(MemoryBacklog {
                hub: hub.clone(),
                partitions: self.partitions,
                log: MemoryLog::of([hub.clone()], self.partitions),
                progress: Mutex::default(),
            })
        });
        Ok(backlog.clone())
    }

    async fn remove(&self, hub: &HubName, endpoint: EndpointId) -> Result<(), LogError> {
        let removed = {
            let mut held = self.held.lock().unwrap();
            held.remove(&(hub.clone(), endpoint))
        };
        if let Some(backlog) = removed {
            backlog.log.close();
        }
        Ok(())
    }

    async fn endpoints(&self, hub: &HubName) -> Result<Vec<EndpointId>, LogError> {
        let held = self.held.lock().unwrap();
        let of_hub = held.keys().filter(|(of, _)| of == hub);
        let mut endpoints: Vec<_> = of_hub.map(|(_, endpoint)| *endpoint).collect();
        endpoints.sort();
        Ok(endpoints)
    }
}

/// A backlog in memory.
pub struct MemoryBacklog {
    hub: HubName,
    partitions: u16,
    log: MemoryLog,
    /// How far each partition is delivered, and how many went before.
    progress: Mutex<BTreeMap<PartitionId, (u64, u64)>>,
}

impl MemoryBacklog {
    /// The log behind it, whose disk does as tests wish.
    pub fn memory(&self) -> &MemoryLog {
        &self.log
    }

    /// Drops the events of a partition before this one, as retention does:
    /// those that are not delivered are lost.
    pub fn drop_before(&self, partition: PartitionId, sequence_number: u64) {
        self.log.drop_before(&self.hub, partition, sequence_number);
    }
}

#[async_trait]
impl Backlog for MemoryBacklog {
    fn log(&self) -> Arc<dyn EventLog> {
        Arc::new(self.log.clone())
    }

    fn bytes(&self) -> u64 {
        self.log.bytes()
    }

    async fn progress(&self) -> Result<Vec<Progress>, LogError> {
        self.log.require_open()?;
        let saved = self.progress.lock().unwrap();
        let partitions = (0..self.partitions).map(PartitionId);
        let progress = partitions.map(|partition| {
            let (next, lost) = saved.get(&partition).copied().unwrap_or_default();
            Progress {
                partition,
                next,
                lost,
            }
        });
        Ok(progress.collect())
    }

    async fn save(&self, progress: &[Progress]) -> Result<(), LogError> {
        self.log.require_open()?;
        let is_beyond = |one: &Progress| one.partition.0 >= self.partitions;
        if progress.iter().any(is_beyond) {
            return Err(LogError::Failed("there is no such partition".into()));
        }
        let mut saved = self.progress.lock().unwrap();
        for one in progress {
            saved.insert(one.partition, (one.next, one.lost));
            self.log.drop_before(&self.hub, one.partition, one.next);
        }
        Ok(())
    }
}
