//! A gateway alone, without a process and a data folder around it.

use std::path::PathBuf;

use serde_json::{Value, json};
use twinhub_http::{BackupStatus, Backups, CannotBackUp, Installation, Logged, Storage};

/// There is no data folder to back up.
pub struct NoBackups;

impl Backups for NoBackups {
    fn start(&self, _folder: PathBuf) -> Result<BackupStatus, CannotBackUp> {
        let why = "this hub has no data folder to back up";
        Err(CannotBackUp::Folder(why.to_owned()))
    }

    fn latest(&self) -> Option<BackupStatus> {
        None
    }

    fn cancel(&self) -> Option<BackupStatus> {
        None
    }
}

/// Nothing is known.
pub struct NoInstallation;

impl Installation for NoInstallation {
    fn storage(&self) -> Storage {
        Storage::default()
    }

    fn refusing(&self) -> Option<String> {
        None
    }

    fn errors(&self) -> Vec<Logged> {
        Vec::new()
    }

    fn settings(&self) -> Value {
        json!({})
    }
}
