//! Blocks that wait for their container on this machine's disk.
//!
//! Whoever writes a blob may hold something as long as it writes: an export
//! holds a moment of the store. So it does not wait for the container: what
//! is not taken at once waits in a file. The file has no name, and is gone
//! with the blob's writer or the process. It leaves a gigabyte of the disk to
//! the hub: when there is no more, whoever writes waits after all.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinHandle, spawn_blocking};
use twinhub_core::ports::{BlobWriter, ContainerError};

/// Blocks that wait in memory.
const HELD: usize = 4;
/// Blocks that wait at all. With one more, whoever writes waits.
const WAITING: usize = 4096;
/// Bytes of the disk that are for others.
const LEFT_TO_OTHERS: u64 = 1 << 30;

/// Whether a file may grow by so many bytes.
type HasRoom = fn(&File, u64) -> bool;

/// A blob's writer, and what waits for it.
pub(crate) struct Spooled {
    blob: String,
    folder: PathBuf,
    /// Once something had to wait on the disk.
    spool: Option<Spool>,
    has_room: HasRoom,
    held: Arc<Semaphore>,
    waiting: mpsc::Sender<Block>,
    /// Until its end is told.
    sending: Option<JoinHandle<Result<(), ContainerError>>>,
}

enum Block {
    Held(Bytes, OwnedSemaphorePermit),
    Stored(Spool, Place),
    /// There are no more.
    End,
}

/// The file: what is in it is written once and read once.
#[derive(Clone)]
struct Spool(Arc<Mutex<File>>);

/// Where in the file.
#[derive(Clone, Copy)]
struct Place {
    start: u64,
    bytes: usize,
}

impl Spooled {
    /// Writes into `blob`; what it does not take at once waits in a file in
    /// `folder`.
    pub(crate) fn over(writer: Box<dyn BlobWriter>, blob: String, folder: PathBuf) -> Self {
        let (waiting, blocks) = mpsc::channel(WAITING);
        Spooled {
            folder,
            spool: None,
            has_room,
            held: Arc::new(Semaphore::new(HELD)),
            waiting,
            sending: Some(tokio::spawn(send(writer, blocks, blob.clone()))),
            blob,
        }
    }

    async fn block(&mut self, bytes: Bytes) -> io::Result<Block> {
        if let Ok(permit) = self.held.clone().try_acquire_owned() {
            return Ok(Block::Held(bytes, permit));
        }
        let spool = match &self.spool {
            Some(spool) => spool.clone(),
            None => {
                let folder = self.folder.clone();
                let file = run(move || tempfile::tempfile_in(folder)).await?;
                let spool = Spool(Arc::new(Mutex::new(file)));
                self.spool.insert(spool).clone()
            }
        };
        if let Some(place) = spool.write(bytes.clone(), self.has_room).await? {
            return Ok(Block::Stored(spool, place));
        }
        let permit = self.held.clone().acquire_owned().await;
        Ok(Block::Held(bytes, permit.map_err(io::Error::other)?))
    }

    /// How writing has ended.
    async fn ended(&mut self) -> Result<(), ContainerError> {
        let broken_off = || Err(failed(&self.blob, "writing it has broken off"));
        match self.sending.take() {
            Some(sending) => sending.await.unwrap_or_else(|_| broken_off()),
            None => broken_off(),
        }
    }
}

#[async_trait]
impl BlobWriter for Spooled {
    async fn put(&mut self, bytes: Bytes) -> Result<(), ContainerError> {
        let block = self.block(bytes).await;
        let block = block.map_err(|error| {
            let message = format!("what waits for it can't be kept on the disk: {error}");
            failed(&self.blob, message)
        })?;
        match self.waiting.send(block).await {
            Ok(()) => Ok(()),
            Err(_) => self.ended().await,
        }
    }

    async fn finish(mut self: Box<Self>) -> Result<(), ContainerError> {
        // What has ended already tells why.
        let _ = self.waiting.send(Block::End).await;
        self.ended().await
    }
}

/// A blob that nobody finishes is not sent on.
impl Drop for Spooled {
    fn drop(&mut self) {
        if let Some(sending) = &self.sending {
            sending.abort();
        }
    }
}

/// Sends blocks in their order. Without an end the blob is not finished.
async fn send(
    mut writer: Box<dyn BlobWriter>,
    mut blocks: mpsc::Receiver<Block>,
    blob: String,
) -> Result<(), ContainerError> {
    while let Some(block) = blocks.recv().await {
        match block {
            Block::Held(bytes, _permit) => writer.put(bytes).await?,
            Block::Stored(spool, place) => {
                let bytes = spool.read(place).await.map_err(|error| {
                    let message = format!("what waits for it can't be read: {error}");
                    failed(&blob, message)
                })?;
                writer.put(bytes).await?;
            }
            Block::End => return writer.finish().await,
        }
    }
    Ok(())
}

impl Spool {
    /// Appends, if there is room.
    async fn write(&self, bytes: Bytes, has_room: HasRoom) -> io::Result<Option<Place>> {
        let file = self.0.clone();
        run(move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            if !has_room(&file, bytes.len() as u64) {
                return Ok(None);
            }
            let start = file.seek(SeekFrom::End(0))?;
            file.write_all(&bytes)?;
            let bytes = bytes.len();
            Ok(Some(Place { start, bytes }))
        })
        .await
    }

    async fn read(&self, place: Place) -> io::Result<Bytes> {
        let file = self.0.clone();
        run(move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(place.start))?;
            let mut bytes = vec![0; place.bytes];
            file.read_exact(&mut bytes)?;
            Ok(bytes.into())
        })
        .await
    }
}

