//! A hub on a real engine, and a client that speaks packets to its gateway.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod client;
mod meddled;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::io::{DuplexStream, duplex};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use twinhub_core::access::{Access, Caller, Peer};
use twinhub_core::c2d::{Acknowledgement, CloudToDevice, CloudToDeviceSettings, NewMessage};
use twinhub_core::connection_events::ConnectionEvents;
use twinhub_core::connections::Connections;
use twinhub_core::etag::Precondition;
use twinhub_core::events::EventSource;
use twinhub_core::faults::Faults;
use twinhub_core::hubs::{Hub, HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::{
    AuthenticationSpec, DeviceSpec, ModuleSpec, Registry, Status, WhichKeys,
};
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::keys::Key;
use twinhub_core::messages::Message;
use twinhub_core::methods::Methods;
use twinhub_core::presence::{Activity, PresenceBook};
use twinhub_core::routing::{Destination, Route, RouteName, Router, RoutingAsOf, RoutingSettings};
use twinhub_core::stored_sessions::StoredSessions;
use twinhub_core::telemetry::Telemetry;
use twinhub_core::time::{Clock, Timestamp};
use twinhub_core::twins::{TwinPatch, TwinWrite, Twins};
use twinhub_embedded::Engine;
use twinhub_memory_log::{MemoryBacklogs, MemoryLog};
use twinhub_mqtt::{Gateway, Services, Settings};
use twinhub_sas::{SasToken, SigningKey};

use self::client::Client;
use self::meddled::MeddledSessions;

const NOW: u64 = 1_800_000_000;
pub const HOST: &str = "plant.example";
pub const RESPONSES: &str = "$iothub/twin/res/#";
pub const CHANGES: &str = "$iothub/twin/PATCH/properties/desired/#";

/// Goes with tokio's clock, which tests can pause, until it is set forward.
struct TestClock {
    begun: Instant,
    set_forward: AtomicU64,
}

impl TestClock {
    fn elapsed(&self) -> Duration {
        self.begun.elapsed() + Duration::from_secs(self.set_forward.load(Ordering::Relaxed))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(NOW).plus(self.elapsed())
    }
}

/// A hub with its gateway.
pub struct TestHub {
    pub gateway: Arc<Gateway>,
    pub engine: Arc<Engine>,
    pub log: MemoryLog,
    pub shutdown: CancellationToken,
    pub admitted: Arc<AtomicUsize>,
    hubs: Arc<Hubs>,
    access: Arc<Access>,
    registry: Arc<Registry>,
    sessions: Arc<MeddledSessions>,
    twins: Arc<Twins>,
    pub c2d: Arc<CloudToDevice>,
    pub methods: Arc<Methods>,
    presence: Arc<PresenceBook>,
    clock: Arc<TestClock>,
    _folder: tempfile::TempDir,
}

/// An identity that can connect.
#[derive(Clone)]
pub struct Someone {
    pub id: IdentityId,
    pub generation: Timestamp,
    pub primary: String,
    pub secondary: String,
}

impl Someone {
    /// `devices/{d}[/modules/{m}]`
    pub fn path(&self) -> String {
        let device = self.id.device_id();
        match self.id.module_id() {
            None => format!("devices/{device}"),
            Some(module) => format!("devices/{device}/modules/{module}"),
        }
    }

    pub fn username(&self) -> String {
        format!("{HOST}/{}/?api-version=2021-04-12", self.id)
    }
}

impl TestHub {
    pub async fn new() -> Self {
        TestHub::with_settings(Settings::default()).await
    }

    pub async fn with_settings(settings: Settings) -> Self {
        TestHub::build(settings, false, None).await
    }

    /// A hub that obeys messages which ask for faults.
    pub async fn allowing_faults() -> Self {
        TestHub::build(Settings::default(), true, None).await
    }

    /// A hub that makes events of connections.
    pub async fn telling_of_connections() -> Self {
        TestHub::telling_of_connections_if("true").await
    }

    /// A hub that makes events of connections, with a route for those that
    /// meet a condition.
    pub async fn telling_of_connections_if(condition: &str) -> Self {
        TestHub::build(Settings::default(), false, Some(condition)).await
    }

    async fn build(settings: Settings, faults: bool, connection_events: Option<&str>) -> Self {
        let log = MemoryLog::default();
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock {
            begun: Instant::now(),
            set_forward: AtomicU64::new(0),
        });
        let sessions = Arc::new(MeddledSessions::default());
        let engine = Arc::new(Engine::open(folder.path(), sessions.clone()).unwrap());
        let hub = HubSettings {
            host_names: vec![HOST.to_owned()],
            tier: Tier {
                sku: Sku::S1,
                units: 1,
            },
            modules_per_device: 20,
            event_retention: std::time::Duration::from_secs(24 * 3600),
        };
        let name = HubName::parse("plant").unwrap();
        let (hubs, _) = Hubs::open(engine.clone(), vec![(name, hub)]).await.unwrap();
        let hubs = Arc::new(hubs);
        let router = Arc::new(Router::new(
            Arc::new(log.clone()),
            Arc::new(MemoryBacklogs::default()),
            engine.clone(),
        ));
        if let Some(condition) = connection_events {
            let settings = Arc::new(telling_of_connections(condition));
            let hub = hubs.by_host(HOST).unwrap();
            let routing = RoutingAsOf {
                settings,
                ..RoutingAsOf::of(&hub)
            };
            router.apply(hub.name(), routing).await.unwrap();
        }
        let access = Arc::new(Access::new(
            hubs.clone(),
            engine.clone(),
            clock.clone(),
            Duration::ZERO,
            String::new(),
        ));
        let presence = Arc::new(PresenceBook::new(clock.clone()));
        let twins = Arc::new(Twins::new(engine.clone(), presence.clone(), clock.clone()));
        let c2d = Arc::new(CloudToDevice::new(
            engine.clone(),
            clock.clone(),
            CloudToDeviceSettings::default(),
        ));
        let methods = Arc::new(Methods::new(engine.clone(), sessions.clone()));
        let services = Services {
            hubs: hubs.clone(),
            access: access.clone(),
            twins: twins.clone(),
            connections: Arc::new(Connections::new(sessions.clone(), presence.clone())),
            telemetry: Arc::new(Telemetry::new(router.clone(), clock.clone())),
            c2d: c2d.clone(),
            methods: methods.clone(),
            faults: Arc::new(Faults::new(faults, clock.clone())),
            connection_events: Arc::new(ConnectionEvents::new(
                router.clone(),
                sessions.clone(),
                clock.clone(),
            )),
            stored: Arc::new(StoredSessions::new(engine.clone())),
            clock: clock.clone(),
        };
        TestHub {
            gateway: Arc::new(Gateway::new(services, settings)),
            registry: Arc::new(Registry::new(
                engine.clone(),
                sessions.clone(),
                presence.clone(),
                clock.clone(),
            )),
            sessions,
            engine,
            log,
            shutdown: CancellationToken::new(),
            admitted: Arc::default(),
            hubs,
            access,
            twins,
            c2d,
            methods,
            presence,
            clock,
            _folder: folder,
        }
    }

    pub fn hub(&self) -> Arc<Hub> {
        self.hubs.by_host(HOST).unwrap()
    }

    pub async fn owner(&self) -> Caller {
        let hub = self.hub();
        let key = &hub.policy("iothubowner").unwrap().keys.primary;
        let key = SigningKey::from_base64(key.expose()).unwrap();
        let token = SasToken::sign(HOST, &key, Some("iothubowner"), NOW + 365 * 86_400);
        self.access.admit(&hub, &token, &[]).await.unwrap()
    }

    pub async fn with_device(&self, id: &str) -> Someone {
        self.put_device(id, Key::generate(), Key::generate(), Status::Enabled)
            .await
    }

    /// Creates the device, or replaces what it is.
    pub async fn put_device(
        &self,
        id: &str,
        primary: Key,
        secondary: Key,
        status: Status,
    ) -> Someone {
        let permit = self.owner().await.registry_write().unwrap();
        let id = DeviceId::parse(id).unwrap();
        let mut spec = DeviceSpec::new(id.clone());
        spec.authentication = keys(&primary, &secondary);
        spec.status = status;
        let put = |condition| self.registry.put_device(&permit, spec.clone(), condition);
        let (device, _) = match put(&Precondition::None).await {
            Ok(created) => created,
            Err(_) => put(&Precondition::Any).await.unwrap(),
        };
        someone(id.into(), device.generation, &primary, &secondary)
    }

    pub async fn with_module(&self, device: &str, module: &str) -> Someone {
        self.with_device(device).await;
        let device = DeviceId::parse(device).unwrap();
        let permit = self.owner().await.modules_write(&device).unwrap();
        let (primary, secondary) = (Key::generate(), Key::generate());
        let mut spec = ModuleSpec::new(device.clone(), ModuleId::parse(module).unwrap());
        spec.authentication = keys(&primary, &secondary);
        let id = IdentityId::module(device, spec.id.clone());
        let put = self.registry.put_module(&permit, spec, &Precondition::None);
        let (module, _) = put.await.unwrap();
        someone(id, module.generation, &primary, &secondary)
    }

    /// Gives an identity two new keys.
    pub async fn regenerate_keys(&self, who: &Someone) {
        let permit = self.owner().await.registry_write().unwrap();
        let regenerated = self
            .registry
            .regenerate_keys(&permit, &who.id, WhichKeys::Both);
        regenerated.await.unwrap();
    }

    pub async fn delete(&self, who: &Someone) {
        let permit = self.owner().await.registry_write().unwrap();
        let id = who.id.device_id();
        let deleted = self.registry.delete_device(&permit, id, &Precondition::Any);
        deleted.await.unwrap();
    }

    /// Has the device deleted between a client's authentication and the
    /// moment from which its session is told of changes.
    pub async fn delete_while_entering(&self, who: &Someone) {
        let permit = self.owner().await.registry_write().unwrap();
        let (registry, id) = (self.registry.clone(), who.id.device_id().clone());
        self.sessions.before_next_open(async move {
            let deleted = registry.delete_device(&permit, &id, &Precondition::Any);
            deleted.await.unwrap();
        });
    }

    /// Sets the machine's clock forward; timers don't notice.
    pub fn set_clock_forward(&self, by: Duration) {
        self.clock
            .set_forward
            .fetch_add(by.as_secs(), Ordering::Relaxed);
    }

    /// A token with an hour to live, as the identity signs it.
    pub fn token(&self, who: &Someone) -> String {
        self.token_for(who, Duration::from_secs(3600))
    }

    pub fn token_for(&self, who: &Someone, life: Duration) -> String {
        let key = SigningKey::from_base64(&who.primary).unwrap();
        let expiry = NOW + self.clock.elapsed().as_secs() + life.as_secs();
        SasToken::sign(&format!("{HOST}/{}", who.path()), &key, None, expiry)
    }

    pub async fn patch_desired(&self, who: &Someone, patch: Value) {
        let permit = self.owner().await.service().unwrap();
        let write = TwinWrite::Patch(TwinPatch {
            tags: None,
            desired: Some(object(patch)),
        });
        let written = self
            .twins
            .write(&permit, &who.id, &write, &Precondition::None);
        written.await.unwrap();
    }

    /// Queues a message with this body.
    pub async fn send_message(&self, who: &Someone, body: &str) {
        let permit = self.owner().await.service().unwrap();
        let message = NewMessage {
            message: Message {
                body: body.to_owned().into(),
                ..Message::default()
            },
            ack: Acknowledgement::None,
            expires: None,
        };
        self.c2d.send(&permit, &who.id, message).await.unwrap();
    }

    /// How many messages are in the queue, locked ones included. They are gone
    /// then.
    pub async fn purge(&self, who: &Someone) -> u64 {
        let permit = self.owner().await.service().unwrap();
        self.c2d.purge(&permit, &who.id).await.unwrap()
    }

    /// The reported properties, as the back end sees them, without metadata.
    pub async fn reported(&self, who: &Someone) -> Value {
        json!(self.twin(who).await.reported.properties)
    }

    pub async fn twin(&self, who: &Someone) -> twinhub_core::twins::Twin {
        let permit = self.owner().await.service().unwrap();
        self.twins.read(&permit, &who.id).await.unwrap().twin
    }

    pub fn is_connected(&self, who: &Someone) -> bool {
        let hub = self.hub();
        let presence = self
            .presence
            .of(hub.name(), &who.id, who.generation, Activity::default());
        presence.connected
    }

    /// A connection that has said nothing yet.
    pub fn connection(&self) -> Client {
        self.connection_with_room_for(64 * 1024)
    }

    /// A connection over a stream that takes so many bytes and then waits.
    pub fn connection_with_room_for(&self, bytes: usize) -> Client {
        let (near, far) = duplex(bytes);
        self.serve(far);
        Client::new(near)
    }

    fn serve(&self, stream: DuplexStream) {
        let (gateway, shutdown) = (self.gateway.clone(), self.shutdown.clone());
        let admitted = self.admitted.clone();
        let admitted = move || {
            admitted.fetch_add(1, Ordering::Relaxed);
        };
        let peer = Peer::at("192.0.2.1:50000".parse().unwrap());
        tokio::spawn(async move { gateway.serve(stream, peer, admitted, shutdown).await });
    }

    /// A session without anything stored.
    pub async fn session(&self, who: &Someone) -> Client {
        let mut client = self.connection();
        let present = client.connect(who, &self.token(who)).await;
        assert!(!present, "there was no session to resume");
        client
    }

    /// A session, whatever is stored.
    pub async fn resumed_or_new(&self, who: &Someone) -> Client {
        let mut client = self.connection();
        client.connect(who, &self.token(who)).await;
        client
    }

    /// A session that resumes a stored one.
    pub async fn resumed(&self, who: &Someone) -> Client {
        let mut client = self.connection();
        let present = client.connect(who, &self.token(who)).await;
        assert!(present, "there was a session to resume");
        client
    }
}

fn keys(primary: &Key, secondary: &Key) -> AuthenticationSpec {
    AuthenticationSpec {
        primary_key: Some(primary.expose().to_owned()),
        secondary_key: Some(secondary.expose().to_owned()),
        ..AuthenticationSpec::default()
    }
}

fn someone(id: IdentityId, generation: Timestamp, primary: &Key, secondary: &Key) -> Someone {
    Someone {
        id,
        generation,
        primary: primary.expose().to_owned(),
        secondary: secondary.expose().to_owned(),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

/// A route for events of connections to the built-in endpoint.
fn telling_of_connections(condition: &str) -> RoutingSettings {
    RoutingSettings {
        routes: vec![Route {
            name: RouteName::parse("connections").unwrap(),
            source: EventSource::ConnectionState,
            condition: condition.to_owned(),
            destination: Destination::BuiltIn,
            is_enabled: true,
        }],
        ..RoutingSettings::default()
    }
}
