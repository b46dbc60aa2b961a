//! Imports and exports of this engine's registry, to and from a folder.
#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

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
use twinhub_core::ports::{
    Change, ContainerAddress, OpenedFor, Record, SnapshotStore as _, StateStore as _, UnitOfWork,
};
use twinhub_core::presence::PresenceBook;
use twinhub_core::time::{Clock, SystemClock};
use twinhub_core::transfer::{
    Ended, ExportRequest, ImportRequest, StartTransferError, TransferBook, TransferJob,
    TransferKind, TransferStatus, TransferView, Transfers,
};
use twinhub_embedded::{Engine, LocalSessions};
use twinhub_sas::{SasToken, SigningKey};
use url::Url;

const HOST: &str = "plant.example";
const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// A hub with a folder beside it.
struct Plant {
    engine: Arc<Engine>,
    transfers: Arc<Transfers>,
    caller: Caller,
    container: TempDir,
    _state: TempDir,
}

impl Plant {
    async fn new() -> Self {
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
        let registry = Registry::new(engine.clone(), sessions, presence, clock.clone());
        let transfers = Transfers::new(
            engine.clone(),
            engine.clone(),
            Arc::new(Stores::new(BlobSettings::default())),
            Arc::new(registry),
            clock,
        );
        Plant {
            engine,
            transfers: Arc::new(transfers),
            caller,
            container: tempfile::tempdir().unwrap(),
            _state: state,
        }
    }

    fn address(&self) -> ContainerAddress {
        let url = Url::from_file_path(self.container.path()).unwrap();
        ContainerAddress::new(url.to_string())
    }

    fn put(&self, blob: &str, text: &str) {
        fs::write(self.container.path().join(blob), text).unwrap();
    }

    fn get(&self, blob: &str) -> String {
        fs::read_to_string(self.container.path().join(blob)).unwrap()
    }

