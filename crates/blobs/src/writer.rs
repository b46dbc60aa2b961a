//! Writing a blob, block by block.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload};
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
    /// What it is to be called if it is written elsewhere.
    pub rename_to: Option<Path>,
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

    async fn complete(&mut self, mut upload: Box<dyn MultipartUpload>) -> object_store::Result<()> {
        upload.complete().await?;
        let Some(name) = &self.rename_to else {
            return Ok(());
        };
        let renamed = self.store.rename_if_not_exists(&self.at, name).await;
        if renamed.is_err() {
            let _ = self.store.delete(&self.at).await;
        }
        renamed
    }

    async fn put_empty(&mut self) -> object_store::Result<()> {
        let mode = if self.is_new {
            PutMode::Create
        } else {
            PutMode::Overwrite
        };
        let name = self.rename_to.as_ref().unwrap_or(&self.at);
        let put = self.store.put_opts(name, PutPayload::new(), mode.into());
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
            self.complete(upload).await
        };
        done.map_err(|error| told(&self.blob, &error))
    }
}

/// Blocks that were never made a blob are taken away by Azure after a week;
/// a folder's unfinished file has to go.
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
