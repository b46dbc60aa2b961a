//! Starting, watching and cancelling jobs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::book::{Busy, FOUND_ACTIVE, IN_DOUBT};
use super::error::{CancelTransferError, StartTransferError, TransferError};
use super::export::Export;
use super::import::{FailureBlob, Import};
use super::job::{Ended, TransferId, TransferJob, TransferKind, TransferStatus};
use super::ledger::Ledger;
use super::progress::Progress;
use super::running::{Running, Work};
use super::turn::{Turn, Turns};
use crate::access::{RegistryReadPermit, RegistryWritePermit};
use crate::identities::Registry;
use crate::ids::HubName;
use crate::ports::{
    Container, ContainerAddress, Containers, OpenedFor, SnapshotStore, StateStore, StoreError,
};
use crate::time::Clock;

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
    /// Into which blob: never the one that is read, wherever that is.
    pub failures_blob: String,
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
    ledger: Arc<Ledger>,
    snapshots: Arc<dyn SnapshotStore>,
    containers: Arc<dyn Containers>,
    registry: Arc<Registry>,
    clock: Arc<dyn Clock>,
    turns: Turns,
    running: Mutex<HashMap<TransferId, Running>>,
    tasks: TaskTracker,
    stopping: CancellationToken,
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
            ledger: Arc::new(Ledger::new(store, clock.clone())),
            snapshots,
            containers,
            registry,
            clock,
            turns: Turns::default(),
            running: Mutex::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        }
    }

    /// Fails what an earlier process has left active. Call it before jobs can
    /// be started. That is saved as soon as the store takes it.
    pub async fn recover(&self) -> Result<(), StoreError> {
        for hub in self.ledger.hubs().await? {
            let book = self.ledger.book(&hub).await?;
            if let Some(left) = book.active() {
                let reason = FOUND_ACTIVE.to_owned();
                self.note_end(hub, left.id.clone(), Ended::Failed { reason });
            }
        }
        Ok(())
    }

    /// Stops what runs, and returns when that is saved, or can't be.
    pub async fn close(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// A hub's jobs, oldest first.
    pub async fn jobs(&self, permit: &RegistryReadPermit) -> Result<Vec<TransferView>, StoreError> {
        let book = self.ledger.book(permit.hub().name()).await?;
        Ok(book.jobs.into_iter().map(|job| self.view(job)).collect())
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
        let failures = request.failures_blob;
        if failures == request.blob {
            return Err(StartTransferError::OneBlob(failures));
        }
        let job = TransferJob::start(TransferKind::Import, false, self.clock.now());
        // Before anything is touched that belongs to a job in work.
        let _turn = self.take_turn(&hub, &job.id).await?;
        let from = self.containers.open(&request.from, request.by)?;
        let failures_to = self.containers.open(&request.failures_to, request.by)?;
        let reader = from.read(&request.blob).await?;
        // Its signature need not allow to delete, so nothing else is tried out;
        // and what an earlier import had to say is not taken for this one's.
        failures_to.put_empty(&failures).await?;
        let progress = Arc::new(Progress::of(&hub, job.kind));
        let work = {
            let (registry, permit) = (self.registry.clone(), permit.clone());
            let progress = progress.clone();
            async move {
                let container: &dyn Container = &*failures_to;
                let failures = FailureBlob::begin(container, &failures).await?;
                let import = Import::new(registry, permit, reader, failures, progress);
                Ok(Work::Import(Box::new(import)))
            }
        };
        self.start(hub, job, progress, work).await
    }

    /// Cancels a job; returns when it does nothing any more. One that has
    /// ended stays as it is. While the store refuses writes, that it is
    /// cancelled is saved later.
    pub async fn cancel(
        &self,
        permit: &RegistryWritePermit,
        id: &TransferId,
    ) -> Result<TransferView, CancelTransferError> {
        let hub = permit.hub().name();
        let running = self.running(id);
        if let Some(running) = running.filter(|running| running.hub == *hub) {
            running.cancel.cancel();
            running.ended.cancelled().await;
        }
        let found = self.ledger.book(hub).await?.job(id).cloned();
        let found = found.ok_or_else(|| CancelTransferError::NoSuchJob(id.clone()))?;
        if found.is_active() {
            // One that nobody runs is in the way of others, too.
            self.note_end(hub.clone(), id.clone(), Ended::Cancelled);
        }
        // What it had handed to the store is done before this is.
        if let Err(error) = self.ledger.save(hub).await {
            tracing::warn!(job = %id, %error, "that a job is cancelled is saved later");
        }
        let job = self.ledger.book(hub).await?.job(id).cloned();
        Ok(self.view(job.unwrap_or(found)))
    }

    /// Lets one job of a hub at a time try out its containers: the next one is
    /// refused as it would be once the first is claimed.
    async fn take_turn(
        &self,
        hub: &HubName,
        job: &TransferId,
    ) -> Result<Turn<'_>, StartTransferError> {
        let turn = self.turns.take(hub, job)?;
        match self.ledger.book(hub).await?.active() {
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
            let running = Running::new(hub.clone(), job.id.clone(), progress, &this.stopping);
            let _ended = running.ended.clone().drop_guard();
            // Before it is claimed: whoever sees the job can cancel it.
            this.lock().insert(job.id.clone(), running.clone());
            // The caller may have gone, here and below.
            if let Err(error) = this.claim(&hub, &job).await {
                this.lock().remove(&job.id);
                let _ = told.send(Err(error));
                return;
            }
            let id = job.id.clone();
            let _ = told.send(Ok(this.view(job)));
            let how = running.run(work).await;
            running.progress.metrics.ended(&how);
            this.note_end(hub, id.clone(), how);
            this.lock().remove(&id);
        });
        answer.await.unwrap_or(Err(StartTransferError::Stopping))
    }

    async fn claim(&self, hub: &HubName, job: &TransferJob) -> Result<(), StartTransferError> {
        let claimed = self.ledger.change(hub, |book| {
            book.start(job.clone())?;
            Ok::<_, StartTransferError>(true)
        });
        let claimed = claimed.await.map(drop);
        if let Err(StartTransferError::Store(error)) = &claimed
            && !error.certainly_not_written()
        {
            // Nobody runs it: should it be claimed, it is in nobody's way.
            let reason = IN_DOUBT.to_owned();
            self.note_end(hub.clone(), job.id.clone(), Ended::Failed { reason });
        }
        claimed
    }

    /// From now on the job has ended for everyone; the store learns it when it
    /// can.
    fn note_end(&self, hub: HubName, id: TransferId, how: Ended) {
        self.ledger.note(&hub, &id, how);
        let (ledger, stopping) = (self.ledger.clone(), self.stopping.clone());
        self.tasks
            .spawn(async move { ledger.save_end(&hub, &id, &stopping).await });
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
