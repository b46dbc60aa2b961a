//! A hub with devices, and a clock that is moved by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use twinhub_core::access::{Access, Caller, DevicePermit, Proof, ServicePermit};
use twinhub_core::c2d::{
    Acknowledgement, CloudToDevice, CloudToDeviceSettings, DEFAULT_LOCK, Delivery, Holder,
    NewMessage,
};
use twinhub_core::connections::{Connected, Connections};
use twinhub_core::etag::Precondition;
use twinhub_core::hubs::{Hub, HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::{DeviceSpec, ModuleSpec, Registry, Status};
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::messages::{Message, SystemProperty};
use twinhub_core::presence::PresenceBook;
use twinhub_core::time::{Clock, Timestamp};
use twinhub_embedded::{Engine, LocalSessions};
use twinhub_sas::{SasToken, SigningKey};

const HOST: &str = "plant.example";
const START: u64 = 1_800_000_000;
const TEN_YEARS: u64 = 10 * 365 * 24 * 3600;

/// Moved by hand.
pub struct HandClock(AtomicI64);

impl Default for HandClock {
    fn default() -> Self {
        HandClock(AtomicI64::new(Timestamp::from_unix_seconds(START).ticks()))
    }
}

impl HandClock {
    pub fn advance(&self, span: Duration) {
        let then = self.now().plus(span);
        self.0.store(then.ticks(), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ticks(self.0.load(Ordering::SeqCst))
    }
}

pub struct Plant {
    pub c2d: Arc<CloudToDevice>,
    pub engine: Arc<Engine>,
    registry: Registry,
    connections: Connections,
    access: Access,
    pub hub: Arc<Hub>,
    settings: CloudToDeviceSettings,
    clock: Arc<dyn Clock>,
    folder: tempfile::TempDir,
}

impl Plant {
    pub async fn new(clock: Arc<dyn Clock>, settings: CloudToDeviceSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Plant::open(folder, clock, settings).await
    }

    async fn open(
        folder: tempfile::TempDir,
        clock: Arc<dyn Clock>,
        settings: CloudToDeviceSettings,
    ) -> Self {
        let sessions = Arc::new(LocalSessions::new());
        let engine = Arc::new(Engine::open(folder.path(), sessions.clone()).unwrap());
        let hub_settings = HubSettings {
            host_names: vec![HOST.to_owned()],
            tier: Tier {
                sku: Sku::S1,
                units: 1,
            },
            modules_per_device: 20,
            event_retention: std::time::Duration::from_secs(24 * 3600),
        };
        let name = HubName::parse("plant").unwrap();
        let hubs = Hubs::open(engine.clone(), vec![(name, hub_settings)]).await;
        let hubs = Arc::new(hubs.unwrap().0);
        let presence = Arc::new(PresenceBook::new(clock.clone()));
        let c2d = CloudToDevice::new(engine.clone(), clock.clone(), settings.clone());
        Plant {
            c2d: Arc::new(c2d),
            registry: Registry::new(
                engine.clone(),
                sessions.clone(),
                presence.clone(),
                clock.clone(),
            ),
            connections: Connections::new(sessions, presence),
            hub: hubs.by_host(HOST).unwrap(),
            access: Access::new(
                hubs,
                engine.clone(),
                clock.clone(),
                Duration::ZERO,
                String::new(),
            ),
            engine,
            settings,
            clock,
            folder,
        }
    }

    /// Closes everything and opens it again.
    pub async fn reopen(self) -> Self {
        self.engine.close().await;
        Plant::open(self.folder, self.clock, self.settings).await
    }

    fn token(&self, policy: &str) -> String {
        let key = &self.hub.policy(policy).unwrap().keys.primary;
        let key = SigningKey::from_base64(key.expose()).unwrap();
        SasToken::sign(HOST, &key, Some(policy), START + TEN_YEARS)
    }

    async fn owner(&self) -> Caller {
        let token = self.token("iothubowner");
        self.access.admit(&self.hub, &token, &[]).await.unwrap()
    }

    pub async fn service(&self) -> ServicePermit {
        self.owner().await.service().unwrap()
    }

    /// Registers a device, or writes it anew.
    pub async fn put_device(&self, id: &str, status: Status) -> IdentityId {
        let permit = self.owner().await.registry_write().unwrap();
        let mut spec = DeviceSpec::new(DeviceId::parse(id).unwrap());
        spec.status = status;
        let id = spec.id.clone();
        let put = |condition| self.registry.put_device(&permit, spec.clone(), condition);
        if put(&Precondition::None).await.is_err() {
            put(&Precondition::Any).await.unwrap();
        }
        id.into()
    }

    pub async fn with_device(&self, id: &str) -> Receiver {
        let id = self.put_device(id, Status::Enabled).await;
        self.receiver(&id).await
    }

    pub async fn with_module(&self, device: &str, module: &str) -> Receiver {
        let device = DeviceId::parse(device).unwrap();
        let module = ModuleId::parse(module).unwrap();
        let permit = self.owner().await.modules_write(&device).unwrap();
        let spec = ModuleSpec::new(device.clone(), module.clone());
        let put = self.registry.put_module(&permit, spec, &Precondition::None);
        put.await.unwrap();
        self.receiver(&IdentityId::module(device, module)).await
    }

    pub async fn delete_device(&self, id: &str) {
        let permit = self.owner().await.registry_write().unwrap();
        let id = DeviceId::parse(id).unwrap();
        let delete = self
            .registry
            .delete_device(&permit, &id, &Precondition::Any);
        delete.await.unwrap();
    }

    pub async fn receiver(&self, id: &IdentityId) -> Receiver {
        let token = self.token("device");
        let permit = self.access.connect(&self.hub, Proof::Token(&token), id);
        Receiver {
            permit: permit.await.unwrap(),
            c2d: self.c2d.clone(),
        }
    }

    pub fn enter(&self, receiver: &Receiver) -> Connected {
        self.connections
            .enter(&receiver.permit, self.connections.before())
    }

    pub async fn send(&self, to: &IdentityId, message: NewMessage) -> u64 {
        let permit = self.service().await;
        self.c2d.send(&permit, to, message).await.unwrap()
    }

    /// What the device's document shows.
    pub async fn shown_count(&self, id: &IdentityId) -> u32 {
        let permit = self.owner().await.registry_read().unwrap();
        let read = self.registry.device(&permit, id.device_id()).await;
        read.unwrap().1.queued_messages
    }
}

/// A device or module that receives.
#[derive(Clone)]
pub struct Receiver {
    pub permit: DevicePermit,
    pub c2d: Arc<CloudToDevice>,
}

impl Receiver {
    pub fn id(&self) -> &IdentityId {
        self.permit.id()
    }

    pub async fn receive(&self) -> Option<Delivery> {
        self.receive_as(Holder::Request).await
    }

    pub async fn receive_as(&self, holder: Holder) -> Option<Delivery> {
        let received = self.c2d.receive(&self.permit, holder, DEFAULT_LOCK);
        received.await.unwrap()
    }

    pub async fn complete(&self, delivery: &Delivery) {
        let completed = self.c2d.complete(&self.permit, &delivery.lock);
        completed.await.unwrap();
    }
}

pub fn message(id: &str, ack: Acknowledgement) -> NewMessage {
    NewMessage {
        message: Message {
            system: vec![(SystemProperty::MessageId, id.into())],
            application: vec![("hall".into(), Some("north".into()))],
            body: Bytes::copy_from_slice(id.as_bytes()),
        },
        ack,
        expires: None,
    }
}
