//! What the error blob of an import says of a line that was not done.

use serde::Serialize;

use super::imported::{InvalidLine, LineProblem};
use crate::identities::{BulkError, DeleteError, ItemError, PutDeviceError, PutModuleError};
use crate::ids::IdentityId;

/// A line of the error blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    module_id: Option<String>,
    error_code: u32,
    error_status: String,
}

impl Failure {
    /// Of a line that can't be read; the blob's first line has number 1.
    pub fn of_line(line: &InvalidLine, number: u64) -> Self {
        let error_code = match &line.problem {
            LineProblem::TooLong | LineProblem::Json { .. } | LineProblem::NoId => 400_012,
            LineProblem::Kind(_) | LineProblem::Twice if line.device.is_none() => 400_012,
            LineProblem::Kind(_)
            | LineProblem::Twice
            | LineProblem::Id { .. }
            | LineProblem::NoStatus
            | LineProblem::Mode(_) => 400_004,
        };
        Failure {
            device_id: line.device.clone(),
            module_id: line.module.clone(),
            error_code,
            error_status: format!("line {number}: {line}"),
        }
    }

    /// Appends the line, with its end.
    pub fn write(&self, to: &mut Vec<u8>) {
        serde_json::to_writer(&mut *to, self).expect("it has numbers and texts");
        to.push(b'\n');
    }
}

impl From<&BulkError> for Failure {
    fn from(failed: &BulkError) -> Self {
        let id: &IdentityId = &failed.id;
        Failure {
            device_id: Some(id.device_id().to_string()),
            module_id: id.module_id().map(ToString::to_string),
            error_code: code(&failed.error),
            error_status: failed.error.to_string(),
        }
    }
}

/// The number that Azure's documentation gives the error.
/// <https://learn.microsoft.com/azure/iot-hub/troubleshoot-error-codes>
fn code(error: &ItemError) -> u32 {
    match error {
        ItemError::PutDevice(error) => match error {
            PutDeviceError::AlreadyExists(_) => 409_001,
            PutDeviceError::NotRegistered(_) => 404_001,
            PutDeviceError::EtagMismatch { .. } => 412_001,
            PutDeviceError::Authentication(_) | PutDeviceError::StatusReasonTooLong => 400_004,
            PutDeviceError::Scope(_) => 400_028,
            PutDeviceError::HubFull(_) => 403_002,
            PutDeviceError::Store(_) => 503_001,
        },
        ItemError::PutModule(error) => match error {
            PutModuleError::NoSuchDevice(_) => 404_001,
            PutModuleError::AlreadyExists(_) => 409_301,
            PutModuleError::NotRegistered(_) => 404_010,
            PutModuleError::EtagMismatch { .. } => 412_001,
            PutModuleError::ReservedId(_) | PutModuleError::Authentication(_) => 400_004,
            PutModuleError::SystemModule(_) => 401_100,
            PutModuleError::TooManyModules { .. } => 413_003,
            PutModuleError::HubFull(_) => 403_002,
            PutModuleError::Store(_) => 503_001,
        },
        ItemError::Delete(error) => match error {
            DeleteError::NoSuchDevice(_) => 404_001,
            DeleteError::NoSuchModule(_) => 404_010,
            DeleteError::EtagMissing | DeleteError::EtagMismatch { .. } => 412_001,
            DeleteError::SystemModule(_) => 401_100,
            DeleteError::Store(_) => 503_001,
        },
        ItemError::EtagMissing | ItemError::TwinEtagMismatch { .. } => 412_001,
        ItemError::NoSuchTwin(IdentityId::Device(_)) => 404_001,
        ItemError::NoSuchTwin(IdentityId::Module { .. }) => 404_010,
        ItemError::Properties(_) => 400_004,
        ItemError::Store(_) => 503_001,
    }
}
