//! The engine suite of the backlogs port on this engine, and what is its own:
//! files, retention, and being killed.

#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

use std::fs;
use std::future::poll_fn;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use twinhub_core::events::{EventSource, Origin, PartitionId};
use twinhub_core::ids::{DeviceId, HubName};
use twinhub_core::messages::MessageRef;
use twinhub_core::ports::{Backlog, Backlogs, EventLog, LogError, Producer, Progress};
use twinhub_core::routing::EndpointId;
use twinhub_core::time::Timestamp;
use twinhub_embedded::{EventSettings, LocalBacklogs};
use twinhub_engine_suite::BacklogStorage;
use twinhub_engine_suite::events::{PARTITIONS, hubs};

/// A folder that goes with its test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn backlogs(&self) -> LocalBacklogs {
        open_in(self.0.path())
    }

    fn of(&self, endpoint: EndpointId) -> PathBuf {
        let below = format!("{}.endpoints/{endpoint}", hub());
        self.0.path().join(below)
    }
}

fn open_in(folder: &Path) -> LocalBacklogs {
    let settings = EventSettings {
        partitions: PARTITIONS,
        retention: Duration::from_secs(24 * 60 * 60),
        max_bytes: 4 << 20,
    };
    LocalBacklogs::new(folder, hubs().map(|hub| (hub, settings)))
}

#[async_trait]
impl BacklogStorage for Folder {
    async fn open(&self) -> Arc<dyn Backlogs> {
        Arc::new(self.backlogs())
    }
}

mod suite {
    use super::*;

    twinhub_engine_suite::backlogs_suite!(Folder::new());
}

fn hub() -> HubName {
    hubs()[0].clone()
}

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000)
}

/// The device whose events the tests send.
fn device() -> DeviceId {
    DeviceId::parse("pump").unwrap()
}

fn partition() -> PartitionId {
    PartitionId::of(&device(), PARTITIONS)
}

fn delivered(next: u64, lost: u64) -> Progress {
    Progress {
        partition: partition(),
        next,
        lost,
    }
}

fn producer(log: &dyn EventLog) -> Box<dyn Producer> {
    let origin = Origin {
        identity: device().into(),
        generation: now(),
        auth_method: None,
        model_id: None,
        source: EventSource::Telemetry,
    };
    log.producer(&hub(), &origin).unwrap()
}

fn append(producer: &mut dyn Producer, body: &[u8]) {
    let message = MessageRef {
        system: &[],
        application: &[],
        body,
    };
    producer.append(&message, now()).unwrap();
}

async fn durable(producer: &mut dyn Producer, count: u64) {
    let mut known = 0;
    while known < count {
        let told = poll_fn(|cx| producer.poll_durable(cx, known));
        known = told.await.unwrap();
    }
}

/// Adds so many events of 100 KB.
async fn fill(backlog: &dyn Backlog, count: u64) {
    let mut producer = producer(&*backlog.log());
    let body = vec![7; 100_000];
    for number in 1..=count {
        append(&mut *producer, &body);
        producer.hand_over();
        durable(&mut *producer, number).await;
    }
}

async fn progress(backlog: &dyn Backlog) -> Progress {
    let all = backlog.progress().await.unwrap();
    all[usize::from(partition().0)]
}

