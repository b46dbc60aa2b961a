//! Makes backups of the running hub, one at a time, in the background.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use twinhub_core::presence::PresenceBook;
use twinhub_core::time::{Clock, Timestamp};
use twinhub_embedded::{BackupError, Engine, LocalBacklogs, LocalEventLog, Moment};
use twinhub_http::{BackupState, BackupStatus, Backups, CannotBackUp};

use super::copy::{self, Sum};
use super::folder;
use super::manifest::{Manifest, StoredFile};
use crate::data_dir::DataDir;
use crate::private_file;

/// Room that is left to others.
const LEFT_TO_OTHERS: u64 = 64 << 20;

/// Makes backups of one hub.
pub struct HubBackups {
    source: Arc<Source>,
    clock: Arc<dyn Clock>,
    latest: Mutex<Option<Latest>>,
}

/// What is backed up.
pub struct Source {
    /// The hub's name.
    pub hub: String,
    /// Its state.
    pub engine: Arc<Engine>,
    /// Its events.
    pub events: Arc<LocalEventLog>,
    /// What waits for its endpoints.
    pub backlogs: Arc<LocalBacklogs>,
    /// Who was seen when, which is written behind.
    pub presence: Arc<PresenceBook>,
    /// Where the rest is.
    pub data_dir: DataDir,
}

struct Latest {
    run: Arc<Run>,
    task: Option<JoinHandle<()>>,
}

/// One backup.
struct Run {
    folder: PathBuf,
    status: Mutex<BackupStatus>,
    cancelled: AtomicBool,
}

/// Why a backup came to nothing.
#[derive(Debug, thiserror::Error)]
enum TakeError {
    #[error(transparent)]
    Moment(#[from] BackupError),
    #[error(
        "there is too little room: the backup needs {}, and {} are free where {} is",
        copy::shown(*needed),
        copy::shown(*free),
        folder.display()
    )]
    NoRoom {
        folder: PathBuf,
        needed: u64,
        free: u64,
    },
    #[error("could not use {}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the backup was cancelled")]
    Cancelled,
    #[error("the backup broke off")]
    Panicked(#[from] tokio::task::JoinError),
}

impl HubBackups {
    /// Backups of one hub.
    pub fn new(source: Source, clock: Arc<dyn Clock>) -> Self {
        HubBackups {
            source: Arc::new(source),
            clock,
            latest: Mutex::new(None),
        }
    }

    /// Returns once `shutdown` has come and no backup is under way: one that
    /// was is given up.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        shutdown.cancelled().await;
        self.cancel();
        let task = self.lock().as_mut().and_then(|latest| latest.task.take());
        if let Some(task) = task {
            // It reports its own failures.
            let _ = task.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Latest>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backups for HubBackups {
    fn start(&self, folder: PathBuf) -> Result<BackupStatus, CannotBackUp> {
        let mut latest = self.lock();
        if let Some(under_way) = latest.as_ref().filter(|latest| latest.run.is_running()) {
            return Err(CannotBackUp::Busy(under_way.run.folder.clone()));
        }
        folder::prepare(&folder, self.source.data_dir.root()).map_err(CannotBackUp::Folder)?;
        let run = Arc::new(Run::begin(folder));
        let status = run.status().clone();
        let working = run.clone().work(self.source.clone(), self.clock.clone());
        *latest = Some(Latest {
            run,
            task: Some(Handle::current().spawn(working)),
        });
        Ok(status)
    }

    fn latest(&self) -> Option<BackupStatus> {
        self.lock()
            .as_ref()
            .map(|latest| latest.run.status().clone())
    }

    fn cancel(&self) -> Option<BackupStatus> {
        if let Some(latest) = &*self.lock() {
            latest.run.cancelled.store(true, Ordering::Relaxed);
        }
        self.latest()
    }
}

impl Run {
    fn begin(folder: PathBuf) -> Self {
        Run {
            status: Mutex::new(BackupStatus {
                folder: folder.clone(),
                state: BackupState::Running,
                moment: None,
                written: 0,
                expected: 0,
            }),
            folder,
            cancelled: AtomicBool::new(false),
        }
    }

    fn status(&self) -> MutexGuard<'_, BackupStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_running(&self) -> bool {
        self.status().state == BackupState::Running
    }

    fn wrote(&self, bytes: u64) -> bool {
        self.status().written += bytes;
        !self.cancelled.load(Ordering::Relaxed)
    }

    async fn work(self: Arc<Self>, source: Arc<Source>, clock: Arc<dyn Clock>) {
        let folder = self.folder.display();
        tracing::info!(%folder, "backup begun");
        let made = self.make(source, clock.now()).await;
        let state = match made {
            Ok(()) => {
                tracing::info!(%folder, bytes = self.status().written, "backup completed");
                BackupState::Completed
            }
            Err(TakeError::Cancelled | TakeError::Moment(BackupError::Cancelled)) => {
                tracing::info!(%folder, "backup cancelled");
                folder::clear(&self.folder);
                BackupState::Cancelled
            }
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::error!(%folder, error, "backup failed");
                folder::clear(&self.folder);
                BackupState::Failed(error)
            }
        };
        self.status().state = state;
    }

