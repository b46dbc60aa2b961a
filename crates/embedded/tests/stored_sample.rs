//! What a release has stored, every later build reads.
//!
//! `tests/data/backup-{version}` are backups of a small hub, made by the
//! script beside them and frozen since.
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
use twinhub_core::ports::{EventLog as _, QueueStore as _, Registered, StateStore as _};
use twinhub_core::twins::Twin;
use twinhub_embedded::{Engine, EventSettings, LocalEventLog, LocalSessions};

const PARTITIONS: u16 = 4;

/// A copy of the sample, opened by this build.
struct Sample {
    engine: Engine,
    events: LocalEventLog,
    _folder: tempfile::TempDir,
}

impl Sample {
    fn open() -> Self {
        let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/backup-0.1");
        let folder = tempfile::tempdir().unwrap();
        for part in ["state", "log/localhost"] {
            let to = folder.path().join(part);
            fs::create_dir_all(&to).unwrap();
            for entry in fs::read_dir(stored.join(part)).unwrap() {
                let entry = entry.unwrap();
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
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
            _folder: folder,
        }
    }

    async fn twin(&self, id: impl Into<IdentityId>) -> Twin {
        let found = self.engine.twin(&hub(), &id.into()).await.unwrap();
        found.unwrap().1.value
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
    let sample = Sample::open();

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
        modules
            .iter()
            .any(|module| { module.identity.value.id == ModuleId::parse("controller").unwrap() })
    );
    assert_eq!((counts.enabled_devices, counts.disabled_devices), (4, 1));
}

#[tokio::test]
async fn twins_are_read_with_tags_desired_and_reported() {
    let sample = Sample::open();

    let twin = sample.twin(device("pump-7")).await;

    let document = format!("{twin:?}");
    for part in ["north", "interval", "firmware", "1.2.3"] {
        assert!(document.contains(part), "{part} in {document}");
    }
}

#[tokio::test]
async fn messages_wait_in_their_queue_in_order() {
    let sample = Sample::open();
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

#[tokio::test]
async fn policies_and_consumer_groups_are_read() {
    let sample = Sample::open();

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

#[tokio::test]
async fn events_are_read_with_their_properties() {
    let sample = Sample::open();
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
