//! Between core's types and rows.
//!
//! A row names the format of its record. Each released format is frozen in a
//! module of its own, apart from core's types; conversions are explicit both
//! ways. What this build can't read is named, never shown: it may hold keys.

use serde::Serialize;
use serde::de::DeserializeOwned;
use twinhub_core::certificates::Authority;
use twinhub_core::consumer_groups::ConsumerGroup;
use twinhub_core::hubs::HubRecord;
use twinhub_core::identities::{DeviceIdentity, Identity, ModuleIdentity};
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};
use twinhub_core::policies::Policy;
use twinhub_core::ports::{self, StoreError};
use twinhub_core::routing::RoutingSettings;
use twinhub_core::transfer::TransferBook;
use twinhub_core::twins::Twin;

use crate::documents::{Kind, Paths};
use crate::errors::unreadable;

mod outbox;
mod queues;
pub(crate) mod v1;

pub(crate) use self::outbox::OutboxRow;
pub(crate) use self::queues::{FeedbackBookRow, FeedbackRow, MessageRow, QueueRow};

/// A hub's columns.
#[derive(Debug, Clone)]
pub(crate) struct HubRow {
    pub format: i64,
    pub etag: i64,
}

/// A policy's, an authority's, a consumer group's columns, or those of a hub's
/// imports and exports or of its routing. May hold keys.
#[derive(Clone)]
pub(crate) struct DocumentRow {
    pub format: i64,
    pub doc: String,
}

/// An identity's columns. Holds keys.
#[derive(Clone)]
pub(crate) struct IdentityRow {
    pub format: i64,
    pub generation: i64,
    pub version: i64,
    pub enabled: bool,
    pub edge: bool,
    pub doc: String,
}

/// A twin's columns.
#[derive(Debug, Clone)]
pub(crate) struct TwinRow {
    pub format: i64,
    pub etag: i64,
    pub version: i64,
    pub model_id: String,
    pub tags: String,
    pub desired: SectionRow,
    pub reported: SectionRow,
}

/// The columns of one section of a twin.
#[derive(Debug, Clone)]
pub(crate) struct SectionRow {
    pub version: i64,
    pub properties: String,
    pub metadata: String,
}

/// A twin's columns, those that were wanted.
#[derive(Debug, Clone)]
pub(crate) struct TwinPartsRow<'r> {
    pub format: i64,
    pub etag: i64,
    pub version: i64,
    pub model_id: &'r str,
    pub tags: Option<&'r str>,
    pub desired: Option<SectionPartRow<'r>>,
    pub reported: Option<SectionPartRow<'r>>,
}

/// A twin's documents, those that were wanted.
#[derive(Debug, Clone)]
pub(crate) struct TwinDocumentsRow<'r> {
    pub format: i64,
    pub tags: Option<&'r str>,
    pub desired: Option<&'r str>,
    pub reported: Option<&'r str>,
}

/// Paths into a twin's documents.
#[derive(Debug, Default)]
pub(crate) struct DocumentPaths {
    pub tags: Paths,
    pub desired: Paths,
    pub reported: Paths,
}

/// The columns of one section of a twin, with metadata if they were wanted.
#[derive(Debug, Clone)]
pub(crate) struct SectionPartRow<'r> {
    pub version: i64,
    pub properties: &'r str,
    pub metadata: Option<&'r str>,
}

impl HubRow {
    pub(crate) fn encode(hub: &HubRecord) -> Self {
        v1::encode_hub(hub)
    }

    pub(crate) fn decode(self, name: &twinhub_core::ids::HubName) -> Result<HubRecord, StoreError> {
        match self.format {
            v1::FORMAT => Ok(v1::decode_hub(&self, name)),
            unknown => Err(unreadable(format_args!("hub {name}"), unknown)),
        }
    }
}

impl DocumentRow {
    pub(crate) fn of_policy(policy: &Policy) -> Self {
        v1::encode_policy(policy)
    }

    pub(crate) fn of_authority(authority: &Authority) -> Self {
        v1::certificates::encode(authority)
    }

    pub(crate) fn into_authority(self, name: &str) -> Result<Authority, StoreError> {
        let decoded = match self.format {
            v1::FORMAT => v1::certificates::decode(&self),
            _ => None,
        };
        decoded.ok_or_else(|| unreadable(format_args!("certificate {name}"), self.format))
    }

    pub(crate) fn of_consumer_group(group: &ConsumerGroup) -> Self {
        v1::consumer_groups::encode(group)
    }

    pub(crate) fn into_consumer_group(self, name: &str) -> Result<ConsumerGroup, StoreError> {
        let decoded = match self.format {
            v1::FORMAT => v1::consumer_groups::decode(&self),
            _ => None,
        };
        decoded.ok_or_else(|| unreadable(format_args!("consumer group {name}"), self.format))
    }

