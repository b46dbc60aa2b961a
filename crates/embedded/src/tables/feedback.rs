//! Feedback, and which of it is in which batch.

use rusqlite::{Connection, OptionalExtension as _, params};
use twinhub_core::c2d::{FeedbackBook, NumberedFeedback};
use twinhub_core::ids::HubName;
use twinhub_core::ports::{FeedbackStock, Revision, StoreError, Stored};
use twinhub_core::time::Timestamp;

use super::{HubNumber, from_column, to_column};
use crate::errors::read_failed;
use crate::records::{FeedbackBookRow, FeedbackRow};

pub(crate) fn insert_book(
    connection: &Connection,
    hub: HubNumber,
    row: &FeedbackBookRow,
    revision: Revision,
) -> rusqlite::Result<bool> {
    let written = connection
        .prepare_cached(
            "INSERT INTO feedback_books (hub, revision, format, doc) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![hub.0, to_column(revision), row.format, row.doc])?;
    Ok(written == 1)
}

pub(crate) fn replace_book(
    connection: &Connection,
    hub: HubNumber,
    row: &FeedbackBookRow,
    from: Revision,
    to: Revision,
) -> rusqlite::Result<bool> {
    let written = connection
        .prepare_cached(
            "UPDATE feedback_books SET revision = ?1, format = ?2, doc = ?3
             WHERE hub = ?4 AND revision = ?5",
        )?
        .execute(params![
            to_column(to),
            row.format,
            row.doc,
            hub.0,
            to_column(from)
        ])?;
    Ok(written == 1)
}

pub(crate) fn fence_book(
    connection: &Connection,
    hub: HubNumber,
    from: Revision,
    to: Revision,
) -> rusqlite::Result<bool> {
    let written = connection
        .prepare_cached("UPDATE feedback_books SET revision = ?1 WHERE hub = ?2 AND revision = ?3")?
        .execute([to_column(to), hub.0, to_column(from)])?;
    Ok(written == 1)
}

pub(crate) fn remove_book(
    connection: &Connection,
    hub: HubNumber,
    from: Revision,
) -> rusqlite::Result<bool> {
    let written = connection
        .prepare_cached("DELETE FROM feedback_books WHERE hub = ?1 AND revision = ?2")?
        .execute([hub.0, to_column(from)])?;
    Ok(written == 1)
}

pub(crate) fn append(
    connection: &Connection,
    hub: HubNumber,
    number: u64,
    row: &FeedbackRow,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO feedback (number, hub, enqueued, format, doc) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            number.cast_signed(),
            hub.0,
            row.enqueued,
            row.format,
            row.doc
        ])
        .map(|_| ())
}

pub(crate) fn remove(
    connection: &Connection,
    hub: HubNumber,
    first: u64,
    last: u64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM feedback WHERE hub = ?1 AND number BETWEEN ?2 AND ?3")?
        .execute([hub.0, first.cast_signed(), last.cast_signed()])
        .map(|_| ())
}

pub(crate) fn trim(
    connection: &Connection,
    hub: HubNumber,
    before: Timestamp,
    keep: u64,
) -> rusqlite::Result<()> {
    let keep = i64::try_from(keep).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "DELETE FROM feedback WHERE hub = ?1 AND (enqueued <= ?2 OR number <= (
                 SELECT number FROM feedback WHERE hub = ?1
                 ORDER BY number DESC LIMIT 1 OFFSET ?3))",
        )?
        .execute([hub.0, before.ticks(), keep])
        .map(|_| ())
}

pub(crate) fn read_book(
    connection: &Connection,
    hub: &HubName,
) -> Result<Option<Stored<FeedbackBook>>, StoreError> {
    let read = || {
        connection
            .prepare_cached(
                "SELECT b.revision, b.format, b.doc FROM hubs h
                     JOIN feedback_books b ON b.hub = h.id
                 WHERE h.name = ?1",
            )?
            .query_row([hub.as_str()], |row| {
                let (format, doc) = (row.get(1)?, row.get(2)?);
                Ok((from_column(row.get(0)?), FeedbackBookRow { format, doc }))
            })
            .optional()
    };
    let Some((revision, row)) = read().map_err(read_failed)? else {
        return Ok(None);
    };
    let value = row.decode(hub)?;
    Ok(Some(Stored { revision, value }))
}

pub(crate) fn read_page(
    connection: &Connection,
    hub: &HubName,
    after: u64,
    limit: usize,
) -> Result<Vec<NumberedFeedback>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let read = || {
        let mut statement = connection.prepare_cached(
            "SELECT number, enqueued, format, doc FROM feedback
             WHERE hub = (SELECT id FROM hubs WHERE name = ?1) AND number > ?2
             ORDER BY number LIMIT ?3",
        )?;
        let rows =
            statement.query_map(params![hub.as_str(), after.cast_signed(), limit], |row| {
                let feedback = FeedbackRow {
                    enqueued: row.get(1)?,
                    format: row.get(2)?,
                    doc: row.get(3)?,
                };
                Ok((row.get::<_, i64>(0)?, feedback))
            })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let rows = read().map_err(read_failed)?.into_iter();
    rows.map(|(number, row)| {
        Ok(NumberedFeedback {
            number: number.cast_unsigned(),
            record: row.decode(number)?,
        })
    })
    .collect()
}

pub(crate) fn read_stocks(connection: &Connection) -> Result<Vec<FeedbackStock>, StoreError> {
    let read = || {
        let mut statement = connection.prepare_cached(
            "SELECT h.name, (SELECT count(*) FROM feedback WHERE hub = h.id),
                 (SELECT enqueued FROM feedback WHERE hub = h.id ORDER BY number LIMIT 1)
             FROM hubs h",
        )?;
        let rows = statement.query_map([], |row| {
            let name: String = row.get(0)?;
            let records = row.get::<_, i64>(1)?.cast_unsigned();
            let oldest: Option<i64> = row.get(2)?;
            Ok((name, records, oldest))
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let mut stocks = Vec::new();
    for (name, records, oldest) in read().map_err(read_failed)? {
        let hub = HubName::parse(&name)
            .map_err(|_| StoreError::corrupt(format!("{name:?} is not a hub's name")))?;
        if let Some(oldest) = oldest.map(Timestamp::from_ticks) {
            stocks.push(FeedbackStock {
                hub,
                records,
                oldest,
            });
        }
    }
    Ok(stocks)
}
