//! Killed while indexes are built and twins are written: what the indexes
//! lead to afterwards is what a look at all twins finds.
#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use twinhub_core::hubs::HubRecord;
use twinhub_core::identities::{Authentication, DeviceIdentity, Identity, Status};
use twinhub_core::ids::{DeviceId, HubName};
use twinhub_core::ports::{
    Change, Parts, QueryStore as _, Record, Scan, StateStore as _, UnitOfWork, Wanted,
};
use twinhub_core::query::{Query, Source};
use twinhub_core::time::Timestamp;
use twinhub_core::twins::{Twin, TwinPatch};
use twinhub_embedded::{Engine, IndexSettings, LocalSessions};

const ROUNDS: usize = 8;
const DEVICES: usize = 400;
const VALUES: usize = 20;
const TASKS: usize = 4;
/// The child is killed once it has acknowledged this many, and some more each
/// round, so that the kill comes at another moment of the building.
const ACKNOWLEDGED: usize = 10;
const MORE: usize = 25;

fn hub() -> HubName {
    HubName::parse("plant").unwrap()
}

fn open(folder: &Path, least_pause: Duration) -> Arc<Engine> {
    let settings = IndexSettings {
        least_identities: 0,
        searches: 0,
        most: ROUNDS,
        one_in: 1,
        step: 7,
        least_pause,
        ..IndexSettings::default()
    };
    let sessions = Arc::new(LocalSessions::new());
    Arc::new(Engine::open_with(folder, sessions, settings).unwrap())
}

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000)
}

/// The same value at each path that some round asks for.
fn tags(value: usize) -> Map<String, Value> {
    let keys = (0..ROUNDS).map(|round| (format!("k{round}"), Value::from(value)));
    keys.collect()
}

fn with_tags(mut twin: Twin, value: usize) -> Twin {
    let patch = TwinPatch {
        tags: Some(tags(value)),
        desired: None,
    };
    twin.patch(&patch, now()).unwrap();
    twin
}

async fn fill(engine: &Engine) {
    let record = HubRecord {
        name: hub(),
        etag: 1,
    };
    let mut changes = vec![Change::Insert(Record::Hub(record))];
    for number in 0..DEVICES {
        let id = DeviceId::parse(&format!("d{number:03}")).unwrap();
        let twin = Twin::new(id.clone().into(), now());
        changes.push(Change::Insert(Record::Identity(Identity::Device(
            DeviceIdentity {
                id,
                generation: now(),
                version: 1,
                authentication: Authentication::None,
                status: Status::Enabled,
                status_reason: None,
                status_updated: Timestamp::NEVER,
                edge: false,
                scope: None,
                parent_scopes: Vec::new(),
            },
        ))));
        let twin = with_tags(twin, number % VALUES);
        changes.push(Change::Insert(Record::Twin(twin)));
    }
    engine
        .commit(UnitOfWork::new(hub(), changes))
        .await
        .unwrap();
}

/// The devices with a value at a path, by the engine.
async fn find(engine: &Engine, key: usize, value: usize) -> Vec<String> {
    let condition = Query::parse_condition(&format!("tags.k{key} = {value}")).unwrap();
    // The index gives the rest away: it decodes numbers as core does.
    let scan = Scan::new(Source::Devices, [condition], Wanted::whole(Parts::TAGS));
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let slice = engine.scan(&hub(), &scan, after.as_ref(), 1_000).await;
        let slice = slice.unwrap();
        let fulfils = |tags: &Map<String, Value>| tags[&format!("k{key}")] == value;
        let rows = slice.rows.iter();
        let rows = rows.filter(|row| row.tags.as_ref().is_some_and(fulfils));
        found.extend(rows.map(|row| row.id.to_string()));
        after = slice.next;
        if after.is_none() {
            return found;
        }
    }
}

/// The devices by their value, by looking at all.
async fn all(engine: &Engine) -> BTreeMap<usize, Vec<String>> {
    let mut all: BTreeMap<_, Vec<_>> = (0..VALUES).map(|value| (value, Vec::new())).collect();
    for number in 0..DEVICES {
        let id = DeviceId::parse(&format!("d{number:03}")).unwrap();
        let twin = engine.twin(&hub(), &id.clone().into()).await;
        let twin = twin.unwrap().unwrap().1.value;
        let value = twin.tags["k0"].as_u64().unwrap();
        let value = usize::try_from(value).unwrap();
        all.get_mut(&value).unwrap().push(id.to_string());
    }
    all
}

/// The process that is killed: started by the test below, which gives it a
/// folder and a round. Prints what is acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the test that kills it"]
async fn child_that_builds_until_it_is_killed() {
    let mut told = String::new();
    std::io::stdin().read_line(&mut told).unwrap();
    let Some((folder, round)) = told.trim_end().split_once('\t') else {
        return;
    };
    let round: usize = round.parse().unwrap();
    let engine = open(Path::new(folder), Duration::from_millis(2));
    find(&engine, round, 0).await;
    let tasks = (0..TASKS).map(|task| {
        let engine = engine.clone();
        tokio::spawn(async move {
            for turn in 0.. {
                // Each task has devices of its own.
                let number = (turn * 7 * TASKS + task) % DEVICES;
                let id = DeviceId::parse(&format!("d{number:03}")).unwrap();
                let stored = engine.twin(&hub(), &id.into()).await;
                let stored = stored.unwrap().unwrap().1;
                let twin = with_tags(stored.value, (turn * 3 + round) % VALUES);
                let change = Change::Replace(Record::Twin(twin), stored.revision);
                let work = UnitOfWork::new(hub(), vec![change]);
                engine.commit(work).await.unwrap();
                // In one piece: the parent reads lines.
                std::io::stdout()
                    .lock()
                    .write_all(b"acknowledged\n")
                    .unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

fn build_until_killed(folder: &Path, round: usize) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_builds_until_it_is_killed"])
        .args(["--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}\t{round}", folder.display()).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = 0;
    while let Some(Ok(line)) = lines.next() {
        acknowledged += usize::from(line.ends_with("acknowledged"));
        if acknowledged == ACKNOWLEDGED + round * MORE {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged >= ACKNOWLEDGED + round * MORE, "it gave up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn indexes_that_were_cut_off_lead_to_every_twin() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path(), Duration::ZERO);
    fill(&engine).await;
    engine.close().await;
    drop(engine);

    let mut half_built = 0;
    for round in 0..ROUNDS {
        build_until_killed(folder.path(), round);

        let engine = open(folder.path(), Duration::ZERO);
        let found = engine.query_indexes(&hub()).await.unwrap();
        half_built += found.iter().filter(|index| !index.built).count();
        let built = async {
            loop {
                let indexes = engine.query_indexes(&hub()).await.unwrap();
                if indexes.iter().all(|index| index.built) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let built = tokio::time::timeout(Duration::from_secs(60), built).await;
        built.expect("they are built soon");
        for (value, expected) in all(&engine).await {
            for key in 0..=round {
                let found = find(&engine, key, value).await;
                assert_eq!(found, expected, "tags.k{key} = {value} in round {round}");
            }
        }
        engine.close().await;
    }
    assert!(half_built > 0, "no kill came while an index was built");
}
