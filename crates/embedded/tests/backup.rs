//! A copy of one moment, taken while writers go on.
#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

use std::fs::{self, File};
use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use twinhub_core::events::{EventSource, Origin, PartitionId};
use twinhub_core::hubs::HubRecord;
use twinhub_core::identities::{Authentication, DeviceIdentity, Identity, Status};
use twinhub_core::ids::{DeviceId, HubName};
use twinhub_core::messages::MessageRef;
use twinhub_core::ports::{
    Backlogs as _, Change, EventLog, Progress, Record, StateStore as _, UnitOfWork,
};
use twinhub_core::routing::EndpointId;
use twinhub_core::time::Timestamp;
use twinhub_core::twins::Twin;
use twinhub_embedded::{
    BackupError, Engine, EventSettings, LocalBacklogs, LocalEventLog, LocalSessions, Moment,
};

const PARTITIONS: u16 = 2;

fn hub() -> HubName {
    HubName::parse("plant").unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000)
}

struct Store {
    engine: Engine,
    events: Arc<LocalEventLog>,
    backlogs: Arc<LocalBacklogs>,
}

impl Store {
    fn open(folder: &Path) -> Self {
        let settings = EventSettings {
            partitions: PARTITIONS,
            retention: Duration::from_secs(24 * 60 * 60),
            max_bytes: 1 << 30,
        };
        let sessions = Arc::new(LocalSessions::new());
        let log = folder.join("log");
        let events = LocalEventLog::open(&log, [(hub(), settings)]);
        Store {
            engine: Engine::open(&folder.join("state"), sessions).unwrap(),
            events: Arc::new(events.unwrap()),
            backlogs: Arc::new(LocalBacklogs::new(&log, [(hub(), settings)])),
        }
    }

    async fn new(folder: &Path) -> Self {
        let store = Store::open(folder);
        let record = HubRecord {
            name: hub(),
            etag: 1,
        };
        store.commit(vec![Record::Hub(record)]).await;
        store
    }

    async fn commit(&self, records: Vec<Record>) {
        let changes = records.into_iter().map(Change::Insert).collect();
        let work = UnitOfWork::new(hub(), changes);
        self.engine.commit(work).await.unwrap();
    }

    async fn insert(&self, id: &str) {
        let id = DeviceId::parse(id).unwrap();
        let twin = Twin::new(id.clone().into(), now());
        let device = DeviceIdentity {
            id,
            generation: now(),
            version: 1,
            authentication: Authentication::None,
            status: Status::Enabled,
            status_reason: None,
            status_updated: Timestamp::NEVER,
            edge: false,
            scope: None,
            parent_scopes: Vec::new(),
        };
        let device = Record::Identity(Identity::Device(device));
        self.commit(vec![device, Record::Twin(twin)]).await;
    }

    /// Stores an event and returns once it is durable.
    async fn append(&self, body: &str) {
        append_to(&*self.events, body).await;
    }
}

/// Stores an event and returns once it is durable.
async fn append_to(log: &dyn EventLog, body: &str) {
    let origin = Origin {
        identity: DeviceId::parse("teller").unwrap().into(),
        generation: now(),
        auth_method: None,
        model_id: None,
        source: EventSource::Telemetry,
    };
    let mut producer = log.producer(&hub(), &origin).unwrap();
    let message = MessageRef {
        system: &[],
        application: &[],
        body: body.as_bytes(),
    };
    producer.append(&message, now()).unwrap();
    producer.hand_over();
    let durable = poll_fn(|cx| producer.poll_durable(cx, 0)).await;
    assert_eq!(durable.unwrap(), 1);
}

impl Store {
    async fn moment(&self) -> Result<Moment, BackupError> {
        Moment::take(&self.engine, self.events.clone(), self.backlogs.clone()).await
    }

    /// How many devices there are, and how many events.
    async fn counts(&self) -> (u64, u64) {
        let devices = self.engine.devices(&hub(), None, usize::MAX).await.unwrap();
        let mut events = 0;
        for partition in 0..PARTITIONS {
            let known = self.events.partition(&hub(), PartitionId(partition)).await;
            events += known.unwrap().unwrap().next;
        }
        (devices.len() as u64, events)
    }
}

