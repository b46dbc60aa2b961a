//! All identities of a hub with their twins, in one statement.

use std::ops::ControlFlow;

use rusqlite::Connection;
use twinhub_core::ids::HubName;
use twinhub_core::ports::{Member, StoreError};

use super::identities::Found;
use super::scan::identity_of;
use super::twins;
use crate::errors::read_failed;

/// Begins to read: from here on the connection sees this moment. Tells how
/// many identities there are.
pub(crate) fn begin(connection: &Connection, hub: &HubName) -> Result<u64, StoreError> {
    let read = || -> rusqlite::Result<i64> {
        connection.execute_batch("BEGIN")?;
        connection.query_row(
            "SELECT coalesce(sum(enabled_devices + disabled_devices + modules), 0)
             FROM hubs WHERE name = ?1",
            [hub.as_str()],
            |row| row.get(0),
        )
    };
    Ok(read().map_err(read_failed)?.unsigned_abs())
}

/// Hands out identities by ID, with about how many bytes each is stored in,
/// until there are no more or `each` has enough.
pub(crate) fn read(
    connection: &Connection,
    hub: &HubName,
    mut each: impl FnMut(Member, usize) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    // CROSS JOIN keeps the order of the tables, so that nothing is sorted.
    let mut statement = connection
        .prepare(
            "SELECT i.device, i.module, i.revision, i.format, i.generation, i.version,
                 i.enabled, i.edge, i.doc, NULL, NULL, NULL,
                 t.revision, t.format, t.etag, t.version, t.model_id, t.tags,
                 t.desired, t.desired_version, t.desired_metadata,
                 t.reported, t.reported_version, t.reported_metadata
             FROM identities i CROSS JOIN twins t
             WHERE i.hub = (SELECT id FROM hubs WHERE name = ?1) AND t.identity = i.id
             ORDER BY i.device, i.module",
        )
        .map_err(read_failed)?;
    let mut rows = statement.query([hub.as_str()]).map_err(read_failed)?;
    while let Some(row) = rows.next().map_err(read_failed)? {
        let columns = || -> rusqlite::Result<_> {
            let (device, module): (String, String) = (row.get(0)?, row.get(1)?);
            Ok((device, module, Found::from_row(row)?, twins::from_row(row)?))
        };
        let (device, module, found, twin) = columns().map_err(read_failed)?;
        let bytes = found.bytes() + twin.bytes();
        let id = identity_of(&device, &module)?;
        let identity = found.named(&id)?.identity.value;
        if each((identity, twin.decode(id)?), bytes).is_break() {
            break;
        }
    }
    Ok(())
}
