//! Makes a data folder of a backup.
//!
//! Everything is copied and checked beside the data folder, in a hidden
//! folder, which takes the data folder's place once it is whole. So a data
//! folder is never half restored; what a broken-off restore leaves is cleared
//! by the next one.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::copy;
use super::manifest::{Manifest, ManifestError, StoredFile};
use crate::data_dir::{DataDir, DataDirError};
use crate::private_file;

/// Room that is left to others.
const LEFT_TO_OTHERS: u64 = 16 << 20;

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup can't be used.
    #[error(transparent)]
    Backup(#[from] ManifestError),
    /// There is something in the data folder.
    #[error(
        "the data folder {} is not empty, and a restore takes nothing's place: name a new folder with --data-dir, or move this one away",
        .0.display()
    )]
    NotEmpty(PathBuf),
    /// Another restore works on it.
    #[error("another restore into {} is under way", .0.display())]
    UnderWay(PathBuf),
    /// There is too little room.
    #[error(
        "there is too little room: the hub needs {}, and {} are free where {} is",
        copy::shown(*needed),
        copy::shown(*free),
        folder.display()
    )]
    NoRoom {
        /// Where.
        folder: PathBuf,
        /// How much it takes.
        needed: u64,
        /// How much there is.
        free: u64,
    },
    /// A file is not what was backed up.
    #[error("{} is damaged: it is not what was backed up. Nothing was restored; choose another backup", .0.display())]
    Damaged(PathBuf),
    /// A file of the backup is missing.
    #[error("{} is missing: the backup is no longer whole. Nothing was restored; choose another backup", .0.display())]
    Missing(PathBuf),
    /// Something can't be read or written.
    #[error("could not use {}", path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Restores `backup` into a data folder that is missing or empty; `progress`
/// hears how many bytes came. Returns what was restored. Blocks.
pub fn restore(
    backup: &Path,
    data_dir: &DataDir,
    mut progress: impl FnMut(u64),
) -> Result<Manifest, RestoreError> {
    let manifest = Manifest::read(backup)?;
    let target = data_dir.root();
    require_empty(target)?;
    let parent = target.parent().unwrap_or(Path::new("/"));
    private_file::create_folder(parent).map_err(io_error(parent))?;
    let draft = draft_of(target);
    // Held until the draft has become the data folder.
    let _lock = begin(&draft, target)?;
    let done = require_room(parent, manifest.bytes())
        .and_then(|()| fill(&draft, backup, &manifest, &mut progress))
        .and_then(|()| take_place(&draft, target, parent));
    if done.is_err() {
        // The next restore would do it as well.
        let _ = fs::remove_dir_all(&draft);
    }
    done.map(|()| manifest)
}

fn require_empty(target: &Path) -> Result<(), RestoreError> {
    match fs::read_dir(target) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(RestoreError::NotEmpty(target.to_owned())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(io_error(target)(source)),
    }
}

/// `.hub.restoring` beside `hub`.
fn draft_of(target: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".restoring");
    target.with_file_name(name)
}

/// An empty draft that is ours alone.
fn begin(draft: &Path, target: &Path) -> Result<crate::data_dir::DataDirLock, RestoreError> {
    let folder = DataDir::at(draft);
    let locked = || match folder.lock() {
        Ok(lock) => Ok(lock),
        Err(DataDirError::InUse { .. }) => Err(RestoreError::UnderWay(target.to_owned())),
        Err(error) => Err(io_error(draft)(io::Error::other(error))),
    };
    if draft.exists() {
        let left_behind = locked()?;
        fs::remove_dir_all(draft).map_err(io_error(draft))?;
        drop(left_behind);
    }
    private_file::create_folder(draft).map_err(io_error(draft))?;
    locked()
}

fn require_room(folder: &Path, bytes: u64) -> Result<(), RestoreError> {
    let needed = bytes.saturating_add(LEFT_TO_OTHERS);
    match copy::free_space(folder) {
        Some(free) if free < needed => Err(RestoreError::NoRoom {
            folder: folder.to_owned(),
            needed,
            free,
        }),
        _ => Ok(()),
    }
}

fn fill(
    draft: &Path,
    backup: &Path,
    manifest: &Manifest,
    progress: &mut impl FnMut(u64),
) -> Result<(), RestoreError> {
    let mut folders = vec![draft.to_owned()];
    for file in &manifest.files {
        let to = file.below(draft);
        let folder = to.parent().unwrap_or(draft).to_owned();
        private_file::create_folder(&folder).map_err(io_error(&folder))?;
        bring(file, &file.below(backup), &to, progress)?;
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    for folder in folders {
        copy::sync_folder(&folder).map_err(io_error(&folder))?;
    }
    Ok(())
}

fn bring(
    file: &StoredFile,
    from: &Path,
    to: &Path,
    progress: &mut impl FnMut(u64),
) -> Result<(), RestoreError> {
    let mut source = match File::open(from) {
        Ok(source) => source,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(RestoreError::Missing(from.to_owned()));
        }
        Err(error) => return Err(io_error(from)(error)),
    };
    let copied = copy::to_new_file(&mut source, to, |bytes| {
        progress(bytes);
        Ok(())
    });
    let copied = copied.map_err(io_error(to))?;
    if copied.bytes != file.bytes || copied.sha256 != file.sha256 {
        return Err(RestoreError::Damaged(from.to_owned()));
    }
    Ok(())
}

