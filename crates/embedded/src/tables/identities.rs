//! Device and module identities.

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Params, Row, params};
use twinhub_core::identities::{DeviceIdentity, ModuleIdentity};
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::ports::{Registered, Revision, StoreError, Stored};
use twinhub_core::presence::Activity;

use super::{HubNumber, IdentityNumber, activity, columns_of, from_column, to_column};
use crate::errors::{read_failed, unreadable};
use crate::records::IdentityRow;

/// What a write needs to know of the identity it finds.
pub(crate) struct FoundIdentity {
    pub number: IdentityNumber,
    pub enabled: bool,
    revision: Revision,
}

impl FoundIdentity {
    /// This one, if it is at `revision`.
    pub(crate) fn at(self, revision: Revision) -> Option<Self> {
        (self.revision == revision).then_some(self)
    }
}

pub(crate) fn find(
    connection: &Connection,
    hub: HubNumber,
    id: &IdentityId,
) -> rusqlite::Result<Option<FoundIdentity>> {
    let (device, module) = columns_of(id);
    connection
        .prepare_cached(
            "SELECT id, enabled, revision FROM identities
             WHERE hub = ?1 AND device = ?2 AND module = ?3",
        )?
        .query_row(params![hub.0, device, module], |row| {
            Ok(FoundIdentity {
                number: IdentityNumber(row.get(0)?),
                enabled: row.get(1)?,
                revision: from_column(row.get(2)?),
            })
        })
        .optional()
}

/// Its number, unless there is one of that name.
pub(crate) fn insert(
    connection: &Connection,
    hub: HubNumber,
    id: &IdentityId,
    row: &IdentityRow,
    revision: Revision,
) -> rusqlite::Result<Option<IdentityNumber>> {
    let (device, module) = columns_of(id);
    let written = connection
        .prepare_cached(
            "INSERT INTO identities
                 (hub, device, module, revision, format, generation, version, enabled, edge, doc)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            hub.0,
            device,
            module,
            to_column(revision),
            row.format,
            row.generation,
            row.version,
            row.enabled,
            row.edge,
            row.doc
        ])?;
    Ok((written == 1).then(|| IdentityNumber(connection.last_insert_rowid())))
}

pub(crate) fn replace(
    connection: &Connection,
    identity: IdentityNumber,
    row: &IdentityRow,
    revision: Revision,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE identities SET revision = ?1, format = ?2, generation = ?3, version = ?4,
                 enabled = ?5, edge = ?6, doc = ?7
             WHERE id = ?8",
        )?
        .execute(params![
            to_column(revision),
            row.format,
            row.generation,
            row.version,
            row.enabled,
            row.edge,
            row.doc,
            identity.0
        ])
        .map(|_| ())
}

pub(crate) fn fence(
    connection: &Connection,
    identity: IdentityNumber,
    revision: Revision,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE identities SET revision = ?1 WHERE id = ?2")?
        .execute([to_column(revision), identity.0])
        .map(|_| ())
}

/// The columns of [`row_at`].
pub(super) const IDENTITY_ROW: &str = "format, generation, version, enabled, edge, doc";

/// From the columns at `first`.
pub(super) fn row_at(row: &Row<'_>, first: usize) -> rusqlite::Result<IdentityRow> {
    Ok(IdentityRow {
        format: row.get(first)?,
        generation: row.get(first + 1)?,
        version: row.get(first + 2)?,
        enabled: row.get(first + 3)?,
        edge: row.get(first + 4)?,
        doc: row.get(first + 5)?,
    })
}

/// What is stored of an identity.
pub(crate) fn row_of(
    connection: &Connection,
    identity: IdentityNumber,
) -> rusqlite::Result<Option<IdentityRow>> {
    connection
        .prepare_cached(&format!(
            "SELECT {IDENTITY_ROW} FROM identities WHERE id = ?1"
        ))?
        .query_row([identity.0], |row| row_at(row, 0))
        .optional()
}

/// Takes twin, session and activity along.
pub(crate) fn remove(connection: &Connection, identity: IdentityNumber) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM identities WHERE id = ?1")?
        .execute([identity.0])
        .map(|_| ())
}

type DeviceAndModule = (
    Option<Registered<DeviceIdentity>>,
    Option<Registered<ModuleIdentity>>,
);
type DeviceWithModules = (Registered<DeviceIdentity>, Vec<Registered<ModuleIdentity>>);

/// What every read of identities selects, in the order of [`Found::from_row`].
macro_rules! select_identities {
    ($rest:literal) => {
        concat!(
            "SELECT i.device, i.module, i.revision, i.format, i.generation, i.version, ",
            "i.enabled, i.edge, i.doc, a.state_updated, a.last_activity, q.messages ",
            "FROM identities i LEFT JOIN activity a ON a.identity = i.id ",
            "LEFT JOIN queues q ON q.identity = i.id ",
            "WHERE i.hub = (SELECT id FROM hubs WHERE name = ?1) ",
            $rest
        )
    };
}