    /// Everything that was acknowledged before `now` will be in it.
    async fn make(self: &Arc<Self>, source: Arc<Source>, now: Timestamp) -> Result<(), TakeError> {
        if let Err(error) = source.presence.write_behind(&*source.engine).await {
            tracing::warn!(%error, "the backup lacks the last activity");
        }
        let (events, backlogs) = (source.events.clone(), source.backlogs.clone());
        let moment = Moment::take(&source.engine, events, backlogs).await?;
        {
            let mut status = self.status();
            status.moment = Some(now);
            status.expected = moment.bytes();
        }
        let run = self.clone();
        let files = tokio::task::spawn_blocking(move || run.write(&source, moment, now));
        files.await?
    }

    fn write(&self, source: &Source, moment: Moment, now: Timestamp) -> Result<(), TakeError> {
        self.require_room(moment.bytes())?;
        let mut files = self.state_and_events(moment)?;
        files.extend(self.small_files(&source.data_dir)?);
        for folder in folders_of(&files, &self.folder) {
            copy::sync_folder(&folder).map_err(io_error(&folder))?;
        }
        if !self.wrote(0) {
            return Err(TakeError::Cancelled);
        }
        Manifest::new(&source.hub, now.to_string(), files)
            .write(&self.folder)
            .map_err(io_error(&self.folder))
    }

    fn require_room(&self, bytes: u64) -> Result<(), TakeError> {
        let needed = bytes.saturating_add(LEFT_TO_OTHERS);
        match copy::free_space(&self.folder) {
            Some(free) if free < needed => Err(TakeError::NoRoom {
                folder: self.folder.clone(),
                needed,
                free,
            }),
            _ => Ok(()),
        }
    }

    fn state_and_events(&self, mut moment: Moment) -> Result<Vec<StoredFile>, TakeError> {
        let mut files = Vec::new();
        let folder = self.folder_below("state")?;
        let copied = moment.copy_state(&folder, |bytes| {
            if self.wrote(bytes) {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        if let Some(name) = copied {
            let path = folder.join(name);
            let sum = copy::sum(&path).map_err(io_error(&path))?;
            files.push(stored(format!("state/{name}"), sum));
        }
        for part in moment {
            let below = format!("log/{}", part.path());
            if let Some((folder, _)) = below.rsplit_once('/') {
                self.folder_below(folder)?;
            }
            let path = self.folder.join(&below);
            let mut from = part.open().map_err(io_error(&path))?;
            let sum = self.copy(&mut *from, &path)?;
            files.push(stored(below, sum));
        }
        Ok(files)
    }

    /// What else a hub needs to be the same one for its clients.
    fn small_files(&self, data_dir: &DataDir) -> Result<Vec<StoredFile>, TakeError> {
        let mut files = Vec::new();
        for name in data_dir.kept_files() {
            let from = data_dir.root().join(&name);
            let mut source = match fs::File::open(&from) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(io_error(&from))?,
            };
            if let Some((below, _)) = name.rsplit_once('/') {
                self.folder_below(below)?;
            }
            let sum = self.copy(&mut source, &self.folder.join(&name))?;
            files.push(stored(name, sum));
        }
        Ok(files)
    }

    fn copy(&self, from: &mut dyn io::Read, to: &Path) -> Result<Sum, TakeError> {
        let mut go_on = true;
        let copied = copy::to_new_file(from, to, |bytes| {
            go_on = self.wrote(bytes);
            if go_on {
                Ok(())
            } else {
                Err(io::ErrorKind::Other.into())
            }
        });
        match copied {
            Err(_) if !go_on => Err(TakeError::Cancelled),
            copied => copied.map_err(io_error(to)),
        }
    }

    fn folder_below(&self, name: &str) -> Result<PathBuf, TakeError> {
        let folder = self.folder.join(name);
        private_file::create_folder(&folder).map_err(io_error(&folder))?;
        Ok(folder)
    }
}

fn stored(path: String, sum: Sum) -> StoredFile {
    StoredFile {
        path,
        bytes: sum.bytes,
        sha256: sum.sha256,
    }
}

/// All folders that hold files, or such folders.
fn folders_of(files: &[StoredFile], root: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for file in files {
        let path = file.below(root);
        let above = path
            .ancestors()
            .skip(1)
            .take_while(|at| at.starts_with(root));
        folders.extend(above.map(Path::to_owned));
    }
    folders.sort();
    folders.dedup();
    folders
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> TakeError {
    let path = path.to_owned();
    move |source| TakeError::Io { path, source }
}
