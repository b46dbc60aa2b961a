//! What went wrong, in core's words and without the address.

use std::error::Error as StdError;
use std::iter;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};
use twinhub_core::ports::ContainerError;

/// What an error means that came over a blob.
pub(crate) fn told(blob: &str, error: &Error) -> ContainerError {
    let blob = blob.to_owned();
    match error {
        Error::NotFound { .. } => ContainerError::NotFound { blob },
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            ContainerError::Refused { blob }
        }
        Error::Precondition { .. } => {
            failed(blob, "it was replaced meanwhile, or is under a lease")
        }
        Error::AlreadyExists { .. } => failed(
            blob,
            "somebody else has written it meanwhile, or it is a blob of another type",
        ),
        Error::InvalidPath { .. } => failed(blob, "its name can't be used"),
        // Their texts may hold addresses: what is shown is made here.
        _ => failed(blob, problem(error)),
    }
}

fn problem(error: &Error) -> &'static str {
    let first: &dyn StdError = error;
    let mut causes = iter::successors(Some(first), |&cause| cause.source());
    let transport = causes.find_map(|cause| cause.downcast_ref::<HttpError>());
    match transport.map(HttpError::kind) {
        Some(HttpErrorKind::Timeout) => "it could not be reached, or did not answer, in time",
        Some(HttpErrorKind::Connect) => "it could not be reached",
        _ => "it broke off, or answered with an error",
    }
}

pub(crate) fn failed(blob: String, message: &str) -> ContainerError {
    ContainerError::Failed {
        blob,
        message: message.to_owned(),
    }
}
