//! The port for blob containers: where exports go and imports come from.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

/// Where a container is, with what lets one in: a secret, which is neither
/// stored nor shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ContainerAddress(String);

impl ContainerAddress {
    /// As somebody gave it; whether it is one is found out by opening it.
    pub fn new(address: String) -> Self {
        ContainerAddress(address)
    }

    /// The address: a secret.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ContainerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContainerAddress(..)")
    }
}

/// Who wants a container opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenedFor {
    /// A back end, with a policy of the hub: never anything of this machine.
    BackEnd,
    /// The operator, who may name folders of this machine, too.
    Operator,
}

/// A container did not do what it was asked for. Says so to people, without
/// the container's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// The address is none.
    #[error("the container's address can't be used: {0}")]
    Address(String),
    /// There is no such blob, or no such container.
    #[error("there is no blob {blob}, or no such container")]
    NotFound {
        /// Which blob was looked for.
        blob: String,
    },
    /// What lets one in does not let one do this, or does not any more.
    #[error(
        "the container refuses access to {blob}: the signature may have expired or lack a right"
    )]
    Refused {
        /// Which blob.
        blob: String,
    },
    /// It could not be reached, or failed.
    #[error("the container failed on {blob}: {message}")]
    Failed {
        /// Which blob.
        blob: String,
        /// What it said.
        message: String,
    },
}

/// Opens containers.
#[async_trait]
pub trait Containers: Send + Sync + 'static {
    /// A container; nothing is asked of it yet.
    fn open(
        &self,
        address: &ContainerAddress,
        by: OpenedFor,
    ) -> Result<Arc<dyn Container>, ContainerError>;
}

/// A container of blobs.
///
/// **Time.** Each call ends within minutes: what can't be reached is an error.
/// Beginning to read, making an empty blob and probing end within half a minute.
/// **Retries** of what may be retried have been done when an error is told.
#[async_trait]
pub trait Container: Send + Sync {
    /// Begins to read a blob. A blob that is replaced while it is read is an
    /// error, not a mixture.
    async fn read(&self, blob: &str) -> Result<Box<dyn BlobReader>, ContainerError>;

    /// Begins to write a blob. Nobody sees it before it is finished, and what
    /// has its name stays until then.
    async fn write(&self, blob: &str) -> Result<Box<dyn BlobWriter>, ContainerError>;

    /// Begins to write a blob that is not there yet. Nobody sees it before it
    /// is finished, and if there is one of its name by then, finishing fails
    /// and that one stays.
    async fn write_new(&self, blob: &str) -> Result<Box<dyn BlobWriter>, ContainerError>;

    /// Whether there is a blob of that name.
    async fn contains(&self, blob: &str) -> Result<bool, ContainerError>;

    /// Makes a blob without any bytes, in place of what had its name. So it is
    /// found out whether it can be written.
    async fn put_empty(&self, blob: &str) -> Result<(), ContainerError>;

    /// Finds out whether blobs can be written and deleted, with one that nobody
    /// else has.
    async fn probe(&self) -> Result<(), ContainerError>;
}

/// A blob that is being read.
#[async_trait]
pub trait BlobReader: Send {
    /// How many bytes it has.
    fn size(&self) -> u64;

    /// The next bytes as soon as there are some, few megabytes at most; nothing
    /// at its end. A call that is dropped loses none.
    async fn next(&mut self) -> Result<Option<Bytes>, ContainerError>;

    /// Goes back to the beginning.
    fn rewind(&mut self);
}

/// A blob that is being written. Dropping it leaves nothing that is seen.
#[async_trait]
pub trait BlobWriter: Send {
    /// Appends bytes, some megabytes at most. Waits while much is on its way.
    async fn put(&mut self, bytes: Bytes) -> Result<(), ContainerError>;

    /// Makes the blob visible: in place of what had its name, or not at all if
    /// it was to be a new one.
    async fn finish(self: Box<Self>) -> Result<(), ContainerError>;
}
