//! The state port on SQLite.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::watch;
use twinhub_core::certificates::Authority;
use twinhub_core::consumer_groups::ConsumerGroup;
use twinhub_core::hubs::HubRecord;
use twinhub_core::identities::{DeviceIdentity, Identity, ModuleIdentity};
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::policies::Policy;
use twinhub_core::ports::{
    CommitError, IdentityCounts, Registered, SessionRecord, Sessions, StateStore, StoreError,
    Stored, UnitOfWork,
};
use twinhub_core::presence::Activity;
use twinhub_core::routing::RoutingSettings;
use twinhub_core::transfer::TransferBook;
use twinhub_core::twins::Twin;

use crate::checkpointer::{self, CheckpointSignal, Checkpointer, LongRead};
use crate::counts::Counts;
use crate::errors::read_failed;
use crate::indexes::book::IndexBook;
use crate::indexes::builder::IndexBuilder;
use crate::indexes::demand::Demand;
use crate::indexes::{self, IndexSettings, QueryIndex};
use crate::open::{OpenError, StateFile};
use crate::outbox::room::Room;
use crate::point_reads::PointReads;
use crate::readers::Readers;
use crate::records::DocumentRow;
use crate::schema;
use crate::tables;
use crate::tables::documents::{AUTHORITIES, CONSUMER_GROUPS, POLICIES, ROUTING, TRANSFERS};
use crate::unit::{SessionWrites, Unit};
use crate::writer::{Workbench, Writer};

/// Identities in one unit of activity: others' writes get in between.
const ACTIVITY_PER_UNIT: usize = 500;

/// The state of all hubs of this process, in one folder.
///
/// Dropping it waits until what is queued is written.
pub struct Engine {
    // In the order in which they end: the last connection to go tidies up.
    index_builder: IndexBuilder,
    writer: Writer,
    checkpointer: Checkpointer,
    readers: Readers,
    point_reads: PointReads,
    counts: Arc<Counts>,
    session_writes: SessionWrites,
    outbox: watch::Receiver<u64>,
    room: Arc<Room>,
    file: StateFile,
    checkpoint: Arc<CheckpointSignal>,
    demand: Arc<Demand>,
}

impl Engine {
    /// Opens the state in `folder`, which is made if it is missing.
    /// Announcements of what is committed go to `sessions`.
    ///
    /// The caller holds the folder's lock: two engines on one folder would
    /// each miss what the other does.
    pub fn open(folder: &Path, sessions: Arc<dyn Sessions>) -> Result<Self, OpenError> {
        Engine::open_with(folder, sessions, IndexSettings::default())
    }

    /// Opens the state as [`open`](Engine::open) does, with settings for the
    /// indexes of queries.
    pub fn open_with(
        folder: &Path,
        sessions: Arc<dyn Sessions>,
        indexes: IndexSettings,
    ) -> Result<Self, OpenError> {
        let (file, connection) = StateFile::open(folder)?;
        let refused = |error| file.refused(error);
        let last_revision = schema::last_revision(&connection).map_err(refused)?;
        let counts = Arc::new(Counts::default());
        counts.load(&connection).map_err(refused)?;
        let room = Arc::new(Room::default());
        room.load(&connection).map_err(refused)?;
        let book = IndexBook::load(&connection).map_err(refused)?;
        let readers = Readers::start(&file)?;
        let point_reads = PointReads::open(&file)?;
        let signal = Arc::new(CheckpointSignal::default());
        // What a crash left in the log.
        signal.written();
        let checkpoints = file.checkpointer(checkpointer::PATIENCE).map_err(refused)?;
        let checkpointer =
            Checkpointer::start(checkpoints, signal.clone()).map_err(OpenError::Thread)?;
        let (outbox, outbox_commits) = watch::channel(0);
        let workbench = Workbench {
            connection,
            file: file.clone(),
            counts: counts.clone(),
            sessions,
            checkpoint: signal.clone(),
            outbox,
            room: room.clone(),
            indexes: book,
        };
        let writer =
            Writer::start(workbench, last_revision.cast_unsigned()).map_err(OpenError::Thread)?;
        let demand = Arc::new(Demand::new(indexes));
        let index_builder = IndexBuilder::start(&file, writer.handle(), demand.clone())?;
        Ok(Engine {
            index_builder,
            writer,
            checkpointer,
            readers,
            point_reads,
            counts,
            session_writes: SessionWrites::default(),
            outbox: outbox_commits,
            room,
            file,
            checkpoint: signal,
            demand,
        })
    }

