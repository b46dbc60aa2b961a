//! Shared access policies.

use rusqlite::{Connection, Result, params};
use twinhub_core::ids::HubName;
use twinhub_core::policies::{Policy, PolicyName};
use twinhub_core::ports::{Revision, StoreError, Stored};

use super::{HubNumber, from_column, to_column};
use crate::errors::read_failed;
use crate::records::PolicyRow;

pub(crate) fn insert(
    connection: &Connection,
    hub: HubNumber,
    name: &PolicyName,
    row: &PolicyRow,
    revision: Revision,
) -> Result<bool> {
    let written = connection
        .prepare_cached(
            "INSERT INTO policies (hub, folded_name, revision, format, doc)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            hub.0,
            name.folded(),
            to_column(revision),
            row.format,
            row.doc
        ])?;
    Ok(written == 1)
}

pub(crate) fn replace(
    connection: &Connection,
    hub: HubNumber,
    name: &PolicyName,
    row: &PolicyRow,
    from: Revision,
    to: Revision,
) -> Result<bool> {
    let written = connection
        .prepare_cached(
            "UPDATE policies SET revision = ?1, format = ?2, doc = ?3
             WHERE hub = ?4 AND folded_name = ?5 AND revision = ?6",
        )?
        .execute(params![
            to_column(to),
            row.format,
            row.doc,
            hub.0,
            name.folded(),
            to_column(from)
        ])?;
    Ok(written == 1)
}

pub(crate) fn fence(
    connection: &Connection,
    hub: HubNumber,
    name: &PolicyName,
    from: Revision,
    to: Revision,
) -> Result<bool> {
    let written = connection
        .prepare_cached(
            "UPDATE policies SET revision = ?1
             WHERE hub = ?2 AND folded_name = ?3 AND revision = ?4",
        )?
        .execute(params![
            to_column(to),
            hub.0,
            name.folded(),
            to_column(from)
        ])?;
    Ok(written == 1)
}

pub(crate) fn remove(
    connection: &Connection,
    hub: HubNumber,
    name: &PolicyName,
    from: Revision,
) -> Result<bool> {
    let written = connection
        .prepare_cached(
            "DELETE FROM policies WHERE hub = ?1 AND folded_name = ?2 AND revision = ?3",
        )?
        .execute(params![hub.0, name.folded(), to_column(from)])?;
    Ok(written == 1)
}

pub(crate) fn read_all(
    connection: &Connection,
    hub: &HubName,
) -> std::result::Result<Vec<Stored<Policy>>, StoreError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT folded_name, revision, format, doc FROM policies
             WHERE hub = (SELECT id FROM hubs WHERE name = ?1) ORDER BY folded_name",
        )
        .map_err(read_failed)?;
    let rows = statement
        .query_map([hub.as_str()], |row| {
            let (format, doc) = (row.get(2)?, row.get(3)?);
            let name: String = row.get(0)?;
            Ok((name, from_column(row.get(1)?), PolicyRow { format, doc }))
        })
        .map_err(read_failed)?;
    rows.map(|row| {
        let (name, revision, row) = row.map_err(read_failed)?;
        let value = row.decode(&name)?;
        Ok(Stored { revision, value })
    })
    .collect()
}