/// An identity's columns as read.
pub(super) struct Found {
    device: String,
    module: String,
    revision: Revision,
    row: IdentityRow,
    activity: Activity,
    queued_messages: u32,
}

impl Found {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Found {
            device: row.get(0)?,
            module: row.get(1)?,
            revision: from_column(row.get(2)?),
            row: row_at(row, 3)?,
            activity: activity::from_row(row, 9)?,
            queued_messages: row.get::<_, Option<u32>>(11)?.unwrap_or(0),
        })
    }

    fn device(self) -> Result<Registered<DeviceIdentity>, StoreError> {
        let id = self.device_id()?;
        Ok(Registered {
            identity: Stored {
                revision: self.revision,
                value: self.row.decode_device(id)?,
            },
            activity: self.activity,
            queued_messages: self.queued_messages,
        })
    }

    fn module(self) -> Result<Registered<ModuleIdentity>, StoreError> {
        let device = self.device_id()?;
        let id = ModuleId::parse(&self.module).map_err(|_| self.unreadable())?;
        Ok(Registered {
            identity: Stored {
                revision: self.revision,
                value: self.row.decode_module(device, id)?,
            },
            activity: self.activity,
            queued_messages: self.queued_messages,
        })
    }

    /// As the identity of that name, which it was looked up by.
    pub(super) fn named(
        self,
        id: &IdentityId,
    ) -> Result<Registered<twinhub_core::identities::Identity>, StoreError> {
        Ok(Registered {
            identity: Stored {
                revision: self.revision,
                value: self.row.decode(id.clone())?,
            },
            activity: self.activity,
            queued_messages: self.queued_messages,
        })
    }

    /// How long its document is.
    pub(super) fn bytes(&self) -> usize {
        self.row.doc.len()
    }

    fn is_device(&self) -> bool {
        self.module.is_empty()
    }

    fn device_id(&self) -> Result<DeviceId, StoreError> {
        DeviceId::parse(&self.device).map_err(|_| self.unreadable())
    }

    fn unreadable(&self) -> StoreError {
        let name = format_args!("identity {:?}/{:?}", self.device, self.module);
        unreadable(name, self.row.format)
    }
}

pub(crate) fn read_device(
    connection: &Connection,
    hub: &HubName,
    device: &DeviceId,
) -> Result<Option<Registered<DeviceIdentity>>, StoreError> {
    let statement = prepare(
        connection,
        select_identities!("AND i.device = ?2 AND i.module = ''"),
    )?;
    let found = read(statement, [hub.as_str(), device.as_str()])?;
    found.into_iter().next().map(Found::device).transpose()
}

/// A module and its device, in one statement.
pub(crate) fn read_module(
    connection: &Connection,
    hub: &HubName,
    device: &DeviceId,
    module: &ModuleId,
) -> Result<DeviceAndModule, StoreError> {
    let statement = prepare(
        connection,
        select_identities!("AND i.device = ?2 AND i.module IN ('', ?3)"),
    )?;
    let found = read(statement, [hub.as_str(), device.as_str(), module.as_str()])?;
    let mut both = (None, None);
    for found in found {
        if found.is_device() {
            both.0 = Some(found.device()?);
        } else {
            both.1 = Some(found.module()?);
        }
    }
    Ok(both)
}

/// A device and its modules, in one statement.
pub(crate) fn read_with_modules(
    connection: &Connection,
    hub: &HubName,
    device: &DeviceId,
) -> Result<Option<DeviceWithModules>, StoreError> {
    let statement = prepare(
        connection,
        select_identities!("AND i.device = ?2 ORDER BY i.module"),
    )?;
    // The device's empty module sorts first.
    let mut found = read(statement, [hub.as_str(), device.as_str()])?.into_iter();
    let Some(device) = found.next().filter(Found::is_device) else {
        return Ok(None);
    };
    let device = device.device()?;
    let modules = found.map(Found::module).collect::<Result<_, _>>()?;
    Ok(Some((device, modules)))
}

/// A page of devices.
pub(crate) fn read_page(
    connection: &Connection,
    hub: &HubName,
    after: Option<&DeviceId>,
    limit: usize,
) -> Result<Vec<Registered<DeviceIdentity>>, StoreError> {
    let statement = prepare(
        connection,
        select_identities!("AND i.device > ?2 AND i.module = '' ORDER BY i.device LIMIT ?3"),
    )?;
    let after = after.map_or("", DeviceId::as_str);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = read(statement, params![hub.as_str(), after, limit])?;
    found.into_iter().map(Found::device).collect()
}

fn prepare<'c>(connection: &'c Connection, sql: &str) -> Result<CachedStatement<'c>, StoreError> {
    connection.prepare_cached(sql).map_err(read_failed)
}

fn read(
    mut statement: CachedStatement<'_>,
    parameters: impl Params,
) -> Result<Vec<Found>, StoreError> {
    let rows = statement
        .query_map(parameters, Found::from_row)
        .map_err(read_failed)?;
    rows.collect::<rusqlite::Result<_>>().map_err(read_failed)
}
