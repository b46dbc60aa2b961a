//! An import that runs.

use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::error::TransferError;
use super::later::Later;
use super::lines::{self, Failure, InvalidLine, LineProblem, LineSplitter, Split};
use super::progress::Progress;
use super::waves::Wave;
use crate::access::RegistryWritePermit;
use crate::identities::{
    BulkItem, InvalidScope, ItemError, PutDeviceError, PutModuleError, Registry,
};
use crate::ports::{BlobReader, BlobWriter, Container};

/// Items that are done at once: they share a flush. A wave keeps a processor
/// busy for some milliseconds, and the store's other writes as long.
const WAVE: usize = 256;
/// Between two waves devices have the hub to themselves: what came in
/// meanwhile is done before the next.
const REST: Duration = Duration::from_millis(1);
/// How often the blob is read at most: once for each edge device between a
/// device and the hub, and some more.
const PASSES: usize = 8;
/// A container that needs longer for what comes next has lines done meanwhile.
const AT_ONCE: Duration = Duration::from_millis(100);
/// Failures are sent on when they have as many bytes.
const FAILURES_AT_ONCE: usize = 1024 * 1024;

/// Lines come in at one end, failures go out at the other.
pub(super) struct Import {
    reader: Box<dyn BlobReader>,
    importer: Importer,
}

/// What does the lines.
struct Importer {
    registry: Arc<Registry>,
    permit: RegistryWritePermit,
    failures: FailureBlob,
    progress: Arc<Progress>,
    wave: Wave,
    /// Bytes of the blob.
    size: u64,
    /// Where the last line ended that is done or in the wave.
    taken: u64,
    pass: Pass,
    later: Later,
    /// A first line that is no JSON, until another line has come.
    note: Option<Failure>,
}

/// How often the blob is read, and what for.
enum Pass {
    /// For all lines.
    First,
    /// For those that wait for what comes later.
    Again(Later),
    /// For those that wait for what has not come.
    Last(Later),
}

/// The blob of what failed.
pub(super) struct FailureBlob {
    blob: Box<dyn BlobWriter>,
    waiting: Vec<u8>,
}

impl FailureBlob {
    /// Begins the blob, which is seen once the import has ended.
    pub(super) async fn begin(
        container: &dyn Container,
        name: &str,
    ) -> Result<Self, TransferError> {
        Ok(FailureBlob {
            blob: container.write(name).await?,
            waiting: Vec::new(),
        })
    }

    async fn add(&mut self, failure: &Failure) -> Result<(), TransferError> {
        failure.write(&mut self.waiting);
        if self.waiting.len() >= FAILURES_AT_ONCE {
            self.send().await?;
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), TransferError> {
        let bytes = Bytes::from(mem::take(&mut self.waiting));
        Ok(self.blob.put(bytes).await?)
    }

    async fn finish(mut self) -> Result<(), TransferError> {
        if !self.waiting.is_empty() {
            self.send().await?;
        }
        Ok(self.blob.finish().await?)
    }
}

impl Import {
    pub(super) fn new(
        registry: Arc<Registry>,
        permit: RegistryWritePermit,
        reader: Box<dyn BlobReader>,
        failures: FailureBlob,
        progress: Arc<Progress>,
    ) -> Self {
        let size = reader.size();
        Import {
            reader,
            importer: Importer {
                registry,
                permit,
                failures,
                progress,
                wave: Wave::default(),
                size,
                taken: 0,
                pass: Pass::First,
                later: Later::default(),
                note: None,
            },
        }
    }

    /// Imports until the end of the blob, or until it can't go on. What failed
    /// until then is told in both cases, if the blob of failures takes it.
    pub(super) async fn run(mut self) -> Result<(), TransferError> {
        let read = self.read_all().await;
        let told = self.importer.finish().await;
        read.and(told)
    }

    /// Reads the blob as often as it has to be.
    async fn read_all(&mut self) -> Result<(), TransferError> {
        let mut waited = usize::MAX;
        for pass in 1.. {
            self.read().await?;
            let later = mem::take(&mut self.importer.later);
            let waiting = later.len();
            if waiting == 0 {
                break;
            }
            let is_last = waiting >= waited || pass == PASSES;
            waited = waiting;
            self.importer.pass = if is_last {
                Pass::Last(later)
            } else {
                Pass::Again(later)
            };
            self.reader.rewind();
        }
        Ok(())
    }

    /// Reads the blob once.
    async fn read(&mut self) -> Result<(), TransferError> {
        let mut lines = LineSplitter::default();
        while let Some(piece) = self.next_piece().await? {
            lines.push(piece);
            while let Some(line) = lines.next_line() {
                self.importer.line(line, lines.number()).await?;
                self.importer.has_taken(lines.cut());
            }
            if self.importer.is_through(lines.number()) {
                break;
            }
        }
        if let Some(line) = lines.finish() {
            self.importer.line(line, lines.number()).await?;
        }
        self.importer.do_wave().await
    }

