//! Writing a blob of Azure, block by block.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, PutMode, PutPayload};
use tokio::task::JoinSet;
use twinhub_core::ports::{BlobWriter, ContainerError};

use crate::errors::told;

/// Blocks on their way at once.
const IN_FLIGHT: usize = 4;

/// A blob that is being written.
pub(crate) struct Writer {
    pub store: Arc<dyn ObjectStore>,
    pub blob: String,
    pub at: Path,
    /// Whether it must not take the place of another.
    pub is_new: bool,
    /// Until it is finished or dropped.
    pub upload: Option<Box<dyn MultipartUpload>>,
    pub parts: JoinSet<object_store::Result<()>>,
    pub is_empty: bool,
}

impl Writer {
    /// Waits until at most `left` blocks are on their way.
    async fn wait(&mut self, left: usize) -> Result<(), ContainerError> {
        while self.parts.len() > left {
            match self.parts.join_next().await {
                Some(Ok(Ok(()))) | None => {}
                Some(Ok(Err(error))) => return Err(told(&self.blob, &error)),
                Some(Err(error)) => return Err(told(&self.blob, &error.into())),
            }
        }
        Ok(())
    }

    async fn put_empty(&mut self) -> object_store::Result<()> {
        let mode = if self.is_new {
            PutMode::Create
        } else {
            PutMode::Overwrite
        };
        let put = self
            .store
            .put_opts(&self.at, PutPayload::new(), mode.into());
        put.await.map(|_| ())
    }
}

#[async_trait]
impl BlobWriter for Writer {
    async fn put(&mut self, bytes: Bytes) -> Result<(), ContainerError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.wait(IN_FLIGHT - 1).await?;
        if let Some(upload) = &mut self.upload {
            self.is_empty = false;
            self.parts.spawn(upload.put_part(bytes.into()));
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<(), ContainerError> {
        self.wait(0).await?;
        let Some(mut upload) = self.upload.take() else {
            return Ok(());
        };
        let done = if self.is_empty {
            // Stores differ in what no blocks at all make.
            let aborted = upload.abort().await;
            match aborted {
                Ok(()) => self.put_empty().await,
                Err(error) => Err(error),
            }
        } else {
            upload.complete().await.map(drop)
        };
        done.map_err(|error| told(&self.blob, &error))
    }
}

/// Blocks that were never made a blob are taken away by Azure after a week.
impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(mut upload) = self.upload.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                let _ = upload.abort().await;
            });
        }
    }
}
