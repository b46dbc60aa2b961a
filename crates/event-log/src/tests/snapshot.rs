//! A copy of one moment.

use std::fs::File;
use std::io;

use super::{Given, append, payloads};
use crate::{Log, Options, Retention, Snapshot};

const DROP_ALL: Retention = Retention { age: 0, bytes: 0 };

/// Copies what is still to come of a snapshot.
fn copy(snapshot: Snapshot) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in snapshot {
        let mut copy = File::create(folder.path().join(&file.name)).unwrap();
        let copied = io::copy(&mut file.open().unwrap(), &mut copy).unwrap();
        assert_eq!(copied, file.bytes, "{}", file.name);
    }
    folder
}

fn opened(folder: &tempfile::TempDir) -> Log {
    Log::open(&Options::new(folder.path(), 4)).unwrap()
}

fn kilobytes(log: &Log, count: usize) {
    let payload = vec![5; 1000];
    for _ in 0..count / 20 {
        append(log, 2, std::iter::repeat_n(&payload[..], 20));
    }
}

#[test]
fn a_copy_holds_what_was_durable_and_nothing_later() {
    let given = Given::new();
    let log = given.open();
    append(&log, 0, [&b"a"[..], b"b"]);
    append(&log, 1, [&b"c"[..]]);
    let snapshot = log.snapshot().unwrap();
    append(&log, 0, [&b"later"[..]]);

    let folder = copy(snapshot);
    let copied = opened(&folder);

    assert_eq!(payloads(&copied, 0, 0), [b"a", b"b"]);
    assert_eq!(payloads(&copied, 1, 0), [b"c"]);
    assert_eq!(copied.recovered().torn, None);
    append(&copied, 0, [&b"goes on"[..]]);
    assert_eq!(copied.read(0, 2, 1).unwrap()[0].sequence_number, 2);
}

#[test]
fn a_copy_of_many_segments_is_whole_although_retention_runs() {
    let given = Given::new();
    let log = given.open();
    kilobytes(&log, 500);
    let segments = given.segments().len();
    let snapshot = log.snapshot().unwrap();
    let bytes = snapshot.bytes();

    log.retain(DROP_ALL, i64::MAX).unwrap();
    let kept = given.segments().len();
    kilobytes(&log, 100);
    let copied = copy(snapshot);

    assert!(segments > 3, "{segments}");
    assert_eq!(kept, segments);
    assert!(bytes > 500_000, "{bytes}");
    assert_eq!(payloads(&opened(&copied), 2, 0).len(), 500);
}

#[test]
fn retention_takes_what_a_snapshot_has_passed_and_all_once_it_is_gone() {
    let given = Given::new();
    let log = given.open();
    kilobytes(&log, 500);
    let mut snapshot = log.snapshot().unwrap();
    let segments = given.segments();
    while snapshot.next().unwrap().name != segments[2].file_name().unwrap().to_str().unwrap() {}

    log.retain(DROP_ALL, i64::MAX).unwrap();
    let first = given.segments().remove(0);
    drop(snapshot);
    log.retain(DROP_ALL, i64::MAX).unwrap();

    assert_eq!(first, segments[2]);
    assert!(given.segments()[0] > segments[2]);
}

#[test]
fn there_is_one_snapshot_at_a_time() {
    let given = Given::new();
    let log = given.open();
    let first = log.snapshot();

    let second = log.snapshot();
    let others = (first.is_some(), second.is_some());
    drop(first);

    assert_eq!(others, (true, false));
    assert!(log.snapshot().is_some());
}

#[test]
fn a_copy_of_an_empty_log_and_of_one_whose_records_are_gone_knows_its_numbers() {
    let given = Given::new();
    let log = given.open();
    let empty = copy(log.snapshot().unwrap());
    let empty = opened(&empty).partition(2).unwrap();
    kilobytes(&log, 200);
    drop(log);
    let log = given.open();
    log.retain(DROP_ALL, i64::MAX).unwrap();

    let copied = copy(log.snapshot().unwrap());
    let copied = opened(&copied).partition(2);

    assert_eq!(empty.next, 0);
    assert_eq!(copied, log.partition(2));
    assert_eq!(copied.unwrap().next, 200);
}
