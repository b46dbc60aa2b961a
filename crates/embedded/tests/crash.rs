//! Killed in the middle of writing: what was acknowledged is there.
#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use twinhub_core::hubs::HubRecord;
use twinhub_core::identities::{Authentication, DeviceIdentity, Identity, Status};
use twinhub_core::ids::{DeviceId, HubName, IdentityId};
use twinhub_core::ports::{Change, Record, StateStore as _, UnitOfWork};
use twinhub_core::time::Timestamp;
use twinhub_core::twins::Twin;
use twinhub_embedded::{Engine, LocalSessions};

const ROUNDS: usize = 20;
const TASKS: usize = 8;
/// The child is killed once it has acknowledged this many, and one more each
/// round, so that the kill comes at another moment.
const ACKNOWLEDGED: usize = 40;

fn hub() -> HubName {
    HubName::parse("plant").unwrap()
}

fn open(folder: &Path) -> Engine {
    Engine::open(folder, Arc::new(LocalSessions::new())).unwrap()
}

async fn insert(engine: &Engine, id: &str) {
    let now = Timestamp::from_unix_seconds(1_700_000_000);
    let id = DeviceId::parse(id).unwrap();
    let twin = Twin::new(id.clone().into(), now);
    let device = DeviceIdentity {
        id,
        generation: now,
        version: 1,
        authentication: Authentication::None,
        status: Status::Enabled,
        status_reason: None,
        status_updated: Timestamp::NEVER,
        edge: false,
        scope: None,
        parent_scopes: Vec::new(),
    };
    let changes = vec![
        Change::Insert(Record::Identity(Identity::Device(device))),
        Change::Insert(Record::Twin(twin)),
    ];
    let work = UnitOfWork::new(hub(), changes);
    engine.commit(work).await.unwrap();
}

async fn insert_hub(engine: &Engine) {
    let record = HubRecord {
        name: hub(),
        etag: 1,
    };
    let work = UnitOfWork::new(hub(), vec![Change::Insert(Record::Hub(record))]);
    engine.commit(work).await.unwrap();
}

/// The process that is killed: started by the test below, which gives it a
/// folder and a prefix. Prints what is acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the test that kills it"]
async fn child_that_writes_until_it_is_killed() {
    let mut told = String::new();
    std::io::stdin().read_line(&mut told).unwrap();
    let Some((folder, prefix)) = told.trim_end().split_once('\t') else {
        return;
    };
    let engine = Arc::new(open(Path::new(folder)));
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let (engine, prefix) = (engine.clone(), prefix.to_owned());
        tasks.push(tokio::spawn(async move {
            for number in 0.. {
                let id = format!("{prefix}-{task}-{number}");
                insert(&engine, &id).await;
                let line = format!("acknowledged {id}\n");
                // In one piece: the parent reads lines.
                std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// Starts the child, kills it, and tells what it had acknowledged.
fn write_until_killed(folder: &Path, round: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_writes_until_it_is_killed"])
        .args(["--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}\tr{round}", folder.display()).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    while let Some(Ok(line)) = lines.next() {
        // The test runner prints, too, and its line may not have ended.
        if let Some((_, id)) = line.split_once("acknowledged ") {
            acknowledged.push(id.to_owned());
        }
        if acknowledged.len() == ACKNOWLEDGED + round {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    insert_hub(&engine).await;
    drop(engine);

    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let more = write_until_killed(folder.path(), round);
        assert!(more.len() >= ACKNOWLEDGED + round, "the child gave up");
        acknowledged.extend(more);

        let engine = open(folder.path());
        let devices = engine.devices(&hub(), None, usize::MAX).await.unwrap();
        let counts = engine.counts(&hub()).await.unwrap();
        assert_eq!(counts.enabled_devices, devices.len() as u64);
        assert_eq!(counts.disabled_devices, 0);
        // Identity and twin exist together, acknowledged or not.
        let mut found = Vec::new();
        for device in devices {
            let id = device.identity.value.id;
            let twin = engine.twin(&hub(), &IdentityId::from(id.clone())).await;
            assert!(twin.unwrap().is_some(), "{id} has no twin");
            found.push(id.to_string());
        }
        for id in &acknowledged {
            assert!(found.contains(id), "{id} is lost");
        }
    }
}
