//! Why imports and exports are not started or cancelled.

use twinhub_core::transfer::{CancelTransferError, StartTransferError};

use crate::error_codes as codes;
use crate::refusal::Refusal;

impl From<StartTransferError> for Refusal {
    fn from(error: StartTransferError) -> Self {
        let message = error.to_string();
        match error {
            StartTransferError::Container(_) => {
                Refusal::new(codes::BLOB_CONTAINER_VALIDATION, message)
            }
            StartTransferError::OneBlob(_) => Refusal::invalid(message),
            StartTransferError::Busy(_) => Refusal::new(codes::JOB_QUOTA_EXCEEDED, message),
            StartTransferError::Stopping => Refusal::new(codes::SERVICE_UNAVAILABLE, message),
            StartTransferError::Store(error) => error.into(),
        }
    }
}

impl From<CancelTransferError> for Refusal {
    fn from(error: CancelTransferError) -> Self {
        let message = error.to_string();
        match error {
            CancelTransferError::NoSuchJob(_) => Refusal::new(codes::JOB_NOT_FOUND, message),
            CancelTransferError::Store(error) => error.into(),
        }
    }
}
