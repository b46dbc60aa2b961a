//! A hub on a real engine with a log in memory, and requests as bytes.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod alone;
pub mod log;
pub mod within;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use twinhub_blobs::Stores;
use twinhub_core::access::{Access, DevicePermit, Peer, Proof};
use twinhub_core::c2d::{CloudToDevice, CloudToDeviceSettings};
use twinhub_core::connections::{Connected, Connections};
use twinhub_core::etag::Precondition;
use twinhub_core::events::PartitionId;
use twinhub_core::faults::Faults;
use twinhub_core::hubs::{Hub, HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::{AuthenticationSpec, DeviceSpec, ModuleSpec, Registry, Status};
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::keys::Key;
use twinhub_core::methods::Methods;
use twinhub_core::ports::{Target, Targets};
use twinhub_core::presence::PresenceBook;
use twinhub_core::query::Queries;
use twinhub_core::routing::{Dispatcher, Endpoint, EndpointTarget, Router};
use twinhub_core::telemetry::Telemetry;
use twinhub_core::time::{Clock, Timestamp};
use twinhub_core::traffic::History;
use twinhub_core::transfer::Transfers;
use twinhub_core::twins::Twins;
use twinhub_embedded::{Engine, LocalSessions};
use twinhub_http::{
    Api, EventStreams, Gateway, Health, MessageServices, RoutingServices, Served, Services,
    StatusServices,
};
use twinhub_memory_log::MemoryBacklogs;
use twinhub_sas::{SasToken, SigningKey};

use self::alone::{NoBackups, NoInstallation};
use self::log::MemoryLog;
use self::within::WithinProcess;

const NOW: u64 = 1_800_000_000;
pub const HOST: &str = "plant.example";
/// The address of a webhook that can't be.
pub const NO_WAY: &str = "https://no-way.example/in";
/// The operator token.
pub const OPERATOR: &str = "operator-token";

/// Goes with tokio's clock, which tests can pause.
struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(NOW).plus(self.0.elapsed())
    }
}

/// Nothing is delivered here.
struct Nowhere;

