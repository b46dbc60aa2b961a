//! When each property was last written.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::time::Timestamp;

/// The metadata of a property and of those below it. Mirrors the tree of
/// properties; arrays are leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// When it was last written.
    pub last_updated: Timestamp,
    /// The version of the section that wrote it; desired properties only.
    pub last_updated_version: Option<u64>,
    /// The properties below it.
    pub children: BTreeMap<String, Metadata>,
}

/// The moment and version of one write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    pub at: Timestamp,
    pub version: Option<u64>,
}

impl Metadata {
    pub(super) fn new(stamp: Stamp) -> Self {
        Metadata {
            last_updated: stamp.at,
            last_updated_version: stamp.version,
            children: BTreeMap::new(),
        }
    }

    /// Marks what `patch` writes; removed properties lose their metadata.
    pub(super) fn touch(&mut self, patch: &Map<String, Value>, stamp: Stamp) {
        self.last_updated = stamp.at;
        self.last_updated_version = stamp.version;
        for (key, value) in patch {
            match value {
                Value::Null => {
                    self.children.remove(key);
                }
                Value::Object(patch) => self.child(key, stamp).touch(patch, stamp),
                _ => {
                    self.children.insert(key.clone(), Metadata::new(stamp));
                }
            }
        }
    }

    fn child(&mut self, key: &str, stamp: Stamp) -> &mut Metadata {
        self.children
            .entry(key.to_owned())
            .or_insert_with(|| Metadata::new(stamp))
    }

    /// The form in which clients read it.
    pub fn to_json(&self) -> Value {
        let mut object = self.own_json();
        for (key, child) in &self.children {
            object.insert(key.clone(), child.to_json());
        }
        Value::Object(object)
    }

    /// The same, of what a patch has written alone.
    pub(super) fn changed_to_json(&self, patch: &Map<String, Value>) -> Value {
        let mut object = self.own_json();
        for (key, value) in patch {
            // What was removed has none.
            let Some(child) = self.children.get(key) else {
                continue;
            };
            let json = match value {
                Value::Object(patch) => child.changed_to_json(patch),
                _ => child.to_json(),
            };
            object.insert(key.clone(), json);
        }
        Value::Object(object)
    }

    /// Without those below it.
    fn own_json(&self) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert(
            "$lastUpdated".to_owned(),
            json!(self.last_updated.to_string()),
        );
        if let Some(version) = self.last_updated_version {
            object.insert("$lastUpdatedVersion".to_owned(), json!(version));
        }
        object
    }
}
