//! What goes, and what is known of it.

use super::{Given, append, durable, payloads};
use crate::{Dropped, Log, Retention, Start};

const KEEP_ALL: Retention = Retention {
    age: i64::MAX,
    bytes: u64::MAX,
};

/// Records of a kilobyte, each in a commit of its own, enqueued from 0 on.
fn fill(log: &Log, partition: u16, count: i64) {
    let mut producer = log.producer();
    for number in 0..count {
        producer
            .append(partition, 0, number, |out| out.resize(out.len() + 1000, 1))
            .unwrap();
        if number % 20 == 0 {
            producer.hand_over();
            durable(&mut producer, number.unsigned_abs()).unwrap();
        }
    }
    producer.hand_over();
    super::wait_all(&mut producer, count.unsigned_abs()).unwrap();
}

#[test]
fn the_oldest_go_by_size_and_readers_begin_at_what_is_left() {
    let given = Given::new();
    let log = given.open();
    fill(&log, 0, 500);
    let held = log.bytes();

    let dropped = log
        .retain(
            Retention {
                bytes: 200_000,
                ..KEEP_ALL
            },
            0,
        )
        .unwrap();

    assert!(dropped.segments > 0);
    assert_eq!(log.bytes(), held - dropped.bytes);
    assert!(log.bytes() <= 200_000);
    let first = log.partition(0).unwrap().first;
    assert!(first > 0);
    assert_eq!(log.find(0, Start::Earliest).unwrap(), first);
    assert_eq!(log.find(0, Start::AfterOffset(0)).unwrap(), first);
    assert_eq!(log.read(0, 0, 1).unwrap()[0].sequence_number, first);
    assert_eq!(payloads(&log, 0, 0).len() as u64, 500 - first);
    assert_eq!(
        payloads(&given_again(&given, log), 0, 0).len() as u64,
        500 - first
    );
}

fn given_again(given: &Given, log: Log) -> Log {
    drop(log);
    given.open()
}

#[test]
fn the_oldest_go_by_age_and_younger_ones_stay() {
    let given = Given::new();
    let log = given.open();
    fill(&log, 0, 500);

    log.retain(
        Retention {
            age: 100,
            ..KEEP_ALL
        },
        400,
    )
    .unwrap();

    let first = log.partition(0).unwrap().first;
    assert!((200..=300).contains(&first), "{first}");
}

#[test]
fn numbers_go_on_when_everything_was_dropped() {
    let given = Given::new();
    let log = given.open();
    fill(&log, 1, 10);
    let before = log.partition(1).unwrap();
    drop(log);
    let log = given.open();

    // The segment of an earlier process is sealed; the new one is empty.
    log.retain(Retention { age: 0, ..KEEP_ALL }, 1000).unwrap();

    for log in [&log, &given_again(&given, given.open())] {
        let partition = log.partition(1).unwrap();
        assert_eq!((partition.first, partition.next), (10, 10));
        assert_eq!(partition.newest, before.newest);
        assert_eq!(payloads(log, 1, 0), [b""; 0]);
    }
    append(&log, 1, [&b"next"[..]]);
    assert_eq!(log.read(1, 0, 1).unwrap()[0].sequence_number, 10);
}

#[test]
fn a_quiet_log_drops_its_records_too() {
    let given = Given::new();
    let log = given.open();
    append(&log, 0, [&b"old"[..]]);

    let retention = Retention {
        age: 100,
        ..KEEP_ALL
    };
    let mut dropped = Dropped::default();
    // The segment is sealed by the writer, in its own time.
    for _ in 0..1000 {
        dropped = log.retain(retention, 1000).unwrap();
        if dropped.segments > 0 {
            break;
        }
        std::thread::yield_now();
        std::thread::sleep(std::time::Duration::from_millis(5));
    }

    assert_eq!(dropped.segments, 1);
    assert_eq!(log.bytes(), 0);
    assert_eq!(log.partition(0).unwrap().next, 1);
}

#[test]
fn what_need_not_go_stays() {
    let given = Given::new();
    let log = given.open();
    fill(&log, 0, 300);

    let dropped = log.retain(KEEP_ALL, 1000).unwrap();

    assert_eq!(dropped, Dropped::default());
    assert_eq!(payloads(&log, 0, 0).len(), 300);
}

/// Everything of partition 0 is needed from here on, and of the others
/// whatever there is not yet.
fn needed_from(number: u64) -> [u64; 4] {
    [number, u64::MAX, u64::MAX, u64::MAX]
}

#[test]
fn segments_that_nobody_needs_go_and_one_that_is_needed_in_part_stays() {
    let given = Given::new();
    let log = given.open();
    fill(&log, 0, 500);
    let held = log.bytes();

    let nothing = log.release(&needed_from(0)).unwrap();
    let dropped = log.release(&needed_from(250)).unwrap();
    let again = log.release(&needed_from(250)).unwrap();

    assert_eq!(nothing, Dropped::default());
    assert!(dropped.segments > 0);
    assert_eq!(log.bytes(), held - dropped.bytes);
    assert_eq!(again, Dropped::default());
    let first = log.partition(0).unwrap().first;
    assert!((150..=250).contains(&first), "{first}");
    assert_eq!(payloads(&log, 0, 250).len(), 250);
    assert_eq!(payloads(&given_again(&given, log), 0, 250).len(), 250);
}

#[test]
fn what_one_partition_needs_keeps_the_segment_for_all() {
    let given = Given::new();
    let log = given.open();
    append(&log, 1, [&b"needed"[..]]);
    fill(&log, 0, 300);

    let kept = log.release(&[300, 0, 0, 0]).unwrap();
    let dropped = log.release(&[300, 1, 0, 0]).unwrap();

    assert_eq!(kept, Dropped::default());
    assert!(dropped.segments > 0);
    assert_eq!(log.partition(1).unwrap().first, 1);
}

#[test]
fn nothing_that_a_snapshot_holds_is_released() {
    let given = Given::new();
    let log = given.open();
    fill(&log, 0, 300);
    let snapshot = log.snapshot().unwrap();

    let held = log.release(&needed_from(300)).unwrap();
    drop(snapshot);
    let dropped = log.release(&needed_from(300)).unwrap();

    assert_eq!(held, Dropped::default());
    assert!(dropped.segments > 0);
}

#[test]
fn numbers_go_on_when_everything_was_released() {
    let given = Given::new();
    let log = given.open();
    fill(&log, 0, 300);
    drop(log);
    // The segment of an earlier process is sealed; the new one is empty.
    let log = given.open();

    log.release(&needed_from(300)).unwrap();

    assert_eq!(log.bytes(), 0);
    let log = given_again(&given, log);
    append(&log, 0, [&b"next"[..]]);
    assert_eq!(log.read(0, 0, 1).unwrap()[0].sequence_number, 300);
}
