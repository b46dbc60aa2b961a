//! The indexes as the writer knows them: what the write of a twin or of an
//! identity does to them.
//!
//! Every index that is declared is kept, also while it is being built: what is
//! built then reads twins that were there when it was declared, or later.

use std::borrow::Cow;

use rusqlite::types::Value;
use rusqlite::{Connection, Result};
use twinhub_core::ids::IdentityId;

use super::documents::{of_identity_row, of_model};
use super::lookup;
use super::path::Section;
use crate::documents::Paths;
use crate::records::{IdentityRow, TwinRow};
use crate::tables::indexes::{self, IndexNumber, StoredIndex};
use crate::tables::{HubNumber, IdentityNumber, identities, indexed};

/// The indexes of all hubs.
#[derive(Debug, Default)]
pub(crate) struct IndexBook(Vec<SectionIndexes>);

/// The indexes of one section of a hub's twins.
#[derive(Debug)]
struct SectionIndexes {
    hub: HubNumber,
    section: Section,
    paths: Paths,
    /// By the number of the path.
    indexes: Vec<IndexNumber>,
}

impl IndexBook {
    /// What is stored.
    pub(crate) fn load(connection: &Connection) -> Result<Self> {
        let mut book = IndexBook::default();
        for index in indexes::all(connection)? {
            book.add(&index);
        }
        Ok(book)
    }

    fn add(&mut self, index: &StoredIndex) {
        let (hub, section) = (index.hub, index.path.section);
        let known = |known: &SectionIndexes| known.hub == hub && known.section == section;
        let place = self.0.iter().position(known).unwrap_or_else(|| {
            self.0.push(SectionIndexes {
                hub,
                section,
                paths: Paths::default(),
                indexes: Vec::new(),
            });
            self.0.len() - 1
        });
        let section = &mut self.0[place];
        section.paths.add(&index.path.keys, section.indexes.len());
        section.indexes.push(index.number);
    }

    /// Whether there is none at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A twin that was not there is written.
    pub(crate) fn inserted(
        &self,
        connection: &Connection,
        hub: HubNumber,
        identity: IdentityNumber,
        row: &TwinRow,
    ) -> Result<()> {
        for section in self.of_hub(hub) {
            if let Some(document) = section.document(row) {
                section.move_values(connection, identity, None, Some(&document))?;
            }
        }
        Ok(())
    }

    /// An identity that was not there is written.
    pub(crate) fn identity_inserted(
        &self,
        connection: &Connection,
        hub: HubNumber,
        identity: IdentityNumber,
        (id, row): (&IdentityId, &IdentityRow),
    ) -> Result<()> {
        if let Some(section) = self.of_identities(hub) {
            let document = of_identity_row(id.clone(), row.clone());
            section.move_values(connection, identity, None, Some(&document))?;
        }
        Ok(())
    }

    /// An identity is about to be written anew, or to be removed.
    pub(crate) fn identity_replaced(
        &self,
        connection: &Connection,
        hub: HubNumber,
        identity: IdentityNumber,
        id: &IdentityId,
        row: Option<&IdentityRow>,
    ) -> Result<()> {
        let Some(section) = self.of_identities(hub) else {
            return Ok(());
        };
        let before = identities::row_of(connection, identity)?;
        let document = |row: &IdentityRow| of_identity_row(id.clone(), row.clone());
        let (before, now) = (before.as_ref().map(document), row.map(document));
        section.move_values(connection, identity, before.as_deref(), now.as_deref())
    }

    /// A twin is about to be written anew, or to be removed.
    pub(crate) fn replaced(
        &self,
        connection: &Connection,
        hub: HubNumber,
        identity: IdentityNumber,
        row: Option<&TwinRow>,
    ) -> Result<()> {
        let is_of_twins = |section: &SectionIndexes| section.section != Section::Identity;
        if !self.of_hub(hub).any(is_of_twins) {
            return Ok(());
        }
        indexed::documents_of(connection, identity, |name, before| {
            for section in self.of_hub(hub).filter(|section| section.section == name) {
                let now = row.and_then(|row| section.document(row));
                section.move_values(connection, identity, Some(before), now.as_deref())?;
            }
            Ok(())
        })
    }

    fn of_identities(&self, hub: HubNumber) -> Option<&SectionIndexes> {
        let mut of_hub = self.of_hub(hub);
        of_hub.find(|section| section.section == Section::Identity)
    }

    fn of_hub(&self, hub: HubNumber) -> impl Iterator<Item = &SectionIndexes> {
        self.0.iter().filter(move |section| section.hub == hub)
    }
}

impl SectionIndexes {
    /// Nothing if it is in no twin's row.
    fn document<'r>(&self, row: &'r TwinRow) -> Option<Cow<'r, str>> {
        Some(match self.section {
            Section::Tags => row.tags.as_str().into(),
            Section::Desired => row.desired.properties.as_str().into(),
            Section::Reported => row.reported.properties.as_str().into(),
            Section::Model => of_model(&row.model_id),
            Section::Identity => return None,
        })
    }

    fn move_values(
        &self,
        connection: &Connection,
        identity: IdentityNumber,
        before: Option<&str>,
        now: Option<&str>,
    ) -> Result<()> {
        if before == now {
            return Ok(());
        }
        let (before, now) = (self.values(before), self.values(now));
        for (index, (before, now)) in self.indexes.iter().zip(before.into_iter().zip(now)) {
            if before == now {
                continue;
            }
            if let Some(value) = before {
                indexes::take(connection, *index, &value, identity)?;
            }
            if let Some(value) = now {
                indexes::put(connection, *index, &value, identity)?;
            }
        }
        Ok(())
    }

    fn values(&self, document: Option<&str>) -> Vec<Option<Value>> {
        let mut values = vec![None; self.indexes.len()];
        if let Some(document) = document {
            self.paths.values(document, &mut |number, kind| {
                values[number] = Some(lookup::indexed(kind));
            });
        }
        values
    }
}
