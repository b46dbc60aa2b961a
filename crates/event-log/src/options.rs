//! How a log is opened, and what it tells of its work.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How a log is opened.
#[derive(Clone)]
pub struct Options {
    /// Where it lies. The folder is made if it is missing; the caller keeps
    /// other processes away from it.
    pub folder: PathBuf,
    /// How many partitions it has, from 1 to [`MAX_PARTITIONS`](crate::MAX_PARTITIONS);
    /// fixed when it is made.
    pub partitions: u16,
    /// The size of the first segment, and of one that is begun because the
    /// one before is old.
    pub first_segment_bytes: u64,
    /// The size that segments grow to. They begin small and get four times as
    /// large each time one is full, so that a quiet log takes little room.
    pub segment_bytes: u64,
    /// How many bytes may wait to be written, besides those that are being
    /// written.
    pub queue_bytes: usize,
    /// Commits of several producers begin this far apart, if that lets them
    /// share one. A producer that is alone never waits.
    pub commit_interval: Duration,
    /// Who hears of commits.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Options {
    /// The defaults.
    pub fn new(folder: impl Into<PathBuf>, partitions: u16) -> Self {
        Options {
            folder: folder.into(),
            partitions,
            first_segment_bytes: 4 << 20,
            segment_bytes: 128 << 20,
            queue_bytes: 8 << 20,
            commit_interval: Duration::from_millis(2),
            observer: None,
        }
    }
}

/// How much larger the next segment is than the one before.
pub(crate) const GROWTH: u64 = 4;

/// Hears of the log's work, on its own threads: to be quick.
pub trait Observer: Send + Sync + 'static {
    /// A commit is on disk.
    fn committed(&self, commit: &Commit);
    /// Writing failed; nothing is taken until it works again.
    fn refusing(&self, error: &crate::WriteError);
    /// Writing works again.
    fn accepting(&self);
}

/// A commit.
#[derive(Debug, Clone, Copy)]
pub struct Commit {
    /// How many records it had.
    pub records: u64,
    /// How many bytes it had in the segment.
    pub bytes: u64,
    /// How long the write and the flush took.
    pub took: Duration,
}
