//! Twins: what the back end wants of a device or module, and what it reports.
//!
//! A twin has tags (for the back end alone), desired properties (written by
//! the back end, read by the device) and reported properties (the other way
//! round). Each section of properties has a version and tells of every value
//! when it was written. The ETag and the version of the whole twin move with
//! tags and desired properties, not with reported ones.
//!
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins>

use serde_json::{Map, Value};

use crate::etag::Etag;
use crate::ids::IdentityId;
use crate::time::Timestamp;

pub use self::import::{ImportedSection, ImportedTwin, WrittenTimes};
pub use self::metadata::Metadata;
pub use self::rules::{
    InvalidProperties, MAX_PROPERTIES_BYTES, MAX_TAGS_BYTES, Place, section_bytes,
};
pub use self::section::Section;
pub use self::service::{
    PatchReportedError, ReadTwinError, ReportedPatch, TwinView, TwinWrite, Twins, WriteTwinError,
};

mod import;
mod merge;
mod metadata;
mod rules;
mod section;
mod service;

/// A twin.
#[derive(Debug, Clone, PartialEq)]
pub struct Twin {
    /// Whose twin it is.
    pub id: IdentityId,
    /// The counter behind its ETag.
    pub etag: u64,
    /// Counts changes of tags and desired properties.
    pub version: u64,
    /// The plug-and-play model that the device announced; empty if none.
    pub model_id: String,
    /// What the back end notes.
    pub tags: Map<String, Value>,
    /// What the back end wants.
    pub desired: Section,
    /// What the device reports.
    pub reported: Section,
}

impl Twin {
    /// The twin of an identity that was created at `now`.
    pub fn new(id: IdentityId, now: Timestamp) -> Self {
        Twin {
            id,
            etag: 1,
            version: 1,
            model_id: String::new(),
            tags: Map::new(),
            desired: Section::desired(now),
            reported: Section::reported(now),
        }
    }

    /// The twin's ETag.
    pub fn etag(&self) -> Etag {
        Etag::from_counter(self.etag)
    }

    /// Merges a patch of the back end, and tells what of it devices see: the
    /// desired part, if there was one. Nothing changes if a rule is broken.
    pub fn patch(
        &mut self,
        patch: &TwinPatch,
        now: Timestamp,
    ) -> Result<Option<Value>, InvalidProperties> {
        self.write(|twin| {
            if let Some(tags) = &patch.tags {
                twin.merge_tags(tags)?;
            }
            let Some(desired) = &patch.desired else {
                return Ok(None);
            };
            twin.desired.merge(desired, Place::Desired, now)?;
            Ok(Some(twin.desired.as_seen_by_device(desired)))
        })
    }

    /// Replaces tags and desired properties; what is absent is emptied.
    pub fn replace(
        &mut self,
        with: &TwinPatch,
        now: Timestamp,
    ) -> Result<Option<Value>, InvalidProperties> {
        let empty = Map::new();
        self.write(|twin| {
            twin.replace_tags(with.tags.as_ref().unwrap_or(&empty))?;
            let desired = with.desired.as_ref().unwrap_or(&empty);
            twin.replace_desired(desired, now).map(Some)
        })
    }

    /// Merges a patch of the device.
    pub fn report(
        &mut self,
        patch: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<(), InvalidProperties> {
        let mut reported = self.reported.clone();
        reported.merge(patch, Place::Reported, now)?;
        self.reported = reported;
        Ok(())
    }

    fn merge_tags(&mut self, patch: &Map<String, Value>) -> Result<(), InvalidProperties> {
        rules::check_patch(patch, Place::Tags)?;
        merge::merge(&mut self.tags, patch);
        rules::check_size(&self.tags, Place::Tags)
    }

    fn replace_tags(&mut self, with: &Map<String, Value>) -> Result<(), InvalidProperties> {
        self.tags.clear();
        self.merge_tags(with)
    }

    /// Tells what devices see: all desired properties.
    fn replace_desired(
        &mut self,
        with: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Value, InvalidProperties> {
        self.desired.replace(with, Place::Desired, now)?;
        Ok(self.desired.for_device())
    }

    /// A write by the back end: all of it or nothing.
    fn write(
        &mut self,
        change: impl FnOnce(&mut Twin) -> Result<Option<Value>, InvalidProperties>,
    ) -> Result<Option<Value>, InvalidProperties> {
        let mut next = self.clone();
        let seen = change(&mut next)?;
        next.etag += 1;
        next.version += 1;
        *self = next;
        Ok(seen)
    }
}

/// What the back end writes: a part that is absent is left alone by a patch
/// and emptied by a replacement.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TwinPatch {
    /// Tags.
    pub tags: Option<Map<String, Value>>,
    /// Desired properties.
    pub desired: Option<Map<String, Value>>,
}

impl TwinPatch {
    /// Whether it says nothing at all.
    pub fn is_empty(&self) -> bool {
        self.tags.is_none() && self.desired.is_none()
    }
}

#[cfg(test)]
mod tests;
