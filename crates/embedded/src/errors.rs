//! The one place where SQLite's errors become the port's.

use std::fmt::Display;
use std::sync::Arc;

use rusqlite::ErrorCode;
use twinhub_core::ports::StoreError;

/// A read that failed.
pub(crate) fn read_failed(error: rusqlite::Error) -> StoreError {
    if is_damage(&error) {
        return StoreError::corrupt(format!("the state file is damaged: {error}"));
    }
    StoreError::not_written("could not read the state", error)
}

/// A write that failed before its commit, or with a transaction that is
/// certainly undone.
pub(crate) fn write_refused(error: Arc<rusqlite::Error>) -> StoreError {
    StoreError::not_written(describe_write(&error), error)
}

/// A commit that failed.
pub(crate) fn commit_failed(error: Arc<rusqlite::Error>) -> StoreError {
    match error.sqlite_error_code() {
        // Both leave the commit's last frame out of the log.
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => write_refused(error),
        _ => StoreError::in_doubt("could not make the write durable", error),
    }
}

/// A record that this build can't read. Never tells what is in it.
pub(crate) fn unreadable(record: impl Display, format: i64) -> StoreError {
    StoreError::corrupt(format!("{record} can't be read as record format {format}"))
}

/// Whether the file itself is at fault.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

fn describe_write(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full",
        _ if is_damage(error) => "the state file is damaged",
        _ => "could not write the state",
    }
}
