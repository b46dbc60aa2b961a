//! What a release has stored, every later build reads.
//!
//! `tests/data/backup-{version}` are backups of a small hub, made by the
//! script beside them and frozen since. Each holds what those before it hold.
#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use twinhub_core::events::{EventSource, PartitionId};
use twinhub_core::identities::{Authentication, DeviceIdentity, Status};
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::ports::{
    Backlogs as _, EventLog as _, OutboxStore as _, QueueStore as _, Registered, StateStore as _,
};
use twinhub_core::transfer::{Ended, TransferKind, TransferStatus};
use twinhub_core::twins::Twin;
use twinhub_embedded::{Engine, EventSettings, LocalBacklogs, LocalEventLog, LocalSessions};

const PARTITIONS: u16 = 4;
/// The oldest first. `format-4` added what is set of routing, what waits for
/// endpoints, and imports and exports.
const SAMPLES: [&str; 2] = ["backup-0.1", "backup-format-4"];
const NEWEST: &str = SAMPLES[1];

/// A copy of the sample, opened by this build.
struct Sample {
    engine: Engine,
    events: LocalEventLog,
    backlogs: LocalBacklogs,
    _folder: tempfile::TempDir,
}

impl Sample {
    fn open(name: &str) -> Self {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
        let folder = tempfile::tempdir().unwrap();
        for part in ["state", "log"] {
            copy(&data.join(name).join(part), &folder.path().join(part));
        }
        let settings = EventSettings {
            partitions: PARTITIONS,
            retention: Duration::from_secs(24 * 60 * 60),
            max_bytes: 1 << 30,
        };
        let sessions = Arc::new(LocalSessions::new());
        let log = folder.path().join("log");
        Sample {
            engine: Engine::open(&folder.path().join("state"), sessions).unwrap(),
            events: LocalEventLog::open(&log, [(hub(), settings)]).unwrap(),
            backlogs: LocalBacklogs::new(&log, [(hub(), settings)]),
            _folder: folder,
        }
    }

    fn all() -> impl Iterator<Item = Sample> {
        SAMPLES.into_iter().map(Sample::open)
    }

