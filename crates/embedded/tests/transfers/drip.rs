//! A container that gives a blob as a test does, and takes everything.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;
use twinhub_core::ports::{
    BlobReader, BlobWriter, Container, ContainerAddress, ContainerError, Containers, OpenedFor,
};

/// As many pieces as a test gives before somebody reads.
const WAITING: usize = 64;

#[derive(Clone)]
pub struct Drip {
    size: u64,
    give: mpsc::Sender<Bytes>,
    pieces: Arc<Mutex<Option<mpsc::Receiver<Bytes>>>>,
}

impl Drip {
    /// A container with a blob of so many bytes, which can be read once.
    pub fn new(size: u64) -> Self {
        let (give, pieces) = mpsc::channel(WAITING);
        let pieces = Arc::new(Mutex::new(Some(pieces)));
        Drip { size, give, pieces }
    }

    /// Gives the next bytes.
    pub fn give(&self, text: &str) {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        self.give.try_send(bytes).unwrap();
    }
}

impl Containers for Drip {
    fn open(
        &self,
        _: &ContainerAddress,
        _: OpenedFor,
    ) -> Result<Arc<dyn Container>, ContainerError> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Container for Drip {
    async fn read(&self, _: &str) -> Result<Box<dyn BlobReader>, ContainerError> {
        let pieces = self.pieces.lock().unwrap().take().unwrap();
        Ok(Box::new(Dripping(self.size, pieces)))
    }

    async fn write(&self, _: &str) -> Result<Box<dyn BlobWriter>, ContainerError> {
        Ok(Box::new(Sink))
    }

    async fn write_new(&self, _: &str) -> Result<Box<dyn BlobWriter>, ContainerError> {
        Ok(Box::new(Sink))
    }

    async fn contains(&self, _: &str) -> Result<bool, ContainerError> {
        Ok(false)
    }

    async fn put_empty(&self, _: &str) -> Result<(), ContainerError> {
        Ok(())
    }

    async fn probe(&self) -> Result<(), ContainerError> {
        Ok(())
    }
}

struct Dripping(u64, mpsc::Receiver<Bytes>);

#[async_trait]
impl BlobReader for Dripping {
    fn size(&self) -> u64 {
        self.0
    }

    async fn next(&mut self) -> Result<Option<Bytes>, ContainerError> {
        Ok(self.1.recv().await)
    }

    fn rewind(&mut self) {
        panic!("what has dripped is gone");
    }
}

struct Sink;

#[async_trait]
impl BlobWriter for Sink {
    async fn put(&mut self, _: Bytes) -> Result<(), ContainerError> {
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<(), ContainerError> {
        Ok(())
    }
}
