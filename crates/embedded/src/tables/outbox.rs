//! Events that wait for the event log.

use rusqlite::{Connection, params};
use twinhub_core::ids::HubName;
use twinhub_core::ports::{OutboxEvent, StoreError};

use super::HubNumber;
use crate::errors::read_failed;
use crate::outbox::room::Load;
use crate::records::{MessageRow, OutboxRow};

/// A page ends behind so many bytes.
const PAGE_BYTES: usize = 2 << 20;

pub(crate) fn append(
    connection: &Connection,
    hub: HubNumber,
    number: u64,
    row: &OutboxRow,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO outbox (number, hub, at, format, origin, properties, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            number.cast_signed(),
            hub.0,
            row.at,
            row.message.format,
            row.origin,
            row.message.properties,
            &row.message.body[..]
        ])
        .map(|_| ())
}

/// Tells how much was removed.
pub(crate) fn remove(
    connection: &Connection,
    hub: HubNumber,
    through: u64,
) -> rusqlite::Result<Load> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM outbox WHERE number <= ?1 AND hub = ?2
         RETURNING octet_length(origin) + octet_length(properties) + octet_length(body)",
    )?;
    let mut rows = statement.query([through.cast_signed(), hub.0])?;
    let mut removed = Load::default();
    while let Some(row) = rows.next()? {
        removed += Load {
            events: 1,
            bytes: row.get(0)?,
        };
    }
    Ok(removed)
}

/// How much waits for one hub.
pub(crate) fn load_of(connection: &Connection, hub: HubNumber) -> rusqlite::Result<Load> {
    connection
        .prepare_cached(
            "SELECT count(*), coalesce(sum(
                 octet_length(origin) + octet_length(properties) + octet_length(body)), 0)
             FROM outbox WHERE hub = ?1",
        )?
        .query_row([hub.0], |row| {
            Ok(Load {
                events: row.get(0)?,
                bytes: row.get(1)?,
            })
        })
}

/// How much waits for each hub that something waits for, by name.
pub(crate) fn loads(connection: &Connection) -> rusqlite::Result<Vec<(String, Load)>> {
    let mut statement = connection.prepare(
        "SELECT hubs.name, count(*),
             sum(octet_length(origin) + octet_length(properties) + octet_length(body))
         FROM outbox JOIN hubs ON hubs.id = outbox.hub GROUP BY hubs.id",
    )?;
    let loads = statement.query_map([], |row| {
        let load = Load {
            events: row.get(1)?,
            bytes: row.get(2)?,
        };
        Ok((row.get(0)?, load))
    })?;
    loads.collect()
}

pub(crate) fn read_page(
    connection: &Connection,
    hub: &HubName,
    after: u64,
    limit: usize,
) -> Result<Vec<OutboxEvent>, StoreError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT number, at, format, origin, properties, body FROM outbox
             WHERE number > ?1 AND hub = (SELECT id FROM hubs WHERE name = ?2)
             ORDER BY number",
        )
        .map_err(read_failed)?;
    let mut rows = statement
        .query(params![after.cast_signed(), hub.as_str()])
        .map_err(read_failed)?;
    let mut page = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next().map_err(read_failed)? {
        let columns = || -> rusqlite::Result<(i64, OutboxRow)> {
            let message = MessageRow {
                format: row.get(2)?,
                properties: row.get(4)?,
                body: row.get::<_, Vec<u8>>(5)?.into(),
            };
            let (at, origin) = (row.get(1)?, row.get(3)?);
            Ok((
                row.get(0)?,
                OutboxRow {
                    at,
                    origin,
                    message,
                },
            ))
        };
        let (number, row) = columns().map_err(read_failed)?;
        bytes += row.bytes();
        match row.decode(number) {
            Ok(event) => page.push(OutboxEvent {
                number: number.cast_unsigned(),
                event,
            }),
            // Those behind it do not wait for it, and it goes with them.
            Err(error) => tracing::error!(%hub, number, %error, "an event of a change is lost"),
        }
        if page.len() >= limit || bytes >= PAGE_BYTES && !page.is_empty() {
            break;
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    #[test]
    fn a_damaged_event_holds_up_none_behind_it() {
        let connection = Connection::open_in_memory().unwrap();
        schema::create(&connection).unwrap();
        let hub = HubName::parse("plant").unwrap();
        connection
            .execute(
                "INSERT INTO hubs (id, name, revision, format, etag) VALUES (1, 'plant', 1, 1, 1)",
                [],
            )
            .unwrap();
        let row = |format| OutboxRow {
            at: 1,
            origin: r#"{"source":"lifecycle","device":"pump-7","generation":5}"#.to_owned(),
            message: MessageRow {
                format,
                properties: r#"{"system":[],"application":[]}"#.to_owned(),
                body: b"{}".to_vec().into(),
            },
        };
        for (number, format) in [(1, 99), (2, 1), (3, 99), (4, 1), (5, 1)] {
            append(&connection, HubNumber(1), number, &row(format)).unwrap();
        }

        let page = read_page(&connection, &hub, 0, 2).unwrap();

        let numbers: Vec<_> = page.iter().map(|event| event.number).collect();
        assert_eq!(numbers, [2, 4]);
    }
}
