//! Import and export jobs, as the data plane has them.

use serde::{Deserialize, Serialize};
use twinhub_core::transfer::{Ended, TransferKind, TransferStatus, TransferView};

/// The blob of identities, unless another is named.
pub const DEFAULT_BLOB: &str = "devices.txt";

/// The blob of an import's failures, unless another is named.
pub const DEFAULT_FAILURES: &str = "importErrors.log";

/// A job as clients create it. What the hub itself fills in is not read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferInput {
    /// `import` or `export`.
    pub r#type: Option<String>,
    /// Where an import comes from.
    pub input_blob_container_uri: Option<String>,
    /// Its blob there.
    pub input_blob_name: Option<String>,
    /// Where an export goes, and an import's failures.
    pub output_blob_container_uri: Option<String>,
    /// An export's blob there, or that of an import's failures.
    pub output_blob_name: Option<String>,
    /// Whether an export leaves the keys out.
    pub exclude_keys_in_export: Option<bool>,
    /// `keyBased` or `identityBased`.
    pub storage_authentication_type: Option<String>,
    /// Whether configurations go along.
    pub include_configurations: Option<bool>,
}

/// A job as clients read it. Addresses are not given back: they are secrets.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferDocument {
    job_id: String,
    start_time_utc: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time_utc: Option<String>,
    r#type: &'static str,
    status: &'static str,
    progress: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_blob_container_uri: Option<&'static str>,
    output_blob_container_uri: &'static str,
    exclude_keys_in_export: bool,
    storage_authentication_type: &'static str,
    failure_reason: Option<String>,
    include_configurations: bool,
}

/// Azure's word for a kind of job.
pub fn kind_name(kind: TransferKind) -> &'static str {
    match kind {
        TransferKind::Import => "import",
        TransferKind::Export => "export",
    }
}

/// Azure's word for where a job stands, and why it failed.
pub fn status_of(status: &TransferStatus) -> (&'static str, Option<&str>) {
    match status {
        TransferStatus::Running => ("running", None),
        TransferStatus::Ended { how, .. } => match how {
            Ended::Completed => ("completed", None),
            Ended::Failed { reason } => ("failed", Some(reason)),
            Ended::Cancelled => ("cancelled", None),
        },
    }
}

impl TransferDocument {
    /// Of a job.
    pub fn of(view: &TransferView) -> Self {
        let job = &view.job;
        let (status, failure_reason) = status_of(&job.status);
        TransferDocument {
            job_id: job.id.to_string(),
            start_time_utc: job.started.to_string(),
            end_time_utc: job.ended().map(|ended| ended.to_string()),
            r#type: kind_name(job.kind),
            status,
            progress: view.progress,
            input_blob_container_uri: (job.kind == TransferKind::Import).then_some(""),
            output_blob_container_uri: "",
            exclude_keys_in_export: job.exclude_keys,
            storage_authentication_type: "keyBased",
            failure_reason: failure_reason.map(str::to_owned),
            include_configurations: false,
        }
    }
}
