//! A hub on a real engine, with links that tests watch, and a client.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod rooms;
pub mod talker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::duplex;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use twinhub_amqp_server::{Server, Services, Settings};
use twinhub_core::access::{Access, ClientCertificate, Peer};
use twinhub_core::etag::Precondition;
use twinhub_core::hubs::{Hub, HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::{DeviceSpec, Registry};
use twinhub_core::ids::{DeviceId, HubName};
use twinhub_core::presence::PresenceBook;
use twinhub_core::time::{Clock, Timestamp};
use twinhub_embedded::{Engine, LocalSessions};
use twinhub_sas::{SasToken, SigningKey};

use self::rooms::{Rooms, SharedRooms};
use self::talker::Talker;

const NOW: u64 = 1_800_000_000;
pub const HOST: &str = "plant.example";
pub const HOUR: u64 = 3600;

/// Goes with the timers, until it is set forward.
pub struct TestClock {
    begun: Instant,
    set_forward: AtomicU64,
}

impl TestClock {
    pub fn set_forward(&self, seconds: u64) {
        self.set_forward.fetch_add(seconds, Ordering::Relaxed);
    }

    fn seconds(&self) -> u64 {
        NOW + self.set_forward.load(Ordering::Relaxed) + self.begun.elapsed().as_secs()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.seconds())
    }
}

/// A hub that is spoken to over AMQP.
pub struct Plant {
    pub clock: Arc<TestClock>,
    pub rooms: Arc<Rooms>,
    pub shutdown: CancellationToken,
    pub admitted: Arc<AtomicBool>,
    pub server: Arc<Server>,
    hubs: Arc<Hubs>,
    access: Arc<Access>,
    registry: Arc<Registry>,
    _folder: tempfile::TempDir,
}

impl Plant {
    pub async fn new() -> Self {
        Plant::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Self {
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
        let other = HubSettings {
            host_names: vec!["other.example".to_owned()],
            ..hub.clone()
        };
        let configured = [("plant", hub), ("other", other)]
            .map(|(name, settings)| (HubName::parse(name).unwrap(), settings));
        let (hubs, _) = Hubs::open(engine.clone(), configured.to_vec())
            .await
            .unwrap();
        let hubs = Arc::new(hubs);
        let access = Arc::new(Access::new(
            hubs.clone(),
            engine.clone(),
            clock.clone(),
            Duration::ZERO,
            String::new(),
        ));
        let presence = Arc::new(PresenceBook::new(clock.clone()));
        let registry = Registry::new(engine, sessions, presence, clock.clone());
        let rooms = Arc::new(Rooms::default());
        let services = Services {
            hubs: hubs.clone(),
            access: access.clone(),
            clock: clock.clone(),
        };
        let server = Server::new(
            services,
            vec![Arc::new(SharedRooms(rooms.clone()))],
            settings,
        );
        Plant {
            clock,
            rooms,
            shutdown: CancellationToken::new(),
            admitted: Arc::default(),
            server: Arc::new(server),
            hubs,
            access,
            registry: Arc::new(registry),
            _folder: folder,
        }
    }

    fn hub(&self, host: &str) -> Arc<Hub> {
        self.hubs.by_host(host).unwrap()
    }

    /// A policy's token for a resource.
    pub fn policy_token(&self, policy: &str, resource: &str, life: u64) -> String {
        let hub = self.hub(resource.split('/').next().unwrap());
        let key = &hub.policy(policy).unwrap().keys.primary;
        let key = SigningKey::from_base64(key.expose()).unwrap();
        SasToken::sign(resource, &key, Some(policy), self.clock.seconds() + life)
    }

    /// A policy's token, as clients of readers sign it.
    pub fn readers_token(&self, policy: &str, resource: &str) -> String {
        let hub = self.hub(HOST);
        let key = &hub.policy(policy).unwrap().keys.primary;
        let key = SigningKey::from_text(key.expose()).unwrap();
        SasToken::sign(resource, &key, Some(policy), self.clock.seconds() + HOUR)
    }

    /// A new device's token of its own.
    pub async fn device_token(&self, id: &str, life: u64) -> String {
        let token = self.policy_token("iothubowner", HOST, HOUR);
        let admitted = self.access.admit(&self.hub(HOST), &token, &[]).await;
        let permit = admitted.unwrap().registry_write().unwrap();
        let spec = DeviceSpec::new(DeviceId::parse(id).unwrap());
        let put = self.registry.put_device(&permit, spec, &Precondition::None);
        let device = put.await.unwrap();
        let keys = device.0.authentication.keys().unwrap().clone();
        let key = SigningKey::from_base64(keys.primary.expose()).unwrap();
        let expiry = self.clock.seconds() + life;
        SasToken::sign(&format!("{HOST}/devices/{id}"), &key, None, expiry)
    }

    /// A client's end of a new connection.
    pub fn connect(&self) -> Talker {
        self.connect_by(None, 256 * 1024).0
    }

    /// A connection that buffers little, or on which a certificate was shown.
    pub fn connect_by(
        &self,
        certificate: Option<ClientCertificate>,
        buffer: usize,
    ) -> (Talker, JoinHandle<()>) {
        let (near, far) = duplex(buffer);
        let (server, shutdown) = (self.server.clone(), self.shutdown.clone());
        let admitted = self.admitted.clone();
        let mut peer = Peer::at("192.0.2.1:50000".parse().unwrap());
        peer.certificate = certificate.map(Arc::new);
        let serving = tokio::spawn(async move {
            let admitted = move || admitted.store(true, Ordering::Relaxed);
            server.serve(far, peer, admitted, shutdown).await;
        });
        (Talker::new(near), serving)
    }

    /// A connection that is open and has shown nothing.
    pub async fn stranger(&self) -> Talker {
        let mut talker = self.connect();
        talker.open(HOST).await;
        talker
    }

    /// A connection with a policy's token.
    pub async fn connected(&self, policy: &str) -> Talker {
        let mut talker = self.stranger().await;
        let token = self.policy_token(policy, HOST, HOUR);
        assert_eq!(talker.put_token(&token).await, 200);
        talker
    }
}
