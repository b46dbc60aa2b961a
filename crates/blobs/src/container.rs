//! What a container can be asked for.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMultipartOptions, PutPayload};
use tokio::task::JoinSet;
use twinhub_core::ports::{BlobReader, BlobWriter, Container, ContainerError};

use crate::client::OnlyNew;
use crate::errors::told;
use crate::folder::Folder;
use crate::reader::Reader;
use crate::spool::Spooled;
use crate::writer::Writer;

/// So much of a blob is asked for at once: a slow importer holds no connection
/// open for long.
const ASKED_OF_AZURE: u64 = 4 * 1024 * 1024;
/// A folder gives all that it is asked for at once.
const ASKED_OF_A_FOLDER: u64 = 256 * 1024;
/// What the probe writes and deletes.
const PROBE: &str = "twinhub-probe.tmp";
/// A container of Azure, with two degrees of patience.
pub(crate) struct AzureStores {
    /// What fails is repeated for long: a job has nobody else to do so.
    pub patient: Arc<dyn ObjectStore>,
    /// For first looks, which somebody waits for, and for those who repeat
    /// what fails themselves.
    pub brief: Arc<dyn ObjectStore>,
}

/// A container of an object store.
pub(crate) struct StoredContainer {
    patient: Arc<dyn ObjectStore>,
    brief: Arc<dyn ObjectStore>,
    /// How many bytes of a blob are asked for at once.
    asked: u64,
    /// The folder that it is, if it is one.
    folder: Option<Folder>,
    /// Where blocks wait, if whoever writes must not.
    spool: Option<PathBuf>,
}

impl StoredContainer {
    /// A container of Azure.
    pub(crate) fn azure(stores: AzureStores, spool: Option<PathBuf>) -> Self {
        StoredContainer {
            patient: stores.patient,
            brief: stores.brief,
            asked: ASKED_OF_AZURE,
            folder: None,
            spool,
        }
    }

    /// A folder of this machine.
    pub(crate) fn folder(store: Arc<dyn ObjectStore>, folder: Folder) -> Self {
        StoredContainer {
            patient: store.clone(),
            brief: store,
            asked: ASKED_OF_A_FOLDER,
            folder: Some(folder),
            spool: None,
        }
    }

    fn path_of(&self, blob: &str) -> Result<Path, ContainerError> {
        let path = Path::parse(blob).map_err(|error| told(blob, &error.into()))?;
        if let Some(folder) = &self.folder {
            folder.check(&path)?;
        }
        Ok(path)
    }

    async fn writer(
        &self,
        blob: &str,
        is_new: bool,
    ) -> Result<Box<dyn BlobWriter>, ContainerError> {
        let told = |error| told(blob, &error);
        let at = self.path_of(blob)?;
        let mut options = PutMultipartOptions::default();
        let mut store = &self.patient;
        if is_new {
            options.extensions.insert(OnlyNew);
            store = &self.brief;
        }
        let upload = store.put_multipart_opts(&at, options).await;
        Ok(Box::new(Writer {
            store: store.clone(),
            blob: blob.to_owned(),
            at,
            is_new,
            upload: Some(upload.map_err(told)?),
            parts: JoinSet::new(),
            is_empty: true,
        }))
    }
}

#[async_trait]
impl Container for StoredContainer {
    async fn read(&self, blob: &str) -> Result<Box<dyn BlobReader>, ContainerError> {
        let path = self.path_of(blob)?;
        let head = self.brief.head(&path).await;
        let head = head.map_err(|error| told(blob, &error))?;
        let (store, blob) = (self.patient.clone(), blob.to_owned());
        Ok(Box::new(Reader::new(store, blob, path, &head, self.asked)))
    }

    async fn write(&self, blob: &str) -> Result<Box<dyn BlobWriter>, ContainerError> {
        if let Some(folder) = &self.folder {
            let path = self.path_of(blob)?;
            return Ok(Box::new(folder.write(&path).await?));
        }
        let writer = self.writer(blob, false).await?;
        Ok(match &self.spool {
            Some(folder) => Box::new(Spooled::over(writer, blob.to_owned(), folder.clone())),
            None => writer,
        })
    }

    async fn write_new(&self, blob: &str) -> Result<Box<dyn BlobWriter>, ContainerError> {
        if let Some(folder) = &self.folder {
            let path = self.path_of(blob)?;
            return Ok(Box::new(folder.write_new(&path).await?));
        }
        self.writer(blob, true).await
    }

    async fn contains(&self, blob: &str) -> Result<bool, ContainerError> {
        match self.brief.head(&self.path_of(blob)?).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(told(blob, &error)),
        }
    }

    async fn put_empty(&self, blob: &str) -> Result<(), ContainerError> {
        let path = self.path_of(blob)?;
        if let Some(folder) = &self.folder {
            return Box::new(folder.write(&path).await?).finish().await;
        }
        let put = self.brief.put(&path, PutPayload::new()).await;
        put.map(drop).map_err(|error| told(blob, &error))
    }

    async fn probe(&self) -> Result<(), ContainerError> {
        let path = self.path_of(PROBE)?;
        let put = self.brief.put(&path, PutPayload::new()).await;
        put.map_err(|error| told(PROBE, &error))?;
        let deleted = self.brief.delete(&path).await;
        deleted.map_err(|error| told(PROBE, &error))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn container() -> (tempfile::TempDir, StoredContainer) {
        let folder = tempfile::tempdir().unwrap();
        let store = object_store::local::LocalFileSystem::new_with_prefix(folder.path());
        let place = Folder::new(folder.path().to_owned(), None);
        let container = StoredContainer::folder(Arc::new(store.unwrap()), place);
        (folder, container)
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
        let bytes: Vec<u8> = (0..ASKED_OF_A_FOLDER * 2 + 7)
            .map(|n| (n % 251) as u8)
            .collect();
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
    async fn a_new_blob_does_not_take_the_place_of_another() {
        for first in [b"first".as_slice(), b""] {
            let (folder, container) = container();
            let mut late = container.write_new("hub/05.json").await.unwrap();
            assert!(!container.contains("hub/05.json").await.unwrap());
            let mut early = container.write_new("hub/05.json").await.unwrap();
            early.put(Bytes::from_static(first)).await.unwrap();
            early.finish().await.unwrap();
            assert!(container.contains("hub/05.json").await.unwrap());

            late.put(Bytes::from_static(b"second")).await.unwrap();
            let refused = late.finish().await;

            assert!(matches!(refused, Err(ContainerError::Failed { .. })));
            assert_eq!(read(&container, "hub/05.json").await.unwrap(), first);
            let left = std::fs::read_dir(folder.path().join("hub")).unwrap();
            assert_eq!(left.count(), 1);
        }
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