    pub(crate) fn of_transfers(book: &TransferBook) -> Self {
        v1::transfers::encode(book)
    }

    pub(crate) fn into_transfers(self) -> Result<TransferBook, StoreError> {
        let decoded = match self.format {
            v1::FORMAT => v1::transfers::decode(&self),
            _ => None,
        };
        decoded.ok_or_else(|| unreadable(format_args!("imports and exports"), self.format))
    }

    pub(crate) fn of_routing(settings: &RoutingSettings) -> Self {
        v1::routing::encode(settings)
    }

    pub(crate) fn into_routing(self) -> Result<RoutingSettings, StoreError> {
        let decoded = match self.format {
            v1::FORMAT => v1::routing::decode(&self),
            _ => None,
        };
        decoded.ok_or_else(|| unreadable(format_args!("routing"), self.format))
    }

    pub(crate) fn into_policy(self, name: &str) -> Result<Policy, StoreError> {
        let decoded = match self.format {
            v1::FORMAT => v1::decode_policy(&self),
            _ => None,
        };
        decoded.ok_or_else(|| unreadable(format_args!("policy {name}"), self.format))
    }
}

impl IdentityRow {
    pub(crate) fn encode(identity: &Identity) -> Self {
        match identity {
            Identity::Device(device) => v1::encode_device(device),
            Identity::Module(module) => v1::encode_module(module),
        }
    }

    pub(crate) fn decode_device(self, id: DeviceId) -> Result<DeviceIdentity, StoreError> {
        let decoded = match self.format {
            v1::FORMAT => v1::decode_device(&self, &id),
            _ => None,
        };
        decoded.ok_or_else(|| unreadable(format_args!("device {id}"), self.format))
    }

    pub(crate) fn decode_module(
        self,
        device: DeviceId,
        id: ModuleId,
    ) -> Result<ModuleIdentity, StoreError> {
        let decoded = match self.format {
            v1::FORMAT => v1::decode_module(&self, &device, &id),
            _ => None,
        };
        decoded.ok_or_else(|| unreadable(format_args!("module {device}/{id}"), self.format))
    }

    pub(crate) fn decode(self, id: IdentityId) -> Result<Identity, StoreError> {
        match id {
            IdentityId::Device(id) => self.decode_device(id).map(Identity::Device),
            IdentityId::Module { device, module } => {
                self.decode_module(device, module).map(Identity::Module)
            }
        }
    }
}

impl TwinRow {
    /// About how many bytes it has.
    pub(crate) fn bytes(&self) -> usize {
        let section = |section: &SectionRow| section.properties.len() + section.metadata.len();
        self.tags.len() + section(&self.desired) + section(&self.reported)
    }

    pub(crate) fn encode(twin: &Twin) -> Self {
        v1::encode_twin(twin)
    }

    pub(crate) fn decode(self, id: IdentityId) -> Result<Twin, StoreError> {
        let decoded = match self.format {
            v1::FORMAT => v1::decode_twin(&self, &id),
            _ => None,
        };
        decoded.ok_or_else(|| unreadable(format_args!("twin {id}"), self.format))
    }
}

/// What of documents is decoded; the whole where nothing is said.
#[derive(Debug, Default)]
pub(crate) struct OnlyPaths {
    pub tags: Option<Paths>,
    pub desired: Option<Paths>,
    pub reported: Option<Paths>,
}

impl<'r> TwinDocumentsRow<'r> {
    /// What is at each of the paths, by their numbers; nothing if it can't be
    /// read.
    pub(crate) fn values(
        &self,
        paths: &DocumentPaths,
        each: &mut impl FnMut(usize, Kind<'r>),
    ) -> Option<()> {
        match self.format {
            v1::FORMAT => v1::values(self, paths, each),
            _ => None,
        }
    }
}

impl TwinPartsRow<'_> {
    pub(crate) fn decode(
        self,
        id: IdentityId,
        only: &OnlyPaths,
    ) -> Result<ports::TwinRow, StoreError> {
        let decoded = match self.format {
            v1::FORMAT => v1::decode_twin_parts(&self, id.clone(), only),
            _ => None,
        };
        decoded.ok_or_else(|| unreadable(format_args!("twin {id}"), self.format))
    }

    /// How long its documents are.
    fn bytes(&self) -> usize {
        let of_section = |section: &Option<SectionPartRow<'_>>| {
            section.as_ref().map_or(0, |section| {
                section.properties.len() + section.metadata.map_or(0, str::len)
            })
        };
        let of_sections = of_section(&self.desired) + of_section(&self.reported);
        self.tags.map_or(0, str::len) + of_sections
    }
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("text keys and finite numbers always serialize")
}

fn from_json<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests;
