//! Moves the write-ahead log into the file, in the background.
//!
//! Often, so that there is little to move each time. A passive checkpoint
//! hinders nobody but never catches up with a busy writer, so the log grows;
//! once it is long and almost all moved, the writer is held up for the short
//! rest, and the log starts from its beginning. A large rest would stall the
//! writer for a second: then it is left for the next time, and so it is while
//! a backup reads, which a restart would wait for in vain.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use crate::own_thread::OwnThread;

const INTERVAL: Duration = Duration::from_millis(100);
/// How long a restart waits for readers of the old log.
pub(crate) const PATIENCE: Duration = Duration::from_millis(20);
/// In pages of 4 KiB.
const LONG_LOG: i64 = 4_000;
const SHORT_REST: i64 = 1_000;

/// Tells the checkpointer that there is something to do.
#[derive(Debug, Default)]
pub(crate) struct CheckpointSignal {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    written: bool,
    stopping: bool,
    /// Readers that stay for long.
    long_reads: usize,
}

impl CheckpointSignal {
    /// Something was written.
    pub(crate) fn written(&self) {
        let mut state = self.lock();
        if !state.written {
            state.written = true;
            self.changed.notify_all();
        }
    }

    /// Until what is returned is dropped, the log is not begun anew.
    pub(crate) fn long_read(self: &Arc<Self>) -> LongRead {
        self.lock().long_reads += 1;
        LongRead(self.clone())
    }

    fn may_restart(&self) -> bool {
        self.lock().long_reads == 0
    }

    fn stop(&self) {
        self.lock().stopping = true;
        self.changed.notify_all();
    }

    /// Waits until it is time for a checkpoint; false when it is time to stop.
    fn wait(&self) -> bool {
        let idle = |state: &mut State| !state.written && !state.stopping;
        let state = self.changed.wait_while(self.lock(), idle);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.written = false;
        let waited = self
            .changed
            .wait_timeout_while(state, INTERVAL, |state| !state.stopping);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.stopping
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader that stays for long.
pub(crate) struct LongRead(Arc<CheckpointSignal>);

impl Drop for LongRead {
    fn drop(&mut self) {
        self.0.lock().long_reads -= 1;
    }
}

/// The checkpointer's thread. Dropping it waits for it.
pub(crate) struct Checkpointer {
    signal: Arc<CheckpointSignal>,
    thread: OwnThread,
}

impl Checkpointer {
    /// Starts the thread.
    pub(crate) fn start(connection: Connection, signal: Arc<CheckpointSignal>) -> io::Result<Self> {
        let waiting = signal.clone();
        let panicked = "the checkpointer has panicked";
        let thread = OwnThread::start("state-checkpointer", panicked, move || {
            while waiting.wait() {
                match checkpoint(&connection, waiting.may_restart()) {
                    Ok(true) => {}
                    Ok(false) => waiting.written(),
                    Err(error) => tracing::warn!(%error, "a checkpoint failed"),
                }
            }
        })?;
        Ok(Checkpointer { signal, thread })
    }

    /// Stops the thread; returns when a checkpoint under way is done.
    pub(crate) async fn close(&self) {
        self.signal.stop();
        self.thread.ended().await;
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.signal.stop();
        self.thread.join();
    }
}

/// Moves what it can; true when all was moved.
fn checkpoint(connection: &Connection, may_restart: bool) -> rusqlite::Result<bool> {
    let log = run(connection, "PRAGMA wal_checkpoint(PASSIVE)")?;
    let rest = log.pages - log.moved;
    if log.pages < LONG_LOG || rest > SHORT_REST || !may_restart {
        return Ok(rest == 0);
    }
    let log = run(connection, "PRAGMA wal_checkpoint(RESTART)")?;
    Ok(log.pages == log.moved)
}

struct Log {
    pages: i64,
    moved: i64,
}

fn run(connection: &Connection, checkpoint: &str) -> rusqlite::Result<Log> {
    connection.prepare_cached(checkpoint)?.query_row([], |row| {
        Ok(Log {
            pages: row.get(1)?,
            moved: row.get(2)?,
        })
    })
}
