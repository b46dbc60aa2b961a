//! One moment of state, events and backlogs, copied while the hub works.
//!
//! The moment lies between two commits of the state, with the writer held for
//! as long as it takes to begin a read and to note where the logs end. So it
//! is a moment that there was: what was acknowledged before is in the copy,
//! nothing that became durable later is, and no event is without the state
//! that it was made in, nor the other way round. A backlog comes with how far
//! it was delivered; what was delivered later is delivered again by whoever
//! goes on with the copy. A copy holds what a crash at that moment would have
//! left.
//!
//! Writers go on at once. Until the state is copied, its write-ahead log
//! grows by what they write; until a segment of events is copied, it stays,
//! also when the endpoint that it waits for is removed.

use std::fs::{File, OpenOptions};
use std::io::{self, Cursor, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use twinhub_core::ports::StoreError;
use twinhub_event_log::{Snapshot, SnapshotFile};

use crate::backlogs::{BacklogMoment, LocalBacklogs};
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

/// State, events and backlogs of one moment, until it is dropped.
pub struct Moment {
    // In this order: the state holds up more.
    state: Option<StateMoment>,
    /// The last comes first.
    logs: Vec<LogMoment>,
    bytes: u64,
}

struct StateMoment {
    connection: Connection,
    _long_read: LongRead,
}

/// A log of one moment.
enum LogMoment {
    Hub { folder: String, events: Snapshot },
    Backlog(BacklogMoment),
}

/// A file of a moment, beside the state's.
pub struct Part {
    path: String,
    contents: Contents,
}

enum Contents {
    Events(SnapshotFile),
    Progress(Vec<u8>),
}

impl Part {
    /// Where it is below the folder of the logs, with `/` between the parts.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its contents.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        match &self.contents {
            Contents::Events(file) => file.open(),
            Contents::Progress(bytes) => Ok(Box::new(Cursor::new(bytes.clone()))),
        }
    }
}

impl LogMoment {
    fn bytes(&self) -> u64 {
        match self {
            LogMoment::Hub { events, .. } => events.bytes(),
            LogMoment::Backlog(backlog) => backlog.events.bytes(),
        }
    }

    fn next(&mut self) -> Option<Part> {
        let (folder, events) = match self {
            LogMoment::Hub { folder, events } => (&*folder, events),
            LogMoment::Backlog(backlog) => {
                if let Some((name, bytes)) = backlog.progress.take() {
                    return Some(Part {
                        path: format!("{}/{name}", backlog.folder),
                        contents: Contents::Progress(bytes),
                    });
                }
                (&backlog.folder, &mut backlog.events)
            }
        };
        let file = events.next()?;
        Some(Part {
            path: format!("{folder}/{}", file.name),
            contents: Contents::Events(file),
        })
    }
}

impl Moment {
    /// The present moment.
    pub async fn take(
        engine: &Engine,
        events: Arc<LocalEventLog>,
        backlogs: Arc<LocalBacklogs>,
    ) -> Result<Self, BackupError> {
        let (connection, long_read) = engine.long_reader()?;
        let taken = engine.between_commits(move || {
            begin(&connection)?;
            let events = events.snapshot().ok_or(BackupError::Busy)?;
            let backlogs = backlogs.snapshot().ok_or(BackupError::Busy)?;
            Ok::<_, BackupError>((connection, events, backlogs))
        });
        let (connection, events, backlogs) = taken.await??;
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let of_state = pragma("page_count")? * pragma("page_size")?;
        let of_hubs = events.into_iter().map(|(hub, events)| LogMoment::Hub {
            folder: hub.to_string(),
            events,
        });
        // Backlogs last, to come first: they grow while they can't be trimmed.
        let logs = of_hubs.chain(backlogs.into_iter().map(LogMoment::Backlog));
        let logs: Vec<_> = logs.collect();
        let of_events: u64 = logs.iter().map(LogMoment::bytes).sum();
        Ok(Moment {
            bytes: of_state.unsigned_abs() + of_events,
            state: Some(StateMoment {
                connection,
                _long_read: long_read,
            }),
            logs,
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

/// The files of logs, each log's oldest first. Whoever asks for the next one
/// has copied the one before.
impl Iterator for Moment {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        loop {
            if let Some(part) = self.logs.last_mut()?.next() {
                return Some(part);
            }
            self.logs.pop();
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
