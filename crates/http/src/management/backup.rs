//! Backups of the hub's data folder: `POST`, `GET` and `DELETE` on
//! `/twinhub/v1/backup`, with the operator token.
//!
//! An addition of our own. A backup is written to a folder on the hub's
//! machine and outlives the connection that asked for it; there is one at a
//! time, and the latest is told of until the hub stops.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use twinhub_core::access::OperatorPermit;
use twinhub_core::time::Timestamp;

use super::Answer;
use crate::api::Services;
use crate::error_codes;
use crate::refusal::Refusal;
use crate::request::parse_document;
use crate::response::json as json_response;

/// What makes backups.
pub trait Backups: Send + Sync {
    /// Begins a backup into a folder, which is missing or empty. Blocks
    /// shortly; the rest happens in the background.
    fn start(&self, folder: PathBuf) -> Result<BackupStatus, CannotBackUp>;

    /// The latest backup since the hub started.
    fn latest(&self) -> Option<BackupStatus>;

    /// Gives up the one that is under way, if one is, and removes what it
    /// wrote. Tells of the latest.
    fn cancel(&self) -> Option<BackupStatus>;
}

/// How a backup stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupStatus {
    /// Where it is written.
    pub folder: PathBuf,
    /// How far it is.
    pub state: BackupState,
    /// The moment that it is a copy of, once it has begun.
    pub moment: Option<Timestamp>,
    /// How many bytes are written.
    pub written: u64,
    /// About how many there will be.
    pub expected: u64,
}

/// How far a backup is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupState {
    /// It is being written.
    Running,
    /// It is there as a whole.
    Completed,
    /// It is not there, for this reason.
    Failed(String),
    /// It was given up.
    Cancelled,
}

/// Why no backup begins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotBackUp {
    /// There is one at a time.
    #[error(
        "a backup into {} is under way: wait until it is done, or cancel it",
        .0.display()
    )]
    Busy(PathBuf),
    /// The folder won't do.
    #[error("{0}")]
    Folder(String),
}

impl From<CannotBackUp> for Refusal {
    fn from(cannot: CannotBackUp) -> Self {
        let code = match cannot {
            CannotBackUp::Busy(_) => error_codes::BACKUP_UNDER_WAY,
            CannotBackUp::Folder(_) => error_codes::ARGUMENT_INVALID,
        };
        Refusal::new(code, cannot.to_string())
    }
}

/// What is sent to begin one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    folder: PathBuf,
}

/// The calls, by their methods.
pub fn is_call(method: &Method) -> bool {
    [Method::POST, Method::GET, Method::DELETE].contains(method)
}

/// Answers a call.
pub async fn act(
    services: &Services,
    _permit: &OperatorPermit,
    method: &Method,
    body: &[u8],
) -> Answer {
    let backups = services.backups.clone();
    let latest = match *method {
        Method::POST => {
            let Wanted { folder } = parse_document(body)?;
            let started = blocking(move || backups.start(folder)).await??;
            return Ok(json_response(StatusCode::ACCEPTED, &describe(&started)));
        }
        Method::DELETE => backups.cancel(),
        _ => backups.latest(),
    };
    let latest = latest.ok_or_else(|| {
        Refusal::new(
            error_codes::GENERIC_NOT_FOUND,
            "no backup was made since the hub started",
        )
    })?;
    Ok(json_response(StatusCode::OK, &describe(&latest)))
}

fn describe(status: &BackupStatus) -> Value {
    let (state, error) = match &status.state {
        BackupState::Running => ("running", None),
        BackupState::Completed => ("completed", None),
        BackupState::Failed(error) => ("failed", Some(error.as_str())),
        BackupState::Cancelled => ("cancelled", None),
    };
    let mut document = json!({
        "folder": shown(&status.folder),
        "state": state,
        "bytesWritten": status.written,
        "bytesExpected": status.expected,
    });
    if let Some(moment) = status.moment {
        document["moment"] = moment.to_string().into();
    }
    if let Some(error) = error {
        document["error"] = error.into();
    }
    document
}

fn shown(folder: &Path) -> String {
    folder.display().to_string()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Refusal::new(error_codes::SERVER_ERROR, error.to_string()))
}

/// Shared by all connections.
pub type SharedBackups = Arc<dyn Backups>;

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: BackupState) -> BackupStatus {
        BackupStatus {
            folder: "/backups/1".into(),
            state,
            moment: Some(Timestamp::from_unix_seconds(1_700_000_000)),
            written: 5,
            expected: 10,
        }
    }

    #[test]
    fn a_backup_is_described_with_its_moment_and_its_error() {
        let failed = describe(&status(BackupState::Failed("disk full".into())));
        let running = describe(&status(BackupState::Running));

        assert_eq!(failed["state"], "failed");
        assert_eq!(failed["error"], "disk full");
        assert_eq!(running["state"], "running");
        assert_eq!(running["moment"], "2023-11-14T22:13:20.0000000Z");
        assert_eq!(running.get("error"), None);
    }

    #[test]
    fn a_second_backup_is_a_conflict_and_a_bad_folder_an_argument() {
        let busy = Refusal::from(CannotBackUp::Busy("/backups/1".into()));
        let bad = Refusal::from(CannotBackUp::Folder("it is not empty".into()));

        assert_eq!(busy.code.status(), 409);
        assert!(busy.message.contains("/backups/1"));
        assert_eq!(bad.code.status(), 400);
    }
}