async fn first(backlog: &dyn Backlog) -> u64 {
    let known = backlog.log().partition(&hub(), partition()).await;
    known.unwrap().unwrap().first
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_delivered_gives_its_room_back() {
    let folder = Folder::new();
    let backlogs = folder.backlogs();
    let endpoint = EndpointId::generate();
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
    fill(&*backlog, 100).await;
    let before = backlog.bytes();

    backlog.save(&[delivered(70, 0)]).await.unwrap();

    let first = first(&*backlog).await;
    assert!((40..=70).contains(&first), "{first}");
    assert!(backlog.bytes() < before / 10 * 6);
    assert_eq!(progress(&*backlog).await, delivered(70, 0));
    let segments = fs::read_dir(folder.of(endpoint)).unwrap();
    let on_disk: u64 = segments
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    // The room that is made ready for what comes is bounded.
    assert!(on_disk < 12 << 20, "{on_disk}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_before_it_is_delivered_is_counted_once() {
    let folder = Folder::new();
    let endpoint = EndpointId::generate();
    let backlogs = folder.backlogs();
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
    fill(&*backlog, 100).await;
    backlog.save(&[delivered(10, 3)]).await.unwrap();

    backlogs.retain(now()).await;

    // 4 MiB are kept, in whole segments.
    let first = first(&*backlog).await;
    assert!(first > 50, "{first}");
    let expected = delivered(first, 3 + first - 10);
    assert_eq!(progress(&*backlog).await, expected);
    drop((backlog, backlogs));

    let backlogs = folder.backlogs();
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
    assert_eq!(progress(&*backlog).await, expected);
    backlog.save(&[expected]).await.unwrap();
    backlogs.retain(now()).await;
    assert_eq!(progress(&*backlog).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_never_saved_is_counted_after_a_restart() {
    let folder = Folder::new();
    let endpoint = EndpointId::generate();
    let backlogs = folder.backlogs();
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
    fill(&*backlog, 100).await;
    backlogs.retain(now()).await;
    drop((backlog, backlogs));

    let backlog = folder.backlogs().open(&hub(), endpoint).await.unwrap();

    let first = first(&*backlog).await;
    assert!(first > 0);
    assert_eq!(progress(&*backlog).await, delivered(first, first));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_events_go_though_they_are_not_delivered() {
    let folder = Folder::new();
    let endpoint = EndpointId::generate();
    let backlogs = folder.backlogs();
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
    fill(&*backlog, 3).await;
    drop((backlog, backlogs));
    // What an earlier process wrote is sealed.
    let backlogs = folder.backlogs();
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();

    backlogs.retain(now()).await;
    let young = progress(&*backlog).await;
    let day = Duration::from_secs(24 * 60 * 60 + 1);
    backlogs.retain(now().plus(day)).await;
    let old = progress(&*backlog).await;

    assert_eq!(young, delivered(0, 0));
    assert_eq!(old, delivered(3, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_sound_progress_delivery_begins_at_the_oldest_there_is() {
    let damages: [fn(&Path); 4] = [
        |file| fs::remove_file(file).unwrap(),
        |file| fs::write(file, "").unwrap(),
        |file| {
            let bytes = fs::read(file).unwrap();
            fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
        },
        |file| {
            let mut bytes = fs::read(file).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(file, bytes).unwrap();
        },
    ];
    for damage in damages {
        let folder = Folder::new();
        let endpoint = EndpointId::generate();
        let backlogs = folder.backlogs();
        let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
        fill(&*backlog, 50).await;
        backlog.save(&[delivered(40, 2)]).await.unwrap();
        let first = first(&*backlog).await;
        assert!(first > 0);
        drop((backlog, backlogs));
        damage(&folder.of(endpoint).join("progress"));

        let backlog = folder.backlogs().open(&hub(), endpoint).await.unwrap();

        assert_eq!(progress(&*backlog).await, delivered(first, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_that_is_ahead_of_the_events_skips_none() {
    let folder = Folder::new();
    let endpoint = EndpointId::generate();
    let backlogs = folder.backlogs();
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
    fill(&*backlog, 5).await;
    backlog.save(&[delivered(900, 0)]).await.unwrap();
    drop((backlog, backlogs));

    let backlog = folder.backlogs().open(&hub(), endpoint).await.unwrap();

    assert_eq!(progress(&*backlog).await, delivered(0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_backlog_leaves_no_file_and_no_descriptor() {
    let folder = Folder::new();
    let backlogs = folder.backlogs();
    let mut kept = Vec::new();
    for _ in 0..20 {
        let endpoint = EndpointId::generate();
        let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
        fill(&*backlog, 2).await;
        let log = backlog.log();
        // Sessions keep what they have until they send next.
        kept.push((producer(&*log), log, backlog));

        backlogs.remove(&hub(), endpoint).await.unwrap();

        assert!(!folder.of(endpoint).exists());
    }

    assert_eq!(descriptors_in(folder.0.path()), [] as [PathBuf; 0]);
    assert_eq!(kept.len(), 20);
}

/// What files of a folder this process has open, where that can be told.
fn descriptors_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(descriptors) = fs::read_dir("/proc/self/fd") else {
        return Vec::new();
    };
    let files = descriptors.filter_map(|one| fs::read_link(one.ok()?.path()).ok());
    files.filter(|file| file.starts_with(folder)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_that_a_crash_left_half_removed_can_be_removed() {
    let folder = Folder::new();
    let endpoint = EndpointId::generate();
    {
        let backlogs = folder.backlogs();
        let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
        fill(&*backlog, 50).await;
    }
    let first = folder.of(endpoint).join("00000000000000000000.log");
    fs::remove_file(folder.of(endpoint).join("progress")).unwrap();
    fs::write(first, "half of it").unwrap();
    let backlogs = folder.backlogs();

    let found = backlogs.endpoints(&hub()).await.unwrap();
    backlogs.remove(&hub(), endpoint).await.unwrap();

    assert_eq!(found, [endpoint]);
    assert!(!folder.of(endpoint).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backlog_is_removed_while_it_is_written_read_saved_and_trimmed() {
    for _ in 0..10 {
        let folder = Folder::new();
        let backlogs = Arc::new(folder.backlogs());
        let endpoint = EndpointId::generate();
        let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
        let writer = tokio::spawn(write_until_closed(backlog.clone()));
        let courier = tokio::spawn(deliver_until_closed(backlog.clone()));
        let trimmer = tokio::spawn({
            let backlogs = backlogs.clone();
            async move {
                while !backlogs.endpoints(&hub()).await.unwrap().is_empty() {
                    backlogs.retain(now()).await;
                }
            }
        });
        while first(&*backlog).await == 0 {
            tokio::task::yield_now().await;
        }

        backlogs.remove(&hub(), endpoint).await.unwrap();

        let ended = async { tokio::join!(writer, courier, trimmer) };
        let ended = tokio::time::timeout(Duration::from_secs(30), ended).await;
        let (writer, courier, trimmer) = ended.unwrap();
        for ended in [writer, courier, trimmer] {
            ended.unwrap();
        }
        assert!(!folder.of(endpoint).exists());
    }
}

async fn write_until_closed(backlog: Arc<dyn Backlog>) {
    let mut producer = producer(&*backlog.log());
    let body = vec![7; 100_000];
    let mut known = 0;
    loop {
        append(&mut *producer, &body);
        producer.hand_over();
        match poll_fn(|cx| producer.poll_durable(cx, known)).await {
            Ok(durable) => known = durable,
            Err(error) => {
                assert!(matches!(error, LogError::Closed));
                return;
            }
        }
    }
}

async fn deliver_until_closed(backlog: Arc<dyn Backlog>) {
    let log = backlog.log();
    let mut done = delivered(0, 0);
    let ended = loop {
        if let Err(error) = log.wait_for(&hub(), partition(), done.next).await {
            break error;
        }
        match log.read(&hub(), partition(), done.next, 1 << 20).await {
            Ok(batch) => {
                let first = batch.get(0).unwrap().sequence_number;
                done = done.from_the_oldest(first);
                done.next = batch.last().unwrap().sequence_number + 1;
            }
            Err(error) => break error,
        }
        if let Err(error) = backlog.save(&[done]).await {
            break error;
        }
    };
    assert!(matches!(ended, LogError::Closed), "{ended}");
}

const ROUNDS: u64 = 12;

/// The process that is killed: it adds numbered events to a backlog, and
/// delivers them by printing them. Tells what it has acknowledged and saved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the test that kills it"]
async fn child_that_delivers_until_it_is_killed() {
    let mut told = String::new();
    std::io::stdin().read_line(&mut told).unwrap();
    let Some((folder, endpoint)) = told.trim_end().split_once('\t') else {
        return;
    };
    let endpoint = EndpointId(endpoint.parse().unwrap());
    let backlogs = open_in(Path::new(folder));
    let backlog = backlogs.open(&hub(), endpoint).await.unwrap();
    let log = backlog.log();
    let start = log.partition(&hub(), partition()).await.unwrap().unwrap();
    let writer = tokio::spawn({
        let log = log.clone();
        async move {
            let mut producer = producer(&*log);
            // With a tail, so that segments come and go.
            let mut body = vec![b' '; 30_000];
            for (count, number) in (1..).zip(start.next..) {
                let text = number.to_string();
                body[..text.len()].copy_from_slice(text.as_bytes());
                append(&mut *producer, &body);
                producer.hand_over();
                durable(&mut *producer, count).await;
                tell("acknowledged", number);
            }
        }
    });
    let mut done = progress(&*backlog).await;
    loop {
        log.wait_for(&hub(), partition(), done.next).await.unwrap();
        let batch = log.read(&hub(), partition(), done.next, 1 << 20).await;
        for event in batch.unwrap().iter() {
            let body = String::from_utf8(event.body().to_vec()).unwrap();
            assert_eq!(body.trim_end(), event.sequence_number.to_string());
            tell("delivered", event.sequence_number);
            done.next = event.sequence_number + 1;
        }
        backlog.save(&[done]).await.unwrap();
        tell("saved", done.next);
        assert!(!writer.is_finished());
    }
}

/// In one piece: the parent reads lines.
fn tell(what: &str, number: u64) {
    let line = format!("child {what} {number}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

/// What a killed child had told.
#[derive(Default)]
struct Told {
    acknowledged: Option<u64>,
    delivered: Vec<u64>,
    saved: u64,
}

fn deliver_until_killed(folder: &Path, endpoint: EndpointId, lines: u64) -> Told {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_delivers_until_it_is_killed"])
        .args(["--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}\t{endpoint}", folder.display()).unwrap();
    let mut told = Told::default();
    let mut count = 0;
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(Ok(line)) = output.next() {
        // The test runner prints, too, and its line may not have ended.
        let Some((_, line)) = line.split_once("child ") else {
            continue;
        };
        let Some((what, number)) = line.split_once(' ') else {
            continue;
        };
        let Ok(number) = number.parse() else { continue };
        match what {
            "acknowledged" => told.acknowledged = Some(number),
            "delivered" => told.delivered.push(number),
            "saved" => told.saved = number,
            _ => continue,
        }
        count += 1;
        if count == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(count >= lines, "the child gave up");
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_skips_no_event_and_forgets_no_progress() {
    let folder = Folder::new();
    let endpoint = EndpointId::generate();
    let mut ever_delivered = 0;

    for round in 0..ROUNDS {
        let told = deliver_until_killed(folder.0.path(), endpoint, 300 + 7 * round);
        // Each began where the one before had saved, or a little later.
        let from = *told.delivered.first().unwrap();
        assert!(
            from <= ever_delivered,
            "{ever_delivered} to {from} are skipped"
        );
        let in_order = (from..).take(told.delivered.len());
        assert!(told.delivered.iter().copied().eq(in_order));
        ever_delivered = told.delivered.last().unwrap() + 1;

        let backlog = folder.backlogs().open(&hub(), endpoint).await.unwrap();
        let progress = progress(&*backlog).await;
        assert!(progress.next >= told.saved, "{progress:?}");
        assert_eq!(progress.lost, 0);
        let log = backlog.log();
        let known = log.partition(&hub(), partition()).await.unwrap().unwrap();
        assert!(Some(known.next) > told.acknowledged);
        assert!(progress.next <= known.next);
    }
    let backlog = folder.backlogs().open(&hub(), endpoint).await.unwrap();
    assert!(first(&*backlog).await > 0, "nothing was trimmed");
}