impl Targets for Nowhere {
    fn check(&self, target: &EndpointTarget) -> Result<(), String> {
        match target {
            EndpointTarget::Webhook(webhook) if webhook.url.expose() == NO_WAY => {
                Err("url: there is no way".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn open(&self, _: &Hub, endpoint: &Endpoint, _: PartitionId) -> Box<dyn Target> {
        panic!("nobody delivers to {}", endpoint.name)
    }
}

/// A hub with its gateway.
pub struct TestHub {
    pub gateway: Arc<Gateway>,
    pub log: MemoryLog,
    pub router: Arc<Router>,
    pub shutdown: CancellationToken,
    pub hubs: Arc<Hubs>,
    pub methods: Arc<Methods>,
    pub history: Arc<History>,
    registry: Arc<Registry>,
    access: Arc<Access>,
    connections: Connections,
    _folder: tempfile::TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// As written, with their case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    fn read(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        Reply {
            status: status.parse().unwrap(),
            headers: lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: body.to_owned(),
        }
    }

    /// The value of the header that is spelt so.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The name of the error.
    pub fn error(&self) -> &str {
        self.header("iothub-errorcode").unwrap_or_default()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl TestHub {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(Instant::now()));
        let sessions = Arc::new(LocalSessions::new());
        let engine = Arc::new(Engine::open(folder.path(), sessions.clone()).unwrap());
        let settings = HubSettings {
            host_names: vec![HOST.to_owned()],
            tier: Tier {
                sku: Sku::S1,
                units: 1,
            },
            modules_per_device: 20,
            event_retention: std::time::Duration::from_secs(24 * 3600),
        };
        let name = HubName::parse("plant").unwrap();
        let (hubs, _) = Hubs::open(engine.clone(), vec![(name, settings)])
            .await
            .unwrap();
        let hubs = Arc::new(hubs);
        let access = Arc::new(Access::new(
            hubs.clone(),
            engine.clone(),
            clock.clone(),
            Duration::ZERO,
            OPERATOR.to_owned(),
        ));
        let presence = Arc::new(PresenceBook::new(clock.clone()));
        let registry = Arc::new(Registry::new(
            engine.clone(),
            sessions.clone(),
            presence.clone(),
            clock.clone(),
        ));
        let log = MemoryLog::default();
        let c2d = CloudToDevice::new(
            engine.clone(),
            clock.clone(),
            CloudToDeviceSettings::default(),
        );
        let backlogs = Arc::new(MemoryBacklogs::default());
        let router = Arc::new(Router::new(
            Arc::new(log.clone()),
            backlogs.clone(),
            engine.clone(),
        ));
        let dispatcher = Dispatcher::new(
            hubs.clone(),
            router.clone(),
            backlogs,
            Arc::new(Nowhere),
            clock.clone(),
        );
        let routing = RoutingServices {
            router: router.clone(),
            dispatcher: Arc::new(dispatcher),
        };
        let messages = MessageServices {
            telemetry: Arc::new(Telemetry::new(router.clone(), clock.clone())),
            faults: Arc::new(Faults::new(true, clock.clone())),
            c2d: Arc::new(c2d),
            streams: EventStreams::new(
                Arc::new(log.clone()),
                hubs.clone(),
                access.clone(),
                clock.clone(),
            ),
        };
        let methods = Arc::new(Methods::new(engine.clone(), sessions.clone()));
        let transfers = Arc::new(Transfers::new(
            engine.clone(),
            engine.clone(),
            Arc::new(Stores::default()),
            registry.clone(),
            clock.clone(),
        ));
        let history = Arc::new(History::new(hubs.clone(), sessions.clone(), clock.clone()));
        let connections = Connections::new(sessions, presence.clone());
        let api = Api::new(Services {
            hubs: hubs.clone(),
            access: access.clone(),
            registry: registry.clone(),
            twins: Arc::new(Twins::new(engine.clone(), presence.clone(), clock.clone())),
            queries: Arc::new(Queries::new(engine, presence)),
            methods: methods.clone(),
            transfers,
            clock,
            messages,
            backups: Arc::new(NoBackups),
            routing,
            status: StatusServices {
                history: history.clone(),
                log: Arc::new(log.clone()),
                installation: Arc::new(NoInstallation),
                version: "1.2.3",
                started: Timestamp::from_unix_seconds(NOW),
            },
        });
        let (api, shutdown) = (Arc::new(api), CancellationToken::new());
        let gateway = Gateway::new(Served {
            api: api.clone(),
            health: Health::new(String::new),
            websockets: Vec::new(),
            pages: Some(Arc::new(WithinProcess {
                api,
                shutdown: shutdown.clone(),
            })),
        })
        .await;
        TestHub {
            gateway,
            log,
            router,
            shutdown,
            hubs,
            methods,
            history,
            registry,
            access,
            connections,
            _folder: folder,
        }
    }

    /// A token of a policy.
    pub fn policy_token(&self, policy: &str) -> String {
        self.token(policy, NOW + 365 * 86_400)
    }

    /// A token of a policy that expires after so many seconds.
    pub fn token_for(&self, policy: &str, seconds: u64) -> String {
        self.token(policy, NOW + seconds)
    }

    fn token(&self, policy: &str, expiry: u64) -> String {
        let hub = self.hubs.by_host(HOST).unwrap();
        let key = hub.policy(policy).unwrap().keys.primary.expose().to_owned();
        let key = SigningKey::from_base64(&key).unwrap();
        SasToken::sign(HOST, &key, Some(policy), expiry)
    }

    /// Creates a device; tells its token.
    pub async fn with_device(&self, id: &str) -> String {
        self.put_device(id, Status::Enabled).await
    }

    /// Creates a device that may not connect; tells its token.
    pub async fn with_disabled_device(&self, id: &str) -> String {
        self.put_device(id, Status::Disabled).await
    }

    async fn put_device(&self, id: &str, status: Status) -> String {
        let hub = self.hubs.by_host(HOST).unwrap();
        let owner = self.policy_token("iothubowner");
        let caller = self.access.admit(&hub, &owner, &[]).await.unwrap();
        let key = Key::generate();
        let mut spec = DeviceSpec::new(DeviceId::parse(id).unwrap());
        spec.status = status;
        spec.authentication = AuthenticationSpec {
            primary_key: Some(key.expose().to_owned()),
            secondary_key: Some(Key::generate().expose().to_owned()),
            ..AuthenticationSpec::default()
        };
        self.registry
            .put_device(&caller.registry_write().unwrap(), spec, &Precondition::None)
            .await
            .unwrap();
        let signing = SigningKey::from_base64(key.expose()).unwrap();
        SasToken::sign(
            &format!("{HOST}/devices/{id}"),
            &signing,
            None,
            NOW + 86_400,
        )
    }

    /// Creates a module of a device that exists.
    pub async fn with_module(&self, device: &str, module: &str) {
        let hub = self.hubs.by_host(HOST).unwrap();
        let owner = self.policy_token("iothubowner");
        let caller = self.access.admit(&hub, &owner, &[]).await.unwrap();
        let device = DeviceId::parse(device).unwrap();
        let permit = caller.modules_write(&device).unwrap();
        let spec = ModuleSpec::new(device, ModuleId::parse(module).unwrap());
        self.registry
            .put_module(&permit, spec, &Precondition::None)
            .await
            .unwrap();
    }

    /// Takes an identity's place among the sessions.
    pub async fn enter(&self, id: &IdentityId) -> (DevicePermit, Connected) {
        let hub = self.hubs.by_host(HOST).unwrap();
        let token = self.policy_token("device");
        let permit = self.access.connect(&hub, Proof::Token(&token), id);
        let permit = permit.await.unwrap();
        let connected = self.connections.enter(&permit, self.connections.before());
        (permit, connected)
    }

    /// A connection to the gateway.
    pub fn connect(&self) -> DuplexStream {
        let (client, server) = duplex(64 * 1024);
        let peer = Peer::at(([127, 0, 0, 1], 50_000).into());
        let serve = self
            .gateway
            .clone()
            .serve(server, peer, || {}, self.shutdown.clone());
        tokio::spawn(serve);
        client
    }

    /// Sends a request on a connection of its own.
    pub async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut client = self.connect();
        let mut request = head(method, target, headers);
        request.push_str(&format!("content-length: {}\r\n", body.len()));
        request.push_str("connection: close\r\n\r\n");
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        // Clients write everything before they read, also what is refused.
        client.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        Reply::read(&answer)
    }
}

fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> String {
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {HOST}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head
}

/// A follower of events.
pub struct Follower {
    client: DuplexStream,
    received: String,
}

impl Follower {
    /// Asks for events, and waits until the hub has begun to read.
    pub async fn begin(hub: &TestHub, query: &str, headers: &[(&str, &str)]) -> Self {
        let mut client = hub.connect();
        let request = head("GET", &format!("/twinhub/v1/events?{query}"), headers);
        client.write_all(request.as_bytes()).await.unwrap();
        client.write_all(b"\r\n").await.unwrap();
        let mut follower = Follower {
            client,
            received: String::new(),
        };
        follower.until(": ready\n").await;
        follower.until("\n\n").await;
        follower
    }

    /// Reads until a text has come; tells everything since the last time.
    pub async fn until(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.received.find(text) {
                let rest = self.received.split_off(at + text.len());
                return std::mem::replace(&mut self.received, rest);
            }
            assert!(
                self.read_more().await,
                "the stream ended without {text:?}: {}",
                self.received
            );
        }
    }

    /// The document of the next event.
    pub async fn next(&mut self) -> serde_json::Value {
        self.until("data: ").await;
        let data = self.until("\n").await;
        serde_json::from_str(&data).unwrap()
    }

    /// Everything until the stream ends; the connection may go on.
    pub async fn end(&mut self) -> String {
        while !self.received.ends_with("\r\n0\r\n\r\n") && self.read_more().await {}
        std::mem::take(&mut self.received)
    }

    async fn read_more(&mut self) -> bool {
        let mut part = vec![0; 4096];
        let read = timeout(Duration::from_secs(3600), self.client.read(&mut part))
            .await
            .expect("the hub says something within an hour");
        let count = read.unwrap_or(0);
        self.received
            .push_str(std::str::from_utf8(&part[..count]).unwrap());
        count > 0
    }
}
