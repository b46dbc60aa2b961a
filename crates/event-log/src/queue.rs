//! What waits to be written: one buffer for all producers.
//!
//! A producer adds a batch of its records under one lock; the writer takes all
//! there is. The queue is bounded in bytes: past that, producers are told to
//! wait, and are woken when the writer has taken what was there.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use atomic_waker::AtomicWaker;

use crate::ahead::RETRY;
use crate::error::WriteError;

/// A batch of this size is worth a flush of its own.
const WORTH_A_FLUSH: usize = 256 << 10;
/// For how long a producer counts as one that may send more.
const LIVELY: Duration = Duration::from_millis(8);
/// A buffer that is larger and mostly empty is given back.
const KEPT: usize = 1 << 20;

/// What a producer is told.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    /// How many of its records are durable.
    pub durable: AtomicU64,
    /// Why it gets no further.
    pub failed: OnceLock<WriteError>,
    pub waker: AtomicWaker,
}

impl Acks {
    fn fail(&self, error: &WriteError) {
        // The first reason stands.
        let _ = self.failed.set(error.clone());
    }
}

/// What a producer keeps about its place in the queue.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    batch: u64,
    part: usize,
    /// When it last handed something over.
    epoch: u64,
}

/// What the writer takes.
#[derive(Default)]
pub(crate) struct Batch {
    pub bytes: Vec<u8>,
    pub parts: Vec<Part>,
    waiting: Vec<Arc<Acks>>,
}

/// A producer's share of a batch.
pub(crate) struct Part {
    acks: Arc<Acks>,
    records: u64,
}

impl Batch {
    /// Tells its producers that all of it is durable, each once.
    pub fn acknowledge(&mut self) {
        for part in &self.parts {
            part.acks.durable.fetch_add(part.records, Ordering::AcqRel);
        }
        for part in self.parts.drain(..) {
            part.acks.waker.wake();
        }
        self.bytes.clear();
        if self.bytes.capacity() > KEPT {
            self.bytes.shrink_to(KEPT);
        }
    }
}

/// What the writer has to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Write the batch.
    Write,
    /// Begin a new segment.
    Roll,
    /// Try again to write.
    Retry,
    /// Nothing more will come.
    Close,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    writer: Condvar,
    /// How many bytes wait.
    bytes: AtomicUsize,
    limit: usize,
    interval: Duration,
}

struct State {
    bytes: Vec<u8>,
    parts: Vec<Part>,
    /// Counts batches from 1, so that a fresh place is in none.
    batch: u64,
    /// Producers that wait for room.
    waiting: Vec<Arc<Acks>>,
    refusing: Option<WriteError>,
    closing: bool,
    roll: bool,
    writer: Writer,
    lively: Lively,
    last_commit: Option<Instant>,
}

#[derive(PartialEq, Eq)]
enum Writer {
    Working,
    /// Waits for anything.
    Idle,
    /// Waits for more.
    Lingering,
}

/// How many producers handed something over lately.
struct Lively {
    epoch: u64,
    now: usize,
    before: usize,
    since: Option<Instant>,
}

impl Lively {
    fn count(&self) -> usize {
        self.now.max(self.before)
    }

    fn advance(&mut self, now: Instant) {
        let elapsed = self.since.map(|since| now.duration_since(since));
        if elapsed.is_some_and(|elapsed| elapsed < LIVELY) {
            return;
        }
        let is_recent = elapsed.is_some_and(|elapsed| elapsed < 2 * LIVELY);
        self.before = if is_recent { self.now } else { 0 };
        self.now = 0;
        self.epoch += 1;
        self.since = Some(now);
    }
}

impl Queue {
    pub fn new(limit: usize, interval: Duration) -> Self {
        Queue {
            state: Mutex::new(State {
                bytes: Vec::new(),
                parts: Vec::new(),
                batch: 1,
                waiting: Vec::new(),
                refusing: None,
                closing: false,
                roll: false,
                writer: Writer::Working,
                lively: Lively {
                    epoch: 1,
                    now: 0,
                    before: 0,
                    since: None,
                },
                last_commit: None,
            }),
            writer: Condvar::new(),
            bytes: AtomicUsize::new(0),
            limit,
            interval,
        }
    }

