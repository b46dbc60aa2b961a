//! Device and module twins.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use twinhub_core::identities::Identity;
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::ports::{Registered, Revision, StoreError, Stored};
use twinhub_core::twins::Twin;

use super::identities::Found;
use super::{HubNumber, IdentityNumber, columns_of, from_column, to_column};
use crate::errors::read_failed;
use crate::records::{SectionRow, TwinRow};

pub(crate) fn insert(
    connection: &Connection,
    hub: HubNumber,
    identity: IdentityNumber,
    row: &TwinRow,
    revision: Revision,
) -> rusqlite::Result<bool> {
    let written = connection
        .prepare_cached(
            "INSERT INTO twins (identity, hub, revision, format, etag, version, model_id, tags,
                 desired, desired_version, desired_metadata,
                 reported, reported_version, reported_metadata)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            identity.0,
            hub.0,
            to_column(revision),
            row.format,
            row.etag,
            row.version,
            row.model_id,
            row.tags,
            row.desired.properties,
            row.desired.version,
            row.desired.metadata,
            row.reported.properties,
            row.reported.version,
            row.reported.metadata
        ])?;
    Ok(written == 1)
}

pub(crate) fn replace(
    connection: &Connection,
    identity: IdentityNumber,
    row: &TwinRow,
    from: Revision,
    to: Revision,
) -> rusqlite::Result<bool> {
    let written = connection
        .prepare_cached(
            "UPDATE twins SET revision = ?1, format = ?2, etag = ?3, version = ?4, model_id = ?5,
                 tags = ?6, desired = ?7, desired_version = ?8, desired_metadata = ?9,
                 reported = ?10, reported_version = ?11, reported_metadata = ?12
             WHERE identity = ?13 AND revision = ?14",
        )?
        .execute(params![
            to_column(to),
            row.format,
            row.etag,
            row.version,
            row.model_id,
            row.tags,
            row.desired.properties,
            row.desired.version,
            row.desired.metadata,
            row.reported.properties,
            row.reported.version,
            row.reported.metadata,
            identity.0,
            to_column(from)
        ])?;
    Ok(written == 1)
}

pub(crate) fn fence(
    connection: &Connection,
    identity: IdentityNumber,
    from: Revision,
    to: Revision,
) -> rusqlite::Result<bool> {
    let written = connection
        .prepare_cached("UPDATE twins SET revision = ?1 WHERE identity = ?2 AND revision = ?3")?
        .execute([to_column(to), identity.0, to_column(from)])?;
    Ok(written == 1)
}

pub(crate) fn remove(
    connection: &Connection,
    identity: IdentityNumber,
    from: Revision,
) -> rusqlite::Result<bool> {
    let written = connection
        .prepare_cached("DELETE FROM twins WHERE identity = ?1 AND revision = ?2")?
        .execute([identity.0, to_column(from)])?;
    Ok(written == 1)
}

type OwnedTwin = (Registered<Identity>, Stored<Twin>);

/// A twin and the identity it belongs to, in one statement.
pub(crate) fn read(
    connection: &Connection,
    hub: &HubName,
    id: &IdentityId,
) -> Result<Option<OwnedTwin>, StoreError> {
    let (device, module) = columns_of(id);
    let read = || {
        connection
            .prepare_cached(
                "SELECT i.device, i.module, i.revision, i.format, i.generation, i.version,
                     i.enabled, i.edge, i.doc, a.state_updated, a.last_activity, q.messages,
                     t.revision, t.format, t.etag, t.version, t.model_id, t.tags,
                     t.desired, t.desired_version, t.desired_metadata,
                     t.reported, t.reported_version, t.reported_metadata
                 FROM identities i JOIN twins t ON t.identity = i.id
                     LEFT JOIN activity a ON a.identity = i.id
                     LEFT JOIN queues q ON q.identity = i.id
                 WHERE i.hub = (SELECT id FROM hubs WHERE name = ?1)
                     AND i.device = ?2 AND i.module = ?3",
            )?
            .query_row([hub.as_str(), device, module], |row| {
                let identity = Found::from_row(row)?;
                Ok((identity, from_column(row.get(12)?), from_row(row)?))
            })
            .optional()
    };
    let Some((identity, revision, row)) = read().map_err(read_failed)? else {
        return Ok(None);
    };
    let value = row.decode(id.clone())?;
    Ok(Some((identity.named(id)?, Stored { revision, value })))
}

/// From column 13 on.
pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<TwinRow> {
    let section = |first: usize| -> rusqlite::Result<SectionRow> {
        Ok(SectionRow {
            properties: row.get(first)?,
            version: row.get(first + 1)?,
            metadata: row.get(first + 2)?,
        })
    };
    Ok(TwinRow {
        format: row.get(13)?,
        etag: row.get(14)?,
        version: row.get(15)?,
        model_id: row.get(16)?,
        tags: row.get(17)?,
        desired: section(18)?,
        reported: section(21)?,
    })
}
