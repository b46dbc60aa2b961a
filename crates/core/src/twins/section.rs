//! A section of properties: desired or reported.

use serde_json::{Map, Value, json};

use super::merge::merge;
use super::metadata::{Metadata, Stamp};
use super::rules::{self, InvalidProperties, Place};
use crate::time::Timestamp;

/// Properties, their version, and when each was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Counts the writes, from 1.
    pub version: u64,
    /// The properties, without `$metadata` and `$version`.
    pub properties: Map<String, Value>,
    /// When each was written.
    pub metadata: Metadata,
}

impl Section {
    /// An empty section of desired properties: its metadata tells versions.
    pub(super) fn desired(now: Timestamp) -> Self {
        Section::empty(Stamp {
            at: now,
            version: Some(1),
        })
    }

    /// An empty section of reported properties.
    pub(super) fn reported(now: Timestamp) -> Self {
        Section::empty(Stamp {
            at: now,
            version: None,
        })
    }

    fn empty(stamp: Stamp) -> Self {
        Section {
            version: 1,
            properties: Map::new(),
            metadata: Metadata::new(stamp),
        }
    }

    /// Merges a patch. On an error the section is left half-written: callers
    /// work on a copy.
    pub(super) fn merge(
        &mut self,
        patch: &Map<String, Value>,
        place: Place,
        now: Timestamp,
    ) -> Result<(), InvalidProperties> {
        let patch = without_server_members(patch);
        rules::check_patch(&patch, place)?;
        let stamp = self.next_stamp(now);
        merge(&mut self.properties, &patch);
        self.metadata.touch(&patch, stamp);
        rules::check_size(&self.properties, place)
    }

    /// Replaces all properties; null members are not stored.
    pub(super) fn replace(
        &mut self,
        with: &Map<String, Value>,
        place: Place,
        now: Timestamp,
    ) -> Result<(), InvalidProperties> {
        self.properties.clear();
        self.metadata.children.clear();
        self.merge(with, place, now)
    }

    fn next_stamp(&mut self, now: Timestamp) -> Stamp {
        self.version += 1;
        Stamp {
            at: now,
            version: self.metadata.last_updated_version.map(|_| self.version),
        }
    }

    /// What a device is told of a change: the patch with the new `$version`.
    pub(super) fn as_seen_by_device(&self, patch: &Map<String, Value>) -> Value {
        let mut seen = without_server_members(patch);
        seen.insert("$version".to_owned(), json!(self.version));
        Value::Object(seen)
    }

    /// What a device reads: the properties with `$version`.
    pub fn for_device(&self) -> Value {
        self.as_seen_by_device(&self.properties)
    }

    /// What the back end reads: the properties with `$metadata` and `$version`.
    pub fn for_service(&self) -> Value {
        let mut seen = self.properties.clone();
        seen.insert("$metadata".to_owned(), self.metadata.to_json());
        seen.insert("$version".to_owned(), json!(self.version));
        Value::Object(seen)
    }

    /// What the back end is told of a patch that was merged: the patch, with
    /// the metadata of what it wrote and the new `$version`.
    pub(crate) fn change_for_service(&self, patch: &Map<String, Value>) -> Value {
        let mut seen = without_server_members(patch);
        let metadata = self.metadata.changed_to_json(&seen);
        seen.insert("$metadata".to_owned(), metadata);
        seen.insert("$version".to_owned(), json!(self.version));
        Value::Object(seen)
    }
}

/// Clients send back what they read; `$metadata` and `$version` are the hub's.
fn without_server_members(patch: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = patch.clone();
    patch.remove("$metadata");
    patch.remove("$version");
    patch
}
