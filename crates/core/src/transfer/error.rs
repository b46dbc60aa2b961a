//! Why jobs fail, and why they are not started or cancelled.

use super::book::Busy;
use super::job::TransferId;
use crate::ports::{ContainerError, StoreError};

/// Why a job could not go on.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// A container did not do what it should.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The registry could not be read or written.
    #[error("the hub's storage failed")]
    Store(#[from] StoreError),
}

/// Why a job was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartTransferError {
    /// A container can't be used.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// What is read would be written over.
    #[error("failures can't be written to {0}, which is the blob to import")]
    OneBlob(String),
    /// Another job is in the way.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The hub is stopping.
    #[error("the hub is stopping")]
    Stopping,
    /// It could not be saved.
    #[error("could not save the job")]
    Store(#[from] StoreError),
}

/// Why a job was not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelTransferError {
    /// No such job.
    #[error("there is no job {0}")]
    NoSuchJob(TransferId),
    /// It could not be saved.
    #[error("could not save that the job is cancelled")]
    Store(#[from] StoreError),
}
