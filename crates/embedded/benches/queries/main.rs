//! Queries over a million twins of 1 KB: how long an answer takes, with one
//! client and nothing else going on, before paths are indexed and afterwards;
//! and what the indexes cost those who update twins.
//!
//! `cargo bench -p twinhub-embedded --bench queries [-- COUNT [FOLDER [ask]]]`;
//! the disk is that of the temporary folder, or that of FOLDER, which is kept.
//! With `ask` it only asks, without indexes. What answers take of processors is
//! of all threads together, so it may be more than the time that they take.
#![allow(clippy::print_stdout, reason = "a bench reports to a terminal")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use twinhub_core::query::{Paging, Rows};
use twinhub_embedded::IndexSettings;

use self::fleet::{Fleet, hub};
use self::updates::updates;

mod fleet;
mod updates;

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
        "count by condition on a number",
        "SELECT COUNT() AS n FROM devices WHERE properties.reported.rate > 499",
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
        "the ten disabled",
        "SELECT * FROM devices WHERE status = 'disabled'",
    ),
    (
        "ten of another authentication",
        "SELECT * FROM devices WHERE authenticationType = 'certificateAuthority'",
    ),
];

/// What is asked while few are connected, and while most are.
const OF_CONNECTIONS: &[(&str, &str)] = &[
    (
        "a page of the connected",
        "SELECT * FROM devices WHERE connectionState = 'Connected'",
    ),
    (
        "a page of the disconnected",
        "SELECT * FROM devices WHERE connectionState <> 'Connected'",
    ),
    (
        "the connected with a tag of ten",
        "SELECT * FROM devices WHERE connectionState = 'Connected' AND tags.rare = 'yes'",
    ),
    (
        "count of the connected",
        "SELECT COUNT() AS n FROM devices WHERE connectionState = 'Connected'",
    ),
    (
        "count of the disconnected",
        "SELECT COUNT() AS n FROM devices WHERE connectionState = 'Disconnected'",
    ),
];

/// What wants the paths that are indexed in the end.
const RARE: &[&str] = &[
    "SELECT * FROM devices WHERE tags.rare = 'yes'",
    "SELECT * FROM devices WHERE properties.reported.rate > 99999",
    "SELECT * FROM devices WHERE tags.owner = 'nobody'",
    "SELECT * FROM devices WHERE properties.reported.firmware.version = '2.0'",
    "SELECT * FROM devices WHERE status = 'disabled'",
    "SELECT * FROM devices WHERE authenticationType = 'certificateAuthority'",
];

#[tokio::main]
async fn main() {
    let mut given = std::env::args().skip(1).filter(|given| given != "--bench");
    let count = given.next().and_then(|count| count.parse().ok());
    let count = count.unwrap_or(1_000_000);
    let temporary = tempfile::tempdir().expect("a temporary folder can be made");
    let folder = given
        .next()
        .map_or(temporary.path().to_owned(), PathBuf::from);

    let only_ask = given.next().is_some_and(|what| what == "ask");

    let none = IndexSettings {
        most: 0,
        ..IndexSettings::default()
    };
    let fleet = Fleet::open(&folder, count, none).await;
    println!("without indexes");
    ask(&fleet, QUESTIONS).await;
    ask_of_connections(&fleet).await;
    if only_ask {
        fleet.engine.close().await;
        return;
    }
    updates(&fleet, "    updates").await;
    fleet.engine.close().await;

    let fleet = Fleet::open(&folder, count, IndexSettings::default()).await;
    for text in RARE {
        build(&fleet, text).await;
    }
    println!("with {} indexes", RARE.len());
    ask(&fleet, QUESTIONS).await;
    ask_of_connections(&fleet).await;
    updates(&fleet, "    updates").await;
    fleet.engine.close().await;
}

/// Asks while ten are connected, which are the rare ones, while the last half
/// of the IDs is, and while all are but the rare ones.
async fn ask_of_connections(fleet: &Fleet) {
    println!("ten are connected");
    let rare = (0..fleet.count).filter(|number| fleet.is_rare(*number));
    let connected = fleet.connect(rare);
    ask(fleet, OF_CONNECTIONS).await;
    drop(connected);
    println!("the last half is connected");
    let connected = fleet.connect(fleet.count / 2..fleet.count);
    ask(fleet, OF_CONNECTIONS).await;
    drop(connected);
    println!("all but ten are connected");
    let common = (0..fleet.count).filter(|number| !fleet.is_rare(*number));
    let connected = fleet.connect(common);
    ask(fleet, OF_CONNECTIONS).await;
    drop(connected);
}

/// Asks until there is an index, and updates twins meanwhile.
async fn build(fleet: &Fleet, text: &str) {
    let known = indexes(fleet, false).await;
    while indexes(fleet, false).await == known {
        answer(fleet, text).await;
        tokio::task::yield_now().await;
    }
    let started = Instant::now();
    while indexes(fleet, true).await == known {
        updates(fleet, "    updates while one is built").await;
    }
    println!(
        "{text}: built within {:.1} s",
        started.elapsed().as_secs_f64()
    );
}

async fn indexes(fleet: &Fleet, built: bool) -> usize {
    let indexes = fleet.engine.query_indexes(&hub()).await;
    let indexes = indexes.expect("the state can be read");
    indexes.iter().filter(|index| index.built || !built).count()
}

async fn ask(fleet: &Fleet, questions: &[(&str, &str)]) {
    let before = resident_kib();
    for (name, text) in questions {
        let (mut best, mut least, mut rows) = (Duration::MAX, Duration::MAX, 0);
        for _ in 0..RUNS {
            let (started, processor) = (Instant::now(), processor());
            rows = answer(fleet, text).await;
            best = best.min(started.elapsed());
            least = least.min(self::processor().saturating_sub(processor));
        }
        println!(
            "{name:42} {:>10.2} ms, {:>5} ms of processor, {rows} rows",
            best.as_secs_f64() * 1e3,
            least.as_millis()
        );
    }
    println!("memory: {before} KiB before, {} KiB after", resident_kib());
}

/// How many rows the first page has.
async fn answer(fleet: &Fleet, text: &str) -> usize {
    let paging = Paging::default();
    let page = fleet.queries.page(&fleet.permit, text, paging).await;
    match page.expect("the query is answered").rows {
        Rows::Twins(twins) => twins.len(),
        Rows::Raw(rows) => rows.len(),
    }
}

/// What the process has had of processors, in hundredths of a second; zero
/// where that is not told.
pub fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let numbers = stat.rsplit(')').next().unwrap_or_default();
    let ticks = numbers.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// What the process holds in memory; zero where that is not told.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.unwrap_or(0)
}
