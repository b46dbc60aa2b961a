//! What can go wrong.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a segment's head can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It is not what was written.
    #[error("its head is damaged")]
    Damaged,
    /// A newer build wrote it.
    #[error("it has format {0}, which this build does not know: use the newer one that wrote it")]
    Version(u16),
}

/// Why a log can't be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or folder could not be read or written.
    #[error("could not use {}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log was made with another number of partitions, which stays.
    #[error(
        "the log has {found} partitions, and {wanted} are wanted: the number is fixed when a log is made"
    )]
    Partitions {
        /// How many it has.
        found: u16,
        /// How many were asked for.
        wanted: u16,
    },
    /// The number of partitions is not one that a log can have.
    #[error("a log has 1 to {max} partitions, not {0}", max = crate::MAX_PARTITIONS)]
    PartitionCount(u16),
    /// A segment can't be used.
    #[error("the segment {} can't be used", path.display())]
    Segment {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: HeaderError,
    },
    /// Something between two segments is missing.
    #[error(
        "the segment {} ends at offset {ends}, and the next one begins at {begins}: \
         part of the log is missing",
        path.display()
    )]
    Gap {
        /// The segment before the gap.
        path: PathBuf,
        /// Where it ends.
        ends: u64,
        /// Where it should end.
        begins: u64,
    },
    /// Records that were on disk before others are damaged.
    #[error(
        "the segment {} is damaged at byte {position}, and sound records follow at byte {follows}",
        path.display()
    )]
    Damaged {
        /// Which segment.
        path: PathBuf,
        /// Where the damage begins, in bytes from the start of the file.
        position: u64,
        /// Where a sound record of a later commit lies.
        follows: u64,
    },
}

/// Why nothing can be written. What was handed over and not reported durable
/// is not in the log as long as it stays open.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// There is no room on the disk.
    #[error("there is no room on the disk")]
    Full,
    /// The disk failed.
    #[error("could not write")]
    Io(#[source] Arc<io::Error>),
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => WriteError::Full,
            _ => WriteError::Io(Arc::new(error)),
        }
    }
}

/// Why a record was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Too much waits to be written. The producer is woken when there is room.
    #[error("too much waits to be written")]
    Busy,
    /// The payload is larger than a record can be.
    #[error("a payload has at most {max} bytes", max = crate::MAX_PAYLOAD)]
    TooLarge,
}

/// Why records can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file could not be read.
    #[error("could not read {}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The record is not what was written.
    #[error(
        "the segment {} is damaged at byte {position}: record {sequence_number} of partition \
         {partition} can't be read",
        path.display()
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where in the file.
        position: u64,
        /// Of which partition a record was expected.
        partition: u16,
        /// Which record was expected.
        sequence_number: u64,
    },
    /// There is no such partition.
    #[error("there is no partition {0}")]
    NoPartition(u16),
}
