//! A hub with a folder beside it, and lines to import.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use twinhub_blobs::{BlobSettings, Stores};
use twinhub_core::access::{Access, Caller};
use twinhub_core::hubs::{HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::Registry;
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::ports::{ContainerAddress, Containers, OpenedFor, StateStore as _};
use twinhub_core::presence::PresenceBook;
use twinhub_core::time::{Clock, SystemClock};
use twinhub_core::transfer::{
    Ended, ExportRequest, ImportRequest, StartTransferError, TransferStatus, TransferView,
    Transfers,
};
use twinhub_embedded::{Engine, LocalSessions};
use twinhub_sas::{SasToken, SigningKey};
use url::Url;

const HOST: &str = "plant.example";
pub const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// A hub with a folder beside it.
pub struct Plant {
    pub engine: Arc<Engine>,
    pub transfers: Arc<Transfers>,
    pub caller: Caller,
    pub container: TempDir,
    containers: Arc<dyn Containers>,
    registry: Arc<Registry>,
    state: TempDir,
}

impl Plant {
    pub async fn new() -> Self {
        let stores = Stores::new(BlobSettings::default());
        Plant::with(Arc::new(stores)).await
    }

    /// A hub whose containers are these.
    pub async fn with(containers: Arc<dyn Containers>) -> Self {
        let state = tempfile::tempdir().unwrap();
        let sessions = Arc::new(LocalSessions::new());
        let engine = Arc::new(Engine::open(state.path(), sessions.clone()).unwrap());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let settings = HubSettings {
            host_names: vec![HOST.to_owned()],
            tier: Tier {
                sku: Sku::S1,
                units: 1,
            },
            modules_per_device: 20,
            event_retention: Duration::from_secs(24 * 3600),
        };
        let named = vec![(hub_name(), settings)];
        let (hubs, _) = Hubs::open(engine.clone(), named).await.unwrap();
        let hubs = Arc::new(hubs);
        let access = Access::new(
            hubs.clone(),
            engine.clone(),
            clock.clone(),
            Duration::ZERO,
            String::new(),
        );
        let hub = hubs.by_host(HOST).unwrap();
        let key = &hub.policy("iothubowner").unwrap().keys.primary;
        let key = SigningKey::from_base64(key.expose()).unwrap();
        let token = SasToken::sign(HOST, &key, Some("iothubowner"), u64::from(u32::MAX));
        let caller = access.admit(&hub, &token, &[]).await.unwrap();
        let presence = Arc::new(PresenceBook::new(clock.clone()));
        let registry = Registry::new(engine.clone(), sessions, presence, clock);
        let registry = Arc::new(registry);
        Plant {
            transfers: transfers(&engine, &containers, &registry),
            engine,
            caller,
            container: tempfile::tempdir().unwrap(),
            containers,
            registry,
            state,
        }
    }

    /// Nothing is left of what this process knew of its jobs.
    pub fn forget_jobs(&mut self) {
        self.transfers = transfers(&self.engine, &self.containers, &self.registry);
    }

    /// From now on the store refuses to write anything about jobs, as a full
    /// disk would.
    pub fn refuse_jobs(&self) {
        self.refuse("INSERT", "transfer_books");
        self.refuse("UPDATE", "transfer_books");
    }

    /// Nor about new identities.
    pub fn refuse_identities(&self) {
        self.refuse("INSERT", "identities");
    }

    fn refuse(&self, write: &str, table: &str) {
        let refuse = format!(
            "CREATE TRIGGER refuse_{write}_{table} BEFORE {write} ON {table}
             BEGIN SELECT RAISE(ABORT, 'no room'); END"
        );
        self.sql().execute_batch(&refuse).unwrap();
    }

    /// The store takes jobs again.
    pub fn take_jobs(&self) {
        for write in ["INSERT", "UPDATE"] {
            let take = format!("DROP TRIGGER refuse_{write}_transfer_books");
            self.sql().execute_batch(&take).unwrap();
        }
    }

    fn sql(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.state.path().join("state.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection
    }

    /// How a job is stored.
    pub async fn stored(&self, started: &TransferView) -> TransferStatus {
        let book = self.engine.transfer_book(&hub_name()).await.unwrap();
        let book = book.unwrap().value;
        book.job(&started.job.id).unwrap().status.clone()
    }

    /// A job as those see it who ask.
    pub async fn seen(&self, started: &TransferView) -> TransferView {
        let permit = self.caller.registry_read().unwrap();
        let job = self.transfers.job(&permit, &started.job.id).await;
        job.unwrap().unwrap()
    }

    pub async fn cancel(&self, started: &TransferView) -> TransferView {
        let permit = self.caller.registry_write().unwrap();
        let cancelled = self.transfers.cancel(&permit, &started.job.id);
        let cancelled = tokio::time::timeout(Duration::from_secs(10), cancelled).await;
        cancelled.expect("cancelling takes no time").unwrap()
    }

    pub fn address(&self) -> ContainerAddress {
        let url = Url::from_file_path(self.container.path()).unwrap();
        ContainerAddress::new(url.to_string())
    }

    pub fn put(&self, blob: &str, text: &str) {
        fs::write(self.container.path().join(blob), text).unwrap();
    }

    pub fn get(&self, blob: &str) -> String {
        fs::read_to_string(self.container.path().join(blob)).unwrap()
    }

    /// The lines of a blob that are documents.
    pub fn lines(&self, blob: &str) -> Vec<Value> {
        let text = self.get(blob);
        let lines = text.lines().filter(|line| line.starts_with('{'));
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub async fn start_export(
        &self,
        exclude_keys: bool,
    ) -> Result<TransferView, StartTransferError> {
        self.start_export_into("devices.txt", exclude_keys).await
    }

    pub async fn start_export_into(
        &self,
        blob: &str,
        exclude_keys: bool,
    ) -> Result<TransferView, StartTransferError> {
        let request = ExportRequest {
            to: self.address(),
            blob: blob.to_owned(),
            exclude_keys,
            by: OpenedFor::Operator,
        };
        let permit = self.caller.registry_write().unwrap();
        self.transfers.export(&permit, request).await
    }

    pub async fn start_import(&self) -> Result<TransferView, StartTransferError> {
        let request = ImportRequest {
            from: self.address(),
            blob: "devices.txt".to_owned(),
            failures_to: self.address(),
            failures_blob: "importErrors.log".to_owned(),
            by: OpenedFor::Operator,
        };
        let permit = self.caller.registry_write().unwrap();
        self.transfers.import(&permit, request).await
    }

    pub async fn export(&self, exclude_keys: bool) -> Vec<Value> {
        let started = self.start_export(exclude_keys).await.unwrap();
        assert_eq!(self.ended(&started).await, Ended::Completed);
        self.lines("devices.txt")
    }

    /// Tells the failures.
    pub async fn import(&self, lines: &[Value]) -> Vec<Value> {
        let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
        self.put("devices.txt", &lines.join("\n"));
        let started = self.start_import().await.unwrap();
        assert_eq!(self.ended(&started).await, Ended::Completed);
        self.lines("importErrors.log")
    }

    /// How a job ended, once it has.
    pub async fn ended(&self, started: &TransferView) -> Ended {
        let look = async {
            loop {
                if let TransferStatus::Ended { how, .. } = self.seen(started).await.job.status {
                    return how;
                }
                tokio::task::yield_now().await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(60), look).await;
        ended.expect("the job ends")
    }

    /// What the registry holds of an identity's twin.
    pub async fn tags(&self, id: &str) -> Option<Value> {
        let found = self.engine.twin(&hub_name(), &identity(id)).await.unwrap();
        found.map(|(_, twin)| Value::Object(twin.value.tags))
    }
}

fn transfers(
    engine: &Arc<Engine>,
    containers: &Arc<dyn Containers>,
    registry: &Arc<Registry>,
) -> Arc<Transfers> {
    let (engine, containers) = (engine.clone(), containers.clone());
    let (registry, clock) = (registry.clone(), Arc::new(SystemClock));
    let transfers = Transfers::new(engine.clone(), engine, containers, registry, clock);
    Arc::new(transfers)
}

pub fn hub_name() -> HubName {
    HubName::parse("plant").unwrap()
}

/// `device` or `device/module`.
pub fn identity(id: &str) -> IdentityId {
    match id.split_once('/') {
        None => DeviceId::parse(id).unwrap().into(),
        Some((device, module)) => IdentityId::module(
            DeviceId::parse(device).unwrap(),
            ModuleId::parse(module).unwrap(),
        ),
    }
}

pub fn device(id: &str, mode: &str, tag: u64) -> Value {
    json!({
        "id": id, "status": "enabled", "importMode": mode, "tags": {"n": tag},
        "authentication": {"type": "sas", "symmetricKey": {"primaryKey": KEY, "secondaryKey": KEY}}
    })
}

pub fn with(mut line: Value, member: &str, value: Value) -> Value {
    line[member] = value;
    line
}

pub fn codes(failures: &[Value]) -> Vec<(&str, u64)> {
    let told = |failure: &Value| failure["errorCode"].as_u64().unwrap();
    failures
        .iter()
        .map(|failure| (failure["deviceId"].as_str().unwrap_or(""), told(failure)))
        .collect()
}
