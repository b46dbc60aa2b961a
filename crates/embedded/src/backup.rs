//! One moment of state and events, copied while the hub works.
//!
//! The moment lies between two commits of the state, with the writer held for
//! as long as it takes to begin a read and to note where the logs end. So it
//! is a moment that there was: what was acknowledged before is in the copy,
//! nothing that became durable later is, and no event is without the state
//! that it was made in, nor the other way round. A copy holds what a crash at
//! that moment would have left.
//!
//! Writers go on at once. Until the state is copied, its write-ahead log
//! grows by what they write; until a segment of events is copied, it stays.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use twinhub_core::ids::HubName;
use twinhub_core::ports::StoreError;
use twinhub_event_log::{Snapshot, SnapshotFile};

use crate::checkpointer::LongRead;
use crate::engine::Engine;
use crate::events::LocalEventLog;
use crate::open::FILE_NAME;
use crate::schema;

/// Pages of 4 KiB between two looks at whether to go on.
const PAGES_IN_STEP: i32 = 256;
/// Steps between two flushes: a long one at the end would hold up the log's.
const STEPS_TO_FLUSH: u32 = 8;

/// The versions of what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formats {
    /// Of the tables in the state file.
    pub state: i64,
    /// Of the segments of events.
    pub events: u16,
}

/// What this build writes, and the newest that it reads.
pub const FORMATS: Formats = Formats {
    state: schema::FORMAT,
    events: twinhub_event_log::FORMAT,
};

/// Why a moment could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Another copy is under way.
    #[error("another backup is under way")]
    Busy,
    /// The state could not be read.
    #[error("could not read the state")]
    Store(#[from] StoreError),
    /// The state could not be copied.
    #[error("could not copy the state")]
    Sqlite(#[from] rusqlite::Error),
    /// A file could not be written.
    #[error("could not write the copy")]
    Io(#[from] io::Error),
    /// Whoever asked for it wants it no more.
    #[error("the backup was cancelled")]
    Cancelled,
}

/// State and events of one moment, until it is dropped.
pub struct Moment {
    // In this order: the state holds up more.
    state: Option<StateMoment>,
    events: Vec<(HubName, Snapshot)>,
    bytes: u64,
}

struct StateMoment {
    connection: Connection,
    _long_read: LongRead,
}

/// A file of a moment, beside the state's.
pub struct Part {
    /// The hub whose events it holds.
    pub hub: HubName,
    file: SnapshotFile,
}

impl Part {
    /// The file's name in the folder of the hub's events.
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// Its contents.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        self.file.open()
    }
}

impl Moment {
    /// The present moment.
    pub async fn take(
        engine: &Engine,
        events: std::sync::Arc<LocalEventLog>,
    ) -> Result<Self, BackupError> {
        let (connection, long_read) = engine.long_reader()?;
        let taken = engine.between_commits(move || {
            begin(&connection)?;
            let events = events.snapshot().ok_or(BackupError::Busy)?;
            Ok::<_, BackupError>((connection, events))
        });
        let (connection, events) = taken.await??;
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let of_state = pragma("page_count")? * pragma("page_size")?;
        let of_events: u64 = events.iter().map(|(_, log)| log.bytes()).sum();
        Ok(Moment {
            bytes: of_state.unsigned_abs() + of_events,
            state: Some(StateMoment {
                connection,
                _long_read: long_read,
            }),
            events,
        })
    }

    /// About how many bytes a copy has.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Copies the state into `folder`, which must be there, and returns the
    /// name of its file; nothing when it was copied before. `progress` is told
    /// how many bytes came, and may end it. Blocks.
    pub fn copy_state(
        &mut self,
        folder: &Path,
        mut progress: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Option<&'static str>, BackupError> {
        let Some(state) = self.state.take() else {
            return Ok(None);
        };
        let path = folder.join(FILE_NAME);
        let file = create(&path)?;
        let mut copy = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // It is flushed below, and nobody goes on with half of one.
        copy.pragma_update(None, "journal_mode", "OFF")?;
        copy.pragma_update(None, "synchronous", "OFF")?;
        {
            let backup = Backup::new(&state.connection, &mut copy)?;
            let mut steps = 0;
            let mut left = None;
            loop {
                let step = backup.step(PAGES_IN_STEP)?;
                let now = backup.progress().remaining;
                let came = left.unwrap_or(backup.progress().pagecount) - now;
                left = Some(now);
                let bytes = u64::try_from(came).unwrap_or(0) * 4096;
                if progress(bytes).is_break() {
                    return Err(BackupError::Cancelled);
                }
                if step == StepResult::Done {
                    break;
                }
                steps += 1;
                if steps % STEPS_TO_FLUSH == 0 {
                    file.sync_data()?;
                }
            }
        }
        drop(copy);
        file.sync_all()?;
        Ok(Some(FILE_NAME))
    }
}

/// The files of events, each hub's oldest first. Whoever asks for the next one
/// has copied the one before.
impl Iterator for Moment {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        loop {
            let (hub, log) = self.events.last_mut()?;
            if let Some(file) = log.next() {
                let hub = hub.clone();
                return Some(Part { hub, file });
            }
            self.events.pop();
        }
    }
}

/// Begins to read: from here on the connection sees this moment.
fn begin(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN")?;
    connection.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
