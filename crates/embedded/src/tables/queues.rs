//! Queues, and the messages in them.

use rusqlite::{Connection, OptionalExtension as _, params};
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::messages::Message;
use twinhub_core::ports::{DueQueue, OwnedQueue, Revision, StoreError, Stored};
use twinhub_core::time::Timestamp;

use super::{IdentityNumber, columns_of, from_column, to_column};
use crate::errors::read_failed;
use crate::records::{MessageRow, QueueRow};

pub(crate) fn insert(
    connection: &Connection,
    identity: IdentityNumber,
    row: &QueueRow,
    revision: Revision,
) -> rusqlite::Result<bool> {
    let written = connection
        .prepare_cached(
            "INSERT INTO queues (identity, revision, format, messages, due, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            identity.0,
            to_column(revision),
            row.format,
            row.messages,
            row.due,
            row.state
        ])?;
    Ok(written == 1)
}

pub(crate) fn replace(
    connection: &Connection,
    identity: IdentityNumber,
    row: &QueueRow,
    from: Revision,
    to: Revision,
) -> rusqlite::Result<bool> {
    let written = connection
        .prepare_cached(
            "UPDATE queues SET revision = ?1, format = ?2, messages = ?3, due = ?4, state = ?5
             WHERE identity = ?6 AND revision = ?7",
        )?
        .execute(params![
            to_column(to),
            row.format,
            row.messages,
            row.due,
            row.state,
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
        .prepare_cached("UPDATE queues SET revision = ?1 WHERE identity = ?2 AND revision = ?3")?
        .execute([to_column(to), identity.0, to_column(from)])?;
    Ok(written == 1)
}

/// Takes its messages along.
pub(crate) fn remove(
    connection: &Connection,
    identity: IdentityNumber,
    from: Revision,
) -> rusqlite::Result<bool> {
    let written = connection
        .prepare_cached("DELETE FROM queues WHERE identity = ?1 AND revision = ?2")?
        .execute([identity.0, to_column(from)])?;
    Ok(written == 1)
}

/// Needs the queue, and a number that is free.
pub(crate) fn put_message(
    connection: &Connection,
    identity: IdentityNumber,
    number: u64,
    row: &MessageRow,
) -> rusqlite::Result<bool> {
    let written = connection
        .prepare_cached(
            "INSERT INTO messages (identity, number, format, properties, body)
             SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM queues WHERE identity = ?1)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            identity.0,
            number.cast_signed(),
            row.format,
            row.properties,
            &*row.body
        ])?;
    Ok(written == 1)
}

pub(crate) fn remove_message(
    connection: &Connection,
    identity: IdentityNumber,
    number: u64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM messages WHERE identity = ?1 AND number = ?2")?
        .execute([identity.0, number.cast_signed()])
        .map(|_| ())
}

pub(crate) fn read(
    connection: &Connection,
    hub: &HubName,
    id: &IdentityId,
) -> Result<Option<OwnedQueue>, StoreError> {
    let (device, module) = columns_of(id);
    let read = || {
        connection
            .prepare_cached(
                "SELECT i.generation, q.revision, q.format, q.messages, q.state
                 FROM identities i LEFT JOIN queues q ON q.identity = i.id
                 WHERE i.hub = (SELECT id FROM hubs WHERE name = ?1)
                     AND i.device = ?2 AND i.module = ?3",
            )?
            .query_row([hub.as_str(), device, module], |row| {
                let generation = Timestamp::from_ticks(row.get(0)?);
                let Some(revision) = row.get::<_, Option<i64>>(1)? else {
                    return Ok((generation, None));
                };
                let queue = QueueRow {
                    format: row.get(2)?,
                    messages: row.get(3)?,
                    due: None,
                    state: row.get(4)?,
                };
                Ok((generation, Some((from_column(revision), queue))))
            })
            .optional()
    };
    let Some((generation, found)) = read().map_err(read_failed)? else {
        return Ok(None);
    };
    let queue = match found {
        Some((revision, row)) => {
            let value = row.decode(id)?;
            Some(Stored { revision, value })
        }
        None => None,
    };
    Ok(Some(OwnedQueue { generation, queue }))
}

pub(crate) fn read_message(
    connection: &Connection,
    hub: &HubName,
    id: &IdentityId,
    number: u64,
) -> Result<Option<Message>, StoreError> {
    let (device, module) = columns_of(id);
    let read = || {
        connection
            .prepare_cached(
                "SELECT m.format, m.properties, m.body
                 FROM identities i JOIN messages m ON m.identity = i.id
                 WHERE i.hub = (SELECT id FROM hubs WHERE name = ?1)
                     AND i.device = ?2 AND i.module = ?3 AND m.number = ?4",
            )?
            .query_row(
                params![hub.as_str(), device, module, number.cast_signed()],
                |row| {
                    Ok(MessageRow {
                        format: row.get(0)?,
                        properties: row.get(1)?,
                        body: row.get::<_, Vec<u8>>(2)?.into(),
                    })
                },
            )
            .optional()
    };
    let row = read().map_err(read_failed)?;
    row.map(|row| row.decode(id, number)).transpose()
}

/// By the index of due queues: what is not due costs nothing.
pub(crate) fn read_due(connection: &Connection, limit: usize) -> Result<Vec<DueQueue>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let read = || {
        let mut statement = connection.prepare_cached(
            "SELECT h.name, i.device, i.module, q.due
             FROM queues q CROSS JOIN identities i ON i.id = q.identity
                 CROSS JOIN hubs h ON h.id = i.hub
             WHERE q.due IS NOT NULL ORDER BY q.due LIMIT ?1",
        )?;
        let rows = statement.query_map([limit], |row| {
            let text = |column| row.get::<_, String>(column);
            Ok((text(0)?, text(1)?, text(2)?, row.get(3)?))
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let rows = read().map_err(read_failed)?.into_iter();
    rows.map(|(hub, device, module, due)| {
        due_queue(&hub, &device, &module, due)
            .ok_or_else(|| StoreError::corrupt(format!("{device:?}/{module:?} is not a name")))
    })
    .collect()
}

fn due_queue(hub: &str, device: &str, module: &str, due: i64) -> Option<DueQueue> {
    let device = DeviceId::parse(device).ok()?;
    let identity = match module {
        "" => device.into(),
        module => IdentityId::module(device, ModuleId::parse(module).ok()?),
    };
    Some(DueQueue {
        hub: HubName::parse(hub).ok()?,
        identity,
        due: Timestamp::from_ticks(due),
    })
}