    async fn twin(&self, id: impl Into<IdentityId>) -> Twin {
        let found = self.engine.twin(&hub(), &id.into()).await.unwrap();
        found.unwrap().1.value
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn hub() -> HubName {
    HubName::parse("localhost").unwrap()
}

fn device(id: &str) -> DeviceId {
    DeviceId::parse(id).unwrap()
}

#[tokio::test]
async fn devices_and_modules_of_every_kind_are_read() {
    for sample in Sample::all() {
        let devices = sample.engine.devices(&hub(), None, 100).await.unwrap();
        let (_, modules) = sample
            .engine
            .device_with_modules(&hub(), &device("pump-7"))
            .await
            .unwrap()
            .unwrap();
        let counts = sample.engine.counts(&hub()).await.unwrap();

        let [cert, gateway, leaf, old, pump] = &devices[..] else {
            panic!("{devices:?}");
        };
        let id = |device: &Registered<DeviceIdentity>| device.identity.value.id.to_string();
        assert_eq!(
            [cert, gateway, leaf, old, pump].map(id),
            ["cert-1", "gateway", "leaf", "old-9", "pump-7"]
        );
        assert!(gateway.identity.value.edge);
        assert_eq!(
            leaf.identity.value.parent_scopes,
            Vec::from_iter(gateway.identity.value.scope.clone())
        );
        assert_eq!(old.identity.value.status, Status::Disabled);
        assert_eq!(old.identity.value.status_reason.as_deref(), Some("sold"));
        assert!(matches!(
            pump.identity.value.authentication,
            Authentication::Sas(_)
        ));
        assert!(
            modules.iter().any(|module| {
                module.identity.value.id == ModuleId::parse("controller").unwrap()
            })
        );
        assert_eq!((counts.enabled_devices, counts.disabled_devices), (4, 1));
    }
}

#[tokio::test]
async fn twins_are_read_with_tags_desired_and_reported() {
    for sample in Sample::all() {
        let twin = sample.twin(device("pump-7")).await;

        let document = format!("{twin:?}");
        for part in ["north", "interval", "firmware", "1.2.3"] {
            assert!(document.contains(part), "{part} in {document}");
        }
    }
}

#[tokio::test]
async fn messages_wait_in_their_queue_in_order() {
    for sample in Sample::all() {
        let pump = IdentityId::from(device("pump-7"));

        let queue = sample.engine.queue(&hub(), &pump).await.unwrap().unwrap();
        let mut bodies = Vec::new();
        for entry in &queue.queue.unwrap().value.entries {
            let message = sample
                .engine
                .message(&hub(), &pump, entry.sequence_number)
                .await;
            bodies.push(message.unwrap().unwrap().body);
        }

        assert_eq!(bodies, [&b"first"[..], b"second"]);
    }
}

#[tokio::test]
async fn policies_and_consumer_groups_are_read() {
    for sample in Sample::all() {
        let policies = sample.engine.policies(&hub()).await.unwrap();
        let groups = sample.engine.consumer_groups(&hub()).await.unwrap();

        let dashboard = policies
            .iter()
            .find(|policy| policy.value.name.as_str() == "dashboard")
            .unwrap();
        assert_eq!(policies.len(), 6);
        assert_eq!(
            dashboard.value.rights.to_string(),
            "RegistryRead, ServiceConnect"
        );
        assert!(!dashboard.value.keys.primary.expose().is_empty());
        assert!(
            groups
                .iter()
                .any(|group| group.value.name.as_str() == "Dashboards")
        );
    }
}

#[tokio::test]
async fn events_are_read_with_their_properties() {
    for sample in Sample::all() {
        let partition = PartitionId::of(&device("pump-7"), PARTITIONS);

        let batch = sample
            .events
            .read(&hub(), partition, 0, 1 << 20)
            .await
            .unwrap();

        let events = batch.events();
        let bodies: Vec<_> = events.iter().map(|event| &event.message.body[..]).collect();
        assert_eq!(bodies, [&br#"{"n":0}"#[..], br#"{"n":1}"#, br#"{"n":2}"#]);
        for (number, event) in events.iter().enumerate() {
            assert_eq!(event.sequence_number, number as u64);
            assert_eq!(event.origin.source, EventSource::Telemetry);
            assert_eq!(event.origin.identity, device("pump-7").into());
            let (name, value) = &event.message.application[0];
            assert_eq!(&**name, "number");
            assert_eq!(value.as_deref(), Some(number.to_string().as_str()));
        }
    }
}

#[tokio::test]
async fn what_is_set_of_routing_and_what_waits_for_an_endpoint_is_read() {
    let sample = Sample::open(NEWEST);

    let routing = sample.engine.routing(&hub()).await.unwrap().unwrap().value;
    let endpoint = &routing.endpoints[0];
    let backlog = sample.backlogs.open(&hub(), endpoint.id).await.unwrap();
    let partition = PartitionId::of(&device("pump-7"), PARTITIONS);
    let batch = backlog.log().read(&hub(), partition, 0, 1 << 20).await;
    let delivered = backlog.progress().await.unwrap();

    assert_eq!(endpoint.name.to_string(), "bus");
    assert_eq!(endpoint.target.kind(), "nats");
    assert_eq!(routing.routes[0].name.to_string(), "late");
    assert_eq!(routing.enrichments[0].key, "site");
    assert!(routing.fallback_is_enabled);
    let events = batch.unwrap().events();
    let [waits] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(&waits.message.body[..], br#"{"n":3}"#);
    let (name, value) = &waits.message.application[0];
    assert_eq!((&**name, value.as_deref()), ("site", Some("north")));
    assert!(delivered.iter().all(|progress| progress.next == 0));
}

#[tokio::test]
async fn imports_and_exports_are_read() {
    let sample = Sample::open(NEWEST);

    let book = sample.engine.transfer_book(&hub()).await.unwrap().unwrap();

    let [job] = &book.value.jobs[..] else {
        panic!("{:?}", book.value.jobs);
    };
    assert_eq!(job.kind, TransferKind::Export);
    let TransferStatus::Ended { how, .. } = &job.status else {
        panic!("{:?}", job.status);
    };
    assert_eq!(*how, Ended::Completed);
}

#[tokio::test]
async fn an_older_folder_gets_what_it_lacks() {
    let sample = Sample::open(SAMPLES[0]);
    let hub = hub();

    assert_eq!(sample.engine.routing(&hub).await.unwrap(), None);
    assert_eq!(sample.engine.transfer_book(&hub).await.unwrap(), None);
    assert_eq!(sample.engine.outbox(&hub, 0, 10).await.unwrap(), []);
}
