//! The thread that writes: takes what waits, gives each record its place, and
//! makes it durable with one write and one flush.
//!
//! **When writing fails**, the segment is sealed at the last commit, so that
//! whatever reached the file behind it is no part of the log, and writing goes
//! on in a new segment. Until there is one, everything is refused.

use std::fs::{self, File};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use crate::ahead::{SPARE, Spare};
use crate::disk::{PAGE, write_at};
use crate::error::WriteError;
use crate::frame::{self, Parsed};
use crate::header::{HEADER, Reached};
use crate::index::{Entry, SparseIndex};
use crate::log::Shared;
use crate::options::{Commit, GROWTH};
use crate::queue::{Batch, Work};
use crate::view::Segment;

pub(crate) struct Writer {
    log: Arc<Shared>,
    active: Option<Active>,
    /// The partitions at the end of what is committed.
    reached: Vec<Reached>,
    /// The offset of each partition's last entry in the index.
    indexed: Vec<Option<u64>>,
    /// Kept for its memory.
    next: Placed,
}

/// The segment that is written to.
struct Active {
    file: Arc<File>,
    base: u64,
    /// Offsets from here on don't fit.
    full: u64,
    end: u64,
    asked_for_next: bool,
}

/// What a batch changes once it is committed.
#[derive(Default)]
struct Placed {
    reached: Vec<Reached>,
    indexed: Vec<Option<u64>>,
    entries: Vec<(u16, Entry)>,
    records: u64,
    first_enqueued: Option<i64>,
}

impl Writer {
    pub fn new(log: Arc<Shared>) -> Self {
        let reached = log.view().reached.clone();
        Writer {
            active: None,
            indexed: vec![None; reached.len()],
            reached,
            log,
            next: Placed::default(),
        }
    }

    /// Begins to write, if there is room.
    pub fn begin(&mut self) -> Result<(), WriteError> {
        self.activate(0)
    }

    /// Writes until the queue is closed, then seals the segment.
    pub fn run(mut self) {
        if let Err(error) = self.ready(0) {
            self.refuse(&mut Batch::default(), &error);
        }
        let mut batch = Batch::default();
        loop {
            match self.log.queue.take(&mut batch) {
                Work::Write => match self.write(&mut batch.bytes) {
                    Ok(()) => batch.acknowledge(),
                    Err(error) => self.refuse(&mut batch, &error),
                },
                Work::Roll => self.roll(),
                Work::Retry => self.retry(),
                Work::Close => break,
            }
        }
        self.log.queue.refuse(&mut batch, &WriteError::Closed);
        let wrote = self
            .active
            .take()
            .is_some_and(|active| active.end > active.base);
        if wrote {
            self.seal();
        }
        self.log.ahead.stop();
    }

    fn write(&mut self, bytes: &mut Vec<u8>) -> Result<(), WriteError> {
        let length = bytes.len() as u64;
        self.ready(length)?;
        let active = self.active.as_mut().expect("it is ready");
        self.next
            .place(bytes, active.end, &self.reached, &self.indexed);
        let position = active.end - active.base + HEADER as u64;
        fill_page(bytes, position);
        let started = Instant::now();
        let written = self.log.folder.commit(&active.file, bytes, position);
        if let Err(error) = written {
            self.active = None;
            self.seal();
            return Err(error.into());
        }
        active.end += length;
        let commit = Commit {
            records: self.next.records,
            bytes: length,
            took: started.elapsed(),
        };
        let end = active.end;
        let is_filling = end - active.base > (active.full - active.base) / 4;
        if is_filling && !active.asked_for_next {
            active.asked_for_next = true;
            let size = (active.full - active.base).saturating_mul(GROWTH);
            self.log.ahead.want(size.min(self.log.segment_bytes));
        }
        self.publish(end);
        if let Some(observer) = &self.log.observer {
            observer.committed(&commit);
        }
        Ok(())
    }

    /// Lets readers see the batch.
    fn publish(&mut self, end: u64) {
        let Placed {
            reached,
            entries,
            first_enqueued,
            ..
        } = &self.next;
        self.log
            .view_mut()
            .advance(end, reached, entries, *first_enqueued);
        for (partition, notify) in self.log.arrived.iter().enumerate() {
            if self.reached[partition].next != reached[partition].next {
                notify.notify_waiters();
            }
        }
        std::mem::swap(&mut self.reached, &mut self.next.reached);
        std::mem::swap(&mut self.indexed, &mut self.next.indexed);
    }

    /// Has a segment with room for this many bytes.
    fn ready(&mut self, bytes: u64) -> Result<(), WriteError> {
        match &self.active {
            Some(active) if active.full - active.end >= bytes => Ok(()),
            Some(active) => {
                let size = (active.full - active.base).saturating_mul(GROWTH);
                self.next_segment(bytes, size)
            }
            None => self.activate(bytes),
        }
    }

