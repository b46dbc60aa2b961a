//! Durable compare-and-set updates and point reads of 1 KB twins, by 64 tasks,
//! and the memory of an idle session.
//!
//! `cargo bench -p twinhub-embedded`; the disk is that of the temporary folder.
#![allow(clippy::print_stdout, reason = "a bench reports to a terminal")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, json};
use twinhub_core::hubs::HubRecord;
use twinhub_core::identities::{Authentication, DeviceIdentity, Identity, Status};
use twinhub_core::ids::{DeviceId, HubName, IdentityId};
use twinhub_core::keys::KeyPair;
use twinhub_core::ports::{Change, Record, Sessions as _, StateStore as _, UnitOfWork};
use twinhub_core::time::Timestamp;
use twinhub_core::twins::{Twin, TwinPatch};
use twinhub_embedded::{Engine, LocalSessions};

const DEVICES: usize = 20_000;
const TASKS: usize = 64;
const DURATION: Duration = Duration::from_secs(5);
const SESSIONS: usize = 20_000;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let engine = Engine::open(folder.path(), Arc::new(LocalSessions::new()));
    let bench = Arc::new(Bench {
        engine: engine.expect("an empty folder opens"),
        hub: HubName::parse("plant").expect("a valid name"),
    });
    bench.load().await;
    bench.report("point reads of a twin", Work::Read).await;
    bench.report("compare-and-set updates", Work::Update).await;
    bench.report("reads beside updates", Work::Both).await;
    bench.engine.close().await;
    memory_of_sessions(&bench.hub);
}

#[derive(Clone, Copy, PartialEq)]
enum Work {
    Read,
    /// Reads the revision, and times the commit.
    Update,
    /// Half of the tasks update, the other half is timed.
    Both,
}

struct Bench {
    engine: Engine,
    hub: HubName,
}

impl Bench {
    async fn load(&self) {
        let started = Instant::now();
        let hub = HubRecord {
            name: self.hub.clone(),
            etag: 1,
        };
        self.commit(vec![Change::Insert(Record::Hub(hub))]).await;
        for first in (0..DEVICES).step_by(100) {
            let devices = first..first + 100;
            self.commit(devices.flat_map(insert_device).collect()).await;
        }
        let took = started.elapsed();
        println!("loaded {DEVICES} devices with twins in {took:.1?}");
    }

    async fn report(self: &Arc<Self>, name: &str, work: Work) {
        let until = Instant::now() + DURATION;
        let mut tasks = Vec::new();
        for task in 0..TASKS {
            tasks.push(tokio::spawn(self.clone().run(task, work, until)));
        }
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await.expect("a task ends well"));
        }
        times.sort_unstable();
        let at = |part: usize| times[(times.len() - 1) * part / 1000];
        let rate = times.len() as f64 / DURATION.as_secs_f64();
        println!(
            "{name}: {rate:.0}/s, p50 {:.1?}, p99 {:.1?}, p99.9 {:.1?}, longest {:.1?}",
            at(500),
            at(990),
            at(999),
            at(1000)
        );
    }

    async fn run(self: Arc<Self>, task: usize, work: Work, until: Instant) -> Vec<Duration> {
        let updates = match work {
            Work::Read => false,
            Work::Update => true,
            Work::Both => task.is_multiple_of(2),
        };
        let mut times = Vec::new();
        let mut number = task;
        while Instant::now() < until {
            // A walk that visits all of the task's devices.
            number = (number + 7 * TASKS) % DEVICES;
            let id = IdentityId::from(device_id(number));
            let mut started = Instant::now();
            let found = self.engine.twin(&self.hub, &id).await;
            let (_, mut twin) = found.expect("reads succeed").expect("it was loaded");
            if updates {
                desire(&mut twin.value, number);
                started = Instant::now();
                let change = Change::Replace(Record::Twin(twin.value), twin.revision);
                self.commit(vec![change]).await;
            }
            if updates == (work == Work::Update) {
                times.push(started.elapsed());
            }
        }
        times
    }

    async fn commit(&self, changes: Vec<Change>) {
        let work = UnitOfWork::new(self.hub.clone(), changes);
        self.engine.commit(work).await.expect("nobody interferes");
    }
}

fn device_id(number: usize) -> DeviceId {
    DeviceId::parse(&format!("device-{number:06}")).expect("a valid ID")
}

fn insert_device(number: usize) -> [Change; 2] {
    let now = Timestamp::from_unix_seconds(1_700_000_000);
    let id = device_id(number);
    let mut twin = Twin::new(id.clone().into(), now);
    desire(&mut twin, number);
    let device = DeviceIdentity {
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
        Change::Insert(Record::Identity(Identity::Device(device))),
        Change::Insert(Record::Twin(twin)),
    ]
}

/// Makes the twin about 1 KB of JSON, metadata included.
fn desire(twin: &mut Twin, number: usize) {
    let mut desired = Map::new();
    for property in 0..8 {
        let value = format!("{number:010}-{property:010}");
        desired.insert(format!("property{property}"), json!(value));
    }
    let patch = TwinPatch {
        tags: None,
        desired: Some(desired),
    };
    let now = Timestamp::from_unix_seconds(1_700_000_000);
    twin.patch(&patch, now).expect("within the rules");
}

fn memory_of_sessions(hub: &HubName) {
    let sessions = LocalSessions::new();
    let before = resident_bytes();
    let mailboxes: Vec<_> = (0..SESSIONS)
        .map(|number| sessions.open(hub, &device_id(number).into(), None))
        .collect();
    let bytes = resident_bytes().saturating_sub(before) / mailboxes.len();
    println!("an idle session: {bytes} bytes");
}

/// Zero where the system does not tell.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * 4096
}
