//! Folders of this machine, and the blobs that exports and imports write there.
//!
//! What is written may hold keys: it is for the hub's owner alone from its
//! first byte on. It is written elsewhere and gets its name once it is whole:
//! beside it if it may take another's place, and in a hidden folder of the
//! container if it must not. What a hub that broke off has left goes when the
//! same blob, or any new one, is written. The hub's own folder is no container: a blob could take the place of
//! the hub's state.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path as BlobPath;
use tokio::task::spawn_blocking;
use twinhub_core::ports::{BlobWriter, ContainerError};

use crate::errors::failed;

/// A folder that is a container.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
    /// The hub's own, in which no blob is.
    own: Option<PathBuf>,
}

impl Folder {
    /// Whether it is there is found out by using it.
    pub(crate) fn new(root: PathBuf, own: Option<PathBuf>) -> Self {
        Folder { root, own }
    }

    /// Whether all of it is in the hub's own folder.
    pub(crate) fn is_own(&self) -> bool {
        self.is_in_own(&self.root)
    }

    /// Refuses blobs that would be in the hub's own folder.
    pub(crate) fn check(&self, blob: &BlobPath) -> Result<(), ContainerError> {
        if self.is_in_own(&self.root.join(blob.as_ref())) {
            let problem = "it would be in the hub's data folder";
            return Err(failed(blob.to_string(), problem));
        }
        Ok(())
    }

    fn is_in_own(&self, path: &Path) -> bool {
        let own = self.own.as_deref();
        let own = own.and_then(|own| own.canonicalize().ok());
        // What is not there yet is where its folder is.
        let place = path.ancestors().find_map(|step| step.canonicalize().ok());
        own.zip(place)
            .is_some_and(|(own, place)| place.starts_with(own))
    }

    /// Begins a blob that takes the place of what has its name.
    pub(crate) async fn write(&self, blob: &BlobPath) -> Result<FileWriter, ContainerError> {
        let mut unfinished = self.root.join(blob.as_ref()).into_os_string();
        unfinished.push(".tmp");
        self.begin(blob, unfinished.into(), false).await
    }

    /// Begins a blob that takes nobody's place.
    pub(crate) async fn write_new(&self, blob: &BlobPath) -> Result<FileWriter, ContainerError> {
        let folder = self.root.join(UNFINISHED);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let unfinished = folder.join(format!("{}-{number}", std::process::id()));
        let cleared = run(move || clear(&folder)).await;
        cleared.map_err(|error| told(blob.as_ref(), &error))?;
        self.begin(blob, unfinished, true).await
    }

    async fn begin(
        &self,
        blob: &BlobPath,
        unfinished: PathBuf,
        is_new: bool,
    ) -> Result<FileWriter, ContainerError> {
        let path = unfinished.clone();
        let file = run(move || begin(&path)).await;
        Ok(FileWriter {
            blob: blob.to_string(),
            name: self.root.join(blob.as_ref()),
            unfinished,
            is_new,
            file: Some(Arc::new(file.map_err(|error| told(blob.as_ref(), &error))?)),
        })
    }
}

/// Where new blobs are until they are whole.
const UNFINISHED: &str = ".twinhub-unfinished";
/// Tells them from each other.
static NUMBER: AtomicU64 = AtomicU64::new(0);
/// Held while a file is made and locked, and while those without a lock go.
static BEGINNING: Mutex<()> = Mutex::new(());

/// Takes away what nobody writes any more.
fn clear(folder: &Path) -> io::Result<()> {
    let _beginning = BEGINNING.lock().unwrap_or_else(PoisonError::into_inner);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        // Another process may have done so.
        if let Ok(file) = File::open(&path)
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(&path);
        }
    }
    Ok(())
}

