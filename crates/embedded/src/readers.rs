//! A few connections for longer reads, each on a thread of its own.
//!
//! Such reads wait for the disk, so they don't run where sessions do. One queue
//! feeds all threads, so that a long read holds up one of them only; when it
//! is full, callers wait. It is one that several threads can wait at: with a
//! receiver behind a mutex each read woke the next thread in the line for the
//! mutex, too. Threads of our own rather than tokio's blocking
//! ones: a wake-up finds the next read at hand, which measured 1.7 times as
//! many point reads, and twice as many beside a busy writer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;
use twinhub_core::ports::StoreError;

use crate::open::{OpenError, StateFile};

/// Two did six tenths of the reads that four do, on two cores.
const CONNECTIONS: usize = 4;
const QUEUE_CAPACITY: usize = 256;

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// The way to the threads that read. Dropping it waits for them.
pub(crate) struct Readers {
    queue: async_channel::Sender<Read>,
    /// How many are reading.
    busy: Arc<AtomicUsize>,
    /// How many can read at once without waiting for a processor.
    processors: usize,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    /// Opens the connections and starts their threads.
    pub(crate) fn start(file: &StateFile) -> Result<Self, OpenError> {
        let (queue, queued) = async_channel::bounded(QUEUE_CAPACITY);
        let busy = Arc::<AtomicUsize>::default();
        let mut threads = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let connection = file.reader().map_err(|error| file.refused(error))?;
            let (queued, busy) = (queued.clone(), busy.clone());
            let thread = thread::Builder::new()
                .name("state-reader".to_owned())
                .spawn(move || run(&connection, &queued, &busy))
                .map_err(OpenError::Thread)?;
            threads.push(thread);
        }
        Ok(Readers {
            queue,
            busy,
            processors: thread::available_parallelism().map_or(1, usize::from),
            threads: Mutex::new(threads),
        })
    }

    /// Reads with one of the connections. What was committed before is seen.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, replied) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            // A caller that went away does not care.
            if !reply.is_closed() {
                let _ = reply.send(read(connection));
            }
        });
        let queued = self.queue.send(read).await;
        queued.map_err(|_| StoreError::closed())?;
        replied
            .await
            .unwrap_or_else(|gone| Err(StoreError::not_written("a read was cut off", gone)))
    }

    /// Whether a reader more is free for who has so many already: others still
    /// find a free one then, at once.
    pub(crate) fn has_spare(&self, taken: usize) -> bool {
        let busy = self.busy.load(Ordering::Relaxed).max(taken);
        taken < self.processors && busy + 1 < CONNECTIONS && self.queue.is_empty()
    }

    /// Takes no more reads, and returns when the last one has ended.
    pub(crate) async fn close(&self) {
        // What is queued is still read.
        self.queue.close();
        let threads = self.take_threads();
        // What there is to tell of panics is told by `join`.
        let _ = tokio::task::spawn_blocking(move || join(threads)).await;
    }

    fn take_threads(&self) -> Vec<JoinHandle<()>> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *threads)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue.close();
        join(self.take_threads());
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a reader of the state has panicked");
        }
    }
}

fn run(connection: &Connection, queued: &async_channel::Receiver<Read>, busy: &AtomicUsize) {
    while let Ok(read) = queued.recv_blocking() {
        busy.fetch_add(1, Ordering::Relaxed);
        // A fault in one read must not take the others' connection away; its
        // caller is told that it was cut off.
        let _ = catch_unwind(AssertUnwindSafe(|| read(connection)));
        busy.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn readers(folder: &tempfile::TempDir) -> Readers {
        let (file, _) = StateFile::open(folder.path()).unwrap();
        let mut readers = Readers::start(&file).unwrap();
        readers.processors = CONNECTIONS;
        readers
    }

    /// Returns when the reader is at it; it reads until the other end is gone.
    async fn occupy(readers: &Arc<Readers>) -> mpsc::Sender<()> {
        let (release, released) = mpsc::channel::<()>();
        let (begin, begun) = oneshot::channel();
        let readers = readers.clone();
        tokio::spawn(async move {
            readers
                .read(move |_| {
                    begin.send(()).unwrap();
                    let _ = released.recv();
                    Ok(())
                })
                .await
        });
        begun.await.unwrap();
        release
    }

    #[tokio::test]
    async fn a_reader_is_to_spare_while_another_one_stays_free() {
        let folder = tempfile::tempdir().unwrap();
        let readers = Arc::new(readers(&folder));

        assert!(readers.has_spare(0) && readers.has_spare(CONNECTIONS - 2));
        assert!(!readers.has_spare(CONNECTIONS - 1), "they are all its own");
        let _first = occupy(&readers).await;
        let _second = occupy(&readers).await;
        assert!(readers.has_spare(1));
        let third = occupy(&readers).await;
        assert!(!readers.has_spare(0) && !readers.has_spare(1));
        drop(third);
        readers.read(|_| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn nobody_takes_more_readers_than_there_are_processors() {
        let folder = tempfile::tempdir().unwrap();
        let mut readers = readers(&folder);

        readers.processors = 1;

        assert!(!readers.has_spare(1));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let readers = Arc::new(readers(&folder));
        let mut busy = Vec::new();
        for _ in 0..CONNECTIONS {
            busy.push(occupy(&readers).await);
        }
        let (told, reads) = mpsc::channel();

        let waiting = readers.read(move |_| {
            told.send(()).unwrap();
            Ok(())
        });
        // It is in the queue, and its caller goes away.
        let soon = tokio::time::timeout(std::time::Duration::ZERO, waiting).await;
        busy.clear();
        readers.close().await;

        assert!(soon.is_err());
        assert_eq!(reads.recv(), Err(mpsc::RecvError));
    }
}