fn take_place(draft: &Path, target: &Path, parent: &Path) -> Result<(), RestoreError> {
    match fs::remove_dir(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // Somebody has put something there in the meantime.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
            return Err(RestoreError::NotEmpty(target.to_owned()));
        }
        removed => removed.map_err(io_error(target))?,
    }
    fs::rename(draft, target).map_err(io_error(target))?;
    copy::sync_folder(parent).map_err(io_error(parent))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> RestoreError {
    let path = path.to_owned();
    move |source| RestoreError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A backup of two files, and a place to restore it.
    struct Given {
        folder: tempfile::TempDir,
    }

    impl Given {
        fn new() -> Self {
            let given = Given {
                folder: tempfile::tempdir().unwrap(),
            };
            let backup = given.backup();
            fs::create_dir_all(backup.join("state")).unwrap();
            fs::write(backup.join("format"), "1\n").unwrap();
            fs::write(backup.join("state/state.db"), "tables").unwrap();
            let files = ["format", "state/state.db"].map(|path| {
                let sum = copy::sum(&backup.join(path)).unwrap();
                StoredFile {
                    path: path.to_owned(),
                    bytes: sum.bytes,
                    sha256: sum.sha256,
                }
            });
            let manifest = Manifest::new("plant", "2026-01-01T00:00:00Z".into(), files.into());
            manifest.write(&backup).unwrap();
            given
        }

        fn backup(&self) -> PathBuf {
            self.folder.path().join("backup")
        }

        fn data_dir(&self) -> DataDir {
            DataDir::at(self.folder.path().join("hub"))
        }

        fn restore(&self) -> Result<Manifest, RestoreError> {
            restore(&self.backup(), &self.data_dir(), |_| {})
        }

        /// What is beside the backup.
        fn left(&self) -> Vec<String> {
            let entries = fs::read_dir(self.folder.path()).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<_> = names.filter(|name| name != "backup").collect();
            names.sort();
            names
        }
    }

    #[test]
    fn a_missing_data_folder_and_an_empty_one_are_filled() {
        for exists in [false, true] {
            let given = Given::new();
            if exists {
                fs::create_dir(given.data_dir().root()).unwrap();
            }

            given.restore().unwrap();

            let state = given.data_dir().state().join("state.db");
            assert_eq!(fs::read(state).unwrap(), b"tables");
            assert_eq!(given.left(), ["hub"]);
            assert!(given.data_dir().open_for_serving().is_ok());
        }
    }

    #[test]
    fn a_data_folder_with_anything_in_it_is_left_as_it_is() {
        let given = Given::new();
        let root = given.data_dir().root().to_owned();
        fs::create_dir(&root).unwrap();
        fs::write(root.join("note"), "mine").unwrap();

        let refused = given.restore().unwrap_err();

        assert!(matches!(refused, RestoreError::NotEmpty(_)), "{refused}");
        assert_eq!(fs::read_dir(&root).unwrap().count(), 1);
        assert_eq!(given.left(), ["hub"]);
    }

    #[test]
    fn a_changed_file_a_longer_one_and_a_missing_one_restore_nothing() {
        let changes: [fn(&Path); 3] = [
            |file| fs::write(file, "tablet").unwrap(),
            |file| fs::write(file, "tables and more").unwrap(),
            |file| fs::remove_file(file).unwrap(),
        ];
        for change in changes {
            let given = Given::new();
            change(&given.backup().join("state/state.db"));

            let refused = given.restore().unwrap_err().to_string();

            assert!(refused.contains("state.db"), "{refused}");
            assert!(refused.contains("Nothing was restored"), "{refused}");
            assert!(given.left().is_empty(), "{:?}", given.left());
        }
    }

    #[test]
    fn what_a_broken_off_restore_left_is_cleared() {
        let given = Given::new();
        let draft = draft_of(given.data_dir().root());
        fs::create_dir_all(draft.join("state")).unwrap();
        fs::write(draft.join("state/state.db"), "half").unwrap();

        given.restore().unwrap();

        assert_eq!(given.left(), ["hub"]);
    }

    #[test]
    fn a_second_restore_at_the_same_time_is_refused() {
        let given = Given::new();
        let root = given.data_dir().root().to_owned();
        let _first = begin(&draft_of(&root), &root).unwrap();

        let refused = given.restore().unwrap_err();

        assert!(matches!(refused, RestoreError::UnderWay(_)), "{refused}");
    }

    #[test]
    fn too_little_room_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();

        let refused = require_room(folder.path(), u64::MAX / 2).unwrap_err();

        assert!(refused.to_string().contains("too little room"));
    }
}
