//! `backup.json`: what a backup holds. Whoever finds it has a whole backup.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use twinhub_embedded::FORMATS;

use crate::data_dir;
use crate::private_file;

/// The form of backups that this build writes and reads.
const FORMAT: u32 = 1;
const FILE_NAME: &str = "backup.json";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The form of the backup itself.
    pub format: u32,
    /// The version of twinhub that made it.
    pub made_by: String,
    /// The hub's name.
    pub hub: String,
    /// The moment that it is a copy of.
    pub moment: String,
    /// The format of the data folder.
    pub data_format: u32,
    /// The format of the tables in `state/`.
    pub state_format: i64,
    /// The format of the segments in `log/`.
    pub event_format: u16,
    /// All files but this one.
    pub files: Vec<StoredFile>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Where it is in the backup and in the data folder, with `/` between the
    /// parts.
    pub path: String,
    /// How long it is.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

/// Why a folder can't be restored from.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// There is no manifest.
    #[error(
        "{} is no complete backup: it has no {FILE_NAME}, which is written last. Choose another one, or make it anew with `twinhub backup`",
        .0.display()
    )]
    Missing(PathBuf),
    /// The folder is not there.
    #[error("there is no folder {}: check the path of the backup", .0.display())]
    NoFolder(PathBuf),
    /// It can't be read.
    #[error("could not read {}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what a backup writes.
    #[error("{} is not what a backup writes: the backup is damaged, choose another one", .0.display())]
    Damaged(PathBuf),
    /// A newer build made it.
    #[error(
        "the backup was made by twinhub {made_by}, and its {what} has format {found}, which is newer than the {known} that this twinhub {} reads: restore it with twinhub {made_by} or a later one",
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// Who made it.
        made_by: String,
        /// What is newer.
        what: &'static str,
        /// Its format.
        found: i64,
        /// The newest that is read.
        known: i64,
    },
}

impl Manifest {
    /// A manifest of this build.
    pub fn new(hub: &str, moment: String, files: Vec<StoredFile>) -> Self {
        Manifest {
            format: FORMAT,
            made_by: env!("CARGO_PKG_VERSION").to_owned(),
            hub: hub.to_owned(),
            moment,
            data_format: data_dir::FORMAT,
            state_format: FORMATS.state,
            event_format: FORMATS.events,
            files,
        }
    }

    /// How many bytes the files have.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Completes the backup in `folder`.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        private_file::write(&folder.join(FILE_NAME), &text)
    }

    /// Reads the manifest in `folder`, if this build can restore what it tells
    /// of.
    pub fn read(folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join(FILE_NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder.is_dir() => {
                return Err(ManifestError::Missing(folder.to_owned()));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ManifestError::NoFolder(folder.to_owned()));
            }
            Err(source) => return Err(ManifestError::Io { path, source }),
        };
        // What a newer build wrote may have members of other forms.
        let head: Head =
            serde_json::from_slice(&text).map_err(|_| ManifestError::Damaged(path.clone()))?;
        head.check()?;
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|_| ManifestError::Damaged(path.clone()))?;
        if !manifest.files.iter().all(StoredFile::stays_inside) {
            return Err(ManifestError::Damaged(path));
        }
        Ok(manifest)
    }
}

/// What is read first.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    format: i64,
    made_by: String,
    data_format: i64,
    state_format: i64,
    event_format: i64,
}

impl Head {
    fn check(self) -> Result<(), ManifestError> {
        let known = [
            ("form", self.format, i64::from(FORMAT)),
            ("data folder", self.data_format, i64::from(data_dir::FORMAT)),
            ("state", self.state_format, FORMATS.state),
            ("log", self.event_format, i64::from(FORMATS.events)),
        ];
        match known.into_iter().find(|(_, found, known)| found > known) {
            None => Ok(()),
            Some((what, found, known)) => Err(ManifestError::Newer {
                made_by: self.made_by,
                what,
                found,
                known,
            }),
        }
    }
}

impl StoredFile {
    /// Where it is below `folder`.
    pub fn below(&self, folder: &Path) -> PathBuf {
        let parts = self.path.split('/');
        parts.fold(folder.to_owned(), |path, part| path.join(part))
    }

    /// Whether its path leads to where it says, and not out of the folder.
    fn stays_inside(&self) -> bool {
        !self.path.is_empty()
            && !self.path.contains('\\')
            && Path::new(&self.path)
                .components()
                .all(|part| matches!(part, Component::Normal(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let file = StoredFile {
            path: "state/state.db".into(),
            bytes: 7,
            sha256: "00".into(),
        };
        Manifest::new("plant", "2026-01-01T00:00:00Z".into(), vec![file])
    }

    #[test]
    fn a_manifest_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();

        manifest().write(folder.path()).unwrap();

        assert_eq!(Manifest::read(folder.path()).unwrap(), manifest());
    }

    #[test]
    fn a_folder_without_one_is_no_complete_backup() {
        let folder = tempfile::tempdir().unwrap();

        let refused = Manifest::read(folder.path()).unwrap_err();
        let missing = Manifest::read(&folder.path().join("x")).unwrap_err();

        assert!(refused.to_string().contains("no complete backup"));
        assert!(missing.to_string().contains("there is no folder"));
    }

    #[test]
    fn each_newer_format_is_refused_with_who_can_read_it() {
        let newer: [fn(&mut Manifest); 4] = [
            |manifest| manifest.format += 1,
            |manifest| manifest.data_format += 1,
            |manifest| manifest.state_format += 1,
            |manifest| manifest.event_format += 1,
        ];
        for change in newer {
            let folder = tempfile::tempdir().unwrap();
            let mut manifest = manifest();
            manifest.made_by = "99.0.0".into();
            change(&mut manifest);
            manifest.write(folder.path()).unwrap();

            let refused = Manifest::read(folder.path()).unwrap_err().to_string();

            assert!(
                refused.contains("twinhub 99.0.0 or a later one"),
                "{refused}"
            );
        }
    }

    #[test]
    fn paths_that_lead_out_of_the_folder_are_damage() {
        for path in ["../x", "/etc/x", "a/../../x", "", "a\\b", "./a"] {
            let folder = tempfile::tempdir().unwrap();
            let mut manifest = manifest();
            manifest.files[0].path = path.into();
            manifest.write(folder.path()).unwrap();

            let read = Manifest::read(folder.path());

            assert!(matches!(read, Err(ManifestError::Damaged(_))), "{path}");
        }
    }
}