    /// What comes next. While it is waited for, what has come is done.
    async fn next_piece(&mut self) -> Result<Option<Bytes>, TransferError> {
        let mut next = pin!(self.reader.next());
        let at_once = tokio::time::timeout(AT_ONCE, &mut next).await;
        let piece = match at_once {
            Ok(piece) => piece,
            Err(_) => {
                self.importer.do_wave().await?;
                next.await
            }
        };
        Ok(piece?)
    }
}

impl Importer {
    async fn line(&mut self, line: Split, number: u64) -> Result<(), TransferError> {
        match &self.pass {
            Pass::First => {}
            Pass::Again(lines) | Pass::Last(lines) if lines.has(number) => {}
            Pass::Again(_) | Pass::Last(_) => return Ok(()),
        }
        // A line that follows shows that the first one was a note.
        self.note = None;
        let parsed = match &line {
            Split::Line(line) => lines::parse(line),
            Split::TooLong => Err(InvalidLine::unread(LineProblem::TooLong)),
        };
        match parsed {
            Ok(item) => self.item(item, number).await,
            Err(error) => {
                let failure = Failure::of_line(&error, number);
                if self.taken == 0 && is_note(&line) {
                    self.note = Some(failure);
                    return Ok(());
                }
                self.failed(&failure).await
            }
        }
    }

    async fn item(&mut self, mut item: BulkItem, number: u64) -> Result<(), TransferError> {
        loop {
            let id = item.id();
            if self.later.concerns(&id) {
                self.later.add(number, &id);
                return Ok(());
            }
            let Some(waits) = self.wave.add(item, number) else {
                break;
            };
            self.do_wave().await?;
            item = waits;
        }
        if self.wave.len() >= WAVE {
            self.do_wave().await?;
            tokio::time::sleep(REST).await;
        }
        Ok(())
    }

    /// The blob is taken so far; what waits in the wave is not done yet.
    fn has_taken(&mut self, bytes: u64) {
        self.taken = bytes;
        if self.wave.is_empty() {
            self.tell_progress();
        }
    }

    /// Further passes have little to do.
    fn tell_progress(&self) {
        if let Pass::First = self.pass {
            self.progress.set(self.taken, self.size);
        }
    }

    /// Whether no line behind this one is of interest.
    fn is_through(&self, number: u64) -> bool {
        match &self.pass {
            Pass::First => false,
            Pass::Again(lines) | Pass::Last(lines) => number >= lines.last(),
        }
    }

    /// Does what is in the wave.
    async fn do_wave(&mut self) -> Result<(), TransferError> {
        let (items, lines) = self.wave.take();
        let mut done = items.len();
        for failed in self.registry.import(&self.permit, items).await {
            done -= 1;
            let is_last = matches!(self.pass, Pass::Last(_));
            if !is_last
                && names_what_is_missing(&failed.error)
                && let Some(line) = lines.get(failed.id.device_id())
            {
                self.later.add(*line, &failed.id);
                continue;
            }
            let failure = Failure::from(&failed);
            match failed.error.into_store_error() {
                // The lines that follow would fail as well.
                Some(error) => return Err(error.into()),
                None => self.failed(&failure).await?,
            }
        }
        self.progress.metrics.done(done as u64);
        self.tell_progress();
        Ok(())
    }

    async fn failed(&mut self, failure: &Failure) -> Result<(), TransferError> {
        self.progress.metrics.failed();
        self.failures.add(failure).await
    }

    async fn finish(mut self) -> Result<(), TransferError> {
        if let Some(alone) = self.note.take() {
            self.failed(&alone).await?;
        }
        self.failures.finish().await
    }
}

/// Whether the item names a parent or a device that is not there: it may be
/// there later.
fn names_what_is_missing(error: &ItemError) -> bool {
    matches!(
        error,
        ItemError::PutDevice(PutDeviceError::Scope(InvalidScope::NoSuchParent(_)))
            | ItemError::PutModule(PutModuleError::NoSuchDevice(_))
    )
}

/// Exports without keys begin with a note to people, in plain text.
fn is_note(line: &Split) -> bool {
    let Split::Line(line) = line else {
        return false;
    };
    let is_json = line.trim_ascii_start().starts_with(b"{")
        || line.trim_ascii_start().starts_with(b"[")
        || line.trim_ascii_start().starts_with(b"\"");
    !is_json && str::from_utf8(line).is_ok()
}
