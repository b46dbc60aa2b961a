//! The data folder: everything that a hub keeps, in one place.
//!
//! ```text
//! twinhub.toml     optional configuration
//! format           version of this layout
//! lock             held by the hub that runs on the folder
//! operator-token   opens the management API
//! running.json     where the running hub listens; removed when it stops
//! ca-bundle.pem    the system's roots and the hub's CA, for tools
//! tls/             local CA and server certificate
//! state/           identities, twins, policies
//! log/             events
//! ```
//!
//! New folders and all files are open to their owner alone. One hub at a time
//! works on a folder; commands read it without taking the lock.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use crate::private_file;

/// The layout that this build reads and writes.
pub const FORMAT: u32 = 1;

/// A data folder, which need not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir {
    root: PathBuf,
}

/// Why a data folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The platform names no folder for a program's data.
    #[error("this account has no data folder: name one with --data-dir or TWINHUB_DATA_DIR")]
    NoDefault,
    /// Another hub works on it.
    #[error(
        "another twinhub{} uses the data folder {}: stop it, or start this one with another --data-dir",
        pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default(),
        folder.display()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The process that holds the lock, when it has said so.
        pid: Option<u32>,
    },
    /// It was written by a build that this one doesn't know.
    #[error(
        "the data folder {} has format {found}, and this build reads format {FORMAT}: use the newer twinhub that wrote it",
        folder.display()
    )]
    UnknownFormat {
        /// The folder.
        folder: PathBuf,
        /// What its `format` file says.
        found: String,
    },
    /// A file or folder in it could not be read or written.
    #[error("could not use {}: check that it exists, is on a disk with space, and is yours", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Holds the data folder for this process until it is dropped.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

impl DataDir {
    /// The folder at `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The platform's data folder for this account.
    pub fn platform_default() -> Result<Self, DataDirError> {
        directories::ProjectDirs::from("", "", "twinhub")
            .map(|dirs| Self::at(dirs.data_dir()))
            .ok_or(DataDirError::NoDefault)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The optional configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.root.join("twinhub.toml")
    }

    /// Local CA and server certificate.
    pub fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    /// What the storage engine keeps.
    pub fn state(&self) -> PathBuf {
        self.root.join("state")
    }

    /// The event log.
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The file with the operator token.
    pub fn operator_token_file(&self) -> PathBuf {
        self.root.join("operator-token")
    }

    /// The file that tells where the running hub listens.
    pub fn running_file(&self) -> PathBuf {
        self.root.join("running.json")
    }

    /// The system's roots together with the hub's CA.
    pub fn ca_bundle_file(&self) -> PathBuf {
        self.root.join("ca-bundle.pem")
    }

    /// The files that a hub needs beside state and events to be the same one
    /// for its clients, as paths below the folder. Some may be missing.
    pub fn kept_files(&self) -> Vec<String> {
        let mut names = ["format", "operator-token", "twinhub.toml"]
            .map(str::to_owned)
            .to_vec();
        let tls = fs::read_dir(self.tls()).into_iter().flatten().flatten();
        let tls = tls.filter_map(|entry| entry.file_name().into_string().ok());
        // Drafts of files that are being written begin with a dot.
        let mut tls: Vec<_> = tls.filter(|name| !name.starts_with('.')).collect();
        tls.sort();
        names.extend(tls.into_iter().map(|name| format!("tls/{name}")));
        names
    }

    /// Creates what is missing, refuses a folder of another format, and takes
    /// the lock.
    ///
    /// Whoever holds the lock knows that no hub runs: a `running.json` that a
    /// killed hub left behind is removed.
    pub fn open_for_serving(&self) -> Result<DataDirLock, DataDirError> {
        for folder in [self.root.clone(), self.tls(), self.state(), self.log()] {
            private_file::create_folder(&folder).map_err(|source| io_error(&folder, source))?;
        }
        let lock = self.lock()?;
        self.check_format()?;
        let running = self.running_file();
        private_file::remove_if_present(&running).map_err(|source| io_error(&running, source))?;
        Ok(lock)
    }

    /// Takes the lock of a folder that is there.
    pub(crate) fn lock(&self) -> Result<DataDirLock, DataDirError> {
        let path = self.root.join("lock");
        let failed = |source| io_error(&path, source);
        let mut file = private_file::open_or_create(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(failed)?;
                return Err(DataDirError::InUse {
                    folder: self.root.clone(),
                    pid: holder.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(DataDirLock { _file: file })
    }

    fn check_format(&self) -> Result<(), DataDirError> {
        let path = self.root.join("format");
        match fs::read_to_string(&path) {
            Ok(found) if found.trim() == FORMAT.to_string() => Ok(()),
            Ok(found) => Err(DataDirError::UnknownFormat {
                folder: self.root.clone(),
                found: found.trim().to_owned(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                private_file::write(&path, format!("{FORMAT}\n").as_bytes())
                    .map_err(|source| io_error(&path, source))
            }
            Err(source) => Err(io_error(&path, source)),
        }
    }
}

fn io_error(path: &Path, source: io::Error) -> DataDirError {
    DataDirError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> (tempfile::TempDir, DataDir) {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::at(dir.path().join("hub"));
        (dir, data_dir)
    }

    #[test]
    fn a_second_hub_on_the_folder_is_refused_and_told_the_first_ones_pid() {
        let (_dir, data_dir) = fresh();
        let _first = data_dir.open_for_serving().unwrap();

        let refused = data_dir.open_for_serving().unwrap_err();

        let DataDirError::InUse { pid, .. } = &refused else {
            panic!("{refused:?}");
        };
        assert_eq!(*pid, Some(std::process::id()));
        assert!(refused.to_string().contains("another twinhub (pid "));
    }

    #[test]
    fn the_folder_is_free_again_when_the_first_hub_has_stopped() {
        let (_dir, data_dir) = fresh();
        drop(data_dir.open_for_serving().unwrap());

        assert!(data_dir.open_for_serving().is_ok());
    }

    #[test]
    fn what_a_killed_hub_left_behind_is_cleared_by_the_next() {
        let (_dir, data_dir) = fresh();
        drop(data_dir.open_for_serving().unwrap());
        fs::write(data_dir.running_file(), "{}").unwrap();

        let _lock = data_dir.open_for_serving().unwrap();

        assert!(!data_dir.running_file().exists());
    }

    #[test]
    fn a_running_hub_keeps_its_file_when_a_second_one_is_refused() {
        let (_dir, data_dir) = fresh();
        let _first = data_dir.open_for_serving().unwrap();
        fs::write(data_dir.running_file(), "{}").unwrap();

        data_dir.open_for_serving().unwrap_err();

        assert!(data_dir.running_file().exists());
    }

    #[test]
    fn a_folder_of_a_newer_format_is_refused() {
        let (_dir, data_dir) = fresh();
        drop(data_dir.open_for_serving().unwrap());
        fs::write(data_dir.root().join("format"), "2\n").unwrap();

        let refused = data_dir.open_for_serving().unwrap_err();

        assert!(matches!(refused, DataDirError::UnknownFormat { found, .. } if found == "2"));
    }
}
