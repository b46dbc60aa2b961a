//! A hub on a real engine with its log of events, and a client that speaks
//! frames to its endpoint.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod client;
pub mod log;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::duplex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use twinhub_amqp_server::{Server, Services as ServerServices, Settings as ServerSettings};
use twinhub_core::access::{Access, AuthKind, AuthMethod, AuthScope, ClientCertificate, Peer};
use twinhub_core::events::{EventSource, Origin, PartitionId};
use twinhub_core::hubs::{HubSettings, Hubs, Sku, Tier};
use twinhub_core::ids::{DeviceId, HubName, IdentityId};
use twinhub_core::messages::MessageRef;
use twinhub_core::ports::EventLog as _;
use twinhub_core::time::{Clock, Timestamp};
use twinhub_embedded::{Engine, EventSettings, LocalEventLog, LocalSessions};
use twinhub_eventhubs::{EventHubContainer, Services, Settings};
use twinhub_sas::{SasToken, SigningKey};
use twinhub_x509::Certificate;

use self::client::Client;
use self::log::TestLog;

pub const NOW: u64 = 1_800_000_000;
pub const HOST: &str = "plant.example";
/// Of this many partitions.
pub const PARTITIONS: u16 = 2;
/// A device whose events are in partition 0, and one of partition 1.
pub const DEVICES: [&str; 2] = ["pump-1", "pump-2"];

/// Goes with tokio's clock, which tests can pause, until it is set forward.
struct TestClock {
    begun: Instant,
    set_forward: AtomicU64,
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let set_forward = Duration::from_secs(self.set_forward.load(Ordering::Relaxed));
        Timestamp::from_unix_seconds(NOW).plus(self.begun.elapsed() + set_forward)
    }
}

/// A hub with its endpoint.
pub struct TestHub {
    pub hubs: Arc<Hubs>,
    pub log: Arc<TestLog>,
    server: Arc<Server>,
    clock: Arc<TestClock>,
    shutdown: CancellationToken,
    _folder: tempfile::TempDir,
}

impl TestHub {
    pub async fn new() -> Self {
        TestHub::keeping(64 << 20).await
    }

