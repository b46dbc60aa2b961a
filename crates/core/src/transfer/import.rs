//! An import that runs.

use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::error::TransferError;
use super::lines::{self, Failure, InvalidLine, LineSplitter, Split};
use super::progress::Progress;
use super::waves::Wave;
use crate::access::RegistryWritePermit;
use crate::identities::Registry;
use crate::ports::{BlobReader, BlobWriter, Container};

/// Items that are done at once: they share a flush. A wave keeps a processor
/// busy for some milliseconds, and the store's other writes as long.
const WAVE: usize = 256;
/// Between two waves devices have the hub to themselves: what came in
/// meanwhile is done before the next.
const REST: Duration = Duration::from_millis(1);
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
            },
        }
    }

    /// Imports until the end of the blob, or until it can't go on.
    pub(super) async fn run(mut self) -> Result<(), TransferError> {
        let mut lines = LineSplitter::default();
        let mut is_first = true;
        while let Some(piece) = self.next_piece().await? {
            lines.push(piece);
            while let Some(line) = lines.next_line() {
                let is_first = mem::take(&mut is_first);
                self.importer.line(line, is_first).await?;
                self.importer.has_taken(lines.cut());
            }
        }
        if let Some(line) = lines.finish() {
            self.importer.line(line, is_first).await?;
        }
        self.importer.finish().await
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
    async fn line(&mut self, line: Split, is_first: bool) -> Result<(), TransferError> {
        let parsed = match line {
            // Exports without keys begin with a note to people.
            Split::Line(line) if is_first && !line.trim_ascii_start().starts_with(b"{") => {
                return Ok(());
            }
            Split::Line(line) => lines::parse(&line),
            Split::TooLong => Err(InvalidLine::TooLong),
        };
        let item = match parsed {
            Ok(item) => item,
            Err(error) => return self.failed(&Failure::from(&error)).await,
        };
        if let Some(item) = self.wave.add(item) {
            self.do_wave().await?;
            let waits = self.wave.add(item);
            debug_assert!(waits.is_none(), "an empty wave takes any item");
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
            self.progress.set(self.taken, self.size);
        }
    }

    /// Does what is in the wave.
    async fn do_wave(&mut self) -> Result<(), TransferError> {
        let items = self.wave.len();
        let failures = self.registry.import(&self.permit, self.wave.take()).await;
        let done = items - failures.len();
        self.progress.metrics.done(done as u64);
        for failed in failures {
            let failure = Failure::from(&failed);
            match failed.error.into_store_error() {
                // The lines that follow would fail as well.
                Some(error) => return Err(error.into()),
                None => self.failed(&failure).await?,
            }
        }
        self.progress.set(self.taken, self.size);
        Ok(())
    }

    async fn failed(&mut self, failure: &Failure) -> Result<(), TransferError> {
        self.progress.metrics.failed();
        self.failures.add(failure).await
    }

    async fn finish(mut self) -> Result<(), TransferError> {
        self.do_wave().await?;
        self.failures.finish().await
    }
}
