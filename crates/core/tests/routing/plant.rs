//! A hub with logs in memory, and one sender.

use std::borrow::Cow;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::{Value, json};
use twinhub_core::access::{Access, DevicePermit, Proof};
use twinhub_core::events::{EventSource, Origin};
use twinhub_core::hubs::{HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::{Authentication, DeviceIdentity, Identity, Status};
use twinhub_core::ids::{DeviceId, HubName, IdentityId};
use twinhub_core::keys::{Key, KeyPair};
use twinhub_core::messages::{MessageRef, SystemProperty};
use twinhub_core::ports::{Busy, Change, LogError, Record, StateStore, UnitOfWork};
use twinhub_core::routing::{
    Destination, Endpoint, EndpointId, EndpointName, EndpointTarget, Enrichment, NatsTarget, Route,
    RouteName, RoutedProducer, Router, RoutingAsOf, RoutingSettings, Secret,
};
use twinhub_core::time::{Clock, Timestamp};
use twinhub_core::twins::Twin;
use twinhub_embedded::{Engine, LocalSessions};
use twinhub_memory_log::{MemoryBacklog, MemoryBacklogs, MemoryLog};
use twinhub_sas::{SasToken, SigningKey};

pub const NOW: Timestamp = Timestamp::from_ticks(638_000_000_000_000_000);

/// It is always the same time.
pub struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// A hub `plant` with the device `pump-7`.
pub struct Plant {
    pub log: MemoryLog,
    pub backlogs: MemoryBacklogs,
    pub router: Arc<Router>,
    pub hub: HubName,
    pub settings: RoutingSettings,
    pub tier: Tier,
    hubs: Arc<Hubs>,
    engine: Arc<Engine>,
    _folder: tempfile::TempDir,
}

impl Plant {
    /// Without routes.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), Arc::new(LocalSessions::new())).unwrap();
        let engine = Arc::new(engine);
        let (log, backlogs) = (MemoryLog::default(), MemoryBacklogs::default());
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
        let opened = Hubs::open(engine.clone(), vec![(hub.clone(), settings)]);
        let (hubs, _) = opened.await.unwrap();
        Plant {
            router: Arc::new(Router::new(
                Arc::new(log.clone()),
                Arc::new(backlogs.clone()),
                engine.clone(),
            )),
            log,
            backlogs,
            hub,
            settings: RoutingSettings::default(),
            tier,
            hubs: Arc::new(hubs),
            engine,
            _folder: folder,
        }
    }

    /// With a custom endpoint.
    pub fn endpoint(mut self, name: &str) -> Self {
        self.settings.endpoints.push(Endpoint {
            id: EndpointId::generate(),
            name: EndpointName::parse(name).unwrap(),
            group: None,
            target: EndpointTarget::Nats(NatsTarget {
                servers: Secret::new("nats://127.0.0.1".to_owned()),
                subject: "events".to_owned(),
                jetstream: false,
            }),
        });
        self
    }

    /// With a route for telemetry.
    pub fn route(self, condition: &str, endpoint: &str) -> Self {
        self.route_of(EventSource::Telemetry, condition, endpoint)
    }

    /// With a route for events of a source.
    pub fn route_of(mut self, source: EventSource, condition: &str, endpoint: &str) -> Self {
        let name = format!("route-{}", self.settings.routes.len());
        self.settings.routes.push(Route {
            name: RouteName::parse(&name).unwrap(),
            source,
            condition: condition.to_owned(),
            destination: destination(endpoint),
            is_enabled: true,
        });
        self
    }

    /// With a stamp on what goes to some endpoints.
    pub fn stamp(mut self, key: &str, value: &str, endpoints: &[&str]) -> Self {
        self.settings.enrichments.push(Enrichment {
            key: key.to_owned(),
            value: value.to_owned(),
            destinations: endpoints.iter().map(|name| destination(name)).collect(),
        });
        self
    }

    pub fn without_fallback(mut self) -> Self {
        self.settings.fallback_is_enabled = false;
        self
    }

    /// Puts what is set in force.
    pub async fn in_force(self) -> Self {
        self.put_in_force().await;
        self
    }

    pub async fn put_in_force(&self) {
        let set = self.router.apply(&self.hub, self.as_of(1)).await;
        set.unwrap();
    }

    /// What is set, at a moment.
    pub fn as_of(&self, as_of: u64) -> RoutingAsOf {
        RoutingAsOf {
            as_of,
            tier: self.tier,
            settings: Arc::new(self.settings.clone()),
        }
    }

    pub fn endpoint_id(&self, name: &str) -> EndpointId {
        self.settings.endpoint(name).unwrap().id
    }

    pub fn backlog(&self, name: &str) -> Arc<MemoryBacklog> {
        self.backlogs
            .of(&self.hub, self.endpoint_id(name))
            .unwrap_or_else(|| panic!("{name} has a backlog"))
    }

    /// The bodies that the built-in endpoint's readers see.
    pub fn built_in(&self) -> Vec<String> {
        bodies(&self.log)
    }

    /// The bodies that wait for a custom endpoint.
    pub fn waiting_for(&self, name: &str) -> Vec<String> {
        bodies(self.backlog(name).memory())
    }

    pub fn sender(&self) -> Sender {
        self.sender_of(EventSource::Telemetry)
    }

    /// Who sends the events of a source about the device.
    pub fn sender_of(&self, source: EventSource) -> Sender {
        let origin = Origin {
            identity: pump(),
            generation: NOW,
            auth_method: None,
            model_id: None,
            source,
        };
        Sender {
            producer: self.router.producer(&self.hub, &origin).unwrap(),
            now: NOW,
        }
    }

    /// Registers the device, whose twin has these tags.
    pub async fn register(&self, tags: Value) {
        let device = DeviceIdentity {
            id: DeviceId::parse("pump-7").unwrap(),
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
            Change::Insert(Record::Identity(Identity::Device(device))),
            Change::Insert(Record::Twin(twin(tags))),
        ];
        let work = UnitOfWork::new(self.hub.clone(), changes);
        self.engine.commit(work).await.unwrap();
    }

    /// The device, which is registered, connects with its key.
    pub async fn permit(&self) -> DevicePermit {
        let hub = self.hubs.by_name(self.hub.as_str()).unwrap();
        let id = pump();
        let stored = self.engine.device(&self.hub, id.device_id());
        let device = stored.await.unwrap().unwrap().identity.value;
        let key = device.authentication.keys().unwrap().primary.expose();
        let key = SigningKey::from_base64(key).unwrap();
        let token = SasToken::sign("plant.example/devices/pump-7", &key, None, u64::MAX / 2);
        let access = Access::new(
            self.hubs.clone(),
            self.engine.clone(),
            Arc::new(FixedClock),
            Duration::ZERO,
            String::new(),
        );
        let proof = Proof::Token(&token);
        access.connect(&hub, proof, &id).await.unwrap()
    }

    /// Replaces the tags of the device's twin.
    pub async fn tag(&self, tags: Value) {
        let stored = self.engine.twin(&self.hub, &pump()).await.unwrap();
        let revision = stored.unwrap().1.revision;
        let changes = vec![Change::Replace(Record::Twin(twin(tags)), revision)];
        let work = UnitOfWork::new(self.hub.clone(), changes);
        self.engine.commit(work).await.unwrap();
    }
}

