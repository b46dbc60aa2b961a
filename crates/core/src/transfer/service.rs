//! Starting, watching and cancelling jobs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::book::{Busy, INTERRUPTED, TransferBook};
use super::error::{CancelTransferError, StartTransferError, TransferError};
use super::export::Export;
use super::import::{FailureBlob, Import};
use super::job::{Ended, TransferId, TransferJob, TransferKind, TransferStatus};
use super::progress::Progress;
use crate::access::{RegistryReadPermit, RegistryWritePermit};
use crate::identities::Registry;
use crate::ids::HubName;
use crate::ports::{
    Change, CommitError, Conflict, Container, ContainerAddress, Containers, OpenedFor, Record,
    RecordKey, SnapshotStore, StateStore, StoreError, UnitOfWork,
};
use crate::time::Clock;

/// The blob of an import's failures.
const FAILURES: &str = "importErrors.log";
/// How long to wait before the end of a job is tried to be saved again.
const PATIENCE: Duration = Duration::from_secs(1);

/// An export as somebody wants it.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// Where to.
    pub to: ContainerAddress,
    /// Under which name.
    pub blob: String,
    /// Whether keys are left out.
    pub exclude_keys: bool,
    /// Who wants it.
    pub by: OpenedFor,
}

/// An import as somebody wants it.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// Where from.
    pub from: ContainerAddress,
    /// Which blob.
    pub blob: String,
    /// Where failures are written.
    pub failures_to: ContainerAddress,
    /// Who wants it.
    pub by: OpenedFor,
}

/// A job as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferView {
    /// The job.
    pub job: TransferJob,
    /// How far it is, in percent.
    pub progress: u8,
}

/// The imports and exports of all hubs.
pub struct Transfers {
    store: Arc<dyn StateStore>,
    snapshots: Arc<dyn SnapshotStore>,
    containers: Arc<dyn Containers>,
    registry: Arc<Registry>,
    clock: Arc<dyn Clock>,
    /// The job of each hub whose containers are being tried out.
    starting: Mutex<HashMap<HubName, TransferId>>,
    running: Mutex<HashMap<TransferId, Running>>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

/// What is known of a job that this process runs.
#[derive(Clone)]
struct Running {
    hub: HubName,
    id: TransferId,
    progress: Arc<Progress>,
    cancel: CancellationToken,
    /// Cancelled when its end is saved, or its task is gone.
    ended: CancellationToken,
}

/// A hub's turn to try out containers, given back when it is dropped.
struct Turn<'a> {
    starting: &'a Mutex<HashMap<HubName, TransferId>>,
    hub: HubName,
}

impl<'a> Turn<'a> {
    fn take(
        starting: &'a Mutex<HashMap<HubName, TransferId>>,
        hub: &HubName,
        job: &TransferId,
    ) -> Result<Self, Busy> {
        let mut taken = starting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = taken.get(hub) {
            return Err(Busy(other.clone()));
        }
        taken.insert(hub.clone(), job.clone());
        Ok(Turn {
            starting,
            hub: hub.clone(),
        })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut taken = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.hub);
    }
}

/// A job with all it needs.
enum Work {
    Export(Export),
    Import(Box<Import>),
}

impl Transfers {
    /// Imports and exports between a store and containers.
    pub fn new(
        store: Arc<dyn StateStore>,
        snapshots: Arc<dyn SnapshotStore>,
        containers: Arc<dyn Containers>,
        registry: Arc<Registry>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Transfers {
            store,
            snapshots,
            containers,
            registry,
            clock,
            starting: Mutex::default(),
            running: Mutex::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        }
    }

    /// Fails what an earlier process has left active. Call it before jobs can
    /// be started.
    pub async fn recover(&self) -> Result<(), StoreError> {
        for hub in self.store.hubs().await? {
            let now = self.clock.now();
            self.change_book(&hub, |book| Ok::<_, StoreError>(book.recover(now)))
                .await?;
        }
        Ok(())
    }

