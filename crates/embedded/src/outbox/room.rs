//! How much may wait in the outboxes, so that a log that can't be written does
//! not fill the state.
//!
//! **The bound** is [`MOST`] for each hub: once that much waits, changes that
//! make events are refused as a whole, before anything is written, until the
//! pump has moved some. Others go on, and what was taken stays. A change that
//! begins below the bound is taken with all of its events.
//! **The brake**: from half of it on, whoever makes events waits up to a second
//! for the pump, so that an import is as fast as the pump and not refused.

use std::collections::HashMap;
use std::ops::{AddAssign, SubAssign};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;
use twinhub_core::ids::HubName;
use twinhub_core::ports::StoreError;

use crate::metrics::OutboxMetrics;
use crate::tables;

/// How much may wait for each hub.
const MOST: Load = Load {
    events: 100_000,
    bytes: 256 << 20,
};
/// How long the brake holds a change back.
const BRAKE: Duration = Duration::from_secs(1);

/// Events, and the bytes of what they say. May be negative as a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub events: i64,
    pub bytes: i64,
}

impl Load {
    /// One event of so many bytes.
    pub(crate) fn one(bytes: usize) -> Self {
        Load {
            events: 1,
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        }
    }

    fn reaches(self, bound: Load) -> bool {
        self.events >= bound.events || self.bytes >= bound.bytes
    }

    fn half(self) -> Self {
        Load {
            events: self.events / 2,
            bytes: self.bytes / 2,
        }
    }
}

impl AddAssign for Load {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.bytes += other.bytes;
    }
}

impl SubAssign for Load {
    fn sub_assign(&mut self, other: Self) {
        self.events -= other.events;
        self.bytes -= other.bytes;
    }
}

/// More waits than is kept.
#[derive(Debug, thiserror::Error)]
#[error("{events} events of changes wait for the event log, with {bytes} bytes")]
struct OutboxFull {
    events: i64,
    bytes: i64,
}

/// What waits in all outboxes: in memory, so that asking is free. The writer
/// moves it after each commit.
pub(crate) struct Room {
    most: Load,
    hubs: Mutex<HashMap<HubName, Held>>,
    /// Moves when something was removed.
    removed: watch::Sender<()>,
}

struct Held {
    load: Load,
    is_refusing: bool,
    metrics: OutboxMetrics,
}

impl Held {
    fn of(hub: &HubName) -> Self {
        Held {
            load: Load::default(),
            is_refusing: false,
            metrics: OutboxMetrics::of(hub),
        }
    }

    /// Says so if there is room again.
    fn take_again(&mut self, hub: &HubName, most: Load) {
        if self.is_refusing && !self.load.reaches(most) {
            self.is_refusing = false;
            self.metrics.refusing(false);
            tracing::info!(%hub, "changes that make events are taken again");
        }
    }
}

impl Default for Room {
    fn default() -> Self {
        Room::with(MOST)
    }
}

impl Room {
    /// So much may wait for each hub.
    pub(crate) fn with(most: Load) -> Self {
        Room {
            most,
            hubs: Mutex::default(),
            removed: watch::Sender::default(),
        }
    }

    /// Takes what is stored.
    pub(crate) fn load(&self, connection: &Connection) -> rusqlite::Result<()> {
        let stored = tables::outbox::loads(connection)?;
        let mut hubs = self.hubs();
        for held in hubs.values_mut() {
            held.load = Load::default();
        }
        for (name, load) in stored {
            // A hub with another name could not have put anything there.
            let Ok(hub) = HubName::parse(&name) else {
                continue;
            };
            hubs.entry(hub.clone())
                .or_insert_with(|| Held::of(&hub))
                .load = load;
        }
        for (hub, held) in hubs.iter_mut() {
            held.metrics.waiting(held.load.events);
            held.take_again(hub, self.most);
        }
        Ok(())
    }

    /// Why a unit with events is refused, if it is; `more` is on its way to the
    /// outbox with it, and not [counted](Self::moved) yet.
    pub(crate) fn refuse(&self, hub: &HubName, more: Load) -> Option<StoreError> {
        let mut hubs = self.hubs();
        let held = hubs.get_mut(hub);
        let mut load = held.as_ref().map_or(Load::default(), |held| held.load);
        load += more;
        if !load.reaches(self.most) {
            return None;
        }
        let Load { events, bytes } = load;
        let full = OutboxFull { events, bytes };
        if let Some(held) = held.filter(|held| !held.is_refusing) {
            held.is_refusing = true;
            held.metrics.refusing(true);
            tracing::error!(%hub, %full, "changes that make events are refused");
        }
        let message = "too many events of changes wait for the event log";
        Some(StoreError::not_written(message, full))
    }

