//! How the latest backup stands, as a page shows it.

use askama::Template;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Deserialize;

use crate::client::{ApiError, Call};
use crate::failure::Failure;
use crate::filters;
use crate::moment::Moment;
use crate::page::render;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "settings/backup.html")]
struct BackupPart {
    backup: Option<Backup>,
}

/// `GET /portal/settings/backup`: the part that is refreshed.
pub async fn show(visit: Visit) -> Result<Response, Failure> {
    let backup = latest(&visit).await;
    let backup = backup.map_err(|error| visit.failed(error))?;
    Ok(render(&BackupPart { backup }))
}

/// The call about backups.
pub fn call(method: Method) -> Call {
    Call::operator(method, ["twinhub", "v1", "backup"])
}

/// The latest, if there is one.
pub async fn latest(visit: &Visit) -> Result<Option<Backup>, ApiError> {
    match visit.read(call(Method::GET)).await {
        Ok(backup) => Ok(Some(backup)),
        Err(error) if error.status() == StatusCode::NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

/// What `GET /twinhub/v1/backup` tells.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    /// Where it is.
    pub folder: String,
    /// `running`, `completed`, `failed`, `cancelled`.
    pub state: String,
    /// How much is written.
    pub bytes_written: u64,
    /// About how much there will be.
    pub bytes_expected: u64,
    /// The moment that it is a copy of.
    pub moment: Option<Moment>,
    /// Why it failed.
    pub error: Option<String>,
}

impl Backup {
    /// Whether it is being written.
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }

    /// How its state is coloured.
    pub fn mood(&self) -> &'static str {
        match self.state.as_str() {
            "completed" => "good",
            "failed" => "bad",
            "running" => "warn",
            _ => "",
        }
    }

    /// How much of it is written, at most all.
    pub fn percent(&self) -> u64 {
        match self.bytes_expected {
            0 => 0,
            expected => (self.bytes_written.saturating_mul(100) / expected).min(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn progress_is_a_share_of_what_is_expected_and_never_more_than_all() {
        let percent = |written: u64, expected: u64| {
            let backup: Backup = serde_json::from_value(json!({
                "folder": "/b", "state": "running",
                "bytesWritten": written, "bytesExpected": expected,
            }))
            .unwrap();
            backup.percent()
        };

        assert_eq!(percent(0, 0), 0);
        assert_eq!(percent(50, 200), 25);
        assert_eq!(percent(300, 200), 100);
    }
}
