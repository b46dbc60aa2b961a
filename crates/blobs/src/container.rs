//! Reading, writing and probing.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload,
};
use tokio::task::JoinSet;
use twinhub_core::ports::{BlobReader, BlobWriter, Container, ContainerError};

use crate::errors::told;

/// A blob is read in pieces of this many bytes: one that fails is read again,
/// and a slow importer holds no connection open.
const PIECE: u64 = 4 * 1024 * 1024;
/// Blocks on their way at once.
const IN_FLIGHT: usize = 4;
/// What the probe writes and deletes.
const PROBE: &str = "twinhub-probe.tmp";

/// A container of an object store.
pub(crate) struct StoredContainer {
    store: Arc<dyn ObjectStore>,
}

impl StoredContainer {
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Self {
        StoredContainer { store }
    }
}

#[async_trait]
impl Container for StoredContainer {
    async fn read(&self, blob: &str) -> Result<Box<dyn BlobReader>, ContainerError> {
        let path = path_of(blob)?;
        let head = self.store.head(&path).await;
        let head = head.map_err(|error| told(blob, &error))?;
        Ok(Box::new(Reader {
            store: self.store.clone(),
            blob: blob.to_owned(),
            path,
            etag: head.e_tag,
            size: head.size,
            at: 0,
        }))
    }

    async fn write(&self, blob: &str) -> Result<Box<dyn BlobWriter>, ContainerError> {
        let path = path_of(blob)?;
        let upload = self.store.put_multipart(&path).await;
        Ok(Box::new(Writer {
            store: self.store.clone(),
            blob: blob.to_owned(),
            path,
            upload: Some(upload.map_err(|error| told(blob, &error))?),
            parts: JoinSet::new(),
            is_empty: true,
        }))
    }

    async fn probe(&self) -> Result<(), ContainerError> {
        let path = Path::from(PROBE);
        let put = self.store.put(&path, PutPayload::new()).await;
        put.map_err(|error| told(PROBE, &error))?;
        let deleted = self.store.delete(&path).await;
        deleted.map_err(|error| told(PROBE, &error))
    }
}

fn path_of(blob: &str) -> Result<Path, ContainerError> {
    Path::parse(blob).map_err(|error| told(blob, &error.into()))
}

struct Reader {
    store: Arc<dyn ObjectStore>,
    blob: String,
    path: Path,
    /// What every piece has to be of.
    etag: Option<String>,
    size: u64,
    at: u64,
}

#[async_trait]
impl BlobReader for Reader {
    fn size(&self) -> u64 {
        self.size
    }

    async fn next(&mut self) -> Result<Option<Bytes>, ContainerError> {
        if self.at >= self.size {
            return Ok(None);
        }
        let end = self.size.min(self.at + PIECE);
        let options = GetOptions {
            range: Some(GetRange::Bounded(self.at..end)),
            if_match: self.etag.clone(),
            ..GetOptions::default()
        };
        let told = |error| told(&self.blob, &error);
        let piece = self.store.get_opts(&self.path, options).await;
        let bytes = piece.map_err(told)?.bytes().await.map_err(told)?;
        self.at = end;
        Ok(Some(bytes))
    }
}

struct Writer {
    store: Arc<dyn ObjectStore>,
    blob: String,
    path: Path,
    /// Until it is finished or dropped.
    upload: Option<Box<dyn MultipartUpload>>,
    parts: JoinSet<object_store::Result<()>>,
    is_empty: bool,
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
                Ok(()) => self.store.put(&self.path, PutPayload::new()).await,
                Err(error) => Err(error),
            }
        } else {
            upload.complete().await
        };
        done.map(|_| ()).map_err(|error| told(&self.blob, &error))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn container() -> (tempfile::TempDir, StoredContainer) {
        let folder = tempfile::tempdir().unwrap();
        let store = object_store::local::LocalFileSystem::new_with_prefix(folder.path());
        (folder, StoredContainer::new(Arc::new(store.unwrap())))
    }

    async fn write(container: &StoredContainer, blob: &str, blocks: &[&'static [u8]]) {
        let mut writer = container.write(blob).await.unwrap();
        for block in blocks {
            writer.put(Bytes::from_static(block)).await.unwrap();
        }
        writer.finish().await.unwrap();
    }

    async fn read(container: &StoredContainer, blob: &str) -> Result<Vec<u8>, ContainerError> {
        let mut reader = container.read(blob).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = reader.next().await? {
            bytes.extend_from_slice(&piece);
        }
        assert_eq!(bytes.len() as u64, reader.size());
        Ok(bytes)
    }

    #[tokio::test]
    async fn what_is_written_is_read() {
        let (_folder, container) = container();

        write(&container, "devices.txt", &[b"one\n", b"two\n"]).await;

        assert_eq!(
            read(&container, "devices.txt").await.unwrap(),
            b"one\ntwo\n"
        );
    }

    #[tokio::test]
    async fn pieces_make_the_whole() {
        let (folder, container) = container();
        let bytes: Vec<u8> = (0..PIECE * 2 + 7).map(|n| (n % 251) as u8).collect();
        std::fs::write(folder.path().join("large"), &bytes).unwrap();

        assert!(read(&container, "large").await.unwrap() == bytes);
    }

    #[tokio::test]
    async fn an_empty_blob_is_a_blob() {
        let (_folder, container) = container();

        write(&container, "importErrors.log", &[]).await;

        assert_eq!(read(&container, "importErrors.log").await.unwrap(), b"");
    }

    #[tokio::test]
    async fn nobody_sees_a_blob_before_it_is_finished() {
        let (_folder, container) = container();
        write(&container, "devices.txt", &[b"old"]).await;

        let mut writer = container.write("devices.txt").await.unwrap();
        writer.put(Bytes::from_static(b"new")).await.unwrap();

        assert_eq!(read(&container, "devices.txt").await.unwrap(), b"old");
        writer.finish().await.unwrap();
        assert_eq!(read(&container, "devices.txt").await.unwrap(), b"new");
    }

    #[tokio::test]
    async fn a_blob_that_is_missing_is_told_by_its_name() {
        let (_folder, container) = container();

        let missing = read(&container, "devices.txt").await;

        let blob = "devices.txt".to_owned();
        assert_eq!(missing, Err(ContainerError::NotFound { blob }));
    }

    #[tokio::test]
    async fn a_probe_leaves_nothing_behind() {
        let (folder, container) = container();

        container.probe().await.unwrap();

        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
