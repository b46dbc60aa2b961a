//! Twins by ID, those that fulfil conditions.
//!
//! Conditions that SQL can answer are part of the statement
//! ([`condition`]); a read then looks at a bounded stretch of identities, so
//! that few hits don't make it long.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::ports::{Parts, Scan, Slice, StoreError, TwinRow};
use twinhub_core::query::Source;

use self::condition::Pushed;
use super::columns_of;
use super::identities::Found;
use crate::errors::{read_failed, unreadable};
use crate::records::{SectionPartRow, TwinPartsRow};

mod condition;

/// Identities that one read with conditions looks at.
const STRETCH: i64 = 5_000;
/// A read ends early when its twins were stored in as many bytes.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// The next twins after `after`.
pub(crate) fn read(
    connection: &Connection,
    hub: &HubName,
    scan: &Scan,
    after: Option<&IdentityId>,
    limit: usize,
) -> Result<Slice, StoreError> {
    let pushed = Pushed::of(scan.source, &scan.conditions);
    let end = if pushed.is_empty() || pushed.finds_few {
        None
    } else {
        end_of_stretch(connection, hub, after).map_err(read_failed)?
    };
    let (sql, parameters) = statement(hub, scan, pushed.sql, after, end.as_ref(), limit);
    let mut statement = connection.prepare_cached(&sql).map_err(read_failed)?;
    let mut found = statement
        .query(params_from_iter(parameters))
        .map_err(read_failed)?;
    let mut slice = Slice {
        rows: Vec::new(),
        rest: pushed.rest,
        next: None,
    };
    let mut bytes = 0;
    while let Some(row) = found.next().map_err(read_failed)? {
        let row = twin_of(row, scan.parts)?;
        bytes += row.bytes;
        slice.rows.push(row);
        if slice.rows.len() >= limit || bytes > MAX_BYTES {
            slice.next = slice.rows.last().map(|row| row.id.clone());
            return Ok(slice);
        }
    }
    slice.next = end
        .map(|(device, module)| identity_of(&device, &module))
        .transpose()?;
    Ok(slice)
}

type Columns = (String, String);

/// The last identity of the stretch after `after`; nothing if it is the last.
fn end_of_stretch(
    connection: &Connection,
    hub: &HubName,
    after: Option<&IdentityId>,
) -> rusqlite::Result<Option<Columns>> {
    let (device, module) = after.map_or(("", ""), columns_of);
    connection
        .prepare_cached(
            "SELECT device, module FROM identities
             WHERE hub = (SELECT id FROM hubs WHERE name = ?1) AND (device, module) > (?2, ?3)
             ORDER BY device, module LIMIT 1 OFFSET ?4",
        )?
        .query_row(params![hub.as_str(), device, module, STRETCH - 1], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
}

/// The statement, which depends on the scan alone, and what is bound to it.
fn statement(
    hub: &HubName,
    scan: &Scan,
    conditions: Vec<condition::Sql>,
    after: Option<&IdentityId>,
    end: Option<&Columns>,
    limit: usize,
) -> (String, Vec<Value>) {
    let if_wanted = |part: Parts, sql: &'static str, otherwise: &'static str| {
        if scan.parts.contains(part) {
            sql
        } else {
            otherwise
        }
    };
    let text = |text: &str| Value::Text(text.to_owned());
    let mut sql = format!(
        "SELECT i.device, i.module, {}, t.format, t.etag, t.version, t.model_id, \
         {}, {}, {}, {}, {} FROM identities i CROSS JOIN twins t {} \
         WHERE t.identity = i.id AND i.hub = (SELECT id FROM hubs WHERE name = ?) \
         AND (i.device, i.module) > (?, ?)",
        if_wanted(
            Parts::IDENTITY,
            "i.revision, i.format, i.generation, i.version, i.enabled, i.edge, i.doc, \
             a.state_updated, a.last_activity, q.messages",
            "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL",
        ),
        if_wanted(Parts::TAGS, "t.tags", "NULL"),
        if_wanted(Parts::DESIRED, "t.desired, t.desired_version", "NULL, NULL"),
        if_wanted(Parts::DESIRED_METADATA, "t.desired_metadata", "NULL"),
        if_wanted(
            Parts::REPORTED,
            "t.reported, t.reported_version",
            "NULL, NULL"
        ),
        if_wanted(Parts::REPORTED_METADATA, "t.reported_metadata", "NULL"),
        if_wanted(
            Parts::IDENTITY,
            "LEFT JOIN activity a ON a.identity = i.id LEFT JOIN queues q ON q.identity = i.id",
            "",
        ),
    );
    let (device, module) = after.map_or(("", ""), columns_of);
    let mut parameters = vec![text(hub.as_str()), text(device), text(module)];
    if let Some((device, module)) = end {
        sql.push_str(" AND (i.device, i.module) <= (?, ?)");
        parameters.extend([text(device), text(module)]);
    }
    sql.push_str(match scan.source {
        Source::Devices => " AND i.module = ''",
        Source::Modules => " AND i.module > ''",
    });
    for condition in conditions {
        sql.push_str(" AND ");
        sql.push_str(&condition.text);
        parameters.extend(condition.parameters);
    }
    sql.push_str(" ORDER BY i.device, i.module LIMIT ?");
    parameters.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    (sql, parameters)
}

fn twin_of(row: &Row<'_>, parts: Parts) -> Result<TwinRow, StoreError> {
    let read = || -> rusqlite::Result<_> {
        let device: String = row.get(0)?;
        let module: String = row.get(1)?;
        let wanted = parts.contains(Parts::IDENTITY);
        let identity = wanted.then(|| Found::from_row(row)).transpose()?;
        Ok((device, module, identity, parts_of(row, parts)?))
    };
    let (device, module, identity, parts) = read().map_err(read_failed)?;
    let id = identity_of(&device, &module)?;
    let mut twin = parts.decode(id.clone())?;
    if let Some(identity) = identity {
        twin.bytes += identity.bytes();
        twin.identity = Some(identity.named(&id)?);
    }
    Ok(twin)
}

/// From column 12 on.
fn parts_of(row: &Row<'_>, parts: Parts) -> rusqlite::Result<TwinPartsRow> {
    let section = |wanted: Parts, first: usize| -> rusqlite::Result<Option<SectionPartRow>> {
        if !parts.contains(wanted) {
            return Ok(None);
        }
        Ok(Some(SectionPartRow {
            properties: row.get(first)?,
            version: row.get(first + 1)?,
            metadata: row.get(first + 2)?,
        }))
    };
    Ok(TwinPartsRow {
        format: row.get(12)?,
        etag: row.get(13)?,
        version: row.get(14)?,
        model_id: row.get(15)?,
        tags: row.get(16)?,
        desired: section(Parts::DESIRED, 17)?,
        reported: section(Parts::REPORTED, 20)?,
    })
}

pub(super) fn identity_of(device: &str, module: &str) -> Result<IdentityId, StoreError> {
    let unreadable = |_| unreadable(format_args!("identity {device:?}/{module:?}"), 1);
    let device_id = DeviceId::parse(device).map_err(unreadable)?;
    if module.is_empty() {
        return Ok(device_id.into());
    }
    let module_id = ModuleId::parse(module).map_err(unreadable)?;
    Ok(IdentityId::module(device_id, module_id))
}