    fn next_segment(&mut self, bytes: u64, size: u64) -> Result<(), WriteError> {
        let spare = self
            .log
            .ahead
            .take(bytes, size.min(self.log.segment_bytes).max(bytes))?;
        self.active = None;
        self.seal();
        self.activate_in(spare)
    }

    fn activate(&mut self, bytes: u64) -> Result<(), WriteError> {
        let size = self.log.first_segment_bytes.max(bytes);
        let spare = self.log.ahead.take(bytes, size)?;
        self.activate_in(spare)
    }

    /// The new segment is there, with its head and its name, before anything
    /// is written to it.
    fn activate_in(&mut self, spare: Spare) -> Result<(), WriteError> {
        let header = self.log.view().next_header();
        let base = header.base;
        let path = self.log.folder.file(&Segment::name(base));
        let named: io::Result<()> = (|| {
            write_at(&spare.file, &header.encode(), 0)?;
            spare.file.sync_all()?;
            fs::rename(self.log.folder.file(SPARE), &path)?;
            self.log.folder.sync()
        })();
        named?;
        let file = Arc::new(spare.file);
        let segment = Segment { header, path };
        self.log.view_mut().begin(segment, file.clone());
        for partition in &mut self.reached {
            partition.latest = i64::MIN;
        }
        self.indexed.fill(None);
        self.active = Some(Active {
            file,
            base,
            end: base,
            full: base + spare.size,
            asked_for_next: false,
        });
        Ok(())
    }

    /// The newest segment gets nothing more.
    fn seal(&self) {
        let sealed = self.log.view().sealed();
        if let Some(sealed) = sealed.filter(|sealed| sealed.end > sealed.base) {
            self.log.ahead.seal(sealed);
        }
    }

    fn refuse(&mut self, batch: &mut Batch, error: &WriteError) {
        tracing::error!(
            error = error as &dyn std::error::Error,
            "the event log takes nothing: it could not be written"
        );
        self.log.queue.refuse(batch, error);
        if let Some(observer) = &self.log.observer {
            observer.refusing(error);
        }
    }

    fn retry(&mut self) {
        // Not for a few records more, or it would refuse again at once.
        if self.ready(self.log.first_segment_bytes).is_err() {
            return;
        }
        tracing::info!("the event log takes events again");
        self.log.queue.accept();
        if let Some(observer) = &self.log.observer {
            observer.accepting();
        }
    }

    /// Begins a new segment although the present one has room.
    fn roll(&mut self) {
        let Some(active) = &self.active else { return };
        if active.end == active.base {
            return;
        }
        // A quiet log goes on in a small one.
        if let Err(error) = self.next_segment(0, self.log.first_segment_bytes) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "could not begin a new segment of the event log"
            );
        }
    }
}

/// Goes on with zeros, which are there already, to the end of the last page:
/// it is not in memory yet.
fn fill_page(bytes: &mut Vec<u8>, position: u64) {
    let end = position + bytes.len() as u64;
    let missing = end.next_multiple_of(PAGE as u64) - end;
    let missing = usize::try_from(missing).expect("less than a page");
    bytes.resize(bytes.len() + missing, 0);
}

impl Placed {
    /// Gives each record of a batch its place in the log.
    fn place(
        &mut self,
        bytes: &mut [u8],
        start: u64,
        reached: &[Reached],
        indexed: &[Option<u64>],
    ) {
        self.reached.clear();
        self.reached.extend_from_slice(reached);
        self.indexed.clear();
        self.indexed.extend_from_slice(indexed);
        self.entries.clear();
        self.records = 0;
        self.first_enqueued = None;
        let mut at = 0;
        while let Parsed::Head(head) = frame::parse(&bytes[at..]) {
            let record = &mut bytes[at..at + head.record_length()];
            let offset = start + at as u64;
            let partition = usize::from(head.partition);
            let reached = &mut self.reached[partition];
            let since_commit = u32::try_from(at).expect("a batch is smaller than 4 GiB");
            frame::place(record, reached.next, since_commit, offset);
            if SparseIndex::is_due(self.indexed[partition], offset) {
                self.indexed[partition] = Some(offset);
                let entry = Entry::of(reached, offset);
                self.entries.push((head.partition, entry));
            }
            reached.take(offset, head.enqueued);
            self.first_enqueued = self.first_enqueued.or(Some(head.enqueued));
            self.records += 1;
            at += head.record_length();
        }
        debug_assert_eq!(at, bytes.len(), "producers hand over whole records");
    }
}
