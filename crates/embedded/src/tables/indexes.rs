//! Indexes for queries, and the values in them.
//!
//! For each twin that an index knows, what is at its path is in
//! `query_values`. There may be more: values that were taken out of a twin
//! before it changed, and those of indexes that are gone. Whoever looks
//! something up looks at the twin, too.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Result, params};
use twinhub_core::ids::HubName;

use super::indexed::text_of;
use super::{HubNumber, IdentityNumber};
use crate::indexes::lookup::{Range, To};
use crate::indexes::path::IndexPath;

/// The number of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct IndexNumber(pub i64);

/// An index as stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredIndex {
    pub number: IndexNumber,
    pub hub: HubNumber,
    pub hub_name: HubName,
    pub path: IndexPath,
    /// It knows the twins of identities up to this one; all if nothing.
    pub built: Option<IdentityNumber>,
    pub idle_hours: u64,
}

/// All there are.
pub(crate) fn all(connection: &Connection) -> Result<Vec<StoredIndex>> {
    let mut statement = connection.prepare_cached(
        "SELECT x.id, x.hub, h.name, x.section, x.path, x.built, x.idle_hours
         FROM query_indexes x JOIN hubs h ON h.id = x.hub ORDER BY x.id",
    )?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, section, keys): (String, String, String) =
            (row.get(2)?, row.get(3)?, row.get(4)?);
        let (hub_name, path) = (HubName::parse(&name), IndexPath::stored(&section, &keys));
        // One that this build can't read serves no query.
        let (Ok(hub_name), Some(path)) = (hub_name, path) else {
            continue;
        };
        all.push(StoredIndex {
            number: IndexNumber(row.get(0)?),
            hub: HubNumber(row.get(1)?),
            hub_name,
            path,
            built: row.get::<_, Option<i64>>(5)?.map(IdentityNumber),
            idle_hours: row.get::<_, i64>(6)?.unsigned_abs(),
        });
    }
    Ok(all)
}

/// Makes one that knows no twin yet, unless there is one.
pub(crate) fn declare(connection: &Connection, hub: HubNumber, path: &IndexPath) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO query_indexes (hub, section, path, built) VALUES (?1, ?2, ?3, 0)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![hub.0, path.section.name(), path.stored_keys()])
        .map(|_| ())
}

/// Its values stay until they are [swept](sweep).
pub(crate) fn drop(connection: &Connection, index: IndexNumber) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM query_indexes WHERE id = ?1")?
        .execute([index.0])
        .map(|_| ())
}

/// Notes how far an index is; nothing if it is not there any more.
pub(crate) fn set_built(
    connection: &Connection,
    index: IndexNumber,
    built: Option<IdentityNumber>,
) -> Result<()> {
    connection
        .prepare_cached("UPDATE query_indexes SET built = ?1 WHERE id = ?2")?
        .execute(params![built.map(|identity| identity.0), index.0])
        .map(|_| ())
}

/// An hour has passed in which this index was used or was not.
pub(crate) fn set_idle(connection: &Connection, index: IndexNumber, used: bool) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE query_indexes SET idle_hours = CASE WHEN ?1 THEN 0 ELSE idle_hours + 1 END WHERE id = ?2",
        )?
        .execute(params![used, index.0])
        .map(|_| ())
}

pub(crate) fn put(
    connection: &Connection,
    index: IndexNumber,
    value: &Value,
    identity: IdentityNumber,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO query_values (index_id, value, identity) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![index.0, value, identity.0])
        .map(|_| ())
}

pub(crate) fn take(
    connection: &Connection,
    index: IndexNumber,
    value: &Value,
    identity: IdentityNumber,
) -> Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM query_values WHERE index_id = ?1 AND value = ?2 AND identity = ?3",
        )?
        .execute(params![index.0, value, identity.0])
        .map(|_| ())
}

/// Whether there is no value in it.
pub(crate) fn is_empty(connection: &Connection, index: IndexNumber) -> Result<bool> {
    let mut any = connection.prepare_cached("SELECT 1 FROM query_values WHERE index_id = ?1")?;
    Ok(!any.exists([index.0])?)
}

/// The first index that is gone, and has values yet.
pub(crate) fn gone(connection: &Connection) -> Result<Option<IndexNumber>> {
    let mut after = i64::MIN;
    loop {
        let next: Option<i64> = connection
            .prepare_cached(
                "SELECT index_id FROM query_values WHERE index_id > ?1 ORDER BY index_id LIMIT 1",
            )?
            .query_row([after], |row| row.get(0))
            .optional()?;
        let Some(index) = next else {
            return Ok(None);
        };
        let is_there = connection
            .prepare_cached("SELECT 1 FROM query_indexes WHERE id = ?1")?
            .exists([index])?;
        if !is_there {
            return Ok(Some(IndexNumber(index)));
        }
        after = index;
    }
}

/// Removes some values of an index that is gone.
pub(crate) fn sweep(connection: &Connection, index: IndexNumber, limit: usize) -> Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM query_values WHERE (index_id, value, identity) IN
                 (SELECT index_id, value, identity FROM query_values
                  WHERE index_id = ?1 LIMIT ?2)",
        )?
        .execute(params![index.0, limit.cast_signed()])
        .map(|_| ())
}

/// The index of a path, if it knows all twins.
pub(crate) fn ready(
    connection: &Connection,
    hub: &HubName,
    path: &IndexPath,
) -> Result<Option<IndexNumber>> {
    connection
        .prepare_cached(
            "SELECT id FROM query_indexes
             WHERE hub = (SELECT id FROM hubs WHERE name = ?1) AND section = ?2 AND path = ?3
                 AND built IS NULL",
        )?
        .query_row(
            params![hub.as_str(), path.section.name(), path.stored_keys()],
            |row| row.get(0).map(IndexNumber),
        )
        .optional()
}

/// How many values are in a range, counted up to `limit`.
pub(crate) fn count(
    connection: &Connection,
    index: IndexNumber,
    range: &Range,
    limit: usize,
) -> Result<usize> {
    let (within, to) = within(range);
    let count: i64 = connection
        .prepare_cached(&format!(
            "SELECT count(*) FROM (SELECT 1 FROM query_values v WHERE {within} LIMIT ?4)"
        ))?
        .query_row(
            params![index.0, range.from, to, limit.cast_signed()],
            |row| row.get(0),
        )?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// The identities of a hub whose values are in a range, in no order.
pub(crate) fn identities(
    connection: &Connection,
    hub: &HubName,
    index: IndexNumber,
    range: &Range,
    mut each: impl FnMut(IdentityNumber, &str, &str),
) -> Result<()> {
    let (within, to) = within(range);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT i.id, i.device, i.module FROM query_values v CROSS JOIN identities i
         WHERE {within} AND i.id = v.identity AND i.hub = (SELECT id FROM hubs WHERE name = ?4)"
    ))?;
    let mut rows = statement.query(params![index.0, range.from, to, hub.as_str()])?;
    while let Some(row) = rows.next()? {
        let number = IdentityNumber(row.get(0)?);
        let (device, module) = (text_of(row.get_ref(1)?), text_of(row.get_ref(2)?));
        each(number, device, module);
    }
    Ok(())
}

/// With the number of the index and both ends as parameters.
fn within(range: &Range) -> (&'static str, &Value) {
    match &range.to {
        To::With(value) => ("v.index_id = ?1 AND v.value >= ?2 AND v.value <= ?3", value),
        To::Before(value) => ("v.index_id = ?1 AND v.value >= ?2 AND v.value < ?3", value),
    }
}
