//! Hubs, and how many identities each has.

use rusqlite::{Connection, OptionalExtension as _, Result, params};
use twinhub_core::hubs::HubRecord;
use twinhub_core::ids::HubName;
use twinhub_core::ports::{IdentityCounts, Revision, StoreError, Stored};

use super::{HubNumber, from_column, to_column};
use crate::counts::CountChange;
use crate::errors::read_failed;
use crate::records::HubRow;

pub(crate) fn number(connection: &Connection, hub: &HubName) -> Result<Option<HubNumber>> {
    connection
        .prepare_cached("SELECT id FROM hubs WHERE name = ?1")?
        .query_row([hub.as_str()], |row| row.get(0).map(HubNumber))
        .optional()
}

pub(crate) fn insert(
    connection: &Connection,
    hub: &HubName,
    row: &HubRow,
    revision: Revision,
) -> Result<bool> {
    let written = connection
        .prepare_cached(
            "INSERT INTO hubs (name, revision, format, etag) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            hub.as_str(),
            to_column(revision),
            row.format,
            row.etag
        ])?;
    Ok(written == 1)
}

pub(crate) fn replace(
    connection: &Connection,
    hub: HubNumber,
    row: &HubRow,
    from: Revision,
    to: Revision,
) -> Result<bool> {
    let written = connection
        .prepare_cached(
            "UPDATE hubs SET revision = ?1, format = ?2, etag = ?3
             WHERE id = ?4 AND revision = ?5",
        )?
        .execute(params![
            to_column(to),
            row.format,
            row.etag,
            hub.0,
            to_column(from)
        ])?;
    Ok(written == 1)
}

pub(crate) fn fence(
    connection: &Connection,
    hub: HubNumber,
    from: Revision,
    to: Revision,
) -> Result<bool> {
    let written = connection
        .prepare_cached("UPDATE hubs SET revision = ?1 WHERE id = ?2 AND revision = ?3")?
        .execute([to_column(to), hub.0, to_column(from)])?;
    Ok(written == 1)
}

/// Only an empty hub can go.
pub(crate) fn remove(connection: &Connection, hub: HubNumber, from: Revision) -> Result<bool> {
    let written = connection
        .prepare_cached(
            "DELETE FROM hubs WHERE id = ?1 AND revision = ?2
             AND NOT EXISTS (SELECT 1 FROM policies WHERE hub = ?1)
             AND NOT EXISTS (SELECT 1 FROM authorities WHERE hub = ?1)
             AND NOT EXISTS (SELECT 1 FROM consumer_groups WHERE hub = ?1)
             AND NOT EXISTS (SELECT 1 FROM identities WHERE hub = ?1)",
        )?
        .execute([hub.0, to_column(from)])?;
    Ok(written == 1)
}

pub(crate) fn names(connection: &Connection) -> std::result::Result<Vec<HubName>, StoreError> {
    let read = || {
        connection
            .prepare_cached("SELECT name FROM hubs ORDER BY name")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<Vec<String>>>()
    };
    let names = read().map_err(read_failed)?;
    let parsed = names.iter().map(|name| HubName::parse(name));
    parsed
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| StoreError::corrupt("a stored hub has a name that no hub can have"))
}

pub(crate) fn read(
    connection: &Connection,
    hub: &HubName,
) -> std::result::Result<Option<Stored<HubRecord>>, StoreError> {
    let read = || {
        connection
            .prepare_cached("SELECT revision, format, etag FROM hubs WHERE name = ?1")?
            .query_row([hub.as_str()], |row| {
                let (format, etag) = (row.get(1)?, row.get(2)?);
                Ok((from_column(row.get(0)?), HubRow { format, etag }))
            })
            .optional()
    };
    let Some((revision, row)) = read().map_err(read_failed)? else {
        return Ok(None);
    };
    let value = row.decode(hub)?;
    Ok(Some(Stored { revision, value }))
}

pub(crate) fn add_counts(
    connection: &Connection,
    hub: &HubName,
    change: CountChange,
) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE hubs SET enabled_devices = enabled_devices + ?1,
                 disabled_devices = disabled_devices + ?2, modules = modules + ?3
             WHERE name = ?4",
        )?
        .execute(params![
            change.enabled_devices,
            change.disabled_devices,
            change.modules,
            hub.as_str()
        ])
        .map(|_| ())
}

/// The counts of all hubs, by name.
pub(crate) fn counts(connection: &Connection) -> Result<Vec<(String, IdentityCounts)>> {
    let mut statement =
        connection.prepare("SELECT name, enabled_devices, disabled_devices, modules FROM hubs")?;
    let rows = statement.query_map([], |row| {
        let count = |column: usize| row.get(column).map(i64::cast_unsigned);
        let counts = IdentityCounts {
            enabled_devices: count(1)?,
            disabled_devices: count(2)?,
            modules: count(3)?,
        };
        Ok((row.get(0)?, counts))
    })?;
    rows.collect()
}
