//! Queries over a million twins of 1 KB: how long an answer takes, with one
//! client and nothing else going on.
//!
//! `cargo bench -p twinhub-embedded --bench queries [-- COUNT]`; the disk is
//! that of the temporary folder.
#![allow(clippy::print_stdout, reason = "a bench reports to a terminal")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use twinhub_core::access::{Access, ServicePermit};
use twinhub_core::hubs::{HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::{Authentication, DeviceIdentity, Identity, Status};
use twinhub_core::ids::{DeviceId, HubName};
use twinhub_core::keys::KeyPair;
use twinhub_core::ports::{Change, Record, StateStore as _, UnitOfWork};
use twinhub_core::presence::PresenceBook;
use twinhub_core::query::{Paging, Queries, Rows};
use twinhub_core::time::{Clock, Timestamp};
use twinhub_core::twins::{Twin, TwinPatch};
use twinhub_embedded::{Engine, LocalSessions};
use twinhub_sas::{SasToken, SigningKey};

const HOST: &str = "plant.example";
const NOW: u64 = 1_800_000_000;
const PER_UNIT: usize = 500;
const RUNS: usize = 3;

/// What is asked, and what it is called.
const QUESTIONS: &[(&str, &str)] = &[
    (
        "one device by ID",
        "SELECT * FROM devices WHERE deviceId = 'd0500000'",
    ),
    ("a page of 100 twins", "SELECT TOP 100 * FROM devices"),
    (
        "equality on a tag of 10 twins",
        "SELECT * FROM devices WHERE tags.rare = 'yes'",
    ),
    (
        "range on a reported number of 10 twins",
        "SELECT * FROM devices WHERE properties.reported.rate > 99999",
    ),
    ("count of all", "SELECT COUNT() AS n FROM devices"),
    (
        "count by condition on a tag",
        "SELECT COUNT() AS n FROM devices WHERE tags.site.country = 'NO'",
    ),
    (
        "mean of a tag by another",
        "SELECT tags.site.country, AVG(tags.site.hall) AS mean FROM devices GROUP BY tags.site.country",
    ),
    (
        "mean of a reported number",
        "SELECT AVG(properties.reported.rate) AS mean FROM devices",
    ),
    (
        "condition that SQL does not see",
        "SELECT COUNT() AS n FROM devices WHERE connectionState = 'Connected'",
    ),
];

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(NOW)
    }
}

#[tokio::main]
async fn main() {
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let count = given.unwrap_or(1_000_000);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let engine = Engine::open(folder.path(), Arc::new(LocalSessions::new()));
    let engine = Arc::new(engine.expect("an empty folder opens"));
    let permit = permit(&engine).await;
    load(&engine, count).await;
    let presence = Arc::new(PresenceBook::new(Arc::new(Stopped)));
    let queries = Queries::new(engine.clone(), presence);
    let before = resident_kib();
    for (name, text) in QUESTIONS {
        let (mut best, mut rows) = (Duration::MAX, 0);
        for _ in 0..RUNS {
            let started = Instant::now();
            let page = queries.page(&permit, text, Paging::default()).await;
            best = best.min(started.elapsed());
            rows = match page.expect("the query is answered").rows {
                Rows::Twins(twins) => twins.len(),
                Rows::Raw(rows) => rows.len(),
            };
        }
        println!(
            "{name:42} {:>10.2} ms, {rows} rows",
            best.as_secs_f64() * 1e3
        );
    }
    println!("memory: {before} KiB before, {} KiB after", resident_kib());
    engine.close().await;
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

fn hub() -> HubName {
    HubName::parse("plant").expect("a valid name")
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
    let id = DeviceId::parse(&format!("d{number:07}")).expect("a valid ID");
    let now = Stopped.now();
    let mut twin = Twin::new(id.clone().into(), now);
    let is_rare = number % (count / 10).max(1) == 7;
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
        authentication: Authentication::Sas(KeyPair::generate()),
        status: Status::Enabled,
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

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

/// What the process holds in memory; zero where that is not told.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.unwrap_or(0)
}
