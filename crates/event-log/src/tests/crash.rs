//! Killed in the middle of writing: what was acknowledged is there.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Given, durable, payloads};
use crate::Log;

const ROUNDS: u64 = 20;
const PRODUCERS: u16 = 4;

fn open(folder: &Path) -> Log {
    let mut options = Given::new().options;
    options.folder = folder.to_owned();
    Log::open(&options).unwrap()
}

/// The process that is killed: started by the test below, which gives it a
/// folder. Prints what is durable: the producer, and how many of its records.
#[test]
#[ignore = "started by the test that kills it"]
fn child_that_writes_until_it_is_killed() {
    let mut told = String::new();
    std::io::stdin().read_line(&mut told).unwrap();
    let Some(folder) = told.strip_suffix('\n').filter(|told| !told.is_empty()) else {
        return;
    };
    let log = open(Path::new(folder));
    std::thread::scope(|scope| {
        for name in 0..PRODUCERS {
            let log = &log;
            scope.spawn(move || {
                let first = log.partition(name).unwrap().next;
                let mut producer = log.producer();
                let (mut sent, mut known) = (0, 0);
                loop {
                    while sent < known + 8 {
                        let number = first + sent;
                        producer
                            .append(name, 0, 0, |out| {
                                out.extend_from_slice(&number.to_be_bytes());
                                out.resize(out.len() + 200, 1);
                            })
                            .unwrap();
                        sent += 1;
                    }
                    producer.hand_over();
                    known = durable(&mut producer, known).unwrap();
                    // In one piece: the parent reads lines.
                    let line = format!("durable {name} {}\n", first + known);
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

/// Starts the child, kills it, and notes what it had acknowledged.
fn write_until_killed(folder: &Path, lines_until: u64, acknowledged: &mut [u64]) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "tests::crash::child_that_writes_until_it_is_killed",
        ])
        .args(["--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", folder.display()).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut count = 0;
    while let Some(Ok(line)) = lines.next() {
        // The test runner prints, too, and its line may not have ended.
        let Some((_, told)) = line.split_once("durable ") else {
            continue;
        };
        let (name, number) = told.split_once(' ').unwrap();
        acknowledged[name.parse::<usize>().unwrap()] = number.parse().unwrap();
        count += 1;
        if count == lines_until {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(count >= lines_until, "the child gave up");
}

#[test]
fn what_was_acknowledged_survives_twenty_kills_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = [0; PRODUCERS as usize];
    for round in 0..ROUNDS {
        write_until_killed(folder.path(), 100 + 37 * round, &mut acknowledged);

        let log = open(folder.path());
        for (partition, acknowledged) in (0..).zip(acknowledged) {
            let found = payloads(&log, partition, 0);
            assert!(found.len() as u64 >= acknowledged, "records are lost");
            for (number, payload) in (0_u64..).zip(found) {
                assert_eq!(payload[..8], number.to_be_bytes());
            }
        }
    }
}
