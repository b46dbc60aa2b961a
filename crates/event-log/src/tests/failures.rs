//! Disks that are full or fail.

use std::sync::atomic::Ordering::SeqCst;

use super::{Given, append, block_on, copy_of, durable, payloads};
use crate::{Log, WriteError};

/// Appends records until one is refused; tells how many were not.
fn append_until_refused(log: &Log) -> (u64, WriteError) {
    for number in 0..100_000 {
        let mut producer = log.producer();
        producer
            .append(0, 0, 0, |out| out.resize(out.len() + 1000, 1))
            .unwrap();
        producer.hand_over();
        if let Err(error) = durable(&mut producer, 0) {
            return (number, error);
        }
    }
    panic!("nothing was refused");
}

/// Waits until the log takes records again.
fn wait_until_accepting(log: &Log) {
    for _ in 0..1000 {
        if log.refusing().is_none() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{:?}", log.refusing());
}

#[test]
fn a_full_disk_refuses_before_it_writes_and_recovers_when_there_is_room() {
    let given = Given::new();
    let (log, faults) = given.open_with_faults();
    append(&log, 0, [&b"before"[..]]);
    faults.full.store(true, SeqCst);

    let (taken, error) = append_until_refused(&log);

    assert!(matches!(error, WriteError::Full), "{error:?}");
    assert!(matches!(log.refusing(), Some(WriteError::Full)));
    assert_eq!(payloads(&log, 0, 0).len() as u64, 1 + taken, "reads go on");
    faults.full.store(false, SeqCst);
    wait_until_accepting(&log);
    append(&log, 0, [&b"after"[..]]);
    let expected = 2 + taken;
    assert_eq!(payloads(&log, 0, 0).len() as u64, expected);
    drop(log);
    assert_eq!(payloads(&given.open(), 0, 0).len() as u64, expected);
}

#[test]
fn a_log_opens_on_a_full_disk_and_refuses_until_there_is_room() {
    let given = Given::new();
    append(&given.open(), 0, [&b"before"[..]]);
    let folder = crate::disk::Folder::at(given.path());
    let faults = folder.faults.clone();
    faults.full.store(true, SeqCst);

    let log = Log::open_in(folder, &given.options).unwrap();

    assert_eq!(payloads(&log, 0, 0), [b"before"]);
    let mut producer = log.producer();
    producer.append(0, 0, 0, |_| {}).unwrap();
    producer.hand_over();
    assert!(matches!(durable(&mut producer, 0), Err(WriteError::Full)));
    faults.full.store(false, SeqCst);
    wait_until_accepting(&log);
    append(&log, 0, [&b"after"[..]]);
    assert_eq!(payloads(&log, 0, 0), [&b"before"[..], b"after"]);
}

#[test]
fn what_a_failed_flush_left_in_the_file_is_no_part_of_the_log() {
    let given = Given::new();
    let (log, faults) = given.open_with_faults();
    append(&log, 0, [&b"before"[..]]);
    faults.failing_flushes.store(true, SeqCst);

    let mut producer = log.producer();
    producer.append(0, 0, 0, |out| out.extend(b"lost")).unwrap();
    producer.hand_over();
    let error = durable(&mut producer, 0).unwrap_err();
    faults.failing_flushes.store(false, SeqCst);
    wait_until_accepting(&log);
    append(&log, 0, [&b"after"[..]]);

    assert!(matches!(error, WriteError::Io(_)), "{error:?}");
    assert_eq!(payloads(&log, 0, 0), [&b"before"[..], b"after"]);
    let copy = copy_of(given.path());
    drop(log);
    for folder in [given.path(), copy.path()] {
        let mut options = given.options.clone();
        options.folder = folder.to_owned();
        let log = Log::open(&options).unwrap();
        assert_eq!(payloads(&log, 0, 0), [&b"before"[..], b"after"]);
    }
}

#[test]
fn a_producer_does_not_go_on_behind_a_gap() {
    let given = Given::new();
    let (log, faults) = given.open_with_faults();
    let mut producer = log.producer();
    faults.failing_writes.store(true, SeqCst);
    producer.append(0, 0, 0, |out| out.push(1)).unwrap();
    producer.hand_over();
    durable(&mut producer, 0).unwrap_err();
    faults.failing_writes.store(false, SeqCst);
    wait_until_accepting(&log);

    producer.append(0, 0, 0, |out| out.push(2)).unwrap();
    producer.hand_over();

    let told = block_on(std::future::poll_fn(|cx| producer.poll_durable(cx, 0)));
    assert!(told.is_err());
    append(&log, 0, [&[3][..]]);
    assert_eq!(payloads(&log, 0, 0), [[3]]);
}