fn pump() -> IdentityId {
    IdentityId::Device(DeviceId::parse("pump-7").unwrap())
}

fn twin(tags: Value) -> Twin {
    let mut twin = Twin::new(pump(), NOW);
    match tags {
        Value::Object(tags) => twin.tags = tags,
        other => panic!("{other} are no tags"),
    }
    twin
}

fn destination(name: &str) -> Destination {
    match name {
        Destination::BUILT_IN => Destination::BuiltIn,
        name => Destination::Custom(EndpointName::parse(name).unwrap()),
    }
}

pub fn bodies(log: &MemoryLog) -> Vec<String> {
    let events = log.events().into_iter();
    events
        .map(|event| String::from_utf8(event.message.body.to_vec()).unwrap())
        .collect()
}

/// The device's way in. It hands over after each message.
pub struct Sender {
    pub producer: RoutedProducer,
    pub now: Timestamp,
}

impl Sender {
    /// Appends a message `body` with an application property `to`.
    pub fn try_send(&mut self, body: &str, to: &str) -> Result<(), Busy> {
        let system = [
            (SystemProperty::ContentType, Cow::from("application/json")),
            (SystemProperty::ContentEncoding, Cow::from("utf-8")),
        ];
        let application = [(Cow::from("to"), Some(Cow::from(to)))];
        let message = MessageRef {
            system: &system,
            application: &application,
            body: body.as_bytes(),
        };
        let taken = self.producer.append(&message, self.now);
        self.producer.hand_over();
        taken
    }

    pub fn send(&mut self, body: &str, to: &str) {
        self.try_send(body, to).expect("there is room");
    }

    /// Sends, and waits if there is something to wait for.
    pub async fn send_in_time(&mut self, body: &str, to: &str) {
        while self.try_send(body, to).is_err() {
            poll_fn(|cx| self.producer.poll_durable(cx, u64::MAX))
                .await
                .unwrap();
        }
    }

    /// What it tells of more than `known` messages.
    pub fn durable(&mut self, known: u64) -> Poll<Result<u64, LogError>> {
        let mut cx = Context::from_waker(Waker::noop());
        self.producer.poll_durable(&mut cx, known)
    }

    /// How many messages it knows to be durable.
    pub fn known_durable(&mut self) -> u64 {
        let mut known = 0;
        while let Poll::Ready(Ok(durable)) = self.durable(known)
            && durable > known
        {
            known = durable;
        }
        known
    }

    pub fn seconds_later(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }
}

/// Asserts that there is nothing to tell.
#[track_caller]
pub fn assert_pending(told: &Poll<Result<u64, LogError>>) {
    assert!(told.is_pending(), "{told:?}");
}

/// Asserts how many are told to be durable.
#[track_caller]
pub fn assert_durable(told: Poll<Result<u64, LogError>>, expected: u64) {
    match told {
        Poll::Ready(Ok(durable)) => assert_eq!(durable, expected),
        other => panic!("{other:?}"),
    }
}

/// Some JSON that is easily told apart.
pub fn numbered(number: u64) -> String {
    json!({ "number": number }).to_string()
}
