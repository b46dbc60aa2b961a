//! The folder of a backlog, which goes when the last who needs it has gone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How often it is tried: a reader may still be writing an index into it.
const ATTEMPTS: usize = 3;

pub(super) struct Place {
    path: PathBuf,
    leaves: AtomicBool,
}

impl Place {
    pub fn of(path: PathBuf) -> Arc<Self> {
        Arc::new(Place {
            path,
            leaves: AtomicBool::new(false),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it as soon as nobody needs it.
    pub fn leave(&self) {
        self.leaves.store(true, Ordering::Release);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.leaves.load(Ordering::Acquire) {
            return;
        }
        if let Err(error) = remove(&self.path) {
            let folder = self.path.display();
            tracing::warn!(%folder, %error, "could not remove the backlog of an endpoint");
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    let mut removed = fs::remove_dir_all(path);
    for _ in 1..ATTEMPTS {
        match &removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                removed = fs::remove_dir_all(path);
            }
            _ => break,
        }
    }
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
