//! Reading a blob as its bytes come.

use std::future::ready;
use std::mem;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectMeta, ObjectStore};
use twinhub_core::ports::{BlobReader, ContainerError};

use crate::errors::{failed, told};

/// A blob that is being read.
pub(crate) struct Reader {
    store: Arc<dyn ObjectStore>,
    blob: String,
    path: Path,
    /// What every piece has to be of.
    etag: Option<String>,
    size: u64,
    /// How many bytes are asked for at once.
    asked: u64,
    at: u64,
    /// What was asked for and comes.
    coming: Option<BoxStream<'static, object_store::Result<Bytes>>>,
    /// Whether some of that has come.
    has_come: bool,
}

impl Reader {
    /// A reader that is at the beginning.
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        blob: String,
        path: Path,
        head: &ObjectMeta,
        asked: u64,
    ) -> Self {
        Reader {
            store,
            blob,
            path,
            etag: head.e_tag.clone(),
            size: head.size,
            asked,
            at: 0,
            coming: None,
            has_come: false,
        }
    }

    async fn ask(
        &mut self,
    ) -> object_store::Result<BoxStream<'static, object_store::Result<Bytes>>> {
        let end = self.size.min(self.at + self.asked);
        let options = GetOptions {
            range: Some(GetRange::Bounded(self.at..end)),
            if_match: self.etag.clone(),
            ..GetOptions::default()
        };
        let answer = self.store.get_opts(&self.path, options).await?;
        if let GetResultPayload::Stream(_) = answer.payload {
            return Ok(answer.into_stream());
        }
        // As a stream, a file comes in crumbs.
        let bytes = answer.bytes().await?;
        Ok(stream::once(ready(Ok(bytes))).boxed())
    }
}

#[async_trait]
impl BlobReader for Reader {
    fn size(&self) -> u64 {
        self.size
    }

    async fn next(&mut self) -> Result<Option<Bytes>, ContainerError> {
        while self.at < self.size {
            let Some(coming) = &mut self.coming else {
                let coming = self.ask().await;
                self.coming = Some(coming.map_err(|error| told(&self.blob, &error))?);
                continue;
            };
            let came = coming.next().await;
            if let Some(Ok(bytes)) = came {
                self.at += bytes.len() as u64;
                self.has_come |= !bytes.is_empty();
                return Ok(Some(bytes));
            }
            self.coming = None;
            // If some has come, the rest is asked for.
            if !mem::take(&mut self.has_come) {
                return Err(match came {
                    Some(Err(error)) => told(&self.blob, &error),
                    _ => failed(self.blob.clone(), "it ends too early"),
                });
            }
        }
        Ok(None)
    }
    fn rewind(&mut self) {
        self.at = 0;
        self.coming = None;
        self.has_come = false;
    }
}
