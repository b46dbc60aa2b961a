//! The folder of a backup: what will do, and what is left when it came to
//! nothing.

use std::fs;
use std::io;
use std::path::Path;

use crate::private_file;

/// Makes the folder, or takes an empty one; refuses any other in words for a
/// person.
pub fn prepare(folder: &Path, data_dir: &Path) -> Result<(), String> {
    let shown = folder.display();
    if !folder.is_absolute() {
        return Err(format!(
            "{shown} is no absolute path: name the folder of a backup from the root on"
        ));
    }
    let failed = |error: io::Error| {
        format!("could not use {shown} ({error}): choose a folder that the hub's account may write")
    };
    match fs::read_dir(folder) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(format!(
                    "{shown} is not empty: a backup wants a folder of its own, choose one that is not there yet"
                ));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            private_file::create_folder(folder).map_err(failed)?;
        }
        Err(error) => return Err(failed(error)),
    }
    let inside = folder.canonicalize().map_err(failed)?;
    if data_dir
        .canonicalize()
        .is_ok_and(|data| inside.starts_with(data))
    {
        // Empty, so that nothing but what was made above goes.
        let _ = fs::remove_dir(folder);
        return Err(format!(
            "{shown} is in the data folder, and would be lost with it: choose a folder elsewhere, best on another disk"
        ));
    }
    private_file::keep_to_owner(folder).map_err(failed)
}

/// Removes what a backup that came to nothing wrote into its own folder.
pub fn clear(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let removed = match entry.file_type() {
            Ok(kind) if kind.is_dir() => fs::remove_dir_all(&path),
            _ => fs::remove_file(&path),
        };
        if let Err(error) = removed {
            tracing::warn!(path = %path.display(), %error, "could not remove part of a broken-off backup");
        }
    }
    // Gone if nobody has put something there.
    let _ = fs::remove_dir(folder);
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn folders_that_will_not_do_are_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir_all(&data).unwrap();
        let full = folder.path().join("full");
        fs::create_dir(&full).unwrap();
        fs::write(full.join("note"), "mine").unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "mine").unwrap();

        for (path, word) in [
            (PathBuf::from("backups/1"), "no absolute path"),
            (full, "not empty"),
            (data.join("backup"), "in the data folder"),
            (file.clone(), "could not use"),
        ] {
            let refused = prepare(&path, &data).unwrap_err();

            assert!(refused.contains(word), "{refused}");
        }
        assert!(!data.join("backup").exists());
        assert_eq!(fs::read(file).unwrap(), b"mine");
    }

    #[cfg(unix)]
    #[test]
    fn a_new_folder_and_an_empty_one_are_kept_to_their_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();

        for path in [folder.path().join("new/below"), open] {
            prepare(&path, &folder.path().join("data")).unwrap();

            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", path.display());
        }
    }

    #[test]
    fn a_broken_off_backup_takes_its_files_and_its_folder_along() {
        let folder = tempfile::tempdir().unwrap();
        let backup = folder.path().join("backup");
        fs::create_dir_all(backup.join("state")).unwrap();
        fs::write(backup.join("state/state.db"), "half").unwrap();

        clear(&backup);

        assert!(!backup.exists());
    }
}