    /// Stops what runs, and returns when that is saved.
    pub async fn close(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// A hub's jobs, oldest first.
    pub async fn jobs(&self, permit: &RegistryReadPermit) -> Result<Vec<TransferView>, StoreError> {
        let hub = permit.hub().name();
        let stored = self.store.transfer_book(hub).await?;
        let jobs = stored.map(|stored| stored.value.jobs).unwrap_or_default();
        Ok(jobs.into_iter().map(|job| self.view(job)).collect())
    }

    /// A job.
    pub async fn job(
        &self,
        permit: &RegistryReadPermit,
        id: &TransferId,
    ) -> Result<Option<TransferView>, StoreError> {
        let jobs = self.jobs(permit).await?;
        Ok(jobs.into_iter().find(|view| view.job.id == *id))
    }

    /// Starts an export of the registry as it is now.
    pub async fn export(
        self: &Arc<Self>,
        permit: &RegistryWritePermit,
        request: ExportRequest,
    ) -> Result<TransferView, StartTransferError> {
        let hub = permit.hub().name().clone();
        let job = TransferJob::start(TransferKind::Export, request.exclude_keys, self.clock.now());
        let _turn = self.take_turn(&hub, &job.id).await?;
        let container = self.containers.open(&request.to, request.by)?;
        container.probe().await?;
        // A name that can't be used is told at once, too.
        let blob = container.write(&request.blob).await?;
        let progress = Arc::new(Progress::of(&hub, job.kind));
        let work = {
            let (this, hub, progress) = (self.clone(), hub.clone(), progress.clone());
            async move {
                Ok(Work::Export(Export {
                    blob,
                    snapshot: this.snapshots.registry_snapshot(&hub).await?,
                    exclude_keys: request.exclude_keys,
                    progress,
                }))
            }
        };
        self.start(hub, job, progress, work).await
    }

    /// Starts an import.
    pub async fn import(
        self: &Arc<Self>,
        permit: &RegistryWritePermit,
        request: ImportRequest,
    ) -> Result<TransferView, StartTransferError> {
        let hub = permit.hub().name().clone();
        let job = TransferJob::start(TransferKind::Import, false, self.clock.now());
        // Before anything is touched that belongs to a job in work.
        let _turn = self.take_turn(&hub, &job.id).await?;
        let from = self.containers.open(&request.from, request.by)?;
        let failures_to = self.containers.open(&request.failures_to, request.by)?;
        let reader = from.read(&request.blob).await?;
        // Its signature need not allow to delete, so nothing else is tried out;
        // and what an earlier import had to say is not taken for this one's.
        failures_to.write(FAILURES).await?.finish().await?;
        let progress = Arc::new(Progress::of(&hub, job.kind));
        let work = {
            let (registry, permit) = (self.registry.clone(), permit.clone());
            let progress = progress.clone();
            async move {
                let container: &dyn Container = &*failures_to;
                Ok(Work::Import(Box::new(Import {
                    registry,
                    permit,
                    reader,
                    failures: FailureBlob::begin(container, FAILURES).await?,
                    progress,
                })))
            }
        };
        self.start(hub, job, progress, work).await
    }

    /// Cancels a job; returns when it does nothing any more. One that has
    /// ended stays as it is.
    pub async fn cancel(
        &self,
        permit: &RegistryWritePermit,
        id: &TransferId,
    ) -> Result<TransferView, CancelTransferError> {
        let hub = permit.hub().name();
        let running = self.running(id);
        if let Some(running) = running.filter(|running| running.hub == *hub) {
            // What it had handed to the store is done before its end is saved.
            running.cancel.cancel();
            running.ended.cancelled().await;
        }
        let now = self.clock.now();
        // One that nobody runs is in the way of others, too.
        let book = self
            .change_book(hub, |book| {
                if book.job(id).is_none() {
                    return Err(CancelTransferError::NoSuchJob(id.clone()));
                }
                Ok(book.end(id, Ended::Cancelled, now))
            })
            .await?;
        let job = book.job(id).cloned();
        let job = job.ok_or_else(|| CancelTransferError::NoSuchJob(id.clone()))?;
        Ok(self.view(job))
    }

    /// Lets one job of a hub at a time try out its containers: the next one is
    /// refused as it would be once the first is claimed.
    async fn take_turn(
        &self,
        hub: &HubName,
        job: &TransferId,
    ) -> Result<Turn<'_>, StartTransferError> {
        let turn = Turn::take(&self.starting, hub, job)?;
        let stored = self.store.transfer_book(hub).await?;
        let active = stored.as_ref().and_then(|stored| stored.value.active());
        match active {
            Some(active) => Err(Busy(active.id.clone()).into()),
            None => Ok(turn),
        }
    }

