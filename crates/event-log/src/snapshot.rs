//! A snapshot: the log as it was at one moment, file by file, while the log
//! goes on.
//!
//! What the files hold is what a crash at that moment would have left, and
//! more: the newest segment is sealed, so that a copy opens without being read
//! through. Segments that are still to be copied are held back from retention.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::header::HEADER;
use crate::log::{Log, Shared};
use crate::view::Segment;

/// The segments from this offset on stay, while a snapshot needs them.
#[derive(Debug, Default)]
pub(crate) struct Hold(Mutex<Option<u64>>);

impl Hold {
    /// The offset, if a snapshot is being copied.
    pub fn from(&self) -> Option<u64> {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Option<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A log at one moment. Its files come one after the other, the oldest
/// segment first; retention passes over those that have not come.
pub struct Snapshot {
    shared: Arc<Shared>,
    /// What is still to come, the oldest last.
    segments: Vec<Part>,
    /// Files of the segment that came last.
    pending: Vec<SnapshotFile>,
    bytes: u64,
}

struct Part {
    segment: Arc<Segment>,
    bytes: u64,
    index: Index,
}

enum Index {
    /// It lies beside the segment.
    Stored,
    /// The newest segment's, as it was.
    Made(Vec<u8>),
    /// An empty segment has none.
    None,
}

/// A file of a snapshot.
#[derive(Debug)]
pub struct SnapshotFile {
    /// Its name in the log's folder.
    pub name: String,
    /// How long it is. What lies behind in the file itself is not part of it.
    pub bytes: u64,
    contents: Contents,
}

#[derive(Debug)]
enum Contents {
    File(PathBuf),
    Memory(Vec<u8>),
}

impl SnapshotFile {
    /// The contents.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match &self.contents {
            Contents::File(path) => Box::new(File::open(path)?.take(self.bytes)),
            Contents::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
        })
    }
}

impl Log {
    /// The log as it is now: all that is durable, and nothing that comes
    /// later. `None` while there is another snapshot. Doesn't block.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let shared = self.shared_handle();
        let view = shared.view();
        {
            let mut hold = shared.hold.lock();
            if hold.is_some() {
                return None;
            }
            *hold = Some(view.segments.first().map_or(view.end, |first| first.base()));
        }
        let count = view.segments.len();
        let parts = view.segments.iter().enumerate().map(|(place, segment)| {
            let records = view.end_of(place) - segment.base();
            let index = if place + 1 < count {
                Index::Stored
            } else if records > 0 {
                view.sealed()
                    .map_or(Index::None, |index| Index::Made(index.encode()))
            } else {
                Index::None
            };
            Part {
                segment: segment.clone(),
                bytes: HEADER as u64 + records,
                index,
            }
        });
        let mut segments: Vec<Part> = parts.collect();
        segments.reverse();
        drop(view);
        Some(Snapshot {
            bytes: segments.iter().map(|part| part.bytes).sum(),
            segments,
            pending: Vec::new(),
            shared,
        })
    }
}

impl Snapshot {
    /// How many bytes the segments have, those included that have come.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Whoever asks for the next file has copied those before.
impl Iterator for Snapshot {
    type Item = SnapshotFile;

    fn next(&mut self) -> Option<SnapshotFile> {
        if let Some(file) = self.pending.pop() {
            return Some(file);
        }
        let part = self.segments.pop()?;
        let base = part.segment.base();
        *self.shared.hold.lock() = Some(base);
        let name = Segment::index_name(base);
        let index = match part.index {
            // One that is missing is made anew from the segment.
            Index::Stored => fs::read(self.shared.folder.file(&name)).ok(),
            Index::Made(bytes) => Some(bytes),
            Index::None => None,
        };
        self.pending.extend(index.map(|bytes| SnapshotFile {
            name,
            bytes: bytes.len() as u64,
            contents: Contents::Memory(bytes),
        }));
        Some(SnapshotFile {
            name: Segment::name(base),
            bytes: part.bytes,
            contents: Contents::File(part.segment.path.clone()),
        })
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        *self.shared.hold.lock() = None;
    }
}