    /// Reads a row or two, here and now.
    pub(crate) fn read_point<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.point_reads.read(read)
    }

    /// Reads with one of the connections that have a thread of their own.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.read(read).await
    }

    /// The connections that have a thread of their own.
    pub(crate) fn readers(&self) -> &Readers {
        &self.readers
    }

    /// Writes a unit, durably, or none of it.
    pub(crate) async fn write(&self, unit: Unit) -> Result<(), CommitError> {
        self.writer.commit(unit).await
    }

    /// Moves with every commit that put events into an outbox.
    pub(crate) fn outbox_watch(&self) -> watch::Receiver<u64> {
        self.outbox.clone()
    }

    /// Returns when what is queued now is written or refused.
    async fn pass_queued(&self, hub: &HubName) -> Result<(), StoreError> {
        match self.writer.commit(Unit::empty(hub.clone())).await {
            Ok(()) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
            Err(CommitError::Conflict(_)) => unreachable!("it has no precondition"),
        }
    }

    /// What queries looked for.
    pub(crate) fn demand(&self) -> &Arc<Demand> {
        &self.demand
    }

    /// The indexes of a hub's twins that were made for its queries.
    pub async fn query_indexes(&self, hub: &HubName) -> Result<Vec<QueryIndex>, StoreError> {
        let hub = hub.clone();
        self.read(move |connection| indexes::of_hub(connection, &hub).map_err(read_failed))
            .await
    }

    /// A connection for one long read, and what keeps the checkpointer from
    /// waiting for it.
    pub(crate) fn long_reader(&self) -> Result<(Connection, LongRead), StoreError> {
        let connection = self.file.reader().map_err(read_failed)?;
        Ok((connection, self.checkpoint.long_read()))
    }

    /// Does something short while nothing is being committed.
    pub(crate) async fn between_commits<T: Send + 'static>(
        &self,
        act: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.pause(act).await
    }

    /// Takes nothing more; returns when everything queued is on disk or
    /// refused. What comes later is told [`StoreError::closed`].
    pub async fn close(&self) {
        self.index_builder.close().await;
        self.writer.close().await;
        self.checkpointer.close().await;
        self.readers.close().await;
        // Last, and one by one: the last connection takes the log's file away,
        // and of two that close at once neither is the last.
        self.point_reads.close();
    }
}

#[async_trait]
impl StateStore for Engine {
    async fn hubs(&self) -> Result<Vec<HubName>, StoreError> {
        self.readers.read(tables::hubs::names).await
    }

    async fn hub(&self, hub: &HubName) -> Result<Option<Stored<HubRecord>>, StoreError> {
        self.read_point(|connection| tables::hubs::read(connection, hub))
    }

    async fn policies(&self, hub: &HubName) -> Result<Vec<Stored<Policy>>, StoreError> {
        self.read_point(|connection| POLICIES.read_all(connection, hub, DocumentRow::into_policy))
    }

    async fn authorities(&self, hub: &HubName) -> Result<Vec<Stored<Authority>>, StoreError> {
        let hub = hub.clone();
        self.readers
            .read(move |connection| {
                AUTHORITIES.read_all(connection, &hub, DocumentRow::into_authority)
            })
            .await
    }

    async fn transfer_book(
        &self,
        hub: &HubName,
    ) -> Result<Option<Stored<TransferBook>>, StoreError> {
        let hub = hub.clone();
        self.readers
            .read(move |connection| {
                let decode = |row: DocumentRow, _: &str| row.into_transfers();
                Ok(TRANSFERS.read_all(connection, &hub, decode)?.pop())
            })
            .await
    }

