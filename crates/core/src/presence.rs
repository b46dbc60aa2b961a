//! Who is connected, and when each was last heard of.
//!
//! Kept apart from identities and twins: it changes with every message and is
//! not worth a flush. In memory, joined wherever an identity or twin is read,
//! and written behind every few seconds; after a restart everybody is
//! disconnected, and the last written times are shown.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::ids::{HubName, IdentityId};
use crate::ports::{StateStore, StoreError};
use crate::query::Source;
use crate::time::{Clock, Timestamp};

pub use self::connected::ConnectedIds;
use self::connected::ConnectedOrder;

mod connected;

/// How often activity is written behind.
const WRITE_BEHIND: Duration = Duration::from_secs(5);
const SHARDS: usize = 64;

/// When an identity was last heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// When it last connected or disconnected.
    pub state_updated: Timestamp,
    /// When it last connected, or sent or received something.
    pub last_activity: Timestamp,
}

impl Default for Activity {
    fn default() -> Self {
        Activity {
            state_updated: Timestamp::NEVER,
            last_activity: Timestamp::NEVER,
        }
    }
}

/// Activity, and whether there is a connection now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Presence {
    /// Whether it is connected.
    pub connected: bool,
    /// When it was last heard of.
    pub activity: Activity,
}

type Key = (HubName, IdentityId);
type Shard = Mutex<HashMap<Key, Arc<Entry>>>;

/// The presence of every identity that connected since the start.
pub struct PresenceBook {
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    shards: Box<[Shard]>,
    /// Whoever enters it does so with the identity's shard locked.
    order: Arc<ConnectedOrder>,
    next_connection: AtomicU64,
}

/// Zero stands for no connection.
const NOBODY: u64 = 0;

struct Entry {
    generation: Timestamp,
    connection: AtomicU64,
    state_updated: AtomicI64,
    last_activity: AtomicI64,
    dirty: AtomicBool,
}

impl Entry {
    fn activity(&self) -> Activity {
        Activity {
            state_updated: Timestamp::from_ticks(self.state_updated.load(Ordering::Relaxed)),
            last_activity: Timestamp::from_ticks(self.last_activity.load(Ordering::Relaxed)),
        }
    }

    fn touch(&self, now: Timestamp) {
        self.last_activity.store(now.ticks(), Ordering::Relaxed);
        self.dirty.store(true, Ordering::Release);
    }
}

/// A live connection's line in the book. Dropping it notes the disconnection,
/// unless a newer connection of the same identity took its place.
pub struct ConnectionEntry {
    clock: Arc<dyn Clock>,
    order: Arc<ConnectedOrder>,
    key: Key,
    entry: Arc<Entry>,
    connection: u64,
}

impl ConnectionEntry {
    /// Something was received from or sent to the identity.
    pub fn touch(&self) {
        self.entry.touch(self.clock.now());
    }
}

