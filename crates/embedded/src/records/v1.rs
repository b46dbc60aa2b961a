//! Record format 1. Frozen: a change of shape is a new format beside it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use twinhub_core::hubs::HubRecord;
use twinhub_core::identities::{self, DeviceIdentity, ModuleIdentity, Status};
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::keys::{Key, KeyPair};
use twinhub_core::policies::{self, PolicyName};
use twinhub_core::ports;
use twinhub_core::time::Timestamp;
use twinhub_core::twins;

use super::{
    DocumentPaths, DocumentRow, HubRow, IdentityRow, OnlyPaths, SectionPartRow, SectionRow,
    TwinDocumentsRow, TwinPartsRow, TwinRow, from_json, to_json,
};
use crate::documents::{Kind, Paths};

pub(super) mod certificates;
pub(super) mod consumer_groups;
pub(super) mod feedback;
pub(super) mod message;
pub(super) mod outbox;
pub(super) mod queue;
pub(super) mod routing;
pub(super) mod transfers;

pub(crate) const FORMAT: i64 = 1;

// None of these derives Debug where it holds keys.

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    primary: String,
    secondary: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    name: String,
    keys: Keys,
    registry_read: bool,
    registry_write: bool,
    service_connect: bool,
    device_connect: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thumbprints {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    primary: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secondary: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Authentication {
    Sas(Keys),
    SelfSigned(Thumbprints),
    CertificateAuthority,
    None,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Device {
    authentication: Authentication,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status_reason: Option<String>,
    /// Ticks.
    status_updated: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parent_scopes: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Module {
    authentication: Authentication,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    managed_by: Option<String>,
}

/// Short names: there is one for every property of every twin.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    /// Last updated, in ticks.
    at: i64,
    /// By which version.
    #[serde(default, rename = "by", skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    /// The properties below.
    #[serde(default, rename = "of", skip_serializing_if = "BTreeMap::is_empty")]
    children: BTreeMap<String, Metadata>,
}

pub(super) fn encode_hub(hub: &HubRecord) -> HubRow {
    HubRow {
        format: FORMAT,
        etag: hub.etag.cast_signed(),
    }
}

pub(super) fn decode_hub(row: &HubRow, name: &HubName) -> HubRecord {
    HubRecord {
        name: name.clone(),
        etag: row.etag.cast_unsigned(),
    }
}

pub(super) fn encode_policy(policy: &policies::Policy) -> DocumentRow {
    use policies::Rights;
    let doc = Policy {
        name: policy.name.as_str().to_owned(),
        keys: Keys::of(&policy.keys),
        registry_read: policy.rights.contains(Rights::REGISTRY_READ),
        registry_write: policy.rights.contains(Rights::REGISTRY_WRITE),
        service_connect: policy.rights.contains(Rights::SERVICE_CONNECT),
        device_connect: policy.rights.contains(Rights::DEVICE_CONNECT),
    };
    DocumentRow {
        format: FORMAT,
        doc: to_json(&doc),
    }
}

pub(super) fn decode_policy(row: &DocumentRow) -> Option<policies::Policy> {
    use policies::Rights;
    let doc: Policy = from_json(&row.doc)?;
    let mut rights = Rights::empty();
    rights.set(Rights::REGISTRY_READ, doc.registry_read);
    rights.set(Rights::REGISTRY_WRITE, doc.registry_write);
    rights.set(Rights::SERVICE_CONNECT, doc.service_connect);
    rights.set(Rights::DEVICE_CONNECT, doc.device_connect);
    Some(policies::Policy {
        name: PolicyName::parse(&doc.name).ok()?,
        keys: doc.keys.to_pair()?,
        rights,
    })
}

pub(super) fn encode_device(device: &DeviceIdentity) -> IdentityRow {
    let doc = Device {
        authentication: Authentication::of(&device.authentication),
        status_reason: device.status_reason.clone(),
        status_updated: device.status_updated.ticks(),
        scope: device.scope.clone(),
        parent_scopes: device.parent_scopes.clone(),
    };
    IdentityRow {
        format: FORMAT,
        generation: device.generation.ticks(),
        version: device.version.cast_signed(),
        enabled: device.status == Status::Enabled,
        edge: device.edge,
        doc: to_json(&doc),
    }
}

pub(super) fn decode_device(row: &IdentityRow, id: &DeviceId) -> Option<DeviceIdentity> {
    let doc: Device = from_json(&row.doc)?;
    Some(DeviceIdentity {
        id: id.clone(),
        generation: Timestamp::from_ticks(row.generation),
        version: row.version.cast_unsigned(),
        authentication: doc.authentication.into_core()?,
        status: if row.enabled {
            Status::Enabled
        } else {
            Status::Disabled
        },
        status_reason: doc.status_reason,
        status_updated: Timestamp::from_ticks(doc.status_updated),
        edge: row.edge,
        scope: doc.scope,
        parent_scopes: doc.parent_scopes,
    })
}

/// A module has no status of its own; its column says enabled.
pub(super) fn encode_module(module: &ModuleIdentity) -> IdentityRow {
    let doc = Module {
        authentication: Authentication::of(&module.authentication),
        managed_by: module.managed_by.clone(),
    };
    IdentityRow {
        format: FORMAT,
        generation: module.generation.ticks(),
        version: module.version.cast_signed(),
        enabled: true,
        edge: false,
        doc: to_json(&doc),
    }
}

pub(super) fn decode_module(
    row: &IdentityRow,
    device: &DeviceId,
    id: &ModuleId,
) -> Option<ModuleIdentity> {
    let doc: Module = from_json(&row.doc)?;
    Some(ModuleIdentity {
        device: device.clone(),
        id: id.clone(),
        generation: Timestamp::from_ticks(row.generation),
        version: row.version.cast_unsigned(),
        authentication: doc.authentication.into_core()?,
        managed_by: doc.managed_by,
    })
}

pub(super) fn encode_twin(twin: &twins::Twin) -> TwinRow {
    TwinRow {
        format: FORMAT,
        etag: twin.etag.cast_signed(),
        version: twin.version.cast_signed(),
        model_id: twin.model_id.clone(),
        tags: to_json(&twin.tags),
        desired: encode_section(&twin.desired),
        reported: encode_section(&twin.reported),
    }
}

pub(super) fn decode_twin(row: &TwinRow, id: &IdentityId) -> Option<twins::Twin> {
    Some(twins::Twin {
        id: id.clone(),
        etag: row.etag.cast_unsigned(),
        version: row.version.cast_unsigned(),
        model_id: row.model_id.clone(),
        tags: from_json(&row.tags)?,
        desired: decode_section(&row.desired)?,
        reported: decode_section(&row.reported)?,
    })
}

pub(super) fn decode_twin_parts(
    row: &TwinPartsRow<'_>,
    id: IdentityId,
    only: &OnlyPaths,
) -> Option<ports::TwinRow> {
    let section = |row: &Option<SectionPartRow<'_>>, only: &Option<Paths>| match row {
        None => Some(None),
        Some(row) => decode_section_part(row, only.as_ref()).map(Some),
    };
    Some(ports::TwinRow {
        id,
        etag: row.etag.cast_unsigned(),
        version: row.version.cast_unsigned(),
        model_id: row.model_id.to_owned(),
        identity: None,
        tags: match &row.tags {
            None => None,
            Some(tags) => Some(decode_document(tags, only.tags.as_ref())?),
        },
        desired: section(&row.desired, &only.desired)?,
        reported: section(&row.reported, &only.reported)?,
        bytes: row.bytes(),
    })
}

pub(super) fn values<'r>(
    row: &TwinDocumentsRow<'r>,
    paths: &DocumentPaths,
    each: &mut impl FnMut(usize, Kind<'r>),
) -> Option<()> {
    for (document, paths) in [
        (row.tags, &paths.tags),
        (row.desired, &paths.desired),
        (row.reported, &paths.reported),
    ] {
        let read = document.is_none_or(|document| paths.values(document, each));
        read.then_some(())?;
    }
    Some(())
}

fn decode_document(document: &str, only: Option<&Paths>) -> Option<Map<String, Value>> {
    match only {
        None => from_json(document),
        Some(paths) => paths.pruned(document),
    }
}

fn decode_section_part(
    row: &SectionPartRow<'_>,
    only: Option<&Paths>,
) -> Option<ports::SectionRow> {
    Some(ports::SectionRow {
        version: row.version.cast_unsigned(),
        properties: decode_document(row.properties, only)?,
        metadata: match &row.metadata {
            None => None,
            Some(metadata) => Some(from_json::<Metadata>(metadata)?.into_core()),
        },
    })
}

fn encode_section(section: &twins::Section) -> SectionRow {
    SectionRow {
        version: section.version.cast_signed(),
        properties: to_json(&section.properties),
        metadata: to_json(&Metadata::of(&section.metadata)),
    }
}

fn decode_section(row: &SectionRow) -> Option<twins::Section> {
    Some(twins::Section {
        version: row.version.cast_unsigned(),
        properties: from_json(&row.properties)?,
        metadata: from_json::<Metadata>(&row.metadata)?.into_core(),
    })
}

impl Keys {
    fn of(pair: &KeyPair) -> Self {
        Keys {
            primary: pair.primary.expose().to_owned(),
            secondary: pair.secondary.expose().to_owned(),
        }
    }

    fn to_pair(&self) -> Option<KeyPair> {
        Some(KeyPair {
            primary: Key::parse(&self.primary).ok()?,
            secondary: Key::parse(&self.secondary).ok()?,
        })
    }
}

impl Authentication {
    fn of(authentication: &identities::Authentication) -> Self {
        match authentication {
            identities::Authentication::Sas(keys) => Authentication::Sas(Keys::of(keys)),
            identities::Authentication::SelfSigned(thumbprints) => {
                Authentication::SelfSigned(Thumbprints {
                    primary: thumbprints.primary.clone(),
                    secondary: thumbprints.secondary.clone(),
                })
            }
            identities::Authentication::CertificateAuthority => {
                Authentication::CertificateAuthority
            }
            identities::Authentication::None => Authentication::None,
        }
    }

    fn into_core(self) -> Option<identities::Authentication> {
        Some(match self {
            Authentication::Sas(keys) => identities::Authentication::Sas(keys.to_pair()?),
            Authentication::SelfSigned(thumbprints) => {
                identities::Authentication::SelfSigned(identities::Thumbprints {
                    primary: thumbprints.primary,
                    secondary: thumbprints.secondary,
                })
            }
            Authentication::CertificateAuthority => {
                identities::Authentication::CertificateAuthority
            }
            Authentication::None => identities::Authentication::None,
        })
    }
}

impl Metadata {
    fn of(metadata: &twins::Metadata) -> Self {
        let children = metadata.children.iter();
        Metadata {
            at: metadata.last_updated.ticks(),
            version: metadata.last_updated_version,
            children: children
                .map(|(name, child)| (name.clone(), Metadata::of(child)))
                .collect(),
        }
    }

    fn into_core(self) -> twins::Metadata {
        let children = self.children.into_iter();
        twins::Metadata {
            last_updated: Timestamp::from_ticks(self.at),
            last_updated_version: self.version,
            children: children
                .map(|(name, child)| (name, child.into_core()))
                .collect(),
        }
    }
}