    /// The lines of a blob that are documents.
    fn lines(&self, blob: &str) -> Vec<Value> {
        let text = self.get(blob);
        let lines = text.lines().filter(|line| line.starts_with('{'));
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    async fn start_export(&self, exclude_keys: bool) -> Result<TransferView, StartTransferError> {
        self.start_export_into("devices.txt", exclude_keys).await
    }

    async fn start_export_into(
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

    async fn start_import(&self) -> Result<TransferView, StartTransferError> {
        let request = ImportRequest {
            from: self.address(),
            blob: "devices.txt".to_owned(),
            failures_to: self.address(),
            by: OpenedFor::Operator,
        };
        let permit = self.caller.registry_write().unwrap();
        self.transfers.import(&permit, request).await
    }

    async fn export(&self, exclude_keys: bool) -> Vec<Value> {
        let started = self.start_export(exclude_keys).await.unwrap();
        assert_eq!(self.ended(&started).await, Ended::Completed);
        self.lines("devices.txt")
    }

    /// Tells the failures.
    async fn import(&self, lines: &[Value]) -> Vec<Value> {
        let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
        self.put("devices.txt", &lines.join("\n"));
        let started = self.start_import().await.unwrap();
        assert_eq!(self.ended(&started).await, Ended::Completed);
        self.lines("importErrors.log")
    }

    /// How a job ended, once it has.
    async fn ended(&self, started: &TransferView) -> Ended {
        let permit = self.caller.registry_read().unwrap();
        let look = async {
            loop {
                let job = self.transfers.job(&permit, &started.job.id).await.unwrap();
                if let TransferStatus::Ended { how, .. } = job.unwrap().job.status {
                    return how;
                }
                tokio::task::yield_now().await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(60), look).await;
        ended.expect("the job ends")
    }

    /// What the registry holds of an identity's twin.
    async fn tags(&self, id: &str) -> Option<Value> {
        let found = self.engine.twin(&hub_name(), &identity(id)).await.unwrap();
        found.map(|(_, twin)| Value::Object(twin.value.tags))
    }
}

fn hub_name() -> HubName {
    HubName::parse("plant").unwrap()
}

/// `device` or `device/module`.
fn identity(id: &str) -> IdentityId {
    match id.split_once('/') {
        None => DeviceId::parse(id).unwrap().into(),
        Some((device, module)) => IdentityId::module(
            DeviceId::parse(device).unwrap(),
            ModuleId::parse(module).unwrap(),
        ),
    }
}

fn device(id: &str, mode: &str, tag: u64) -> Value {
    json!({
        "id": id, "status": "enabled", "importMode": mode, "tags": {"n": tag},
        "authentication": {"type": "sas", "symmetricKey": {"primaryKey": KEY, "secondaryKey": KEY}}
    })
}

fn with(mut line: Value, member: &str, value: Value) -> Value {
    line[member] = value;
    line
}

fn codes(failures: &[Value]) -> Vec<(&str, u64)> {
    let told = |failure: &Value| failure["errorCode"].as_u64().unwrap();
    failures
        .iter()
        .map(|failure| (failure["deviceId"].as_str().unwrap_or(""), told(failure)))
        .collect()
}

#[tokio::test]
async fn an_export_imports_into_another_hub_and_is_exported_alike() {
    let (here, there) = (Plant::new().await, Plant::new().await);
    let edge = json!({"id": "edge", "status": "enabled", "capabilities": {"iotEdge": true},
        "properties": {"desired": {"a": {"b": 1}}, "reported": {"c": [1, 2]}}});
    here.import(&[
        device("pump-7", "create", 7),
        with(device("pump-7", "create", 8), "moduleId", json!("m")),
        edge,
    ])
    .await;
    let agent = json!({"id": "edge", "moduleId": "$edgeAgent", "status": "enabled",
        "properties": {"desired": {"modules": {}}}});
    assert_eq!(here.import(&[agent]).await, [] as [Value; 0]);
    let scope = here.export(false).await[0]["deviceScope"].clone();
    let leaf = with(device("leaf", "create", 9), "deviceScope", scope);
    assert_eq!(here.import(&[leaf]).await, [] as [Value; 0]);

    let exported = here.export(false).await;
    let failures = there.import(&exported).await;
    let again = there.export(false).await;

    assert_eq!(codes(&failures), []);
    // Another hub has its own ETags, versions and generations.
    let comparable = |lines: &[Value]| -> Vec<Value> {
        let lines = lines.iter().cloned().map(|mut line| {
            for own in ["eTag", "twinETag", "deviceScope", "parentScopes"] {
                line.as_object_mut().unwrap().remove(own);
            }
            for section in ["desired", "reported"] {
                let section = &mut line["properties"][section];
                section.as_object_mut().unwrap().remove("$version");
                section["$metadata"] = section["$metadata"]["$lastUpdated"].clone();
            }
            line
        });
        lines.collect()
    };
    assert_eq!(comparable(&again), comparable(&exported));
    let of = |id: &str| again.iter().find(|line| line["id"] == id).unwrap().clone();
    assert_eq!(of("leaf")["deviceScope"], of("edge")["deviceScope"]);
}

#[tokio::test]
async fn each_mode_does_what_it_says_or_is_logged() {
    let plant = Plant::new().await;
    plant.import(&[device("there", "create", 0)]).await;
    let etags = plant.export(false).await[0].clone();
    let stale = |line| with(with(line, "eTag", json!("MQ==")), "twinETag", json!("MQ=="));

    let failures = plant
        .import(&[
            device("there", "create", 1),
            device("gone", "update", 1),
            device("gone", "delete", 1),
            device("gone", "updateTwin", 1),
            device("gone", "updateIfMatchETag", 1),
            stale(device("there", "updateIfMatchETag", 1)),
            stale(device("there", "createOrUpdateIfMatchETag", 1)),
            stale(device("there", "deleteIfMatchETag", 1)),
            stale(device("there", "updateTwinIfMatchETag", 1)),
        ])
        .await;

    let codes = codes(&failures);
    assert_eq!(codes.iter().filter(|(id, _)| *id == "there").count(), 5);
    assert_eq!(codes.iter().filter(|(id, _)| *id == "gone").count(), 4);
    assert_eq!(plant.tags("there").await, Some(json!({"n": 0})));
    assert_eq!(plant.tags("gone").await, None);

    let matching = with(
        device("there", "updateTwinIfMatchETag", 2),
        "twinETag",
        etags["twinETag"].clone(),
    );
    assert_eq!(plant.import(&[matching]).await, [] as [Value; 0]);
    assert_eq!(plant.tags("there").await, Some(json!({"n": 2})));
    let matching = with(
        device("there", "deleteIfMatchETag", 3),
        "eTag",
        etags["eTag"].clone(),
    );
    assert_eq!(plant.import(&[matching]).await, [] as [Value; 0]);
    assert_eq!(plant.tags("there").await, None);
}

#[tokio::test]
async fn lines_about_one_device_are_done_in_the_order_of_the_file() {
    let plant = Plant::new().await;
    let mut lines = Vec::new();
    for n in 0..400 {
        lines.push(device(&format!("d-{n}"), "create", 0));
        lines.push(device("one", "createOrUpdate", n));
    }

    let failures = plant.import(&lines).await;

    assert_eq!(codes(&failures), []);
    assert_eq!(plant.tags("one").await, Some(json!({"n": 399})));
    assert_eq!(plant.tags("d-399").await, Some(json!({"n": 0})));
}

#[tokio::test]
async fn a_broken_line_is_logged_and_the_others_are_done() {
    let plant = Plant::new().await;
    let good = device("good", "create", 1);
    plant.put(
        "devices.txt",
        &format!("a note to people\r\n{{\r\n{good}\r\n{{}}"),
    );

    let started = plant.start_import().await.unwrap();

    assert_eq!(plant.ended(&started).await, Ended::Completed);
    let failures = plant.lines("importErrors.log");
    assert_eq!(codes(&failures), [("", 400_012), ("", 400_012)]);
    assert_eq!(plant.tags("good").await, Some(json!({"n": 1})));
}

#[tokio::test]
async fn an_export_without_keys_says_so_and_has_none() {
    let plant = Plant::new().await;
    plant.import(&[device("pump-7", "create", 1)]).await;

    plant.export(true).await;

    let text = plant.get("devices.txt");
    assert!(!text.starts_with('{'));
    assert!(!text.contains(KEY));
    assert_eq!(
        plant.import(&plant.lines("devices.txt")).await,
        [] as [Value; 0]
    );
}

#[tokio::test]
async fn a_snapshot_holds_nothing_that_is_written_later() {
    let plant = Plant::new().await;
    let lines: Vec<_> = (0..1_200)
        .map(|n| device(&format!("d-{n:04}"), "create", 0))
        .collect();
    plant.import(&lines).await;

    let mut snapshot = plant.engine.registry_snapshot(&hub_name()).await.unwrap();
    plant
        .import(&[device("d-1199", "updateTwin", 1), device("e", "create", 1)])
        .await;
    let mut found = Vec::new();
    loop {
        let batch = snapshot.next().await.unwrap();
        if batch.is_empty() {
            break;
        }
        found.extend(batch);
    }

    assert_eq!(snapshot.identities(), 1_200);
    assert_eq!(found.len(), 1_200);
    assert!(found.is_sorted_by_key(|(_, twin)| twin.id.clone()));
    let last = Value::Object(found[1_199].1.tags.clone());
    assert_eq!(last, json!({"n": 0}));
}

#[tokio::test]
async fn what_is_missing_is_refused_at_once_and_is_no_job() {
    let plant = Plant::new().await;

    let refused = plant.start_import().await;

    assert!(matches!(refused, Err(StartTransferError::Container(_))));
    let permit = plant.caller.registry_read().unwrap();
    assert_eq!(plant.transfers.jobs(&permit).await.unwrap(), []);
}

#[tokio::test]
async fn a_name_that_no_blob_can_have_is_refused_at_once_and_is_no_job() {
    let plant = Plant::new().await;

    let refused = plant.start_export_into("../../x", true).await;

    assert!(matches!(refused, Err(StartTransferError::Container(_))));
    let permit = plant.caller.registry_read().unwrap();
    assert_eq!(plant.transfers.jobs(&permit).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_exports_that_begin_at_once_one_is_started_and_the_others_find_it_busy() {
    let plant = Plant::new().await;

    let (one, two, three) = tokio::join!(
        plant.start_export(true),
        plant.start_export(true),
        plant.start_export(true)
    );

    let (started, refused): (Vec<_>, Vec<_>) =
        [one, two, three].into_iter().partition(Result::is_ok);
    assert_eq!(started.len(), 1);
    for refusal in refused {
        assert!(
            matches!(refusal, Err(StartTransferError::Busy(_))),
            "{refusal:?}"
        );
    }
    let started = started.into_iter().next().unwrap().unwrap();
    assert!(matches!(plant.ended(&started).await, Ended::Completed));
}

#[tokio::test]
async fn a_job_that_a_restart_finds_active_is_failed_and_lets_others_in() {
    let plant = Plant::new().await;
    let mut book = TransferBook::default();
    let left = TransferJob::start(TransferKind::Import, false, SystemClock.now());
    book.start(left.clone()).unwrap();
    let change = Change::Insert(Record::TransferBook(book));
    let work = UnitOfWork::new(hub_name(), vec![change]);
    plant.engine.commit(work).await.unwrap();
    let busy = plant.start_export(false).await;
    assert!(matches!(busy, Err(StartTransferError::Busy(_))));

    plant.transfers.recover().await.unwrap();

    let left = TransferView {
        job: left,
        progress: 0,
    };
    assert!(matches!(plant.ended(&left).await, Ended::Failed { .. }));
    plant.export(false).await;
}

#[tokio::test]
async fn a_job_that_is_cancelled_ends_and_lets_others_in() {
    let plant = Plant::new().await;
    let lines: Vec<_> = (0..5_000)
        .map(|n| device(&format!("d-{n:04}"), "create", 0).to_string())
        .collect();
    plant.put("devices.txt", &lines.join("\n"));
    let started = plant.start_import().await.unwrap();
    let busy = plant.start_export(false).await;
    assert!(matches!(busy, Err(StartTransferError::Busy(_))));

    let permit = plant.caller.registry_write().unwrap();
    plant
        .transfers
        .cancel(&permit, &started.job.id)
        .await
        .unwrap();

    assert_eq!(plant.ended(&started).await, Ended::Cancelled);
    let counted = plant.engine.counts(&hub_name()).await.unwrap();
    plant.export(false).await;
    let exported = plant.lines("devices.txt").len() as u64;
    assert!(exported < 5_000);
    assert_eq!(exported, counted.devices());
}
