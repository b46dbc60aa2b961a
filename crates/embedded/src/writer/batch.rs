//! One transaction for many units of work.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use twinhub_core::ids::HubName;
use twinhub_core::ports::{CommitError, StoreError};

use super::{HubChanges, Workbench};
use crate::counts::CountChange;
use crate::errors::{commit_failed, write_refused};
use crate::outbox::room::Load;
use crate::schema;
use crate::tables;
use crate::unit::{Applied, Refused, Unit, apply};

/// Nothing of a batch was written, or it is in doubt.
#[derive(Debug)]
pub(super) enum BatchError {
    /// It failed before its commit.
    Undone(Arc<rusqlite::Error>),
    /// Its commit failed.
    Commit(Arc<rusqlite::Error>),
}

impl BatchError {
    /// What everybody in the batch is told.
    pub(super) fn told(&self) -> StoreError {
        match self {
            BatchError::Undone(error) => write_refused(error.clone()),
            BatchError::Commit(error) => commit_failed(error.clone()),
        }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BatchError::Undone(error) => write!(f, "undone: {error}"),
            BatchError::Commit(error) => write!(f, "commit failed: {error}"),
        }
    }
}

impl From<rusqlite::Error> for BatchError {
    fn from(error: rusqlite::Error) -> Self {
        BatchError::Undone(Arc::new(error))
    }
}

/// What became of each unit: what it moved, or why it was refused.
pub(super) type Written = Vec<Result<Applied, CommitError>>;

/// Writes the units that can be, durably. On an error the transaction may
/// still be open.
pub(super) fn write(
    workbench: &Workbench,
    units: &[Unit],
    last_revision: &mut u64,
) -> Result<Written, BatchError> {
    let connection = &workbench.connection;
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let mut written = Vec::with_capacity(units.len());
    // What the batch has put into the outboxes, and what it has removed.
    let mut outboxes: HashMap<&HubName, Load> = HashMap::new();
    for unit in units {
        let outbox = outboxes.entry(&unit.hub).or_default();
        let full = unit
            .has_events()
            .then(|| workbench.room.refuse(&unit.hub, *outbox));
        let applied = match full.flatten() {
            Some(error) => Err(error.into()),
            None => write_unit(workbench, unit, last_revision)?,
        };
        if let Ok(applied) = &applied {
            *outbox += applied.outbox;
        }
        written.push(applied);
    }
    if written.iter().all(Result::is_err) {
        connection.prepare_cached("ROLLBACK")?.execute([])?;
        return Ok(written);
    }
    for (hub, change) in changes_by_hub(units, &written) {
        tables::hubs::add_counts(connection, hub, change)?;
    }
    schema::set_last_revision(connection, last_revision.cast_signed())?;
    let committed = connection.prepare_cached("COMMIT")?.execute([]);
    committed.map_err(|error| BatchError::Commit(Arc::new(error)))?;
    Ok(written)
}

/// Writes one unit, or undoes what it had written and tells why. An error is
/// one that the whole batch shares.
fn write_unit(
    workbench: &Workbench,
    unit: &Unit,
    last_revision: &mut u64,
) -> Result<Result<Applied, CommitError>, BatchError> {
    let (connection, indexes) = (&workbench.connection, &workbench.indexes);
    // A step writes with one statement, which undoes itself, but for indexes.
    let alone = unit.size() == 1 && indexes.is_empty();
    if !alone {
        connection.prepare_cached("SAVEPOINT unit")?.execute([])?;
    }
    let refused = match apply(
        connection,
        &*workbench.sessions,
        indexes,
        unit,
        last_revision,
    ) {
        Ok(change) => {
            if !alone {
                connection.prepare_cached("RELEASE unit")?.execute([])?;
            }
            return Ok(Ok(change));
        }
        Err(Refused::Conflict(conflict)) => CommitError::Conflict(conflict),
        // Some errors end the transaction, and everybody's work with it.
        Err(Refused::Sqlite(error)) if connection.is_autocommit() => return Err(error.into()),
        Err(Refused::Sqlite(error)) => {
            tracing::error!(%error, "a unit of work failed");
            write_refused(Arc::new(error)).into()
        }
    };
    if !alone {
        connection.prepare_cached("ROLLBACK TO unit")?.execute([])?;
        connection.prepare_cached("RELEASE unit")?.execute([])?;
    }
    Ok(Err(refused))
}

/// What the units that were written move the counts by, a line per hub.
pub(super) fn changes_by_hub<'a>(
    units: &'a [Unit],
    written: &[Result<Applied, CommitError>],
) -> HubChanges<'a> {
    let mut changes = HubChanges::new();
    for (unit, written) in units.iter().zip(written) {
        let Ok(Applied { counts: change, .. }) = *written else {
            continue;
        };
        if change == CountChange::default() {
            continue;
        }
        match changes.iter_mut().find(|(hub, _)| **hub == unit.hub) {
            Some((_, sum)) => *sum += change,
            None => changes.push((&unit.hub, change)),
        }
    }
    changes
}
