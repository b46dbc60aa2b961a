//! Paths that can be indexed.

use twinhub_core::query::{Path, Root};

/// What a path leads into: a document of a twin, or what queries see beside
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Section {
    Tags,
    Desired,
    Reported,
    /// What a device announced of itself.
    Model,
    /// What twins mirror of identities.
    Identity,
}

/// A place in the twins of a hub.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct IndexPath {
    pub section: Section,
    /// At least one.
    pub keys: Vec<String>,
}

impl Section {
    /// Those that a twin's row has.
    pub(crate) const OF_TWINS: [Section; 4] = [
        Section::Tags,
        Section::Desired,
        Section::Reported,
        Section::Model,
    ];

    /// As it is stored.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Section::Tags => "tags",
            Section::Desired => "desired",
            Section::Reported => "reported",
            Section::Model => "model",
            Section::Identity => "identity",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let mut all = Section::OF_TWINS.into_iter().chain([Section::Identity]);
        all.find(|section| section.name() == name)
    }
}

impl IndexPath {
    /// Nothing for what is not indexed.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let (section, member) = place_of(path.root)?;
        let keys: Vec<_> = member.into_iter().map(str::to_owned).collect();
        let keys = [keys, path.keys.clone()].concat();
        // Such are beside the documents of properties.
        let first = keys.first()?;
        let is_beside = first == "$version" || first == "$metadata";
        let is_property = section == Section::Desired || section == Section::Reported;
        (!is_property || !is_beside).then_some(IndexPath { section, keys })
    }

    /// Its keys as they are stored.
    pub(crate) fn stored_keys(&self) -> String {
        serde_json::Value::from(self.keys.as_slice()).to_string()
    }

    /// From a stored row.
    pub(crate) fn stored(section: &str, keys: &str) -> Option<Self> {
        Some(IndexPath {
            section: Section::named(section)?,
            keys: serde_json::from_str(keys).ok()?,
        })
    }
}

/// The section, and what its document calls the member if that is one of
/// several. Not those that a change of the twin changes in any case: an index
/// of them would cost each write something, and nobody looks for a version
/// among all twins. Nor what is told by another table or by memory.
fn place_of(root: Root) -> Option<(Section, Option<&'static str>)> {
    Some(match root {
        Root::Tags => (Section::Tags, None),
        Root::Desired => (Section::Desired, None),
        Root::Reported => (Section::Reported, None),
        Root::ModelId => (Section::Model, Some(MODEL_ID)),
        _ => {
            let mut members = IDENTITY_MEMBERS.iter();
            let (_, name) = members.find(|(known, _)| *known == root)?;
            (Section::Identity, Some(name))
        }
    })
}

/// What the document of a model calls it.
pub(super) const MODEL_ID: &str = "modelId";

/// What is indexed of identities, and what it is stored as.
pub(super) const IDENTITY_MEMBERS: [(Root, &str); 7] = [
    (Root::Status, "status"),
    (Root::StatusReason, "statusReason"),
    (Root::StatusUpdateTime, "statusUpdateTime"),
    (Root::AuthenticationType, "authenticationType"),
    (Root::X509Thumbprint, "x509Thumbprint"),
    (Root::Capabilities, "capabilities"),
    (Root::DeviceScope, "deviceScope"),
];
