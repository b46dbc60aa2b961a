//! The thread that works ahead of the writer and behind it: it has the next
//! segment ready, full of zeros, before it is needed, so that a commit never
//! waits for the file system to find room; and it stores the index of a sealed
//! segment and gives back the room behind its end.
//!
//! That the disk is full shows here, before anything is written. Where there is
//! no room for a large segment, a smaller one is made; while not even that can
//! be, it is tried again and again.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::disk::Folder;
use crate::error::WriteError;
use crate::header::HEADER;
use crate::index::StoredIndex;
use crate::view::Segment;

/// How long until it is tried again.
pub(crate) const RETRY: Duration = Duration::from_millis(250);
/// How long the disk is left to commits after each piece of a segment, as long
/// as nobody waits for it.
const BREATH: Duration = Duration::from_millis(4);
/// On a disk that is nearly full, segments are this small.
const SMALLEST: u64 = 1 << 20;
pub(crate) const SPARE: &str = "next.tmp";

/// A file full of zeros.
pub(crate) struct Spare {
    pub file: File,
    pub size: u64,
}

pub(crate) struct Ahead {
    folder: Folder,
    state: Mutex<State>,
    changed: Condvar,
    /// Whether the writer waits for the next segment.
    is_urgent: AtomicBool,
}

#[derive(Default)]
struct State {
    wanted: Option<u64>,
    /// Smaller ones are of no use.
    needed: u64,
    ready: Option<Spare>,
    failed: Option<WriteError>,
    sealed: VecDeque<StoredIndex>,
    retry: bool,
    stopping: bool,
}

enum Job {
    Prepare(u64),
    Store(StoredIndex),
    Stop,
}

impl Ahead {
    pub fn new(folder: Folder) -> Arc<Self> {
        Arc::new(Ahead {
            folder,
            state: Mutex::default(),
            changed: Condvar::new(),
            is_urgent: AtomicBool::new(false),
        })
    }

    /// Begins to make a segment ready.
    pub fn want(&self, size: u64) {
        let mut state = self.lock();
        if state.ready.is_none() {
            state.wanted = Some(size);
            state.needed = 0;
            self.changed.notify_all();
        }
    }

    /// The segment that is ready, of at least this size; waits for it, unless
    /// the last attempt to make it failed.
    pub fn take(&self, at_least: u64, size: u64) -> Result<Spare, WriteError> {
        let mut state = self.lock();
        loop {
            if let Some(spare) = state.ready.take_if(|spare| spare.size >= at_least) {
                return Ok(spare);
            }
            if let Some(error) = state.failed.clone() {
                return Err(error);
            }
            state.ready = None;
            state.needed = at_least;
            let wanted = state.wanted.unwrap_or(0);
            state.wanted = Some(wanted.max(at_least).max(size));
            self.is_urgent.store(true, Ordering::Relaxed);
            self.changed.notify_all();
            state = self.wait(state, None);
        }
    }

    /// Stores a sealed segment's index, in a while.
    pub fn seal(&self, sealed: StoredIndex) {
        self.lock().sealed.push_back(sealed);
        self.changed.notify_all();
    }

    /// Ends the thread, once all is stored.
    pub fn stop(&self) {
        self.lock().stopping = true;
        self.changed.notify_all();
    }

    pub fn run(&self) {
        loop {
            match self.next() {
                Job::Prepare(size) => self.prepare(size),
                Job::Store(sealed) => {
                    if let Err(error) = store(&self.folder, &sealed) {
                        // It is made anew when it is needed.
                        let segment = Segment::name(sealed.base);
                        tracing::warn!(%error, segment, "could not store the index of a segment");
                    }
                }
                Job::Stop => {
                    self.lock().ready = None;
                    return;
                }
            }
        }
    }

    fn next(&self) -> Job {
        let mut state = self.lock();
        loop {
            if let Some(sealed) = state.sealed.pop_front() {
                return Job::Store(sealed);
            }
            if state.stopping {
                return Job::Stop;
            }
            if let Some(size) = state.wanted {
                if state.failed.is_none() || state.retry {
                    state.retry = false;
                    return Job::Prepare(size);
                }
                // Tried again after a while.
                state = self.wait(state, Some(RETRY));
                state.retry = true;
            } else {
                state = self.wait(state, None);
            }
        }
    }

    fn prepare(&self, size: u64) {
        let path = self.folder.file(SPARE);
        let made = self.folder.zeroed(&path, size + HEADER as u64, || {
            if !self.is_urgent.load(Ordering::Relaxed) {
                thread::sleep(BREATH);
            }
        });
        let mut state = self.lock();
        self.is_urgent.store(false, Ordering::Relaxed);
        match made {
            Ok(file) => {
                state.ready = Some(Spare { file, size });
                state.wanted = None;
                state.failed = None;
            }
            Err(error) => {
                // What it got so far is given back.
                let _ = fs::remove_file(&path);
                let error = WriteError::from(error);
                let smaller = (size / 2).max(SMALLEST);
                if matches!(error, WriteError::Full) && smaller < size && smaller >= state.needed {
                    state.wanted = Some(smaller);
                } else {
                    state.failed = Some(error);
                }
            }
        }
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        timeout: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        match timeout {
            Some(timeout) => {
                let waited = self.changed.wait_timeout(state, timeout);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.changed.wait(state);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        }
    }
}

/// Stores the index of a sealed segment, and cuts the segment at its end.
pub(crate) fn store(folder: &Folder, sealed: &StoredIndex) -> io::Result<()> {
    let path = folder.file(&Segment::name(sealed.base));
    let file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        // Retention was quicker.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    folder.write_whole(&Segment::index_name(sealed.base), &sealed.encode())?;
    file.set_len(HEADER as u64 + sealed.end - sealed.base)?;
    file.sync_all()
}
