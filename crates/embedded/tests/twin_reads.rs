//! Routes that ask about twins, while twins can't be read: senders wait, and
//! nothing is lost.
#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use twinhub_core::events::{EventSource, Origin};
use twinhub_core::hubs::{HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::{Authentication, DeviceIdentity, Identity, Status};
use twinhub_core::ids::{DeviceId, HubName, IdentityId};
use twinhub_core::keys::{Key, KeyPair};
use twinhub_core::messages::{Message, MessageRef};
use twinhub_core::notifications::{NewEvent, Pump};
use twinhub_core::ports::{
    Change, LogError, OutboxStore as _, Record, StateStore as _, UnitOfWork,
};
use twinhub_core::routing::{
    Destination, Enrichment, Route, RouteName, RoutedProducer, Router, RoutingAsOf, RoutingSettings,
};
use twinhub_core::time::{SystemClock, Timestamp};
use twinhub_core::twins::Twin;
use twinhub_embedded::{Engine, LocalSessions};
use twinhub_memory_log::{MemoryBacklogs, MemoryLog};

const NOW: Timestamp = Timestamp::from_ticks(638_000_000_000_000_000);

/// A hub that stamps the site, which is a tag, on all events.
struct Plant {
    engine: Arc<Engine>,
    router: Arc<Router>,
    log: MemoryLog,
    hub: HubName,
    folder: tempfile::TempDir,
}

impl Plant {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), Arc::new(LocalSessions::new()));
        let engine = Arc::new(engine.unwrap());
        let hub = HubName::parse("plant").unwrap();
        let tier = Tier {
            sku: Sku::S1,
            units: 1,
        };
        let settings = HubSettings {
            host_names: vec!["plant.example".to_owned()],
            tier,
            modules_per_device: 20,
            event_retention: Duration::from_secs(3600),
        };
        let hubs = Hubs::open(engine.clone(), vec![(hub.clone(), settings)]);
        hubs.await.unwrap();
        let log = MemoryLog::of([hub.clone()], 2);
        let router = Arc::new(Router::new(
            Arc::new(log.clone()),
            Arc::new(MemoryBacklogs::new(2)),
            engine.clone(),
        ));
        let routing = RoutingAsOf {
            as_of: 1,
            tier,
            settings: Arc::new(stamping_sites()),
        };
        router.apply(&hub, routing).await.unwrap();
        Plant {
            engine,
            router,
            log,
            hub,
            folder,
        }
    }

    /// A device at a site.
    async fn register(&self, device: &str, site: &str) {
        let id = DeviceId::parse(device).unwrap();
        let mut twin = Twin::new(id.clone().into(), NOW);
        twin.tags.insert("site".to_owned(), site.into());
        let identity = DeviceIdentity {
            id,
            generation: NOW,
            version: 1,
            authentication: Authentication::Sas(KeyPair {
                primary: Key::generate(),
                secondary: Key::generate(),
            }),
            status: Status::Enabled,
            status_reason: None,
            status_updated: Timestamp::NEVER,
            edge: false,
            scope: None,
            parent_scopes: Vec::new(),
        };
        let changes = vec![
            Change::Insert(Record::Identity(Identity::Device(identity))),
            Change::Insert(Record::Twin(twin)),
        ];
        let work = UnitOfWork::new(self.hub.clone(), changes);
        self.engine.commit(work).await.unwrap();
    }

    fn sender(&self, device: &str) -> Sender {
        let origin = Origin {
            identity: identity(device),
            generation: NOW,
            auth_method: None,
            model_id: None,
            source: EventSource::Telemetry,
        };
        Sender(self.router.producer(&self.hub, &origin).unwrap())
    }

    /// Puts the event of a change into the outbox.
    async fn tell(&self, device: &str, body: &'static str) {
        let event = NewEvent {
            source: EventSource::TwinChange,
            identity: identity(device),
            generation: Timestamp::NEVER,
            message: Message {
                body: body.into(),
                ..Message::default()
            },
            at: NOW,
        };
        let work = UnitOfWork::new(self.hub.clone(), Vec::new()).with_events(vec![event]);
        self.engine.commit(work).await.unwrap();
    }

    /// Runs the pump until the outbox is empty.
    async fn pump(&self) {
        let clock = Arc::new(SystemClock);
        let pump = Arc::new(Pump::new(self.engine.clone(), self.router.clone(), clock));
        let stop = CancellationToken::new();
        let run = tokio::spawn(pump.run(vec![self.hub.clone()], stop.clone()));
        let empty = async {
            while !self
                .engine
                .outbox(&self.hub, 0, 1)
                .await
                .unwrap()
                .is_empty()
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let emptied = tokio::time::timeout(Duration::from_secs(20), empty).await;
        stop.cancel();
        run.await.unwrap();
        emptied.expect("the outbox becomes empty");
    }

    /// Does something to the file of the state behind the engine's back.
    fn tamper(&self, sql: &str) {
        tamper(self.folder.path().join("state.db"), sql);
    }

    /// Bodies with the site that was stamped on them.
    fn stored(&self) -> Vec<(String, String)> {
        let events = self.log.events().into_iter();
        let mut stored: Vec<_> = events
            .map(|event| {
                let body = String::from_utf8(event.message.body.to_vec()).unwrap();
                let mut application = event.message.application.iter();
                let site = application.find(|(name, _)| &**name == "site").unwrap();
                (body, site.1.as_deref().unwrap().to_owned())
            })
            .collect();
        stored.sort();
        stored
    }
}

