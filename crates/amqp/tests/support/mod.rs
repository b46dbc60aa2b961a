//! A hub on a real engine, and a client that speaks frames to it.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod client;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::io::duplex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use twinhub_amqp::device::{DeviceContainer, DeviceServices};
use twinhub_amqp::service::{ServiceContainer, ServiceServices};
use twinhub_amqp_server::{Container, Server, Services, Settings};
use twinhub_core::access::{Access, Caller, DevicePermit, Peer, Proof, ServicePermit};
use twinhub_core::c2d::{
    CloudToDevice, CloudToDeviceSettings, DEFAULT_LOCK, Delivery, Holder, NewMessage,
};
use twinhub_core::connection_events::ConnectionEvents;
use twinhub_core::connections::Connections;
use twinhub_core::etag::Precondition;
use twinhub_core::events::EventSource;
use twinhub_core::faults::Faults;
use twinhub_core::hubs::{Hub, HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::{DeviceSpec, ModuleSpec, Registry, Status, WhichKeys};
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::methods::Methods;
use twinhub_core::presence::{Activity, PresenceBook};
use twinhub_core::routing::{Destination, Route, RouteName, Router, RoutingAsOf, RoutingSettings};
use twinhub_core::telemetry::Telemetry;
use twinhub_core::time::{Clock, Timestamp};
use twinhub_core::twins::{Twin, TwinPatch, TwinWrite, Twins};
use twinhub_embedded::{Engine, LocalSessions};
use twinhub_memory_log::{MemoryBacklogs, MemoryLog};
use twinhub_sas::{SasToken, SigningKey};

use self::client::Client;

const NOW: u64 = 1_800_000_000;
pub const HOST: &str = "plant.example";
pub const HOUR: Duration = Duration::from_secs(3600);

/// Goes with the machine's clock, until it is set forward.
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

/// A hub that is spoken to over AMQP.
pub struct TestHub {
    pub server: Arc<Server>,
    pub c2d: Arc<CloudToDevice>,
    pub log: MemoryLog,
    pub methods: Arc<Methods>,
    pub connections: Arc<Connections>,
    pub shutdown: CancellationToken,
    twins: Arc<Twins>,
    presence: Arc<PresenceBook>,
    hubs: Arc<Hubs>,
    access: Arc<Access>,
    registry: Arc<Registry>,
    clock: Arc<TestClock>,
    _folder: tempfile::TempDir,
}

impl TestHub {
    pub async fn new() -> Self {
        TestHub::build(false, false).await
    }

    /// A hub that obeys messages which ask for faults.
    pub async fn allowing_faults() -> Self {
        TestHub::build(true, false).await
    }

    /// A hub that makes events of connections.
    pub async fn telling_of_connections() -> Self {
        TestHub::build(false, true).await
    }

    async fn build(faults: bool, connection_events: bool) -> Self {
        let log = MemoryLog::default();
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock {
            begun: Instant::now(),
            set_forward: AtomicU64::new(0),
        });
        let sessions = Arc::new(LocalSessions::new());
        let engine = Arc::new(Engine::open(folder.path(), sessions.clone()).unwrap());
        let hub = HubSettings {
            host_names: vec![HOST.to_owned()],
            tier: Tier {
                sku: Sku::S1,
                units: 1,
            },
            modules_per_device: 20,
            event_retention: Duration::from_secs(24 * 3600),
        };
        let name = HubName::parse("plant").unwrap();
        let (hubs, _) = Hubs::open(engine.clone(), vec![(name, hub)]).await.unwrap();
        let hubs = Arc::new(hubs);
        let router = Arc::new(Router::new(
            Arc::new(log.clone()),
            Arc::new(MemoryBacklogs::default()),
            engine.clone(),
        ));
        if connection_events {
            let settings = Arc::new(telling_of_connections());
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
        let c2d = Arc::new(CloudToDevice::new(
            engine.clone(),
            clock.clone(),
            CloudToDeviceSettings::default(),
        ));
        let services = Services {
            hubs: hubs.clone(),
            access: access.clone(),
            clock: clock.clone(),
        };
        let back_ends = ServiceContainer::new(ServiceServices { c2d: c2d.clone() });
        let twins = Arc::new(Twins::new(engine.clone(), presence.clone(), clock.clone()));
        let methods = Arc::new(Methods::new(engine.clone(), sessions.clone()));
        let connections = Arc::new(Connections::new(sessions.clone(), presence.clone()));
        let devices = DeviceContainer::new(DeviceServices {
            access: access.clone(),
            twins: twins.clone(),
            telemetry: Arc::new(Telemetry::new(router.clone(), clock.clone())),
            c2d: c2d.clone(),
            methods: methods.clone(),
            faults: Arc::new(Faults::new(faults, clock.clone())),
            connection_events: Arc::new(ConnectionEvents::new(
                router.clone(),
                sessions.clone(),
                clock.clone(),
            )),
            connections: connections.clone(),
        });
        let containers: Vec<Arc<dyn Container>> = vec![Arc::new(devices), Arc::new(back_ends)];
        TestHub {
            server: Arc::new(Server::new(services, containers, Settings::default())),
            registry: Arc::new(Registry::new(
                engine.clone(),
                sessions,
                presence.clone(),
                clock.clone(),
            )),
            log,
            methods,
            connections,
            twins,
            presence,
            shutdown: CancellationToken::new(),
            hubs,
            access,
            c2d,
            clock,
            _folder: folder,
        }
    }

    pub fn hub(&self) -> Arc<Hub> {
        self.hubs.by_host(HOST).unwrap()
    }

    /// Sets the machine's clock forward; timers don't notice.
    pub fn set_clock_forward(&self, by: Duration) {
        let clock = &self.clock.set_forward;
        clock.fetch_add(by.as_secs(), Ordering::Relaxed);
    }

    /// A policy's token for the whole hub.
    pub fn policy_token(&self, policy: &str, life: Duration) -> String {
        let hub = self.hub();
        let key = &hub.policy(policy).unwrap().keys.primary;
        let key = SigningKey::from_base64(key.expose()).unwrap();
        let expiry = NOW + self.clock.elapsed().as_secs() + life.as_secs();
        SasToken::sign(HOST, &key, Some(policy), expiry)
    }

    async fn owner(&self) -> Caller {
        let token = self.policy_token("iothubowner", HOUR);
        self.access.admit(&self.hub(), &token, &[]).await.unwrap()
    }

    pub async fn service(&self) -> ServicePermit {
        self.owner().await.service().unwrap()
    }

    /// A policy that is gone.
    pub async fn remove_policy(&self, policy: &str) {
        let hub = self.hub();
        let removed = self.hubs.remove_policy(hub.name().as_str(), policy);
        removed.await.unwrap();
    }

    pub async fn with_device(&self, id: &str) -> IdentityId {
        let permit = self.owner().await.registry_write().unwrap();
        let spec = DeviceSpec::new(DeviceId::parse(id).unwrap());
        let id = spec.id.clone();
        let put = self.registry.put_device(&permit, spec, &Precondition::None);
        put.await.unwrap();
        id.into()
    }

    pub async fn with_module(&self, device: &str, module: &str) -> IdentityId {
        self.with_device(device).await;
        let device = DeviceId::parse(device).unwrap();
        let module = ModuleId::parse(module).unwrap();
        let permit = self.owner().await.modules_write(&device).unwrap();
        let spec = ModuleSpec::new(device.clone(), module.clone());
        let put = self.registry.put_module(&permit, spec, &Precondition::None);
        put.await.unwrap();
        IdentityId::module(device, module)
    }

    /// The right to act as an identity.
    pub async fn as_device(&self, id: &IdentityId) -> DevicePermit {
        let token = self.policy_token("device", HOUR);
        let hub = self.hub();
        let connected = self.access.connect(&hub, Proof::Token(&token), id).await;
        connected.unwrap()
    }

    /// What the identity is given of its queue, all of it; it stays locked.
    pub async fn queued(&self, id: &IdentityId) -> Vec<Delivery> {
        let permit = self.as_device(id).await;
        let holders = [Holder::Request; 50];
        let received = self.c2d.receive_several(&permit, &holders, DEFAULT_LOCK);
        received.await.unwrap()
    }

    pub async fn queue(&self, id: &IdentityId, message: NewMessage) {
        let permit = self.service().await;
        self.c2d.send(&permit, id, message).await.unwrap();
    }

    /// A connection that has proved nothing.
    pub async fn stranger(&self) -> Client {
        let (near, far) = duplex(256 * 1024);
        let (server, shutdown) = (self.server.clone(), self.shutdown.clone());
        let peer = Peer::at("192.0.2.1:50000".parse().unwrap());
        tokio::spawn(async move { server.serve(far, peer, || {}, shutdown).await });
        Client::open(near, HOST).await
    }

    /// A connection with a policy's token.
    pub async fn connected(&self, policy: &str) -> Client {
        let mut client = self.stranger().await;
        let status = client.put_token(&self.policy_token(policy, HOUR)).await;
        assert_eq!(status, 200);
        client
    }

    /// A connection with the identity's own token.
    pub async fn connected_as(&self, id: &IdentityId) -> Client {
        let mut client = self.stranger().await;
        let token = self.token(id, HOUR).await;
        assert_eq!(client.put_token(&token).await, 200);
        client
    }

    /// A token as the identity signs it.
    pub async fn token(&self, id: &IdentityId, life: Duration) -> String {
        let permit = self.owner().await.registry_read().unwrap();
        let keys = match id {
            IdentityId::Device(device) => {
                let device = self.registry.device(&permit, device).await.unwrap();
                device.0.authentication
            }
            IdentityId::Module { device, module } => {
                let permit = self.owner().await.modules_read(device).unwrap();
                let module = self.registry.module(&permit, module).await.unwrap();
                module.0.authentication
            }
        };
        let key = keys.keys().expect("the identity has keys").primary.clone();
        let key = SigningKey::from_base64(key.expose()).unwrap();
        let expiry = NOW + self.clock.elapsed().as_secs() + life.as_secs();
        SasToken::sign(&format!("{HOST}{}", path(id)), &key, None, expiry)
    }

    /// Disables or enables a device.
    pub async fn set_status(&self, id: &IdentityId, status: Status) {
        let permit = self.owner().await.registry_write().unwrap();
        let mut spec = DeviceSpec::new(id.device_id().clone());
        spec.status = status;
        let put = self.registry.put_device(&permit, spec, &Precondition::Any);
        put.await.unwrap();
    }

    pub async fn regenerate_keys(&self, id: &IdentityId) {
        let permit = self.owner().await.registry_write().unwrap();
        let done = self.registry.regenerate_keys(&permit, id, WhichKeys::Both);
        done.await.unwrap();
    }

    pub async fn delete(&self, id: &IdentityId) {
        let permit = self.owner().await.registry_write().unwrap();
        let id = id.device_id();
        let deleted = self.registry.delete_device(&permit, id, &Precondition::Any);
        deleted.await.unwrap();
    }

    pub async fn patch_desired(&self, id: &IdentityId, patch: Value) {
        let write = TwinWrite::Patch(TwinPatch {
            tags: None,
            desired: Some(object(patch)),
        });
        let permit = self.service().await;
        let written = self.twins.write(&permit, id, &write, &Precondition::None);
        written.await.unwrap();
    }

    pub async fn twin(&self, id: &IdentityId) -> Twin {
        let permit = self.service().await;
        self.twins.read(&permit, id).await.unwrap().twin
    }

    /// The reported properties, as the back end sees them, without metadata.
    pub async fn reported(&self, id: &IdentityId) -> Value {
        json!(self.twin(id).await.reported.properties)
    }

    /// Takes the identity's place, as a connection over another protocol does.
    pub async fn take_over(&self, id: &IdentityId) -> twinhub_core::connections::Connected {
        let before = self.connections.before();
        let permit = self.as_device(id).await;
        self.connections.enter(&permit, before)
    }

    pub async fn is_connected(&self, id: &IdentityId) -> bool {
        let permit = self.as_device(id).await;
        let hub = self.hub();
        let stored = Activity::default();
        let presence = self
            .presence
            .of(hub.name(), id, permit.generation(), stored);
        presence.connected
    }
}

/// `/devices/{d}[/modules/{m}]`
pub fn path(id: &IdentityId) -> String {
    let device = id.device_id();
    match id.module_id() {
        None => format!("/devices/{device}"),
        Some(module) => format!("/devices/{device}/modules/{module}"),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

/// A route for events of connections to the built-in endpoint.
fn telling_of_connections() -> RoutingSettings {
    RoutingSettings {
        routes: vec![Route {
            name: RouteName::parse("connections").unwrap(),
            source: EventSource::ConnectionState,
            condition: "true".to_owned(),
            destination: Destination::BuiltIn,
            is_enabled: true,
        }],
        ..RoutingSettings::default()
    }
}
