//! The tables, and the format they have.
//!
//! Every key carries its hub. Rowid tables with unique indexes: a row of 1 KB
//! in a `WITHOUT ROWID` table spills. What belongs to an identity hangs on its
//! row and goes with it.

use rusqlite::{Connection, OptionalExtension as _};

/// The format of the tables. A row's own format is in its `format` column.
pub(crate) const FORMAT: i64 = 1;

/// "TwHb": marks the file as ours.
pub(crate) const APPLICATION_ID: i64 = 0x5477_4862;

/// `module` is empty for devices. `revision` is the write a row stems from.
/// The counts in `hubs` move in the transaction that moves the identities, so
/// that opening a large hub counts nothing. `doc`, `tags`, `desired`,
/// `reported` are JSON text, so that expression indexes can reach into them.
const TABLES: &str = "
CREATE TABLE meta (
    name TEXT PRIMARY KEY NOT NULL,
    value INTEGER NOT NULL
) STRICT;

CREATE TABLE hubs (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    format INTEGER NOT NULL,
    etag INTEGER NOT NULL,
    enabled_devices INTEGER NOT NULL DEFAULT 0,
    disabled_devices INTEGER NOT NULL DEFAULT 0,
    modules INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE policies (
    id INTEGER PRIMARY KEY,
    hub INTEGER NOT NULL REFERENCES hubs (id),
    folded_name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    format INTEGER NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (hub, folded_name)
) STRICT;

CREATE TABLE authorities (
    id INTEGER PRIMARY KEY,
    hub INTEGER NOT NULL REFERENCES hubs (id),
    folded_name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    format INTEGER NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (hub, folded_name)
) STRICT;

CREATE TABLE identities (
    id INTEGER PRIMARY KEY,
    hub INTEGER NOT NULL REFERENCES hubs (id),
    device TEXT NOT NULL,
    module TEXT NOT NULL,
    revision INTEGER NOT NULL,
    format INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    version INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    edge INTEGER NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (hub, device, module)
) STRICT;

CREATE TABLE twins (
    identity INTEGER PRIMARY KEY REFERENCES identities (id) ON DELETE CASCADE,
    hub INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    format INTEGER NOT NULL,
    etag INTEGER NOT NULL,
    version INTEGER NOT NULL,
    model_id TEXT NOT NULL,
    tags TEXT NOT NULL,
    desired TEXT NOT NULL,
    desired_version INTEGER NOT NULL,
    desired_metadata TEXT NOT NULL,
    reported TEXT NOT NULL,
    reported_version INTEGER NOT NULL,
    reported_metadata TEXT NOT NULL
) STRICT;

CREATE TABLE sessions (
    identity INTEGER PRIMARY KEY REFERENCES identities (id) ON DELETE CASCADE,
    state BLOB NOT NULL
) STRICT;

CREATE TABLE activity (
    identity INTEGER PRIMARY KEY REFERENCES identities (id) ON DELETE CASCADE,
    state_updated INTEGER NOT NULL,
    last_activity INTEGER NOT NULL
) STRICT;
";

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing yet.
    Empty,
    /// Tables of this format.
    Format(i64),
    /// Somebody else's tables.
    Foreign,
}

/// Looks at what a file holds.
pub(crate) fn find(connection: &Connection) -> rusqlite::Result<Found> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(Found::Empty);
    }
    let application: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION_ID {
        return Ok(Found::Foreign);
    }
    let format = meta(connection, "format")?;
    Ok(format.map_or(Found::Foreign, Found::Format))
}

/// Makes the tables.
pub(crate) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE;
         PRAGMA application_id = {APPLICATION_ID};
         {TABLES}
         INSERT INTO meta VALUES ('format', {FORMAT}), ('last_revision', 0);
         COMMIT;"
    ))
}

/// The last revision that was given.
pub(crate) fn last_revision(connection: &Connection) -> rusqlite::Result<i64> {
    meta(connection, "last_revision")?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// Notes the last revision that was given.
pub(crate) fn set_last_revision(connection: &Connection, revision: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'last_revision'")?
        .execute([revision])
        .map(|_| ())
}

fn meta(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| {
            row.get(0)
        })
        .optional()
}
