//! What core refuses of messages to devices.

use twinhub_core::c2d::{FeedbackError, PurgeError, ReceiveError, SendError, SettleError};

use super::not_found;
use crate::error_codes as codes;
use crate::refusal::Refusal;

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        let message = error.to_string();
        match error {
            SendError::NoSuchDevice(device) => not_found(&device.into()),
            SendError::NoSuchModule(id) => not_found(&id),
            SendError::QueueFull(_) => Refusal::new(codes::QUEUE_FULL, message),
            SendError::TooLarge { .. } => Refusal::new(codes::MESSAGE_TOO_LARGE, message),
            SendError::InvalidExpiry { .. } => Refusal::new(codes::INVALID_EXPIRY, message),
            SendError::Store(error) => error.into(),
        }
    }
}

impl From<PurgeError> for Refusal {
    fn from(error: PurgeError) -> Self {
        match error {
            PurgeError::NoSuchDevice(device) => not_found(&device.into()),
            PurgeError::NoSuchModule(id) => not_found(&id),
            PurgeError::Store(error) => error.into(),
        }
    }
}

impl From<ReceiveError> for Refusal {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::NotRegistered(id) => not_found(&id),
            ReceiveError::Store(error) => error.into(),
        }
    }
}

impl From<SettleError> for Refusal {
    fn from(error: SettleError) -> Self {
        let message = error.to_string();
        match error {
            SettleError::LockLost => Refusal::new(codes::MESSAGE_LOCK_LOST, message),
            SettleError::NotRegistered(id) => not_found(&id),
            SettleError::Store(error) => error.into(),
        }
    }
}

impl From<FeedbackError> for Refusal {
    fn from(error: FeedbackError) -> Self {
        let message = error.to_string();
        match error {
            FeedbackError::LockLost => Refusal::new(codes::MESSAGE_LOCK_LOST, message),
            FeedbackError::Store(error) => error.into(),
        }
    }
}