/// Copies a moment as a whole.
fn copy(mut moment: Moment, folder: &Path) {
    let state = folder.join("state");
    fs::create_dir_all(&state).unwrap();
    let copied = moment
        .copy_state(&state, |_| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(copied, Some("state.db"));
    for part in moment {
        let path = folder.join("log").join(part.path());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut to = File::create(path).unwrap();
        io::copy(&mut part.open().unwrap(), &mut to).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_of_one_moment_between_state_and_events() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::new(folder.path()).await);
    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicU64::new(0));
    // A device, then its event, then the next device: each is made of the one
    // before, so a copy of one moment has as many events as devices, or one
    // less.
    let writer = tokio::spawn({
        let (store, stop, acknowledged) = (store.clone(), stop.clone(), acknowledged.clone());
        async move {
            for number in 1.. {
                store.insert(&format!("device-{number}")).await;
                store.append(&format!("event {number}")).await;
                acknowledged.store(number, Ordering::SeqCst);
                if stop.load(Ordering::SeqCst) {
                    break;
                }
            }
        }
    });

    for round in 0..15 {
        while acknowledged.load(Ordering::SeqCst) < (round + 1) * 20 {
            tokio::task::yield_now().await;
        }
        let before = acknowledged.load(Ordering::SeqCst);
        let moment = store.moment().await.unwrap();
        let copied = tempfile::tempdir().unwrap();
        let path = copied.path().to_owned();
        tokio::task::spawn_blocking(move || copy(moment, &path))
            .await
            .unwrap();

        let (devices, events) = Store::open(copied.path()).counts().await;

        assert!(events >= before, "{events} events, {before} acknowledged");
        assert!(
            devices == events || devices == events + 1,
            "{devices} devices and {events} events are of no one moment"
        );
    }
    stop.store(true, Ordering::SeqCst);
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_goes_on_as_a_store_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path()).await;
    store.insert("pump-7").await;
    store.append("early").await;
    let copied = tempfile::tempdir().unwrap();
    copy(store.moment().await.unwrap(), copied.path());

    let copy = Store::open(copied.path());
    copy.insert("pump-8").await;
    copy.append("late").await;

    assert_eq!(copy.counts().await, (2, 2));
    assert_eq!(store.counts().await, (1, 1));
}

#[tokio::test]
async fn a_copy_that_is_stopped_tells_so_and_makes_room_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path()).await;
    let mut first = store.moment().await.unwrap();

    let second = store.moment().await.err();
    let stopped = first.copy_state(folder.path(), |_| ControlFlow::Break(()));
    drop(first);

    assert!(matches!(second, Some(BackupError::Busy)), "{second:?}");
    assert!(matches!(stopped, Err(BackupError::Cancelled)));
    assert!(store.moment().await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_backlog_goes_on_where_it_was_delivered_to() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path()).await;
    let endpoint = EndpointId::generate();
    let backlog = store.backlogs.open(&hub(), endpoint).await.unwrap();
    for body in ["a", "b", "c"] {
        append_to(&*backlog.log(), body).await;
    }
    let partition = PartitionId::of(&DeviceId::parse("teller").unwrap(), PARTITIONS);
    let progress = |next, lost| Progress {
        partition,
        next,
        lost,
    };
    backlog.save(&[progress(1, 5)]).await.unwrap();
    let moment = store.moment().await.unwrap();
    // Nothing of this is in the copy.
    append_to(&*backlog.log(), "d").await;
    backlog.save(&[progress(4, 6)]).await.unwrap();

    let copied = tempfile::tempdir().unwrap();
    copy(moment, copied.path());

    let copy = Store::open(copied.path());
    assert_eq!(copy.backlogs.endpoints(&hub()).await.unwrap(), [endpoint]);
    let backlog = copy.backlogs.open(&hub(), endpoint).await.unwrap();
    assert!(backlog.progress().await.unwrap().contains(&progress(1, 5)));
    let left = backlog.log().read(&hub(), partition, 1, 1 << 20).await;
    let left: Vec<_> = left
        .unwrap()
        .iter()
        .map(|event| event.body().to_vec())
        .collect();
    assert_eq!(left, [b"b", b"c"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_removed_during_a_copy_is_in_it_and_goes_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path()).await;
    let endpoint = EndpointId::generate();
    let backlog = store.backlogs.open(&hub(), endpoint).await.unwrap();
    append_to(&*backlog.log(), "a").await;
    let moment = store.moment().await.unwrap();

    store.backlogs.remove(&hub(), endpoint).await.unwrap();

    assert_eq!(store.backlogs.endpoints(&hub()).await.unwrap(), []);
    let copied = tempfile::tempdir().unwrap();
    copy(moment, copied.path());
    let below = format!("log/{}.endpoints/{endpoint}", hub());
    assert!(!folder.path().join(&below).exists());
    let copy = Store::open(copied.path());
    let backlog = copy.backlogs.open(&hub(), endpoint).await.unwrap();
    assert!(backlog.bytes() > 0);
}
