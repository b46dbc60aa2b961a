//! Aggregations over more twins than one read looks at.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;
use twinhub_core::ports::{Fold, FoldPart, Parts, QueryStore as _, Scan, TwinRow, Wanted};
use twinhub_core::query::{Scalar, Source};

use crate::plant::{Given, Plant, device, hub};

const COUNT: usize = 7_000;
/// What one read looks at.
const STRETCH: usize = 2_000;

fn given(number: usize, version: usize) -> Given {
    #[expect(clippy::cast_precision_loss, reason = "it is small")]
    let level = number as f64 * 0.1;
    let level = if number.is_multiple_of(5) {
        json!(number)
    } else {
        json!(level)
    };
    device(&format!("d{number:05}"))
        .tags(json!({"kind": format!("k{}", number % 7), "level": level, "stays": true}))
        .reported(json!({"list": [number % 3], "version": version}))
}

async fn filled() -> Plant {
    let plant = Plant::new().await;
    for first in (0..COUNT).step_by(500) {
        plant
            .with((first..first + 500).map(|number| given(number, 0)))
            .await;
    }
    plant
}

/// Values, rows with open conditions, rows of which SQL knows the conditions.
#[tokio::test]
async fn several_readers_give_the_answer_of_one() {
    let plant = filled().await;

    for query in [
        "SELECT COUNT() AS n FROM devices",
        "SELECT SUM(tags.level) AS s, AVG(tags.level) AS a FROM devices",
        "SELECT MIN(tags.level) AS l, MAX(tags.kind) AS m FROM devices WHERE tags.level > 100.5",
        "SELECT tags.kind, AVG(tags.level) AS a, COUNT() AS n FROM devices GROUP BY tags.kind",
        "SELECT tags.kind, COUNT() AS n FROM devices
         WHERE tags.kind != 'k3' AND ARRAY_CONTAINS(properties.reported.list, 2) GROUP BY tags.kind",
        "SELECT SUM(tags.level) AS s FROM devices WHERE STARTSWITH(deviceId, 'd03')",
        "SELECT SUM(tags.level) AS s FROM devices WHERE connectionState = 'Disconnected'",
        "SELECT deviceId, COUNT() AS n FROM devices WHERE tags.level < 1 GROUP BY deviceId",
        "SELECT SUM(tags.level) AS s FROM devices WHERE deviceId IN ['d00001', 'd06999', 'x']",
        "SELECT COUNT() AS n FROM devices.modules",
    ] {
        // Of some there are several pages.
        let rows = plant.rows(query, 5).await.unwrap();
        let naive = plant.naive_rows(query, 5).await.unwrap();
        assert_eq!(rows, naive, "{query}");
    }
}

#[tokio::test]
async fn what_is_there_all_the_time_counts_once_whatever_is_written_meanwhile() {
    let plant = filled().await;
    let over = AtomicBool::new(false);
    let written = AtomicUsize::new(0);

    let writes = async {
        let mut version = 0;
        while !over.load(Ordering::Relaxed) {
            version += 1;
            let other = device(&format!("d{:05}-{version}", version * 997 % COUNT));
            let id = other.identity.id();
            plant.with([other]).await;
            plant
                .replace(&given(version * 1_009 % COUNT, version))
                .await;
            plant.remove(&id).await;
            written.store(version, Ordering::Relaxed);
        }
    };
    let asks = async {
        let stays = "SELECT COUNT() AS n, MAX(tags.level) AS m FROM devices WHERE tags.stays";
        let all = "SELECT COUNT() AS n FROM devices";
        let mut asked = 0;
        while asked < 20 || written.load(Ordering::Relaxed) < 20 {
            let counted = plant.rows(stays, 100).await.unwrap();
            assert_eq!(counted, [json!({"n": COUNT, "m": 6_995})]);
            let counted = plant.rows(all, 100).await.unwrap();
            let count = usize::try_from(counted[0]["n"].as_u64().unwrap()).unwrap();
            // There is one other at most at a time, in a stretch.
            assert!(
                (COUNT..=COUNT + COUNT / STRETCH + 1).contains(&count),
                "{count}"
            );
            asked += 1;
        }
        over.store(true, Ordering::Relaxed);
    };
    tokio::join!(writes, asks);
}

/// Counts rows, and what is under way at once.
struct Watched {
    rows: AtomicUsize,
    parts: Mutex<PartCounts>,
    changed: Condvar,
    begun: Notify,
    /// Whether a part that has begun still waits.
    waits: fn(&PartCounts) -> bool,
}

#[derive(Default)]
struct PartCounts {
    begun: usize,
    open: usize,
    most: usize,
    released: bool,
}

impl Watched {
    fn new(waits: fn(&PartCounts) -> bool) -> Arc<Self> {
        Arc::new(Watched {
            rows: AtomicUsize::new(0),
            parts: Mutex::default(),
            changed: Condvar::new(),
            begun: Notify::new(),
            waits,
        })
    }

    fn change(&self, change: impl FnOnce(&mut PartCounts)) -> MutexGuard<'_, PartCounts> {
        let mut parts = self.parts.lock().unwrap();
        change(&mut parts);
        self.changed.notify_all();
        parts
    }
}

struct WatchedPart(Arc<Watched>);

impl Fold for Watched {
    fn part(self: Arc<Self>, _: &[usize]) -> Box<dyn FoldPart> {
        let parts = self.change(|parts| {
            parts.begun += 1;
            parts.open += 1;
            parts.most = parts.most.max(parts.open);
        });
        self.begun.notify_one();
        let most = Duration::from_secs(20);
        let waited = self
            .changed
            .wait_timeout_while(parts, most, |parts| (self.waits)(parts));
        drop(waited.unwrap());
        Box::new(WatchedPart(self))
    }
}

impl FoldPart for WatchedPart {
    fn row(&mut self, _: &TwinRow) -> bool {
        self.0.rows.fetch_add(1, Ordering::Relaxed);
        true
    }

    fn values(&mut self, _: &[Scalar<'_>]) -> bool {
        unreachable!("whole rows are wanted")
    }

    fn finish(self: Box<Self>) {
        drop(self.0.change(|parts| parts.open -= 1));
    }
}

fn all() -> Scan {
    Scan::new(Source::Devices, [], Wanted::whole(Parts::TAGS))
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

#[tokio::test]
async fn stretches_are_read_at_once_where_there_are_processors() {
    let plant = filled().await;
    // From the second on, one waits for another.
    let watched = Watched::new(|parts| parts.begun > 1 && parts.most < processors().min(2));

    let (hub, all) = (hub(), all());
    let folded = plant.engine.fold(&hub, &all, watched.clone());
    folded.await.unwrap();

    assert_eq!(watched.rows.load(Ordering::Relaxed), COUNT);
    let most = watched.parts.lock().unwrap().most;
    assert!(
        (processors().min(2)..=processors()).contains(&most),
        "{most}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fold_whose_caller_has_gone_reads_no_further() {
    let plant = filled().await;
    let watched = Watched::new(|parts| !parts.released);
    let (engine, fold) = (plant.engine.clone(), watched.clone());

    let folding = tokio::spawn(async move { engine.fold(&hub(), &all(), fold).await });
    watched.begun.notified().await;
    folding.abort();
    assert!(folding.await.unwrap_err().is_cancelled());
    drop(watched.change(|parts| parts.released = true));
    // Returns when what is being read is read.
    plant.engine.close().await;

    assert_eq!(watched.rows.load(Ordering::Relaxed), STRETCH);
}
