//! What is few, named and stored as one document: policies, authorities,
//! consumer groups. A hub's imports and exports are one document, its
//! routing is another.

use rusqlite::{Connection, Result, params};
use twinhub_core::ids::HubName;
use twinhub_core::ports::{Revision, StoreError, Stored};

use super::{HubNumber, from_column, to_column};
use crate::errors::read_failed;
use crate::records::DocumentRow;

/// The SQL of one table. Names are in the form in which they are compared.
pub(crate) struct Documents {
    insert: &'static str,
    replace: &'static str,
    fence: &'static str,
    remove: &'static str,
    read_all: &'static str,
}

macro_rules! documents {
    ($table:literal) => {
        Documents {
            insert: concat!(
                "INSERT INTO ",
                $table,
                " (hub, folded_name, revision, format, doc)
                 VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING"
            ),
            replace: concat!(
                "UPDATE ",
                $table,
                " SET revision = ?1, format = ?2, doc = ?3
                 WHERE hub = ?4 AND folded_name = ?5 AND revision = ?6"
            ),
            fence: concat!(
                "UPDATE ",
                $table,
                " SET revision = ?1 WHERE hub = ?2 AND folded_name = ?3 AND revision = ?4"
            ),
            remove: concat!(
                "DELETE FROM ",
                $table,
                " WHERE hub = ?1 AND folded_name = ?2 AND revision = ?3"
            ),
            read_all: concat!(
                "SELECT folded_name, revision, format, doc FROM ",
                $table,
                " WHERE hub = (SELECT id FROM hubs WHERE name = ?1) ORDER BY folded_name"
            ),
        }
    };
}

/// Shared access policies.
pub(crate) const POLICIES: Documents = documents!("policies");
/// Authorities that issue devices' certificates.
pub(crate) const AUTHORITIES: Documents = documents!("authorities");
/// Consumer groups.
pub(crate) const CONSUMER_GROUPS: Documents = documents!("consumer_groups");
/// Imports and exports: one document, of this name.
pub(crate) const TRANSFERS: Documents = documents!("transfer_books");
/// The name of the one document of [`TRANSFERS`].
pub(crate) const TRANSFERS_NAME: &str = "all";
/// What is set of routing: one document, of this name.
pub(crate) const ROUTING: Documents = documents!("routing");
/// The name of the one document of [`ROUTING`].
pub(crate) const ROUTING_NAME: &str = "all";

impl Documents {
    pub(crate) fn insert(
        &self,
        connection: &Connection,
        hub: HubNumber,
        name: &str,
        row: &DocumentRow,
        revision: Revision,
    ) -> Result<bool> {
        let values = params![hub.0, name, to_column(revision), row.format, row.doc];
        let written = connection.prepare_cached(self.insert)?.execute(values)?;
        Ok(written == 1)
    }

    pub(crate) fn replace(
        &self,
        connection: &Connection,
        hub: HubNumber,
        name: &str,
        row: &DocumentRow,
        (from, to): (Revision, Revision),
    ) -> Result<bool> {
        let (from, to) = (to_column(from), to_column(to));
        let values = params![to, row.format, row.doc, hub.0, name, from];
        let written = connection.prepare_cached(self.replace)?.execute(values)?;
        Ok(written == 1)
    }

    pub(crate) fn fence(
        &self,
        connection: &Connection,
        hub: HubNumber,
        name: &str,
        (from, to): (Revision, Revision),
    ) -> Result<bool> {
        let values = params![to_column(to), hub.0, name, to_column(from)];
        let written = connection.prepare_cached(self.fence)?.execute(values)?;
        Ok(written == 1)
    }

    pub(crate) fn remove(
        &self,
        connection: &Connection,
        hub: HubNumber,
        name: &str,
        from: Revision,
    ) -> Result<bool> {
        let values = params![hub.0, name, to_column(from)];
        let written = connection.prepare_cached(self.remove)?.execute(values)?;
        Ok(written == 1)
    }

    /// All of a hub, by name.
    pub(crate) fn read_all<T>(
        &self,
        connection: &Connection,
        hub: &HubName,
        decode: impl Fn(DocumentRow, &str) -> std::result::Result<T, StoreError>,
    ) -> std::result::Result<Vec<Stored<T>>, StoreError> {
        let mut statement = connection
            .prepare_cached(self.read_all)
            .map_err(read_failed)?;
        let rows = statement
            .query_map([hub.as_str()], |row| {
                let (format, doc) = (row.get(2)?, row.get(3)?);
                let name: String = row.get(0)?;
                Ok((name, from_column(row.get(1)?), DocumentRow { format, doc }))
            })
            .map_err(read_failed)?;
        rows.map(|row| {
            let (name, revision, row) = row.map_err(read_failed)?;
            let value = decode(row, &name)?;
            Ok(Stored { revision, value })
        })
        .collect()
    }
}
