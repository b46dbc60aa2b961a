//! Who is connected, in the order of IDs.
//!
//! Queries for the connected begin here rather than with all identities there
//! are. It leads to identities and decides nothing: an identity in it may have
//! been removed, or may have disconnected just now; whoever is connected is in
//! it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Key;
use crate::ids::{HubName, IdentityId};
use crate::query::Source;

/// The connected of a hub by the order of their IDs, each with the number of
/// its connection.
type Order = BTreeMap<Box<str>, (u64, IdentityId)>;

/// The connected of all hubs.
#[derive(Debug, Default)]
pub(super) struct ConnectedOrder(Mutex<HashMap<(HubName, Source), Order>>);

impl ConnectedOrder {
    /// An identity has this connection now, whatever it had before.
    pub(super) fn put(&self, (hub, id): &Key, connection: u64) {
        let mut all = self.lock();
        let order = all.entry((hub.clone(), source_of(id))).or_default();
        order.insert(place_of(id), (connection, id.clone()));
    }

    /// The connection has ended; a newer one of the identity stays.
    pub(super) fn take(&self, (hub, id): &Key, connection: u64) {
        let mut all = self.lock();
        let of = (hub.clone(), source_of(id));
        let Some(order) = all.get_mut(&of) else {
            return;
        };
        let place = place_of(id);
        if order.get(&place).is_some_and(|(now, _)| *now == connection) {
            order.remove(&place);
        }
        if order.is_empty() {
            all.remove(&of);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(HubName, Source), Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connected devices or modules of a hub, as they come and go.
#[derive(Debug, Clone)]
pub struct ConnectedIds {
    all: Arc<ConnectedOrder>,
    of: (HubName, Source),
}

impl ConnectedIds {
    pub(super) fn new(all: Arc<ConnectedOrder>, hub: HubName, source: Source) -> Self {
        ConnectedIds {
            all,
            of: (hub, source),
        }
    }

    /// How many there are now.
    pub fn count(&self) -> usize {
        self.all.lock().get(&self.of).map_or(0, BTreeMap::len)
    }

    /// The first that come after a device and a module, which may be empty and
    /// need not be there; at most `limit`.
    pub fn after(&self, device: &str, module: &str, limit: usize) -> Vec<IdentityId> {
        let after = format!("{device}\0{module}");
        let from = (Bound::Excluded(after.as_str()), Bound::Unbounded);
        let all = self.all.lock();
        let Some(order) = all.get(&self.of) else {
            return Vec::new();
        };
        let range = order.range::<str, _>(from);
        range.take(limit).map(|(_, (_, id))| id.clone()).collect()
    }
}

fn source_of(id: &IdentityId) -> Source {
    match id {
        IdentityId::Device(_) => Source::Devices,
        IdentityId::Module { .. } => Source::Modules,
    }
}

/// Texts in the order of IDs: device, then module. No ID has a zero character,
/// which comes before all others.
fn place_of(id: &IdentityId) -> Box<str> {
    let device = id.device_id().as_str();
    match id.module_id() {
        Some(module) => format!("{device}\0{}", module.as_str()).into(),
        None => device.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{DeviceId, ModuleId};

    fn hub() -> HubName {
        HubName::parse("plant").unwrap()
    }

    fn key(id: &str) -> Key {
        let parsed = |id| DeviceId::parse(id).unwrap();
        let id = match id.split_once('/') {
            Some((device, module)) => {
                IdentityId::module(parsed(device), ModuleId::parse(module).unwrap())
            }
            None => parsed(id).into(),
        };
        (hub(), id)
    }

    fn with(ids: &[&str]) -> Arc<ConnectedOrder> {
        let order = ConnectedOrder::default();
        for (number, id) in ids.iter().enumerate() {
            order.put(&key(id), number as u64);
        }
        Arc::new(order)
    }

    fn after(order: &Arc<ConnectedOrder>, of: Source, after: (&str, &str)) -> String {
        let ids = ConnectedIds::new(order.clone(), hub(), of).after(after.0, after.1, 2);
        let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
        ids.join(" ")
    }

    #[test]
    fn devices_and_modules_come_by_id_after_any_other() {
        let order = with(&["a-1", "a", "B", "a/z", "a-1/m", "a/B", "b/m"]);

        for (source, begin, found) in [
            (Source::Devices, ("", ""), "B a"),
            (Source::Devices, ("B", ""), "a a-1"),
            (Source::Devices, ("a", "m"), "a-1"),
            (Source::Devices, ("a-0\u{10ffff}", ""), "a-1"),
            (Source::Devices, ("a-1", ""), ""),
            (Source::Modules, ("", ""), "a/B a/z"),
            (Source::Modules, ("a", ""), "a/B a/z"),
            (Source::Modules, ("a", "B"), "a/z a-1/m"),
            (Source::Modules, ("a-1", "z"), "b/m"),
        ] {
            assert_eq!(after(&order, source, begin), found, "after {begin:?}");
        }
    }

    #[test]
    fn a_connection_that_ends_late_leaves_the_newer_one() {
        let order = with(&["a"]);
        let devices = ConnectedIds::new(order.clone(), hub(), Source::Devices);

        order.put(&key("a"), 7);
        order.take(&key("a"), 0);
        let replaced = devices.count();
        order.take(&key("a"), 7);

        assert_eq!((replaced, devices.count()), (1, 0));
        assert!(order.lock().is_empty(), "nothing is kept of who is gone");
    }

    #[test]
    fn hubs_are_apart() {
        let order = with(&["a"]);
        let other = HubName::parse("harbour").unwrap();

        order.put(&(other.clone(), key("b").1), 9);

        assert_eq!(after(&order, Source::Devices, ("", "")), "a");
        let there = ConnectedIds::new(order, other, Source::Devices);
        assert_eq!(there.after("", "", 9), [key("b").1]);
    }
}