#[cfg(unix)]
fn has_room(file: &File, bytes: u64) -> bool {
    // A disk that does not say so is found to be full by writing.
    rustix::fs::fstatvfs(file).map_or(true, |disk| {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        free >= bytes.saturating_add(LEFT_TO_OTHERS)
    })
}

#[cfg(not(unix))]
fn has_room(_: &File, _: u64) -> bool {
    true
}

async fn run<T: Send + 'static>(
    act: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(act)
        .await
        .unwrap_or_else(|gone| Err(gone.into()))
}

fn failed(blob: &str, message: impl Into<String>) -> ContainerError {
    ContainerError::Failed {
        blob: blob.to_owned(),
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A container that takes a block for each permit.
    #[derive(Clone)]
    struct Slow {
        takes: Arc<Semaphore>,
        taken: Arc<Mutex<Vec<u8>>>,
        is_whole: Arc<Semaphore>,
    }

    impl Slow {
        fn new() -> Self {
            Slow {
                takes: Arc::new(Semaphore::new(0)),
                taken: Arc::default(),
                is_whole: Arc::new(Semaphore::new(0)),
            }
        }

        fn spooled(&self, folder: &tempfile::TempDir) -> Box<Spooled> {
            let writer = Box::new(self.clone());
            let folder = folder.path().to_owned();
            let mut spooled = Spooled::over(writer, "devices.txt".to_owned(), folder);
            spooled.has_room = |_, _| true;
            Box::new(spooled)
        }

        fn taken(&self) -> Vec<u8> {
            self.taken.lock().unwrap().clone()
        }
    }

    #[async_trait]
    impl BlobWriter for Slow {
        async fn put(&mut self, bytes: Bytes) -> Result<(), ContainerError> {
            let permit = self.takes.acquire().await;
            permit
                .map_err(|_| failed("devices.txt", "closed"))?
                .forget();
            self.taken.lock().unwrap().extend_from_slice(&bytes);
            Ok(())
        }

        async fn finish(self: Box<Self>) -> Result<(), ContainerError> {
            self.is_whole.add_permits(1);
            Ok(())
        }
    }

    fn block(number: u8) -> Bytes {
        vec![number; 1000].into()
    }

    #[tokio::test]
    async fn a_container_that_takes_nothing_keeps_nobody_waiting_and_gets_all_in_order() {
        let (folder, container) = (tempfile::tempdir().unwrap(), Slow::new());
        let mut writer = container.spooled(&folder);

        for number in 0..50 {
            writer.put(block(number)).await.unwrap();
        }
        assert!(container.taken().is_empty());
        container.takes.add_permits(20);
        for number in 50..100 {
            writer.put(block(number)).await.unwrap();
        }
        container.takes.add_permits(80);
        writer.finish().await.unwrap();

        let all: Vec<u8> = (0..100).flat_map(block).collect();
        assert_eq!(container.taken(), all);
        assert_eq!(container.is_whole.available_permits(), 1);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn on_a_full_disk_whoever_writes_waits_for_the_container() {
        let (folder, container) = (tempfile::tempdir().unwrap(), Slow::new());
        let mut writer = container.spooled(&folder);
        writer.has_room = |_, _| false;
        for number in 0..4 {
            writer.put(block(number)).await.unwrap();
        }

        let put = writer.put(block(4));
        let waited = tokio::time::timeout(Duration::from_secs(60), put).await;

        assert!(waited.is_err());
        container.takes.add_permits(5);
        writer.put(block(4)).await.unwrap();
        writer.finish().await.unwrap();
        let all: Vec<u8> = (0..5).flat_map(block).collect();
        assert_eq!(container.taken(), all);
    }

    #[tokio::test]
    async fn a_container_that_fails_is_told_at_the_latest_at_the_end() {
        let (folder, container) = (tempfile::tempdir().unwrap(), Slow::new());
        let mut writer = container.spooled(&folder);
        for number in 0..10 {
            writer.put(block(number)).await.unwrap();
        }

        container.takes.close();
        let refused = writer.finish().await;

        assert_eq!(refused, Err(failed("devices.txt", "closed")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_blob_that_is_not_finished_is_sent_no_further() {
        let (folder, container) = (tempfile::tempdir().unwrap(), Slow::new());
        let mut writer = container.spooled(&folder);
        for number in 0..10 {
            writer.put(block(number)).await.unwrap();
        }

        drop(writer);
        tokio::time::sleep(Duration::from_secs(1)).await;
        container.takes.add_permits(100);
        tokio::time::sleep(Duration::from_secs(1)).await;

        assert!(container.taken().is_empty());
        assert_eq!(container.is_whole.available_permits(), 0);
    }

    #[tokio::test]
    async fn a_folder_that_keeps_nothing_is_told() {
        let container = Slow::new();
        let mut folder = tempfile::tempdir().unwrap();
        let mut writer = container.spooled(&folder);
        folder.disable_cleanup(true);
        std::fs::remove_dir(folder.path()).unwrap();

        let mut told = Ok(());
        for number in 0..10 {
            told = told.and(writer.put(block(number)).await);
        }

        assert!(matches!(told, Err(ContainerError::Failed { .. })));
    }
}
