//! A hub with many twins of about 1 KB.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use twinhub_core::access::{Access, ServicePermit};
use twinhub_core::hubs::{HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::{Authentication, DeviceIdentity, Identity, Status};
use twinhub_core::ids::{DeviceId, HubName};
use twinhub_core::keys::KeyPair;
use twinhub_core::ports::{Change, Record, StateStore as _, UnitOfWork};
use twinhub_core::presence::{ConnectionEntry, PresenceBook};
use twinhub_core::query::Queries;
use twinhub_core::time::{Clock, Timestamp};
use twinhub_core::twins::{Twin, TwinPatch};
use twinhub_embedded::{Engine, IndexSettings, LocalSessions};
use twinhub_sas::{SasToken, SigningKey};

const HOST: &str = "plant.example";
const NOW: u64 = 1_800_000_000;
const PER_UNIT: usize = 500;

pub struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(NOW)
    }
}

pub struct Fleet {
    pub engine: Arc<Engine>,
    pub queries: Queries,
    presence: Arc<PresenceBook>,
    pub permit: ServicePermit,
    pub count: usize,
}

impl Fleet {
    /// Opens the fleet in a folder, which is made if there is none.
    pub async fn open(folder: &Path, count: usize, indexes: IndexSettings) -> Self {
        let sessions = Arc::new(LocalSessions::new());
        let engine = Engine::open_with(folder, sessions, indexes);
        let engine = Arc::new(engine.expect("the folder opens"));
        let permit = permit(&engine).await;
        let counts = engine.counts(&hub()).await.expect("they are in memory");
        if counts.enabled_devices + counts.disabled_devices == 0 {
            load(&engine, count).await;
        }
        let presence = Arc::new(PresenceBook::new(Arc::new(Stopped)));
        let queries = Queries::new(engine.clone(), presence.clone());
        Fleet {
            engine,
            queries,
            presence,
            permit,
            count,
        }
    }

    /// Connects those of these numbers, for as long as the entries are kept.
    pub fn connect(&self, numbers: impl Iterator<Item = usize>) -> Vec<ConnectionEntry> {
        let (hub, generation) = (hub(), Stopped.now());
        let connected = |number| {
            let id = device_id(number).into();
            self.presence.connected(&hub, &id, generation)
        };
        numbers.map(connected).collect()
    }

    /// Whether a device is one of ten.
    pub fn is_rare(&self, number: usize) -> bool {
        is_rare(number, self.count)
    }
}

fn is_rare(number: usize, count: usize) -> bool {
    number % (count / 10).max(1) == 7
}

pub fn device_id(number: usize) -> DeviceId {
    DeviceId::parse(&format!("d{number:07}")).expect("a valid ID")
}

pub fn hub() -> HubName {
    HubName::parse("plant").expect("a valid name")
}

async fn permit(engine: &Arc<Engine>) -> ServicePermit {
    let settings = HubSettings {
        host_names: vec![HOST.to_owned()],
        tier: Tier {
            sku: Sku::S3,
            units: 10,
        },
        modules_per_device: 20,
        event_retention: Duration::from_secs(24 * 3600),
    };
    let hubs = Hubs::open(engine.clone(), vec![(hub(), settings)]).await;
    let hubs = Arc::new(hubs.expect("the hub is made").0);
    let plant = hubs.by_host(HOST).expect("it answers to its name");
    let policy = plant
        .policy("service")
        .expect("it is one of the default ones");
    let key = SigningKey::from_base64(policy.keys.primary.expose()).expect("the key signs");
    let token = SasToken::sign(HOST, &key, Some("service"), NOW + 3600);
    let clock = Arc::new(Stopped);
    let access = Access::new(hubs, engine.clone(), clock, Duration::ZERO, String::new());
    let caller = access.admit(&plant, &token, &[]).await;
    let permit = caller.expect("the token is good").service();
    permit.expect("the policy has the right")
}

async fn load(engine: &Engine, count: usize) {
    let started = Instant::now();
    let mut number = 0;
    while number < count {
        let last = count.min(number + PER_UNIT);
        let changes = (number..last).flat_map(|number| device(number, count));
        let work = UnitOfWork::new(hub(), changes.collect());
        engine.commit(work).await.expect("the devices are written");
        number = last;
    }
    println!(
        "{count} devices loaded in {:.1} s",
        started.elapsed().as_secs_f64()
    );
}

fn device(number: usize, count: usize) -> [Change; 2] {
    let id = device_id(number);
    let now = Stopped.now();
    let mut twin = Twin::new(id.clone().into(), now);
    let is_rare = is_rare(number, count);
    let country = ["NO", "SE", "DK", "FI"][number % 4];
    let tags = json!({
        "site": {"country": country, "hall": number % 50},
        "rare": if is_rare { "yes" } else { "no" },
        "owner": format!("team-{}", number % 100),
    });
    let desired = json!({"interval": 30, "limits": {"low": 1, "high": 90}});
    let rate = if is_rare { 100_000 } else { number % 1_000 };
    let reported = json!({
        "rate": rate,
        "firmware": {"version": format!("1.{}.0", number % 20), "state": "done"},
        "note": "x".repeat(350),
    });
    let patch = TwinPatch {
        tags: Some(object(tags)),
        desired: Some(object(desired)),
    };
    twin.patch(&patch, now).expect("the twin keeps the rules");
    twin.report(&object(reported), now)
        .expect("the twin keeps the rules");
    let identity = DeviceIdentity {
        id,
        generation: now,
        version: 1,
        authentication: if is_rare {
            Authentication::CertificateAuthority
        } else {
            Authentication::Sas(KeyPair::generate())
        },
        status: if is_rare {
            Status::Disabled
        } else {
            Status::Enabled
        },
        status_reason: None,
        status_updated: Timestamp::NEVER,
        edge: false,
        scope: None,
        parent_scopes: Vec::new(),
    };
    [
        Change::Insert(Record::Identity(Identity::Device(identity))),
        Change::Insert(Record::Twin(twin)),
    ]
}

pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}