    /// A commit moved what waits.
    pub(crate) fn moved(&self, hub: &HubName, by: Load) {
        if by == Load::default() {
            return;
        }
        {
            let mut hubs = self.hubs();
            let held = hubs.entry(hub.clone()).or_insert_with(|| Held::of(hub));
            held.load += by;
            held.metrics.waiting(held.load.events);
            // Of what was refused some was still on its way.
            if by.events < 0 {
                held.take_again(hub, self.most);
            }
        }
        if by.events < 0 {
            self.removed.send_replace(());
        }
    }

    /// Waits a moment while much waits and the pump may get ahead. Once the
    /// bound is reached there is nothing to wait for.
    pub(crate) async fn brake(&self, hub: &HubName) {
        if !self.is_braking(hub) {
            return;
        }
        let mut removed = self.removed.subscribe();
        let room = async {
            while self.is_braking(hub) {
                if removed.changed().await.is_err() {
                    return;
                }
            }
        };
        // Late is late enough: whatever comes now is slow.
        let _ = tokio::time::timeout(BRAKE, room).await;
    }

    fn is_braking(&self, hub: &HubName) -> bool {
        let hubs = self.hubs();
        hubs.get(hub).is_some_and(|held| {
            held.load.reaches(self.most.half()) && !held.load.reaches(self.most)
        })
    }

    fn hubs(&self) -> MutexGuard<'_, HashMap<HubName, Held>> {
        self.hubs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const TEN: Load = Load {
        events: 10,
        bytes: 1000,
    };

    fn hub() -> HubName {
        HubName::parse("plant").unwrap()
    }

    fn of(events: i64, bytes: i64) -> Load {
        Load { events, bytes }
    }

    #[test]
    fn events_and_bytes_are_bounded_for_each_hub() {
        for full in [of(10, 10), of(1, 1000)] {
            let room = Room::with(TEN);
            let other = HubName::parse("depot").unwrap();

            room.moved(&hub(), full);

            assert!(room.refuse(&hub(), Load::default()).is_some(), "{full:?}");
            assert!(room.refuse(&other, Load::default()).is_none(), "{full:?}");
        }
    }

    #[test]
    fn what_is_on_its_way_counts_and_what_is_removed_makes_room() {
        let room = Room::with(TEN);
        room.moved(&hub(), of(8, 80));
        assert!(room.refuse(&hub(), of(1, 10)).is_none());
        assert!(room.refuse(&hub(), of(2, 20)).is_some());

        room.moved(&hub(), of(-1, -10));

        assert!(room.refuse(&hub(), of(2, 20)).is_none());
    }

    #[test]
    fn a_batch_that_failed_is_no_reason_to_refuse() {
        let file = Connection::open_in_memory().unwrap();
        crate::schema::create(&file).unwrap();
        let room = Room::with(TEN);
        room.moved(&hub(), of(1, 10));
        assert!(room.refuse(&hub(), of(9, 90)).is_some());
        let is_refusing = || room.hubs()[&hub()].is_refusing;

        room.moved(&hub(), of(1, 10));
        assert!(is_refusing());
        room.load(&file).unwrap();

        assert!(!is_refusing());
        assert!(room.refuse(&hub(), of(9, 90)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn from_half_of_the_bound_on_changes_wait_for_the_pump_but_not_for_long() {
        let room = Room::with(TEN);
        let begun = Instant::now();
        room.brake(&hub()).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);

        room.moved(&hub(), of(5, 50));
        room.brake(&hub()).await;
        assert_eq!(begun.elapsed(), BRAKE);

        let hub = hub();
        let ((), ()) = tokio::join!(room.brake(&hub), async {
            tokio::time::sleep(BRAKE / 2).await;
            room.moved(&hub, of(-1, -10));
        });
        assert_eq!(begun.elapsed(), BRAKE + BRAKE / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_will_be_refused_does_not_wait() {
        let room = Room::with(TEN);
        room.moved(&hub(), of(10, 100));
        let begun = Instant::now();

        room.brake(&hub()).await;

        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
