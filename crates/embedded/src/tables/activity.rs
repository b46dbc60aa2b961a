//! When identities were last heard of.

use rusqlite::{Connection, Result, Row, params};
use twinhub_core::presence::Activity;
use twinhub_core::time::Timestamp;

use super::IdentityNumber;

pub(crate) fn put(
    connection: &Connection,
    identity: IdentityNumber,
    activity: Activity,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO activity (identity, state_updated, last_activity)
             VALUES (?1, ?2, ?3)",
        )?
        .execute(params![
            identity.0,
            activity.state_updated.ticks(),
            activity.last_activity.ticks()
        ])
        .map(|_| ())
}

/// From the two columns at `first`, null where nothing was written.
pub(super) fn from_row(row: &Row<'_>, first: usize) -> Result<Activity> {
    let ticks = |column: usize| -> Result<Timestamp> {
        let ticks: Option<i64> = row.get(column)?;
        Ok(ticks.map_or(Timestamp::NEVER, Timestamp::from_ticks))
    };
    Ok(Activity {
        state_updated: ticks(first)?,
        last_activity: ticks(first + 1)?,
    })
}
