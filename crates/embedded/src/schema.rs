//! The tables, and the format they have.
//!
//! Every key carries its hub. Rowid tables with unique indexes: a row of 1 KB
//! in a `WITHOUT ROWID` table spills. What belongs to an identity hangs on its
//! row and goes with it.

use rusqlite::{Connection, OptionalExtension as _};

/// The format of the tables. A row's own format is in its `format` column.
/// 2 added authorities, queues, messages and feedback to what 1 had, 3
/// consumer groups, 4 imports and exports, routing, the outbox and the indexes
/// of queries.
pub(crate) const FORMAT: i64 = 4;

/// "TwHb": marks the file as ours.
pub(crate) const APPLICATION_ID: i64 = 0x5477_4862;

/// `module` is empty for devices. `revision` is the write a row stems from.
/// The counts in `hubs` move in the transaction that moves the identities, so
/// that opening a large hub counts nothing. `doc`, `tags`, `desired`,
/// `reported` are JSON text, so that SQL can reach into them. What is at a path
/// that queries use is in `query_values`, too, for identities up to `built`,
/// or for all if that is NULL; ids of indexes are not used twice, for values
/// go later than their index.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS meta (
    name TEXT PRIMARY KEY NOT NULL,
    value INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS hubs (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    format INTEGER NOT NULL,
    etag INTEGER NOT NULL,
    enabled_devices INTEGER NOT NULL DEFAULT 0,
    disabled_devices INTEGER NOT NULL DEFAULT 0,
    modules INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE IF NOT EXISTS policies (
    id INTEGER PRIMARY KEY,
    hub INTEGER NOT NULL REFERENCES hubs (id),
    folded_name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    format INTEGER NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (hub, folded_name)
) STRICT;

CREATE TABLE IF NOT EXISTS authorities (
    id INTEGER PRIMARY KEY,
    hub INTEGER NOT NULL REFERENCES hubs (id),
    folded_name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    format INTEGER NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (hub, folded_name)
) STRICT;

CREATE TABLE IF NOT EXISTS consumer_groups (
    id INTEGER PRIMARY KEY,
    hub INTEGER NOT NULL REFERENCES hubs (id),
    folded_name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    format INTEGER NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (hub, folded_name)
) STRICT;

CREATE TABLE IF NOT EXISTS transfer_books (
    id INTEGER PRIMARY KEY,
    hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE,
    folded_name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    format INTEGER NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (hub, folded_name)
) STRICT;

CREATE TABLE IF NOT EXISTS routing (
    id INTEGER PRIMARY KEY,
    hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE,
    folded_name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    format INTEGER NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (hub, folded_name)
) STRICT;

CREATE TABLE IF NOT EXISTS identities (
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

CREATE TABLE IF NOT EXISTS twins (
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

CREATE TABLE IF NOT EXISTS sessions (
    identity INTEGER PRIMARY KEY REFERENCES identities (id) ON DELETE CASCADE,
    state BLOB NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS activity (
    identity INTEGER PRIMARY KEY REFERENCES identities (id) ON DELETE CASCADE,
    state_updated INTEGER NOT NULL,
    last_activity INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS queues (
    identity INTEGER PRIMARY KEY REFERENCES identities (id) ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    format INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    due INTEGER,
    state BLOB NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS queues_by_due ON queues (due) WHERE due IS NOT NULL;

CREATE TABLE IF NOT EXISTS messages (
    identity INTEGER NOT NULL REFERENCES queues (identity) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    format INTEGER NOT NULL,
    properties TEXT NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (identity, number)
) STRICT;

CREATE TABLE IF NOT EXISTS feedback_books (
    hub INTEGER PRIMARY KEY REFERENCES hubs (id) ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    format INTEGER NOT NULL,
    doc TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS feedback (
    number INTEGER PRIMARY KEY,
    hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE,
    enqueued INTEGER NOT NULL,
    format INTEGER NOT NULL,
    doc TEXT NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS feedback_by_hub ON feedback (hub, number);

CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY,
    hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    format INTEGER NOT NULL,
    origin TEXT NOT NULL,
    properties TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS query_indexes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hub INTEGER NOT NULL REFERENCES hubs (id) ON DELETE CASCADE,
    section TEXT NOT NULL,
    path TEXT NOT NULL,
    built INTEGER,
    idle_hours INTEGER NOT NULL DEFAULT 0,
    UNIQUE (hub, section, path)
) STRICT;

CREATE TABLE IF NOT EXISTS query_values (
    index_id INTEGER NOT NULL,
    value ANY NOT NULL,
    identity INTEGER NOT NULL,
    PRIMARY KEY (index_id, value, identity)
) STRICT, WITHOUT ROWID;
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

/// Adds what a file of an older format lacks: later formats only added tables.
pub(crate) fn upgrade(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE;
         {TABLES}
         UPDATE meta SET value = {FORMAT} WHERE name = 'format';
         COMMIT;"
    ))
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
