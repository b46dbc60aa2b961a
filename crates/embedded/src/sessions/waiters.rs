//! Those who wait for an identity to come, or to listen.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use twinhub_core::ids::IdentityId;

/// An entry for each identity that somebody waits for, and no others.
#[derive(Default)]
pub(super) struct Waiters(Mutex<HashMap<IdentityId, Awaited>>);

#[derive(Default)]
struct Awaited {
    waiting: usize,
    wake: Arc<Notify>,
}

/// Somebody who waits, until it is dropped.
pub(super) struct Waiting<'a> {
    waiters: &'a Waiters,
    id: &'a IdentityId,
    wake: Arc<Notify>,
}

impl Waiters {
    /// Begins to wait.
    pub(super) fn wait_for<'a>(&'a self, id: &'a IdentityId) -> Waiting<'a> {
        let mut awaited = self.lock();
        let entry = awaited.entry(id.clone()).or_default();
        entry.waiting += 1;
        Waiting {
            waiters: self,
            id,
            wake: entry.wake.clone(),
        }
    }

    /// Wakes all who wait for the identity.
    pub(super) fn wake(&self, id: &IdentityId) {
        if let Some(awaited) = self.lock().get(id) {
            awaited.wake.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IdentityId, Awaited>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting<'_> {
    /// Is done at the first wake-up from now on, even if it is not polled yet.
    pub(super) fn woken(&self) -> Notified<'_> {
        self.wake.notified()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.waiters.lock().entry(self.id.clone()) {
            entry.get_mut().waiting -= 1;
            if entry.get().waiting == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use twinhub_core::ids::DeviceId;

    use super::*;

    #[test]
    fn whoever_stops_waiting_leaves_nothing() {
        let waiters = Waiters::default();
        let id = IdentityId::from(DeviceId::parse("pump-7").unwrap());

        let first = waiters.wait_for(&id);
        let second = waiters.wait_for(&id);
        assert_eq!(waiters.lock().len(), 1);
        drop(first);
        assert_eq!(waiters.lock().len(), 1);
        drop(second);

        assert_eq!(waiters.lock().len(), 0);
    }
}
