//! Durable records a second, and how they share commits.
//!
//! `cargo bench -p twinhub-event-log`; the disk is that of the temporary
//! folder. Producers live in tasks of one thread, as sessions do. For the
//! figure on one core: `taskset -c 0`.
#![allow(clippy::print_stdout, reason = "a bench reports to a terminal")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use twinhub_event_log::{Commit, Log, Observer, Options, Producer, WriteError};

const PAYLOAD: [u8; 256] = [7; 256];
const PARTITIONS: u16 = 4;

#[derive(Default)]
struct Commits {
    count: AtomicU64,
    busy_nanos: AtomicU64,
}

impl Observer for Commits {
    fn committed(&self, commit: &Commit) {
        let nanos = u64::try_from(commit.took.as_nanos()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.busy_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    fn refusing(&self, error: &WriteError) {
        panic!("{error}");
    }

    fn accepting(&self) {}
}

fn main() {
    let duration = Duration::from_secs(if std::env::args().any(|a| a == "--test") {
        1
    } else {
        4
    });
    for (producers, window) in [(64, 16), (100, 32), (500, 1), (8, 1), (1, 16), (1, 1)] {
        closed_loop(producers, window, duration);
    }
    for rate in [1_000, 20_000] {
        paced(100, rate, duration);
    }
    reading(2_000_000);
}

fn open() -> (tempfile::TempDir, Arc<Log>, Arc<Commits>) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let commits = Arc::new(Commits::default());
    let mut options = Options::new(folder.path(), PARTITIONS);
    options.observer = Some(commits.clone());
    let log = Log::open(&options).expect("an empty folder opens");
    (folder, Arc::new(log), commits)
}

async fn durable(producer: &mut Producer, known: u64) -> u64 {
    std::future::poll_fn(|cx| producer.poll_durable(cx, known))
        .await
        .expect("the disk has room")
}

fn closed_loop(producers: u16, window: u64, duration: Duration) {
    let (_folder, log, commits) = open();
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let total = runtime.expect("a runtime starts").block_on(async {
        let mut tasks = Vec::new();
        for number in 0..producers {
            let mut producer = log.producer();
            tasks.push(tokio::spawn(async move {
                let (mut sent, mut known) = (0, 0);
                while started.elapsed() < duration {
                    while sent < known + window
                        && producer
                            .append(number % PARTITIONS, 0, 0, |out| out.extend(PAYLOAD))
                            .is_ok()
                    {
                        sent += 1;
                    }
                    producer.hand_over();
                    known = durable(&mut producer, known).await;
                }
                known
            }));
        }
        let mut total = 0;
        for task in tasks {
            total += task.await.expect("no task panics");
        }
        total
    });
    report(
        &format!("{producers} producers, {window} in flight"),
        total,
        started.elapsed(),
        &commits,
    );
}

fn report(what: &str, records: u64, took: Duration, commits: &Commits) {
    let count = commits.count.load(Ordering::Relaxed).max(1);
    let busy = commits.busy_nanos.load(Ordering::Relaxed) / count / 1000;
    println!(
        "{what:32} {:>9.0} records/s, {:>6.0} commits/s, {:>7.1} records each, {busy} us each",
        records as f64 / took.as_secs_f64(),
        count as f64 / took.as_secs_f64(),
        records as f64 / count as f64,
    );
}

/// Records that come at a steady rate, each from another producer.
fn paced(producers: usize, rate: u64, duration: Duration) {
    let (_folder, log, commits) = open();
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let mut waits: Vec<Duration> = runtime.expect("a runtime starts").block_on(async {
        let mut tasks = Vec::new();
        let gap = Duration::from_secs(1) * u32::try_from(producers).expect("few") / rate as u32;
        for number in 0..producers {
            let mut producer = log.producer();
            tasks.push(tokio::spawn(async move {
                let mut waits = Vec::new();
                let mut due =
                    started + gap * u32::try_from(number).expect("few") / producers as u32;
                for known in 0.. {
                    due += gap;
                    if due > started + duration {
                        break;
                    }
                    while Instant::now() < due {
                        tokio::task::yield_now().await;
                    }
                    let sent = Instant::now();
                    producer
                        .append(0, 0, 0, |out| out.extend(PAYLOAD))
                        .expect("there is room");
                    producer.hand_over();
                    durable(&mut producer, known).await;
                    waits.push(sent.elapsed());
                }
                waits
            }));
        }
        let mut waits = Vec::new();
        for task in tasks {
            waits.extend(task.await.expect("no task panics"));
        }
        waits
    });
    waits.sort_unstable();
    let records = waits.len() as u64;
    report(
        &format!("{rate}/s paced"),
        records,
        started.elapsed(),
        &commits,
    );
    let at = |part: usize| waits[waits.len() * part / 1000];
    println!(
        "    acknowledged after {:?} (median), {:?} (p99), {:?} (p99.9)",
        at(500),
        at(990),
        at(999)
    );
}

fn reading(records: u64) {
    let (folder, log, _) = open();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime starts").block_on(async {
        let mut producer = log.producer();
        for number in 0..records {
            let partition = (number % u64::from(PARTITIONS)) as u16;
            while producer
                .append(partition, 0, 0, |out| out.extend(PAYLOAD))
                .is_err()
            {
                let known = durable(&mut producer, 0).await;
                durable(&mut producer, known).await;
            }
        }
        producer.hand_over();
        durable(&mut producer, records - 1).await;
    });
    let started = Instant::now();
    let mut next = 0;
    while let Some(last) = log.read(0, next, 1 << 20).expect("it is sound").last() {
        next = last.sequence_number + 1;
    }
    let took = started.elapsed().as_secs_f64();
    println!(
        "reading one of {PARTITIONS} partitions: {:.0} records/s",
        next as f64 / took
    );
    let bytes = log.bytes();
    drop(log);
    let started = Instant::now();
    Log::open(&Options::new(folder.path(), PARTITIONS)).expect("it opens");
    println!(
        "opening {bytes} bytes that were closed, and closing: {:?}",
        started.elapsed()
    );
}