    /// Claims the hub's one place for the job and runs it. In a task: a
    /// caller who goes away leaves no job behind that nobody runs.
    async fn start(
        self: &Arc<Self>,
        hub: HubName,
        job: TransferJob,
        progress: Arc<Progress>,
        work: impl Future<Output = Result<Work, TransferError>> + Send + 'static,
    ) -> Result<TransferView, StartTransferError> {
        if self.stopping.is_cancelled() {
            return Err(StartTransferError::Stopping);
        }
        let (told, answer) = oneshot::channel();
        let this = self.clone();
        self.tasks.spawn(async move {
            let running = Running {
                hub: hub.clone(),
                id: job.id.clone(),
                progress,
                cancel: this.stopping.child_token(),
                ended: CancellationToken::new(),
            };
            let _ended = running.ended.clone().drop_guard();
            // Before it is claimed: whoever sees the job can cancel it.
            this.lock().insert(job.id.clone(), running.clone());
            let claimed = this
                .change_book(&hub, |book| {
                    book.start(job.clone())?;
                    Ok::<_, StartTransferError>(true)
                })
                .await;
            // The caller may have gone, here and below.
            match claimed {
                Ok(_) => {
                    let _ = told.send(Ok(this.view(job)));
                    let how = this.clone().run(running.clone(), work).await;
                    running.progress.metrics.ended(&how);
                    this.end(&hub, &running.id, how).await;
                }
                Err(error) => {
                    let _ = told.send(Err(error));
                }
            }
            this.lock().remove(&running.id);
        });
        answer.await.unwrap_or(Err(StartTransferError::Stopping))
    }

    /// Runs a job on a thread of its own: it has much to compute, and would
    /// keep the threads that sessions live on from them.
    async fn run(
        self: Arc<Self>,
        running: Running,
        work: impl Future<Output = Result<Work, TransferError>> + Send + 'static,
    ) -> Ended {
        let id = running.id.clone();
        let runtime = Handle::current();
        let job = move || runtime.block_on(self.work(&running, work));
        let ended = spawn_blocking(job).await;
        ended.unwrap_or_else(|error| {
            tracing::error!(job = %id, %error, "an import or export has panicked");
            let reason = "the job has broken off".to_owned();
            Ended::Failed { reason }
        })
    }

    async fn work(
        &self,
        running: &Running,
        work: impl Future<Output = Result<Work, TransferError>>,
    ) -> Ended {
        let done = async {
            match work.await? {
                Work::Export(export) => export.run().await,
                Work::Import(import) => import.run().await,
            }
        };
        let Some(done) = running.cancel.run_until_cancelled(done).await else {
            return if self.stopping.is_cancelled() {
                let reason = INTERRUPTED.to_owned();
                Ended::Failed { reason }
            } else {
                Ended::Cancelled
            };
        };
        match done {
            Ok(()) => Ended::Completed,
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(job = %running.id, %error, source, "an import or export failed");
                let reason = error.to_string();
                Ended::Failed { reason }
            }
        }
    }

    /// Saves how a job ended, however long that takes: as long as it is not
    /// saved, the job is in the way of others.
    async fn end(&self, hub: &HubName, id: &TransferId, how: Ended) {
        loop {
            let now = self.clock.now();
            let saved = self
                .change_book(hub, |book| {
                    Ok::<_, StoreError>(book.end(id, how.clone(), now))
                })
                .await;
            let Err(error) = saved else {
                return;
            };
            tracing::error!(job = %id, %error, "the end of an import or export is not saved");
            let patience = tokio::time::sleep(PATIENCE);
            if self.stopping.run_until_cancelled(patience).await.is_none() {
                return;
            }
        }
    }

    /// Changes a hub's book, which `change` says whether it did; starts over
    /// if somebody was quicker.
    async fn change_book<E: From<StoreError>>(
        &self,
        hub: &HubName,
        change: impl Fn(&mut TransferBook) -> Result<bool, E>,
    ) -> Result<TransferBook, E> {
        loop {
            let stored = self.store.transfer_book(hub).await?;
            let revision = stored.as_ref().map(|stored| stored.revision);
            let mut book = stored.map(|stored| stored.value).unwrap_or_default();
            if !change(&mut book)? {
                return Ok(book);
            }
            let record = Record::TransferBook(book.clone());
            let change = match revision {
                None => Change::Insert(record),
                Some(revision) => Change::Replace(record, revision),
            };
            let work = UnitOfWork::new(hub.clone(), vec![change]);
            match self.store.commit(work).await {
                Ok(()) => return Ok(book),
                Err(CommitError::Conflict(Conflict(RecordKey::Hub))) => {
                    let gone = Conflict(RecordKey::Hub);
                    return Err(StoreError::not_written("the hub is gone", gone).into());
                }
                Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }

    fn view(&self, job: TransferJob) -> TransferView {
        let progress = match &job.status {
            TransferStatus::Running => self
                .running(&job.id)
                .map_or(0, |running| running.progress.percent()),
            TransferStatus::Ended {
                how: Ended::Completed,
                ..
            } => 100,
            TransferStatus::Ended { .. } => 0,
        };
        TransferView { job, progress }
    }

    fn running(&self, id: &TransferId) -> Option<Running> {
        self.lock().get(id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TransferId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