fn tamper(file: PathBuf, sql: &str) {
    let file = rusqlite::Connection::open(file).unwrap();
    file.busy_timeout(Duration::from_secs(5)).unwrap();
    file.execute_batch(sql).unwrap();
}

/// Makes reads of twins fail, and ends that.
const HIDE_TWINS: &str = "ALTER TABLE twins RENAME TO hidden";
const SHOW_TWINS: &str = "ALTER TABLE hidden RENAME TO twins";

struct Sender(RoutedProducer);

impl Sender {
    /// Sends, and waits until it is durable.
    async fn send(&mut self, body: &str) -> Result<(), LogError> {
        let message = MessageRef {
            system: &[],
            application: &[],
            body: body.as_bytes(),
        };
        while self.0.append(&message, NOW).is_err() {
            poll_fn(|cx| self.0.poll_durable(cx, u64::MAX)).await?;
        }
        self.0.hand_over();
        poll_fn(|cx| self.0.poll_durable(cx, 0)).await.map(drop)
    }
}

fn stamping_sites() -> RoutingSettings {
    let mut settings = RoutingSettings::default();
    settings.enrichments.push(Enrichment {
        key: "site".to_owned(),
        value: "$twin.tags.site".to_owned(),
        destinations: vec![Destination::BuiltIn],
    });
    settings.routes.push(Route {
        name: RouteName::parse("changes").unwrap(),
        source: EventSource::TwinChange,
        condition: "true".to_owned(),
        destination: Destination::BuiltIn,
        is_enabled: true,
    });
    settings
}

fn identity(device: &str) -> IdentityId {
    DeviceId::parse(device).unwrap().into()
}

fn texts(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|(one, other)| ((*one).to_owned(), (*other).to_owned()))
        .collect()
}

#[tokio::test]
async fn a_sender_whose_twin_can_not_be_read_waits_until_it_can() {
    let plant = Plant::new().await;
    plant.register("pump-7", "oslo").await;
    let mut sender = plant.sender("pump-7");
    plant.tamper(HIDE_TWINS);

    let file = plant.folder.path().join("state.db");
    let repaired = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(plant.stored().is_empty());
        tokio::task::spawn_blocking(|| tamper(file, SHOW_TWINS))
            .await
            .unwrap();
    };
    let (sent, ()) = tokio::join!(sender.send("1"), repaired);

    sent.unwrap();
    assert_eq!(plant.stored(), texts(&[("1", "oslo")]));
}

#[tokio::test]
async fn a_sender_hears_at_once_that_the_store_is_closed() {
    let plant = Plant::new().await;
    let mut sender = plant.sender("pump-7");

    plant.engine.close().await;

    assert!(matches!(sender.send("1").await, Err(LogError::Failed(_))));
}

#[tokio::test]
async fn events_of_changes_wait_while_twins_can_not_be_read() {
    let plant = Plant::new().await;
    plant.register("pump-7", "oslo").await;
    plant.tell("pump-7", "1").await;
    plant.tamper(HIDE_TWINS);

    let file = plant.folder.path().join("state.db");
    let repaired = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(plant.stored().is_empty());
        tokio::task::spawn_blocking(|| tamper(file, SHOW_TWINS))
            .await
            .unwrap();
    };
    tokio::join!(plant.pump(), repaired);

    assert_eq!(plant.stored(), texts(&[("1", "oslo")]));
}

#[tokio::test]
async fn a_twin_that_is_damaged_holds_up_neither_its_owner_nor_others() {
    let plant = Plant::new().await;
    plant.register("pump-7", "oslo").await;
    plant.register("pump-8", "bergen").await;
    plant.tamper("UPDATE twins SET format = 99 WHERE tags LIKE '%oslo%'");

    plant.tell("pump-7", "1").await;
    plant.tell("pump-8", "2").await;
    plant.pump().await;
    plant.sender("pump-7").send("3").await.unwrap();

    let as_set = "$twin.tags.site";
    let expected = [("1", as_set), ("2", "bergen"), ("3", as_set)];
    assert_eq!(plant.stored(), texts(&expected));
}
