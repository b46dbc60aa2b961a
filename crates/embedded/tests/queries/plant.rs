//! A hub with twins, asked by an engine that pushes conditions down and by
//! one that does not.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use twinhub_core::access::{Access, ServicePermit};
use twinhub_core::hubs::{HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::{Authentication, DeviceIdentity, Identity, ModuleIdentity, Status};
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::ports::{
    Change, Parts, QueryStore, Record, RecordKey, Scan, Slice, StateStore as _, StoreError,
    UnitOfWork, Wanted,
};
use twinhub_core::presence::{ConnectionEntry, PresenceBook};
use twinhub_core::query::{Page, Paging, Queries, Query, QueryError, Rows, Source};
use twinhub_core::time::{Clock, Timestamp};
use twinhub_core::twins::{Twin, TwinPatch, TwinView};
use twinhub_embedded::{Engine, IndexSettings, LocalSessions};
use twinhub_sas::{SasToken, SigningKey};

const HOST: &str = "plant.example";
const NOW: u64 = 1_800_000_000;

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(NOW)
    }
}

pub struct Plant {
    pub engine: Arc<Engine>,
    pub queries: Queries,
    /// Asks for all twins and leaves nothing to SQL.
    pub naive: Queries,
    pub presence: Arc<PresenceBook>,
    permit: ServicePermit,
    folder: tempfile::TempDir,
}

/// Applies no condition at all.
struct Naive(Arc<Engine>);

#[async_trait]
impl QueryStore for Naive {
    async fn scan(
        &self,
        hub: &HubName,
        scan: &Scan,
        after: Option<&IdentityId>,
        limit: usize,
    ) -> Result<Slice, StoreError> {
        let everything = Scan::new(scan.source, [], Wanted::whole(Parts::all()));
        let slice = self.0.scan(hub, &everything, after, limit).await?;
        Ok(Slice {
            rest: (0..scan.conditions.len()).collect(),
            ..slice
        })
    }
}

/// What is written of a device or module.
#[derive(Clone)]
pub struct Given {
    pub identity: Identity,
    pub tags: Value,
    pub desired: Value,
    pub reported: Value,
    pub model: &'static str,
}

impl Plant {
    pub async fn new() -> Self {
        Plant::open(tempfile::tempdir().unwrap(), IndexSettings::default()).await
    }

    /// With an index for every path that is asked for, and at once.
    pub async fn eager() -> Self {
        Plant::open(tempfile::tempdir().unwrap(), eager()).await
    }

    /// Closes everything and opens it again.
    pub async fn reopen(self) -> Self {
        self.reopen_with(IndexSettings::default()).await
    }

    /// The same, with these settings.
    pub async fn reopen_with(self, indexes: IndexSettings) -> Self {
        self.engine.close().await;
        Plant::open(self.folder, indexes).await
    }

