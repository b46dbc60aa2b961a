//! Which items of an import may be done at once.
//!
//! Items that don't concern each other share the wait for the disk. Two items
//! about one device, or about a child and its parent, keep the order of the
//! file.

use std::collections::{HashMap, HashSet};

use crate::identities::{BulkItem, parents_of};
use crate::ids::DeviceId;

/// Items that may be done in any order.
#[derive(Debug, Default)]
pub struct Wave {
    items: Vec<BulkItem>,
    /// With the numbers of the lines that they are in.
    concerned: HashMap<DeviceId, u64>,
    /// Whose scopes its items name.
    parents: HashSet<DeviceId>,
}

impl Wave {
    /// Adds the item of a line; gives it back if it has to wait for those of
    /// this wave.
    #[must_use]
    pub fn add(&mut self, item: BulkItem, line: u64) -> Option<BulkItem> {
        let waits = |device: &DeviceId| self.concerned.contains_key(device);
        let parents = parents_of(&item);
        let is_parent = item.module.is_none() && self.parents.contains(&item.device);
        if is_parent || waits(&item.device) || parents.iter().any(waits) {
            return Some(item);
        }
        self.parents.extend(parents);
        self.concerned.insert(item.device.clone(), line);
        self.items.push(item);
        None
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Takes the items, and the lines of the devices that they are about; the
    /// wave is empty then.
    pub fn take(&mut self) -> (Vec<BulkItem>, HashMap<DeviceId, u64>) {
        let Wave {
            items, concerned, ..
        } = std::mem::take(self);
        (items, concerned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::lines;

    fn item(json: &str) -> BulkItem {
        lines::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn strangers_share_a_wave() {
        let mut wave = Wave::default();

        for id in ["a", "b", "c"] {
            let line = format!(r#"{{"id":"{id}","status":"enabled"}}"#);
            assert_eq!(wave.add(item(&line), 1), None);
        }

        assert_eq!(wave.take().0.len(), 3);
        assert!(wave.is_empty());
    }

    #[test]
    fn a_device_and_its_module_keep_their_order() {
        let mut wave = Wave::default();
        let device = item(r#"{"id":"a","status":"enabled"}"#);
        assert_eq!(wave.add(device, 1), None);
        let module = item(r#"{"id":"a","moduleId":"m","status":"enabled"}"#);

        let module = wave.add(module, 2).expect("it has to wait");

        wave.take();
        assert_eq!(wave.add(module, 2), None);
    }

    #[test]
    fn a_child_waits_for_its_parent() {
        let mut wave = Wave::default();
        let parent = r#"{"id":"edge","status":"enabled","capabilities":{"iotEdge":true}}"#;
        assert_eq!(wave.add(item(parent), 1), None);
        let child =
            r#"{"id":"leaf","status":"enabled","deviceScope":"ms-azure-iot-edge://edge-7"}"#;

        assert!(wave.add(item(child), 2).is_some());
    }

    #[test]
    fn a_parent_waits_for_its_children_who_wait_for_none_of_their_siblings() {
        let mut wave = Wave::default();
        for id in ["leaf-1", "leaf-2"] {
            let child = format!(
                r#"{{"id":"{id}","status":"enabled","deviceScope":"ms-azure-iot-edge://edge-7"}}"#
            );
            assert_eq!(wave.add(item(&child), 1), None);
        }
        let parent = r#"{"id":"edge","status":"enabled","importMode":"delete"}"#;

        let parent = wave.add(item(parent), 3).expect("it has to wait");

        wave.take();
        assert_eq!(wave.add(parent, 3), None);
    }
}