/// A file that only its owner can read, and that is locked: by its lock, what
/// is left over is told from what somebody writes.
fn begin(path: &Path) -> io::Result<File> {
    let _beginning = BEGINNING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    if let Ok(found) = File::open(path) {
        found.try_lock()?;
        fs::remove_file(path)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    file.try_lock()?;
    Ok(file)
}

/// A blob that is being written into a folder.
pub(crate) struct FileWriter {
    blob: String,
    name: PathBuf,
    unfinished: PathBuf,
    /// Whether it must not take another's place.
    is_new: bool,
    /// Until it has its name.
    file: Option<Arc<File>>,
}

#[async_trait]
impl BlobWriter for FileWriter {
    async fn put(&mut self, bytes: Bytes) -> Result<(), ContainerError> {
        let Some(file) = self.file.clone() else {
            return Ok(());
        };
        let written = run(move || (&*file).write_all(&bytes)).await;
        written.map_err(|error| told(&self.blob, &error))
    }

    async fn finish(mut self: Box<Self>) -> Result<(), ContainerError> {
        let Some(file) = self.file.clone() else {
            return Ok(());
        };
        let (from, to, is_new) = (self.unfinished.clone(), self.name.clone(), self.is_new);
        let finished = run(move || {
            file.sync_all()?;
            let folder = to.parent();
            if is_new {
                folder.map_or(Ok(()), fs::create_dir_all)?;
                fs::hard_link(&from, &to)?;
                fs::remove_file(&from)?;
            } else {
                fs::rename(&from, &to)?;
            }
            folder.map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        });
        match finished.await {
            Ok(()) => {
                self.file = None;
                Ok(())
            }
            Err(error) => Err(told(&self.blob, &error)),
        }
    }
}

/// Nothing is left of a blob that nobody finishes.
impl Drop for FileWriter {
    fn drop(&mut self) {
        if self.file.is_some() {
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}

async fn run<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

fn told(blob: &str, error: &io::Error) -> ContainerError {
    let blob = blob.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound => ContainerError::NotFound { blob },
        io::ErrorKind::AlreadyExists => failed(blob, "somebody else has written it meanwhile"),
        io::ErrorKind::PermissionDenied => failed(blob, "the hub may not write there"),
        io::ErrorKind::WouldBlock => failed(blob, "somebody else writes it at the moment"),
        io::ErrorKind::StorageFull => failed(blob, "the disk is full"),
        _ => failed(blob, &error.to_string()),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let names = entries.map(|entry| name(entry).into_string().unwrap());
        names.collect()
    }

    #[tokio::test]
    async fn what_is_written_is_for_its_owner_alone_from_the_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let container = Folder::new(folder.path().to_owned(), None);
        let mode = |name: &str| {
            let file = fs::metadata(folder.path().join(name)).unwrap();
            file.permissions().mode() & 0o777
        };

        let mut writer = container.write(&"devices.txt".into()).await.unwrap();
        writer.put(Bytes::from_static(b"key")).await.unwrap();
        assert_eq!(mode("devices.txt.tmp"), 0o600);
        Box::new(writer).finish().await.unwrap();

        assert_eq!(mode("devices.txt"), 0o600);
        assert_eq!(names(folder.path()), ["devices.txt"]);
    }

    #[tokio::test]
    async fn what_was_left_over_goes_and_what_somebody_writes_stays() {
        let folder = tempfile::tempdir().unwrap();
        let container = Folder::new(folder.path().to_owned(), None);
        fs::write(folder.path().join("devices.txt.tmp"), "left").unwrap();

        let mut first = container.write(&"devices.txt".into()).await.unwrap();
        first.put(Bytes::from_static(b"first")).await.unwrap();
        let second = container.write(&"devices.txt".into()).await;

        assert!(matches!(second, Err(ContainerError::Failed { .. })));
        Box::new(first).finish().await.unwrap();
        let whole = fs::read(folder.path().join("devices.txt")).unwrap();
        assert_eq!(whole, b"first");
        drop(container.write(&"devices.txt".into()).await.unwrap());
        assert_eq!(names(folder.path()), ["devices.txt"]);
    }

    #[tokio::test]
    async fn of_new_blobs_nothing_is_seen_or_left_by_who_broke_off() {
        let folder = tempfile::tempdir().unwrap();
        let container = Folder::new(folder.path().to_owned(), None);
        let unfinished = folder.path().join(UNFINISHED);
        fs::create_dir(&unfinished).unwrap();
        fs::write(unfinished.join("1-7"), "left").unwrap();

        let mut first = container.write_new(&"hub/05.json".into()).await.unwrap();
        first.put(Bytes::from_static(b"first")).await.unwrap();
        let second = container.write_new(&"hub/06.json".into()).await.unwrap();

        assert_eq!(names(folder.path()), [UNFINISHED]);
        assert_eq!(names(&unfinished).len(), 2);
        Box::new(first).finish().await.unwrap();
        drop(second);
        assert_eq!(names(&unfinished), [""; 0]);
        assert_eq!(names(&folder.path().join("hub")), ["05.json"]);
        let whole = fs::metadata(folder.path().join("hub/05.json")).unwrap();
        assert_eq!(whole.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn nothing_is_in_the_hubs_own_folder() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        fs::create_dir_all(own.join("state")).unwrap();
        fs::create_dir(folder.path().join("owner")).unwrap();
        symlink(&own, folder.path().join("link")).unwrap();
        let container = |name: &str| Folder::new(folder.path().join(name), Some(own.clone()));

        for inside in ["own", "own/state", "link", "link/state", "own/new"] {
            assert!(container(inside).is_own(), "{inside}");
        }
        for (root, blob, is_refused) in [
            ("", "own/state/state.db", true),
            ("", "link/new/devices.txt", true),
            ("", "devices.txt", false),
            ("owner", "own/devices.txt", false),
        ] {
            assert!(!container(root).is_own(), "{root}");
            let checked = container(root).check(&blob.into());
            assert_eq!(checked.is_err(), is_refused, "{root} {blob}");
        }
    }
}