    async fn routing(&self, hub: &HubName) -> Result<Option<Stored<RoutingSettings>>, StoreError> {
        let hub = hub.clone();
        self.readers
            .read(move |connection| {
                let decode = |row: DocumentRow, _: &str| row.into_routing();
                Ok(ROUTING.read_all(connection, &hub, decode)?.pop())
            })
            .await
    }

    async fn consumer_groups(
        &self,
        hub: &HubName,
    ) -> Result<Vec<Stored<ConsumerGroup>>, StoreError> {
        let hub = hub.clone();
        self.readers
            .read(move |connection| {
                CONSUMER_GROUPS.read_all(connection, &hub, DocumentRow::into_consumer_group)
            })
            .await
    }

    async fn device(
        &self,
        hub: &HubName,
        device: &DeviceId,
    ) -> Result<Option<Registered<DeviceIdentity>>, StoreError> {
        self.read_point(|connection| tables::identities::read_device(connection, hub, device))
    }

    async fn module(
        &self,
        hub: &HubName,
        device: &DeviceId,
        module: &ModuleId,
    ) -> Result<
        (
            Option<Registered<DeviceIdentity>>,
            Option<Registered<ModuleIdentity>>,
        ),
        StoreError,
    > {
        self.read_point(|connection| {
            tables::identities::read_module(connection, hub, device, module)
        })
    }

    async fn device_with_modules(
        &self,
        hub: &HubName,
        device: &DeviceId,
    ) -> Result<Option<(Registered<DeviceIdentity>, Vec<Registered<ModuleIdentity>>)>, StoreError>
    {
        let (hub, device) = (hub.clone(), device.clone());
        self.readers
            .read(move |connection| {
                tables::identities::read_with_modules(connection, &hub, &device)
            })
            .await
    }

    async fn devices(
        &self,
        hub: &HubName,
        after: Option<&DeviceId>,
        limit: usize,
    ) -> Result<Vec<Registered<DeviceIdentity>>, StoreError> {
        let (hub, after) = (hub.clone(), after.cloned());
        self.readers
            .read(move |connection| {
                tables::identities::read_page(connection, &hub, after.as_ref(), limit)
            })
            .await
    }

    async fn twin(
        &self,
        hub: &HubName,
        id: &IdentityId,
    ) -> Result<Option<(Registered<Identity>, Stored<Twin>)>, StoreError> {
        self.read_point(|connection| tables::twins::read(connection, hub, id))
    }

    async fn counts(&self, hub: &HubName) -> Result<IdentityCounts, StoreError> {
        Ok(self.counts.of(hub))
    }

    async fn session(
        &self,
        hub: &HubName,
        id: &IdentityId,
    ) -> Result<Option<SessionRecord>, StoreError> {
        // A write of an earlier session may have been found in order before
        // the asking session took its place. Later ones are refused.
        if self.session_writes.any() {
            self.pass_queued(hub).await?;
        }
        self.read_point(|connection| tables::sessions::read(connection, hub, id))
    }

    async fn commit(&self, work: UnitOfWork) -> Result<(), CommitError> {
        if !work.events.is_empty() {
            self.room.brake(&work.hub).await;
        }
        let unit = Unit::of(work, &self.session_writes);
        self.writer.commit(unit).await
    }

    async fn record_activity(
        &self,
        hub: &HubName,
        mut batch: Vec<(IdentityId, Activity)>,
    ) -> Result<(), StoreError> {
        while !batch.is_empty() {
            let rest = batch.split_off(batch.len().min(ACTIVITY_PER_UNIT));
            let unit = Unit::of_activity(hub.clone(), batch);
            match self.writer.commit(unit).await {
                Ok(()) => {}
                Err(CommitError::Store(error)) => return Err(error),
                Err(CommitError::Conflict(_)) => unreachable!("activity has no precondition"),
            }
            batch = rest;
        }
        Ok(())
    }
}
