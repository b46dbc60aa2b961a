//! What is told of this process and its data folder.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use twinhub_http::{Installation, Logged, Storage};

use super::core::{Core, Logs};
use crate::backup;
use crate::config::{Config, Ports};
use crate::data_dir::DataDir;
use crate::logging::{Entry, Recent};

/// How long the size of a folder is taken for its size.
const SIZE_COUNTS: Duration = Duration::from_secs(1);

/// This process, its log, and the data folder it works on.
pub struct LocalInstallation {
    root: PathBuf,
    state: Measured,
    logs: Logs,
    recent: &'static Recent,
    settings: Value,
}

impl LocalInstallation {
    /// The installation of a hub that runs as configured, with these ports
    /// bound.
    pub fn new(
        core: &Core,
        config: &Config,
        ports: Ports,
        data_dir: &DataDir,
        recent: &'static Recent,
    ) -> anyhow::Result<Self> {
        Ok(LocalInstallation {
            root: data_dir.root().to_owned(),
            state: Measured::new(data_dir.state()),
            logs: core.logs.clone(),
            recent,
            settings: in_force(config, ports, data_dir)?,
        })
    }
}

impl Installation for LocalInstallation {
    fn storage(&self) -> Storage {
        Storage {
            state: self.state.size(Instant::now()),
            events: Some(self.logs.events.bytes()),
            backlogs: Some(self.logs.backlogs.bytes()),
            free: backup::free_space(&self.root),
        }
    }

    fn refusing(&self) -> Option<String> {
        self.logs.refusing()
    }

    fn errors(&self) -> Vec<Logged> {
        self.recent.entries().into_iter().map(logged).collect()
    }

    fn settings(&self) -> Value {
        self.settings.clone()
    }
}

/// The settings by the names that they have in the file. Nothing secret can be
/// set: keys and tokens are files of their own, of which only paths are named.
fn in_force(config: &Config, ports: Ports, data_dir: &DataDir) -> anyhow::Result<Value> {
    let config = Config {
        ports,
        ..config.clone()
    };
    Ok(json!({
        "dataFolder": data_dir.root().display().to_string(),
        "configFile": data_dir.config_file().display().to_string(),
        "settings": serde_json::to_value(config)?,
    }))
}

fn logged(entry: Entry) -> Logged {
    Logged {
        first: entry.first,
        last: entry.last,
        count: entry.count,
        is_error: entry.line.is_error,
        message: entry.line.message,
        fields: entry.line.fields.into_iter().collect(),
    }
}

/// A folder that is measured now and then, however often it is asked for its
/// size: that takes as long as it has files.
struct Measured {
    folder: PathBuf,
    /// When, and what came of it.
    last: Mutex<Option<(Instant, Option<u64>)>>,
}

impl Measured {
    fn new(folder: PathBuf) -> Self {
        Measured {
            folder,
            last: Mutex::default(),
        }
    }

    /// Who asks while it is measured waits for that.
    fn size(&self, now: Instant) -> Option<u64> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((measured, size)) = *last
            && now.saturating_duration_since(measured) < SIZE_COUNTS
        {
            return size;
        }
        let size = size_of(&self.folder);
        *last = Some((now, size));
        size
    }
}

/// The size of what a folder holds; `None` if it can't be read.
fn size_of(folder: &Path) -> Option<u64> {
    let mut size = 0;
    for entry in folder.read_dir().ok()?.flatten() {
        // What vanishes meanwhile has no size.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        size += if metadata.is_dir() {
            size_of(&entry.path()).unwrap_or(0)
        } else {
            metadata.len()
        };
    }
    Some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_named_as_in_the_file_and_ports_are_those_that_were_bound() {
        let config = Config::default();
        let ports = Ports {
            https: 4711,
            ..config.ports
        };

        let told = in_force(&config, ports, &DataDir::at("/var/hub")).unwrap();

        assert_eq!(told["dataFolder"], "/var/hub");
        assert_eq!(told["settings"]["ports"]["https"], 4711);
        assert_eq!(told["settings"]["hub"]["retention_days"], 1);
        assert_eq!(told["settings"]["throttling"], false);
    }

    #[test]
    fn a_folder_is_measured_once_a_second_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let measured = Measured::new(folder.path().to_owned());
        let start = Instant::now();

        let empty = measured.size(start);
        std::fs::write(folder.path().join("one"), [0; 10]).unwrap();
        let soon = measured.size(start + SIZE_COUNTS / 2);
        let later = measured.size(start + SIZE_COUNTS);

        assert_eq!((empty, soon, later), (Some(0), Some(0), Some(10)));
    }

    #[test]
    fn a_folders_size_is_that_of_all_its_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("one"), [0; 10]).unwrap();
        std::fs::create_dir(folder.path().join("below")).unwrap();
        std::fs::write(folder.path().join("below/two"), [0; 5]).unwrap();

        assert_eq!(size_of(folder.path()), Some(15));
        assert_eq!(size_of(&folder.path().join("missing")), None);
    }
}