    pub async fn open(folder: tempfile::TempDir, indexes: IndexSettings) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(Stopped);
        let sessions = Arc::new(LocalSessions::new());
        let engine = Arc::new(Engine::open_with(folder.path(), sessions, indexes).unwrap());
        let hubs = Hubs::open(engine.clone(), vec![(hub(), settings(HOST))]).await;
        let hubs = Arc::new(hubs.unwrap().0);
        let plant = hubs.by_host(HOST).unwrap();
        let key = &plant.policy("service").unwrap().keys.primary;
        let key = SigningKey::from_base64(key.expose()).unwrap();
        let token = SasToken::sign(HOST, &key, Some("service"), NOW + 3600);
        let access = Access::new(
            hubs,
            engine.clone(),
            clock.clone(),
            Duration::ZERO,
            String::new(),
        );
        let caller = access.admit(&plant, &token, &[]).await.unwrap();
        let presence = Arc::new(PresenceBook::new(clock));
        Plant {
            queries: Queries::new(engine.clone(), presence.clone()),
            naive: Queries::new(Arc::new(Naive(engine.clone())), presence.clone()),
            presence,
            permit: caller.service().unwrap(),
            engine,
            folder,
        }
    }

    /// Waits until all indexes are built, and tells how many there are.
    pub async fn indexes_built(&self) -> usize {
        let built = async {
            loop {
                let indexes = self.engine.query_indexes(&hub()).await.unwrap();
                if indexes.iter().all(|index| index.built) {
                    return indexes.len();
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let built = tokio::time::timeout(Duration::from_secs(60), built);
        built.await.expect("they are built soon")
    }

    /// Waits until what was worth an index so far has one or got no room: what
    /// is wanted is looked at in its order, and a neighbour wants one now. For
    /// settings that have every path indexed at once.
    pub async fn wishes_looked_at(&self) {
        let neighbour = HubName::parse("neighbour").unwrap();
        let added = vec![(neighbour.clone(), settings("neighbour.example"))];
        Hubs::open(self.engine.clone(), added).await.unwrap();
        let condition = Query::parse_condition("tags.any = 1").unwrap();
        let scan = Scan::new(Source::Devices, [condition], Wanted::whole(Parts::all()));
        self.engine.scan(&neighbour, &scan, None, 9).await.unwrap();
        let indexed = async {
            while self
                .engine
                .query_indexes(&neighbour)
                .await
                .unwrap()
                .is_empty()
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let indexed = tokio::time::timeout(Duration::from_secs(60), indexed);
        indexed.await.expect("the neighbour gets its index soon");
    }

    /// A connection of somebody else.
    pub fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("state.db")).unwrap()
    }

    /// Writes identities with their twins, at once.
    pub async fn with(&self, given: impl IntoIterator<Item = Given>) {
        let changes = given.into_iter().flat_map(|given| {
            let twin = given.twin();
            [
                Change::Insert(Record::Identity(given.identity)),
                Change::Insert(Record::Twin(twin)),
            ]
        });
        let work = UnitOfWork::new(hub(), changes.collect());
        self.engine.commit(work).await.unwrap();
    }

    /// Writes the twin of an identity that is there anew.
    pub async fn replace(&self, given: &Given) {
        let id = given.identity.id();
        let found = self.engine.twin(&hub(), &id).await.unwrap().unwrap();
        let change = Change::Replace(Record::Twin(given.twin()), found.1.revision);
        let work = UnitOfWork::new(hub(), vec![change]);
        self.engine.commit(work).await.unwrap();
    }

    /// Writes an identity that is there anew.
    pub async fn replace_identity(&self, given: &Given) {
        let id = given.identity.id();
        let (found, _) = self.engine.twin(&hub(), &id).await.unwrap().unwrap();
        let record = Record::Identity(given.identity.clone());
        let change = Change::Replace(record, found.identity.revision);
        let work = UnitOfWork::new(hub(), vec![change]);
        self.engine.commit(work).await.unwrap();
    }

    pub async fn remove(&self, id: &IdentityId) {
        let (found, _) = self.engine.twin(&hub(), id).await.unwrap().unwrap();
        let key = RecordKey::Identity(id.clone());
        let change = Change::Remove(key, found.identity.revision);
        let work = UnitOfWork::new(hub(), vec![change]);
        self.engine.commit(work).await.unwrap();
    }

    /// Connects identities for as long as the entries are kept.
    pub fn connect(&self, ids: impl IntoIterator<Item = IdentityId>) -> Vec<ConnectionEntry> {
        let connected = |id| self.presence.connected(&hub(), &id, now());
        ids.into_iter().map(connected).collect()
    }

    pub async fn page(&self, text: &str, paging: Paging<'_>) -> Result<Page, QueryError> {
        self.queries.page(&self.permit, text, paging).await
    }

    /// All rows of all pages of a size.
    pub async fn rows(&self, text: &str, size: usize) -> Result<Vec<Value>, QueryError> {
        self.all(&self.queries, text, size).await
    }

    /// The same, without SQL.
    pub async fn naive_rows(&self, text: &str, size: usize) -> Result<Vec<Value>, QueryError> {
        self.all(&self.naive, text, size).await
    }

    async fn all(
        &self,
        queries: &Queries,
        text: &str,
        size: usize,
    ) -> Result<Vec<Value>, QueryError> {
        let mut rows = Vec::new();
        let mut continuation = None;
        loop {
            let paging = Paging {
                size: Some(size),
                continuation: continuation.as_deref(),
            };
            let page = queries.page(&self.permit, text, paging).await?;
            let shown = shown(page.rows);
            assert!(shown.len() <= size);
            rows.extend(shown);
            continuation = page.continuation;
            if continuation.is_none() {
                return Ok(rows);
            }
        }
    }
}

pub fn hub() -> HubName {
    HubName::parse("plant").unwrap()
}

fn settings(host: &str) -> HubSettings {
    HubSettings {
        host_names: vec![host.to_owned()],
        tier: Tier {
            sku: Sku::S1,
            units: 1,
        },
        modules_per_device: 20,
        event_retention: Duration::from_secs(24 * 3600),
    }
}

pub fn now() -> Timestamp {
    Stopped.now()
}

/// Columns as they are, twins by their names.
pub fn shown(rows: Rows) -> Vec<Value> {
    match rows {
        Rows::Raw(rows) => rows.into_iter().map(Value::Object).collect(),
        Rows::Twins(rows) => rows.iter().map(name).collect(),
    }
}

fn name(view: &TwinView) -> Value {
    assert_eq!(view.twin.id, view.identity.id());
    json!(view.twin.id.to_string())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

pub fn device(id: &str) -> Given {
    given(Identity::Device(DeviceIdentity {
        id: DeviceId::parse(id).unwrap(),
        generation: now(),
        version: 1,
        authentication: Authentication::None,
        status: Status::Enabled,
        status_reason: None,
        status_updated: Timestamp::NEVER,
        edge: false,
        scope: None,
        parent_scopes: Vec::new(),
    }))
}

pub fn module(device: &str, id: &str) -> Given {
    given(Identity::Module(ModuleIdentity {
        device: DeviceId::parse(device).unwrap(),
        id: ModuleId::parse(id).unwrap(),
        generation: now(),
        version: 1,
        authentication: Authentication::CertificateAuthority,
        managed_by: None,
    }))
}

fn given(identity: Identity) -> Given {
    Given {
        identity,
        tags: json!({}),
        desired: json!({}),
        reported: json!({}),
        model: "",
    }
}

/// Settings that have every path indexed at once.
pub fn eager() -> IndexSettings {
    IndexSettings {
        least_identities: 0,
        searches: 0,
        most: usize::MAX,
        one_in: 1,
        ..IndexSettings::default()
    }
}

impl Given {
    pub fn twin(&self) -> Twin {
        let mut twin = Twin::new(self.identity.id(), now());
        self.model.clone_into(&mut twin.model_id);
        let patch = TwinPatch {
            tags: Some(object(self.tags.clone())),
            desired: Some(object(self.desired.clone())),
        };
        twin.patch(&patch, now()).unwrap();
        twin.report(&object(self.reported.clone()), now()).unwrap();
        twin
    }

    pub fn tags(self, tags: Value) -> Self {
        Given { tags, ..self }
    }

    pub fn desired(self, desired: Value) -> Self {
        Given { desired, ..self }
    }

    pub fn reported(self, reported: Value) -> Self {
        Given { reported, ..self }
    }

    pub fn model(self, model: &'static str) -> Self {
        Given { model, ..self }
    }

    pub fn device(mut self, change: impl FnOnce(&mut DeviceIdentity)) -> Self {
        match &mut self.identity {
            Identity::Device(device) => change(device),
            Identity::Module(_) => panic!("it is a module"),
        }
        self
    }
}
