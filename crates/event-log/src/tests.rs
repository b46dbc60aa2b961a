//! Behaviours of the whole log.

mod crash;
mod failures;
mod model;
mod reading;
mod retention;
mod sample;
mod snapshot;
mod writing;

use std::future::poll_fn;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::disk::Folder;
use crate::disk::faults::Faults;
use crate::{Log, OpenError, Options, Producer, WriteError};

/// A folder that goes with its test.
struct Given {
    folder: tempfile::TempDir,
    options: Options,
}

impl Given {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new(folder.path(), 4);
        // Several segments in a short test.
        options.segment_bytes = 64 << 10;
        Given { folder, options }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn open(&self) -> Log {
        Log::open(&self.options).unwrap()
    }

    fn open_with_faults(&self) -> (Log, Arc<Faults>) {
        let folder = Folder::at(self.path());
        let faults = folder.faults.clone();
        (Log::open_in(folder, &self.options).unwrap(), faults)
    }

    fn refused(&self) -> OpenError {
        match Log::open(&self.options) {
            Ok(_) => panic!("it opened"),
            Err(error) => error,
        }
    }

    /// The segments, oldest first.
    fn segments(&self) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let mut paths: Vec<_> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
            .collect();
        paths.sort();
        paths
    }
}

/// What a killed process would leave: the files as they are.
fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        // The other threads may be removing or renaming it.
        let _ = std::fs::copy(entry.path(), copy.path().join(entry.file_name()));
    }
    copy
}

/// Waits for the future of a test.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        thread::park();
    }
}

/// Waits until more than `known` records are durable.
fn durable(producer: &mut Producer, known: u64) -> Result<u64, WriteError> {
    block_on(poll_fn(|cx| producer.poll_durable(cx, known)))
}

/// Appends records to a partition and waits until they are durable.
fn append<'a>(log: &Log, partition: u16, payloads: impl IntoIterator<Item = &'a [u8]>) {
    let mut producer = log.producer();
    let mut count = 0;
    for payload in payloads {
        count += 1;
        producer
            .append(partition, 7, i64::try_from(count).unwrap(), |out| {
                out.extend_from_slice(payload);
            })
            .unwrap();
    }
    producer.hand_over();
    if count > 0 {
        assert_eq!(wait_all(&mut producer, count).unwrap(), count);
    }
}

/// Waits until `count` records are durable.
fn wait_all(producer: &mut Producer, count: u64) -> Result<u64, WriteError> {
    let mut known = 0;
    while known < count {
        known = durable(producer, known)?;
    }
    Ok(known)
}

/// All payloads of a partition from a sequence number on.
fn payloads(log: &Log, partition: u16, from: u64) -> Vec<Vec<u8>> {
    let mut next = from;
    let mut found = Vec::new();
    loop {
        let records = log.read(partition, next, 10_000).unwrap();
        let Some(last) = records.last() else {
            return found;
        };
        for (place, record) in records.iter().enumerate() {
            assert!(place > 0 || record.sequence_number >= next);
            found.push(record.payload.to_vec());
        }
        next = last.sequence_number + 1;
    }
}