    /// A hub that keeps so many bytes of events.
    pub async fn keeping(max_bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock {
            begun: Instant::now(),
            set_forward: AtomicU64::new(0),
        });
        let name = HubName::parse("Plant").unwrap();
        let events = EventSettings {
            partitions: PARTITIONS,
            retention: Duration::from_secs(24 * 3600),
            max_bytes,
        };
        let log = LocalEventLog::open(&folder.path().join("events"), [(name.clone(), events)]);
        let log = Arc::new(TestLog::new(log.unwrap()));
        let sessions = Arc::new(LocalSessions::new());
        let engine = Arc::new(Engine::open(folder.path(), sessions).unwrap());
        let settings = HubSettings {
            host_names: vec![HOST.to_owned()],
            tier: Tier {
                sku: Sku::S1,
                units: 1,
            },
            modules_per_device: 20,
            event_retention: events.retention,
        };
        let (hubs, _) = Hubs::open(engine.clone(), vec![(name, settings)])
            .await
            .unwrap();
        let hubs = Arc::new(hubs);
        let access = Arc::new(Access::new(
            hubs.clone(),
            engine,
            clock.clone(),
            Duration::ZERO,
            String::new(),
        ));
        let container = EventHubContainer::new(
            Services {
                hubs: hubs.clone(),
                log: log.clone(),
                clock: clock.clone(),
            },
            Settings { port: 5671 },
        );
        let services = ServerServices {
            hubs: hubs.clone(),
            access,
            clock: clock.clone(),
        };
        let server = Server::new(
            services,
            vec![Arc::new(container)],
            ServerSettings::default(),
        );
        TestHub {
            hubs,
            log,
            server: Arc::new(server),
            clock,
            shutdown: CancellationToken::new(),
            _folder: folder,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Sets the machine's clock forward; timers don't notice.
    pub fn set_clock_forward(&self, by: Duration) {
        self.clock
            .set_forward
            .fetch_add(by.as_secs(), Ordering::Relaxed);
    }

    /// A token for the whole hub, as hub clients sign it.
    pub fn token(&self, policy: &str) -> String {
        self.token_for(policy, 365 * 86_400)
    }

    /// A token for the whole hub that expires after so many seconds.
    pub fn token_for(&self, policy: &str, seconds: u64) -> String {
        let key = SigningKey::from_base64(&self.key(policy)).unwrap();
        self.signed(HOST, &key, policy, seconds)
    }

    /// A token as Event Hubs clients sign it: with the key's text.
    pub fn event_hubs_token(&self, resource: &str) -> String {
        let key = SigningKey::from_text(&self.key("service")).unwrap();
        self.signed(resource, &key, "service", 3_600)
    }

    fn signed(&self, resource: &str, key: &SigningKey, policy: &str, seconds: u64) -> String {
        let now = u64::try_from(self.now().unix_seconds()).unwrap();
        SasToken::sign(resource, key, Some(policy), now + seconds)
    }

    fn key(&self, policy: &str) -> String {
        let hub = self.hubs.by_host(HOST).unwrap();
        hub.policy(policy).unwrap().keys.primary.expose().to_owned()
    }

    /// Stores events of partition 0 with these bodies.
    pub async fn store(&self, bodies: &[&str]) {
        self.store_in(0, bodies).await;
    }

    /// Stores events of a partition with these bodies.
    pub async fn store_in(&self, partition: u16, bodies: &[&str]) {
        let device = DeviceId::parse(DEVICES[usize::from(partition)]).unwrap();
        assert_eq!(PartitionId::of(&device, PARTITIONS), PartitionId(partition));
        let origin = Origin {
            identity: IdentityId::Device(device),
            generation: Timestamp::from_unix_seconds(NOW),
            auth_method: Some(AuthMethod {
                scope: AuthScope::Device,
                kind: AuthKind::Sas,
            }),
            model_id: None,
            source: EventSource::Telemetry,
        };
        let hub = self.hubs.by_host(HOST).unwrap();
        let mut producer = self.log.producer(hub.name(), &origin).unwrap();
        let now = self.now();
        for body in bodies {
            let message = MessageRef {
                system: &[],
                application: &[],
                body: body.as_bytes(),
            };
            producer.append(&message, now).unwrap();
        }
        producer.hand_over();
        let all = bodies.len() as u64;
        let mut known = 0;
        while known < all {
            known = poll_fn(|cx| producer.poll_durable(cx, known))
                .await
                .unwrap();
        }
    }

    /// A connection that has shown a token of the policy `service`.
    pub async fn client(&self) -> Client {
        self.client_with(&self.token("service")).await
    }

    /// A connection that has shown a token.
    pub async fn client_with(&self, token: &str) -> Client {
        let mut client = self.stranger().await;
        client.put_token(token).await;
        client
    }

    /// A connection that has shown nothing.
    pub async fn stranger(&self) -> Client {
        self.peer(None).await
    }

    /// A connection that has shown a certificate that nobody knows.
    pub async fn stranger_with_a_certificate(&self) -> Client {
        let shown = include_str!("../../../x509/samples/ca.pem");
        let shown = Certificate::from_text(shown).unwrap();
        let certificate = ClientCertificate::new(shown.der(), []).unwrap();
        self.peer(Some(certificate)).await
    }

    async fn peer(&self, certificate: Option<ClientCertificate>) -> Client {
        let (near, far) = duplex(64 * 1024);
        let (server, shutdown) = (self.server.clone(), self.shutdown.clone());
        let mut peer = Peer::at(([127, 0, 0, 1], 50_000).into());
        peer.certificate = certificate.map(Arc::new);
        tokio::spawn(async move { server.serve(far, peer, || {}, shutdown).await });
        Client::open(near).await
    }
}

/// The address of a partition as azure-eventhub for Python writes it.
pub fn partition(number: u16) -> String {
    format!("amqps://{HOST}/Plant/ConsumerGroups/$Default/Partitions/{number}")
}
