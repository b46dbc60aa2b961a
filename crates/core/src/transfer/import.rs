//! An import that runs.

use std::mem;
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
/// Failures are sent on when they have as many bytes.
const FAILURES_AT_ONCE: usize = 1024 * 1024;

/// Lines come in at one end, failures go out at the other.
pub(super) struct Import {
    pub registry: Arc<Registry>,
    pub permit: RegistryWritePermit,
    pub reader: Box<dyn BlobReader>,
    pub failures: FailureBlob,
    pub progress: Arc<Progress>,
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
    /// Imports until the end of the blob, or until it can't go on.
    pub(super) async fn run(mut self) -> Result<(), TransferError> {
        let size = self.reader.size();
        let (mut splitter, mut wave) = (LineSplitter::default(), Wave::default());
        let (mut read, mut is_first) = (0, true);
        while let Some(piece) = self.reader.next().await? {
            let mut ended = Vec::new();
            splitter.push(&piece, |line| ended.push(line));
            for line in ended {
                self.line(line, mem::take(&mut is_first), &mut wave).await?;
            }
            read += piece.len() as u64;
            self.progress.set(read, size);
        }
        if let Some(line) = splitter.finish() {
            self.line(line, is_first, &mut wave).await?;
        }
        self.done(&mut wave).await?;
        self.failures.finish().await
    }

    async fn line(
        &mut self,
        line: Split,
        is_first: bool,
        wave: &mut Wave,
    ) -> Result<(), TransferError> {
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
        if let Some(item) = wave.add(item) {
            self.done(wave).await?;
            let waits = wave.add(item);
            debug_assert!(waits.is_none(), "an empty wave takes any item");
        }
        if wave.len() >= WAVE {
            self.done(wave).await?;
            tokio::time::sleep(REST).await;
        }
        Ok(())
    }

    /// Does what is in the wave.
    async fn done(&mut self, wave: &mut Wave) -> Result<(), TransferError> {
        let items = wave.len();
        let failures = self.registry.import(&self.permit, wave.take()).await;
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
        Ok(())
    }

    async fn failed(&mut self, failure: &Failure) -> Result<(), TransferError> {
        self.progress.metrics.failed();
        self.failures.add(failure).await
    }
}
