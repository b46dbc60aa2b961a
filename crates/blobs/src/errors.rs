//! What went wrong, in core's words and without the address.

use object_store::Error;
use twinhub_core::ports::ContainerError;

/// What an error means that came over a blob.
pub(crate) fn told(blob: &str, error: &Error) -> ContainerError {
    let blob = blob.to_owned();
    match error {
        Error::NotFound { .. } => ContainerError::NotFound { blob },
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            ContainerError::Refused { blob }
        }
        Error::Precondition { .. } => failed(blob, "it was replaced while it was read"),
        Error::AlreadyExists { .. } => failed(blob, "somebody else has written it meanwhile"),
        Error::InvalidPath { .. } => failed(blob, "its name can't be used"),
        // Their texts may hold addresses: what is shown is made here.
        _ => failed(blob, "it could not be reached, or answered with an error"),
    }
}

pub(crate) fn failed(blob: String, message: &str) -> ContainerError {
    ContainerError::Failed {
        blob,
        message: message.to_owned(),
    }
}
