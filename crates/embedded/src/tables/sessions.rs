//! What gateways keep for identities between two connections.

use rusqlite::{Connection, OptionalExtension as _, Result, params};
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::ports::{SessionRecord, StoreError};

use super::{IdentityNumber, columns_of};
use crate::errors::read_failed;

pub(crate) fn put(connection: &Connection, identity: IdentityNumber, state: &[u8]) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO sessions (identity, state) VALUES (?1, ?2)")?
        .execute(params![identity.0, state])
        .map(|_| ())
}

pub(crate) fn remove(connection: &Connection, identity: IdentityNumber) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM sessions WHERE identity = ?1")?
        .execute([identity.0])
        .map(|_| ())
}

pub(crate) fn read(
    connection: &Connection,
    hub: &HubName,
    id: &IdentityId,
) -> std::result::Result<Option<SessionRecord>, StoreError> {
    let (device, module) = columns_of(id);
    let read = || {
        connection
            .prepare_cached(
                "SELECT s.state FROM identities i JOIN sessions s ON s.identity = i.id
                 WHERE i.hub = (SELECT id FROM hubs WHERE name = ?1)
                     AND i.device = ?2 AND i.module = ?3",
            )?
            .query_row([hub.as_str(), device, module], |row| row.get(0))
            .optional()
    };
    let state = read().map_err(read_failed)?;
    Ok(state.map(|state| SessionRecord {
        identity: id.clone(),
        state,
    }))
}
