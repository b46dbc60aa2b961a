//! Paths that can be indexed.

use twinhub_core::query::{Path, Root};

/// A document of a twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Section {
    Tags,
    Desired,
    Reported,
}

/// A place in the twins of a hub.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct IndexPath {
    pub section: Section,
    /// At least one.
    pub keys: Vec<String>,
}

impl Section {
    pub(crate) const ALL: [Section; 3] = [Section::Tags, Section::Desired, Section::Reported];

    /// As it is stored, which is the name of its column, too.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Section::Tags => "tags",
            Section::Desired => "desired",
            Section::Reported => "reported",
        }
    }

    /// What paths into it begin with.
    pub(crate) fn root(self) -> Root {
        match self {
            Section::Tags => Root::Tags,
            Section::Desired => Root::Desired,
            Section::Reported => Root::Reported,
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Section::ALL
            .into_iter()
            .find(|section| section.name() == name)
    }
}

impl IndexPath {
    /// Nothing for what is in no document.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let section = Section::ALL
            .into_iter()
            .find(|section| section.root() == path.root)?;
        // Such are beside the documents of properties.
        let first = path.keys.first()?;
        let is_beside = first == "$version" || first == "$metadata";
        (section == Section::Tags || !is_beside).then(|| IndexPath {
            section,
            keys: path.keys.clone(),
        })
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
