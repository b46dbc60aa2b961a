//! How many identities each hub has: in memory, so that asking is free.
//!
//! The writer moves the counts after each commit; the stored ones move in the
//! commit itself.

use std::collections::HashMap;
use std::ops::{AddAssign, Neg};
use std::sync::{PoisonError, RwLock};

use rusqlite::Connection;
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::ports::IdentityCounts;

use crate::tables;

/// By how much a unit of work moves a hub's counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CountChange {
    pub enabled_devices: i64,
    pub disabled_devices: i64,
    pub modules: i64,
}

impl CountChange {
    /// One more identity.
    pub(crate) fn one(id: &IdentityId, enabled: bool) -> Self {
        let mut change = CountChange::default();
        match (id, enabled) {
            (IdentityId::Module { .. }, _) => change.modules = 1,
            (IdentityId::Device(_), true) => change.enabled_devices = 1,
            (IdentityId::Device(_), false) => change.disabled_devices = 1,
        }
        change
    }
}

impl AddAssign for CountChange {
    fn add_assign(&mut self, other: Self) {
        self.enabled_devices += other.enabled_devices;
        self.disabled_devices += other.disabled_devices;
        self.modules += other.modules;
    }
}

impl Neg for CountChange {
    type Output = Self;

    fn neg(self) -> Self {
        CountChange {
            enabled_devices: -self.enabled_devices,
            disabled_devices: -self.disabled_devices,
            modules: -self.modules,
        }
    }
}

/// The counts of all hubs.
#[derive(Debug, Default)]
pub(crate) struct Counts(RwLock<HashMap<String, IdentityCounts>>);

impl Counts {
    /// Takes what is stored.
    pub(crate) fn load(&self, connection: &Connection) -> rusqlite::Result<()> {
        let stored = tables::hubs::counts(connection)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = stored.into_iter().collect();
        Ok(())
    }

    pub(crate) fn of(&self, hub: &HubName) -> IdentityCounts {
        let counts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        counts.get(hub.as_str()).copied().unwrap_or_default()
    }

    pub(crate) fn apply(&self, hub: &HubName, change: CountChange) {
        let mut counts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let counts = counts.entry(hub.as_str().to_owned()).or_default();
        let moved = |count: &mut u64, by| *count = count.saturating_add_signed(by);
        moved(&mut counts.enabled_devices, change.enabled_devices);
        moved(&mut counts.disabled_devices, change.disabled_devices);
        moved(&mut counts.modules, change.modules);
    }
}
