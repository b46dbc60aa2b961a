//! The log itself: opened, written through producers, read, closed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, JoinHandle};

use tokio::sync::Notify;

use crate::ahead::Ahead;
use crate::disk::Folder;
use crate::error::{OpenError, ReadError, WriteError};
use crate::options::{Observer, Options};
use crate::producer::Producer;
use crate::queue::Queue;
use crate::reader::{Places, Record, Start};
use crate::recovery::{Recovered, recover};
use crate::snapshot::Hold;
use crate::view::View;
use crate::writer::Writer;

/// What the threads, the producers and the readers share.
pub(crate) struct Shared {
    pub folder: Folder,
    pub queue: Queue,
    pub ahead: Arc<Ahead>,
    pub first_segment_bytes: u64,
    pub segment_bytes: u64,
    pub observer: Option<Arc<dyn Observer>>,
    /// Tells of each partition that records came.
    pub arrived: Vec<Notify>,
    /// What a snapshot still needs.
    pub hold: Hold,
    view: RwLock<View>,
    places: Vec<Mutex<Places>>,
}

impl Shared {
    pub fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn places(&self, partition: u16) -> MutexGuard<'_, Places> {
        let places = self.places[usize::from(partition)].lock();
        places.unwrap_or_else(PoisonError::into_inner)
    }

    pub fn partitions(&self) -> u16 {
        u16::try_from(self.arrived.len()).expect("at most MAX_PARTITIONS")
    }
}

/// A log. Dropping it closes it.
pub struct Log {
    shared: Arc<Shared>,
    recovered: Recovered,
    threads: Mutex<Vec<JoinHandle<()>>>,
    closed: AtomicBool,
}

/// What is known of a partition; it outlives its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// The sequence number of the oldest record there is, or of the next one
    /// if there is none.
    pub first: u64,
    /// The sequence number that the next record gets.
    pub next: u64,
    /// The offset and the enqueued time of the newest record that there ever
    /// was.
    pub newest: Option<(u64, i64)>,
}

impl Log {
    /// Opens the log, or makes it. Blocks, as long as the newest segment takes
    /// to be read if the log was not closed.
    ///
    /// On a full disk it opens, refuses what is written, and takes it once
    /// there is room.
    pub fn open(options: &Options) -> Result<Self, OpenError> {
        Self::open_in(Folder::at(&options.folder), options)
    }

    pub(crate) fn open_in(folder: Folder, options: &Options) -> Result<Self, OpenError> {
        let (view, recovered) = recover(&folder, options.partitions)?;
        let is_new = view.segments.is_empty();
        let path: PathBuf = folder.path().to_owned();
        let count = usize::from(options.partitions);
        let shared = Arc::new(Shared {
            queue: Queue::new(options.queue_bytes, options.commit_interval),
            ahead: Ahead::new(folder.clone()),
            first_segment_bytes: options.first_segment_bytes.min(options.segment_bytes),
            segment_bytes: options.segment_bytes,
            observer: options.observer.clone(),
            arrived: (0..count).map(|_| Notify::new()).collect(),
            hold: Hold::default(),
            view: RwLock::new(view),
            places: (0..count).map(|_| Mutex::default()).collect(),
            folder,
        });
        let failed = |source| OpenError::Io {
            path: path.clone(),
            source,
        };
        let ahead = shared.ahead.clone();
        let mut threads = Vec::new();
        threads.push(spawn("event-log-ahead", move || ahead.run()).map_err(failed)?);
        let mut writer = Writer::new(shared.clone());
        if let Err(error) = writer.begin()
            && is_new
        {
            shared.ahead.stop();
            return Err(failed(match error {
                WriteError::Full => std::io::ErrorKind::StorageFull.into(),
                WriteError::Io(error) => error.kind().into(),
                WriteError::Closed => std::io::ErrorKind::Interrupted.into(),
            }));
        }
        threads.push(spawn("event-log", move || writer.run()).map_err(failed)?);
        Ok(Log {
            shared,
            recovered,
            threads: Mutex::new(threads),
            closed: AtomicBool::new(false),
        })
    }

    /// What opening found.
    pub fn recovered(&self) -> &Recovered {
        &self.recovered
    }

    /// A way in. Cheap.
    pub fn producer(&self) -> Producer {
        Producer::new(self.shared.clone())
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> u16 {
        self.shared.partitions()
    }

    /// What is known of a partition; `None` if there is no such one.
    pub fn partition(&self, partition: u16) -> Option<Partition> {
        let view = self.shared.view();
        let reached = view.reached.get(usize::from(partition))?;
        Some(Partition {
            first: view.first(partition),
            next: reached.next,
            newest: (reached.next > 0).then_some((reached.last_offset, reached.last_enqueued)),
        })
    }

    /// The sequence number at which a reader begins that begins at `start`.
    /// Blocks.
    pub fn find(&self, partition: u16, start: Start) -> Result<u64, ReadError> {
        self.shared.find(partition, start)
    }

    /// Durable records from a sequence number on, or from the oldest there is
    /// (the records tell): until there are `max_bytes`, at least one if there
    /// is one, none if it has not come. May end early. Blocks.
    pub fn read(
        &self,
        partition: u16,
        from: u64,
        max_bytes: usize,
    ) -> Result<Vec<Record>, ReadError> {
        self.shared.read(partition, from, max_bytes)
    }

    /// Returns once the partition's record of this number is durable; an error
    /// if the log is closed first. Safe to cancel.
    ///
    /// # Panics
    /// If there is no such partition.
    pub async fn wait_for(&self, partition: u16, sequence_number: u64) -> Result<(), WriteError> {
        let arrived = &self.shared.arrived[usize::from(partition)];
        loop {
            let mut notified = std::pin::pin!(arrived.notified());
            notified.as_mut().enable();
            if self.shared.view().reached(partition).next > sequence_number {
                return Ok(());
            }
            if self.closed.load(Ordering::Acquire) {
                return Err(WriteError::Closed);
            }
            notified.await;
        }
    }

    /// Why nothing is taken at present, if so.
    pub fn refusing(&self) -> Option<WriteError> {
        self.shared.queue.refusing()
    }

    /// How many bytes of records there are.
    pub fn bytes(&self) -> u64 {
        let view = self.shared.view();
        let first = view.segments.first().map_or(view.end, |first| first.base());
        view.end - first
    }

    /// Writes what was handed over, refuses what comes later, and seals the
    /// newest segment. Blocks.
    pub fn close(&self) {
        self.shared.queue.close();
        let threads = {
            let threads = self.threads.lock();
            std::mem::take(&mut *threads.unwrap_or_else(PoisonError::into_inner))
        };
        for thread in threads {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
        // Producers may live on; the file need not.
        self.shared.view_mut().file = None;
        self.closed.store(true, Ordering::Release);
        for arrived in &self.shared.arrived {
            arrived.notify_waiters();
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn shared_handle(&self) -> Arc<Shared> {
        self.shared.clone()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close();
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(run)
}