impl Drop for ConnectionEntry {
    fn drop(&mut self) {
        let gone = self.entry.connection.compare_exchange(
            self.connection,
            NOBODY,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if gone.is_ok() {
            let now = self.clock.now().ticks();
            self.entry.state_updated.store(now, Ordering::Relaxed);
            self.entry.dirty.store(true, Ordering::Release);
        }
        self.order.take(&self.key, self.connection);
    }
}

impl PresenceBook {
    /// An empty book.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        PresenceBook {
            clock,
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            order: Arc::default(),
            next_connection: AtomicU64::new(NOBODY + 1),
        }
    }

    /// Notes a new connection of the namesake of that `generation`.
    pub fn connected(
        &self,
        hub: &HubName,
        id: &IdentityId,
        generation: Timestamp,
    ) -> ConnectionEntry {
        let now = self.clock.now();
        let connection = self.next_connection.fetch_add(1, Ordering::Relaxed);
        let key = (hub.clone(), id.clone());
        let entry = {
            let mut shard = self.shard(&key);
            let entry = shard
                .entry(key.clone())
                .or_insert_with(|| Arc::new(Entry::new(generation)));
            if entry.generation != generation {
                *entry = Arc::new(Entry::new(generation));
            }
            // Who is seen connected is in the order, too.
            entry.connection.store(connection, Ordering::Release);
            self.order.put(&key, connection);
            entry.clone()
        };
        entry.state_updated.store(now.ticks(), Ordering::Relaxed);
        entry.touch(now);
        ConnectionEntry {
            clock: self.clock.clone(),
            order: self.order.clone(),
            key,
            entry,
            connection,
        }
    }

    /// Notes that the namesake of that `generation` was heard of, without a
    /// connection. `stored` is what was last written of it.
    pub fn heard_of(
        &self,
        hub: &HubName,
        id: &IdentityId,
        generation: Timestamp,
        stored: Activity,
    ) {
        let key = (hub.clone(), id.clone());
        let fresh = || {
            let entry = Entry::new(generation);
            let updated = stored.state_updated.ticks();
            entry.state_updated.store(updated, Ordering::Relaxed);
            Arc::new(entry)
        };
        let mut shard = self.shard(&key);
        let entry = shard.entry(key).or_insert_with(fresh);
        if entry.generation < generation {
            *entry = fresh();
        }
        if entry.generation == generation {
            entry.touch(self.clock.now());
        }
    }

    /// What is known of the namesake of that `generation`; `stored` is what
    /// was last written of it.
    pub fn of(
        &self,
        hub: &HubName,
        id: &IdentityId,
        generation: Timestamp,
        stored: Activity,
    ) -> Presence {
        let key = (hub.clone(), id.clone());
        let shard = self.shard(&key);
        let entry = shard.get(&key);
        match entry.filter(|entry| entry.generation == generation) {
            Some(entry) => Presence {
                connected: entry.connection.load(Ordering::Acquire) != NOBODY,
                activity: entry.activity(),
            },
            None => Presence {
                connected: false,
                activity: stored,
            },
        }
    }

    /// The devices or modules of a hub that are connected.
    pub fn connected_ids(&self, hub: &HubName, source: Source) -> ConnectedIds {
        ConnectedIds::new(self.order.clone(), hub.clone(), source)
    }

    /// Forgets an identity that was removed; a namesake that has connected
    /// since keeps its entry.
    pub fn forget(&self, hub: &HubName, id: &IdentityId, generation: Timestamp) {
        let key = (hub.clone(), id.clone());
        let mut shard = self.shard(&key);
        if shard
            .get(&key)
            .is_some_and(|entry| entry.generation == generation)
        {
            shard.remove(&key);
        }
    }

    /// Writes behind until told to stop, and once more then.
    pub async fn run(&self, store: Arc<dyn StateStore>, shutdown: CancellationToken) {
        loop {
            let stopping = tokio::select! {
                () = shutdown.cancelled() => true,
                () = tokio::time::sleep(WRITE_BEHIND) => false,
            };
            if let Err(error) = self.write_behind(&*store).await {
                tracing::warn!(%error, "could not write activity, will try again");
            }
            if stopping {
                return;
            }
        }
    }

    /// Writes what changed since the last time.
    pub async fn write_behind(&self, store: &dyn StateStore) -> Result<(), StoreError> {
        let mut batches: HashMap<HubName, Vec<(IdentityId, Activity)>> = HashMap::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for ((hub, id), entry) in shard.iter() {
                if entry.dirty.swap(false, Ordering::AcqRel) {
                    let batch = batches.entry(hub.clone()).or_default();
                    batch.push((id.clone(), entry.activity()));
                }
            }
        }
        let mut result = Ok(());
        for (hub, batch) in batches {
            let ids: Vec<_> = batch.iter().map(|(id, _)| id.clone()).collect();
            if let Err(error) = store.record_activity(&hub, batch).await {
                self.mark_dirty(&hub, ids);
                result = Err(error);
            }
        }
        result
    }

    fn mark_dirty(&self, hub: &HubName, ids: Vec<IdentityId>) {
        for id in ids {
            let key = (hub.clone(), id);
            if let Some(entry) = self.shard(&key).get(&key) {
                entry.dirty.store(true, Ordering::Release);
            }
        }
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, HashMap<Key, Arc<Entry>>> {
        let index = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64)
            .expect("a remainder of SHARDS fits");
        self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(generation: Timestamp) -> Self {
        Entry {
            generation,
            connection: AtomicU64::new(NOBODY),
            state_updated: AtomicI64::new(0),
            last_activity: AtomicI64::new(0),
            dirty: AtomicBool::new(false),
        }
    }
}

#[cfg(test)]
mod tests;
