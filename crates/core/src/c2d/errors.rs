//! What can go wrong with cloud-to-device messages.

use super::MAX_QUEUE_DEPTH;
use crate::ids::{DeviceId, IdentityId};
use crate::messages::MAX_CLOUD_TO_DEVICE;
use crate::ports::StoreError;
use crate::time::Timestamp;

/// Why a message was not queued.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No such device.
    #[error("device {0} is not registered")]
    NoSuchDevice(DeviceId),
    /// The device is there, the module is not.
    #[error("module {0} is not registered")]
    NoSuchModule(IdentityId),
    /// The queue holds [`MAX_QUEUE_DEPTH`] messages.
    #[error("the queue of {0} holds {MAX_QUEUE_DEPTH} messages already")]
    QueueFull(IdentityId),
    /// More than [`MAX_CLOUD_TO_DEVICE`] bytes.
    #[error("the message has {size} bytes, {MAX_CLOUD_TO_DEVICE} are allowed")]
    TooLarge {
        /// Its size.
        size: usize,
    },
    /// Its time is over already, or ends too late.
    #[error("the message's expiry must lie between now and {latest}, it is {expires}")]
    InvalidExpiry {
        /// What the sender wants.
        expires: Timestamp,
        /// The latest that is allowed.
        latest: Timestamp,
    },
    /// It could not be saved.
    #[error("could not save the message")]
    Store(#[from] StoreError),
}

/// Why a queue was not purged.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// No such device.
    #[error("device {0} is not registered")]
    NoSuchDevice(DeviceId),
    /// The device is there, the module is not.
    #[error("module {0} is not registered")]
    NoSuchModule(IdentityId),
    /// It could not be saved.
    #[error("could not purge the queue")]
    Store(#[from] StoreError),
}

/// Why nothing could be received.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The identity is gone.
    #[error("{0} is no longer registered")]
    NotRegistered(IdentityId),
    /// The queue could not be read, or the lock not be saved.
    #[error("could not receive from the queue")]
    Store(#[from] StoreError),
}

/// Why a message was not settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The lock ran out, was given to somebody else, or never was.
    #[error("the lock on the message is lost")]
    LockLost,
    /// The identity is gone.
    #[error("{0} is no longer registered")]
    NotRegistered(IdentityId),
    /// It could not be saved.
    #[error("could not settle the message")]
    Store(#[from] StoreError),
}

/// Why feedback was not received or settled.
#[derive(Debug, thiserror::Error)]
pub enum FeedbackError {
    /// The lock ran out, was given to somebody else, or never was.
    #[error("the lock on the feedback is lost")]
    LockLost,
    /// It could not be read or saved.
    #[error("could not reach the feedback")]
    Store(#[from] StoreError),
}
