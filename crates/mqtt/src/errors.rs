//! Core's errors as answers to twin requests.
//!
//! Node's SDK ignores the status and judges by the body, so that each failure
//! has one. Codes: the hub's, which begin with the status.

use std::error::Error;

use serde_json::json;
use twinhub_core::time::Timestamp;
use twinhub_core::twins::{PatchReportedError, ReadTwinError};

/// Why a twin request of a device fails before core sees it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidReport {
    #[error("the reported properties are not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    #[error("the reported properties are not a JSON object")]
    NotAnObject,
    #[error("the $version of the reported properties is not a number")]
    Version,
}

/// A refusal as clients see it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    code: u32,
    message: String,
}

impl Failure {
    fn new(status: u16, code: u32, error: &dyn Error) -> Self {
        Failure {
            status,
            code,
            message: error.to_string(),
        }
    }

    /// A failure of ours: what is behind it goes to the log, not to the client.
    fn internal(error: &dyn Error) -> Self {
        let cause = error.source().map(ToString::to_string);
        tracing::error!(%error, cause, "a twin request failed");
        Failure::new(500, 500_001, error)
    }

    /// The body that tells the client.
    pub(crate) fn body(&self, tracking_id: &str, now: Timestamp) -> Vec<u8> {
        json!({
            "errorCode": self.code,
            "trackingId": tracking_id,
            "message": self.message,
            "timestampUtc": now.to_string(),
        })
        .to_string()
        .into_bytes()
    }
}

impl From<InvalidReport> for Failure {
    fn from(error: InvalidReport) -> Self {
        match error {
            InvalidReport::NotJson(_) => Failure::new(400, 400_006, &error),
            InvalidReport::NotAnObject | InvalidReport::Version => {
                Failure::new(400, 400_004, &error)
            }
        }
    }
}

impl From<ReadTwinError> for Failure {
    fn from(error: ReadTwinError) -> Self {
        match error {
            // The hub says "device not found" for a missing module twin, too.
            ReadTwinError::NotRegistered(_) => Failure::new(404, 404_001, &error),
            ReadTwinError::Store(_) => Failure::internal(&error),
        }
    }
}

impl From<PatchReportedError> for Failure {
    fn from(error: PatchReportedError) -> Self {
        match error {
            PatchReportedError::NotRegistered(_) => Failure::new(404, 404_001, &error),
            PatchReportedError::VersionMismatch { .. } => Failure::new(412, 412_001, &error),
            PatchReportedError::Properties(_) => Failure::new(400, 400_004, &error),
            PatchReportedError::Store(_) => Failure::internal(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_body_has_what_clients_look_for() {
        let failure = Failure::from(PatchReportedError::VersionMismatch {
            current: 3,
            expected: 2,
        });

        let body: Value =
            serde_json::from_slice(&failure.body("t-1", Timestamp::from_unix_seconds(0))).unwrap();

        assert_eq!(failure.status, 412);
        assert_eq!(body["errorCode"], 412_001);
        assert_eq!(body["trackingId"], "t-1");
        assert_eq!(body["timestampUtc"], "1970-01-01T00:00:00.0000000Z");
        assert_eq!(
            body["message"],
            "the reported properties are at version 3, the patch expected 2"
        );
    }
}
