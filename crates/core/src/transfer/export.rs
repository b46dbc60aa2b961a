//! An export that runs.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;

use super::error::TransferError;
use super::lines;
use super::progress::Progress;
use crate::ports::{BlobWriter, RegistrySnapshot};

/// Lines are sent on when they have as many bytes: a block of the blob.
const BLOCK: usize = 4 * 1024 * 1024;

/// A snapshot comes in at one end, lines go out at the other.
pub(super) struct Export {
    pub snapshot: Box<dyn RegistrySnapshot>,
    pub blob: Box<dyn BlobWriter>,
    pub exclude_keys: bool,
    pub progress: Arc<Progress>,
}

impl Export {
    /// Exports all there is; the blob is seen when it is whole.
    pub(super) async fn run(mut self) -> Result<(), TransferError> {
        let all = self.snapshot.identities();
        let mut block = Vec::new();
        if self.exclude_keys {
            block.extend_from_slice(lines::EXCLUDED_KEYS_NOTE.as_bytes());
            block.push(b'\n');
        }
        let mut done = 0;
        loop {
            let members = self.snapshot.next().await?;
            if members.is_empty() {
                break;
            }
            for (identity, twin) in &members {
                lines::write(identity, twin, self.exclude_keys, &mut block);
            }
            let written = members.len() as u64;
            self.progress.metrics.done(written);
            done += written;
            self.progress.set(done, all);
            if block.len() >= BLOCK {
                let full = mem::take(&mut block);
                self.blob.put(Bytes::from(full)).await?;
            }
        }
        // The moment costs the store something as long as it is held.
        drop(self.snapshot);
        if !block.is_empty() {
            self.blob.put(Bytes::from(block)).await?;
        }
        Ok(self.blob.finish().await?)
    }
}