    pub fn has_room(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) < self.limit
    }

    /// Why nothing is taken, if so.
    pub fn refusing(&self) -> Option<WriteError> {
        let state = self.lock();
        state.refusing.clone()
    }

    /// Adds a producer's records.
    pub fn add(&self, acks: &Arc<Acks>, place: &mut Place, bytes: &[u8], records: u64) {
        let mut state = self.lock();
        // A producer that failed must not go on behind the gap. It is marked
        // under this lock.
        if acks.failed.get().is_some() {
            return;
        }
        if let Some(error) = &state.refusing {
            acks.fail(error);
            drop(state);
            acks.waker.wake();
            return;
        }
        state.bytes.extend_from_slice(bytes);
        if place.batch == state.batch {
            state.parts[place.part].records += records;
        } else {
            place.batch = state.batch;
            place.part = state.parts.len();
            state.parts.push(Part {
                acks: acks.clone(),
                records,
            });
        }
        if place.epoch != state.lively.epoch {
            place.epoch = state.lively.epoch;
            state.lively.now += 1;
        }
        self.bytes.store(state.bytes.len(), Ordering::Relaxed);
        let wake = match state.writer {
            Writer::Working => false,
            Writer::Idle => true,
            Writer::Lingering => state.is_worth_a_flush(),
        };
        if wake {
            state.writer = Writer::Working;
            drop(state);
            self.writer.notify_one();
        }
    }

    /// Notes that a producer waits for room; false if there is some.
    pub fn wait_for_room(&self, acks: &Arc<Acks>) -> bool {
        let mut state = self.lock();
        if self.has_room() {
            return false;
        }
        state.waiting.push(acks.clone());
        true
    }

    /// Waits for work; `batch` is empty before, and filled for [`Work::Write`].
    pub fn take(&self, batch: &mut Batch) -> Work {
        let mut state = self.lock();
        state.lively.advance(Instant::now());
        loop {
            if state.bytes.is_empty() {
                if state.closing {
                    return Work::Close;
                }
                if std::mem::take(&mut state.roll) {
                    return Work::Roll;
                }
                let retry = state.refusing.is_some();
                state.writer = Writer::Idle;
                state = self.wait(state, retry.then_some(RETRY));
                if retry && !state.closing {
                    state.writer = Writer::Working;
                    return Work::Retry;
                }
                continue;
            }
            let now = Instant::now();
            let left = state.last_commit.and_then(|last| {
                let left = self.interval.checked_sub(now.duration_since(last))?;
                (!left.is_zero()).then_some(left)
            });
            match left {
                Some(left) if !state.closing && !state.is_worth_a_flush() => {
                    state.writer = Writer::Lingering;
                    state = self.wait(state, Some(left));
                }
                _ => break,
            }
        }
        state.writer = Writer::Working;
        state.last_commit = Some(Instant::now());
        state.batch += 1;
        std::mem::swap(&mut state.bytes, &mut batch.bytes);
        std::mem::swap(&mut state.parts, &mut batch.parts);
        std::mem::swap(&mut state.waiting, &mut batch.waiting);
        self.bytes.store(0, Ordering::Relaxed);
        drop(state);
        for acks in batch.waiting.drain(..) {
            acks.waker.wake();
        }
        Work::Write
    }

    /// Tells the producers of a batch, and all whose records wait behind it,
    /// that nothing of it is durable, and refuses what comes.
    pub fn refuse(&self, batch: &mut Batch, error: &WriteError) {
        let mut state = self.lock();
        let mut waiting = std::mem::take(&mut state.waiting);
        let parts = std::mem::take(&mut state.parts);
        for part in batch.parts.drain(..).chain(parts) {
            part.acks.fail(error);
            waiting.push(part.acks);
        }
        state.batch += 1;
        state.bytes.clear();
        self.bytes.store(0, Ordering::Relaxed);
        state.refusing = Some(error.clone());
        drop(state);
        batch.bytes.clear();
        for acks in waiting {
            acks.waker.wake();
        }
    }

    /// Takes records again.
    pub fn accept(&self) {
        self.lock().refusing = None;
    }

    /// Asks the writer for a new segment.
    pub fn roll(&self) {
        let mut state = self.lock();
        state.roll = true;
        state.writer = Writer::Working;
        drop(state);
        self.writer.notify_one();
    }

    /// Lets the writer end once all is written.
    pub fn close(&self) {
        self.lock().closing = true;
        self.writer.notify_one();
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
                let waited = self.writer.wait_timeout(state, timeout);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.writer.wait(state);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        }
    }
}

impl State {
    /// Whether nothing is won by waiting for more: it is much, or all who send
    /// at present have their share in it.
    fn is_worth_a_flush(&self) -> bool {
        self.bytes.len() >= WORTH_A_FLUSH || self.parts.len() >= self.lively.count()
    }
}
