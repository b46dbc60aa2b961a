//! Readers.

use super::{Given, append, block_on, payloads};
use crate::{Log, ReadError, Start};

/// Records of 300 bytes, so that there are several segments and index entries.
fn fill(log: &Log, count: u32) {
    let mut producer = log.producer();
    for number in 0..count {
        let partition = u16::try_from(number % 3).unwrap();
        let enqueued = i64::from(number) * 10;
        producer
            .append(partition, 0, enqueued, |out| {
                out.extend_from_slice(&number.to_be_bytes());
                out.resize(out.len() + 296, 0);
            })
            .unwrap();
        // Many commits, as in life.
        if number % 50 == 0 {
            producer.hand_over();
            super::durable(&mut producer, number.into()).unwrap();
        }
    }
    producer.hand_over();
    super::wait_all(&mut producer, count.into()).unwrap();
}

fn numbers(log: &Log, partition: u16, from: u64) -> Vec<u32> {
    let number = |payload: Vec<u8>| u32::from_be_bytes(payload[..4].try_into().unwrap());
    payloads(log, partition, from)
        .into_iter()
        .map(number)
        .collect()
}

fn numbers_of(partition: u32, from: u32, count: u32) -> Vec<u32> {
    (0..count)
        .filter(|number| number % 3 == partition)
        .skip(from as usize)
        .collect()
}

#[test]
fn a_partition_is_read_through_all_segments_from_any_number() {
    let given = Given::new();
    let log = given.open();
    fill(&log, 3000);
    assert!(given.segments().len() > 5);

    for from in [0, 1, 499, 500, 998, 999, 1000, 5000] {
        assert_eq!(
            numbers(&log, 1, from.into()),
            numbers_of(1, from, 3000),
            "from {from}"
        );
    }
    drop(log);
    let log = given.open();
    assert_eq!(numbers(&log, 1, 777), numbers_of(1, 777, 3000));
}

#[test]
fn readers_find_their_place_by_offset_and_by_time() {
    let given = Given::new();
    let log = given.open();
    fill(&log, 3000);
    append(&log, 3, [&b"other"[..]]);

    for reopened in [false, true] {
        let log = if reopened { &given.open_copy() } else { &log };
        let find = |start| log.find(2, start).unwrap();
        assert_eq!(find(Start::Earliest), 0);
        assert_eq!(find(Start::Latest), 1000);
        for number in [0, 1, 2, 437, 998, 999] {
            let record = &log.read(2, number, 1).unwrap()[0];
            assert_eq!(record.sequence_number, number);
            assert_eq!(find(Start::AfterOffset(record.offset)), number + 1);
            assert_eq!(find(Start::EnqueuedFrom(record.enqueued)), number);
            assert_eq!(find(Start::EnqueuedFrom(record.enqueued + 1)), number + 1);
        }
        assert_eq!(find(Start::EnqueuedFrom(i64::MIN)), 0);
        assert_eq!(find(Start::AfterOffset(u64::MAX)), 1000);
    }
}

impl Given {
    /// The log as a killed process would leave it, opened.
    fn open_copy(&self) -> Log {
        let mut options = self.options.clone();
        options.folder = super::copy_of(self.path()).keep();
        Log::open(&options).unwrap()
    }
}

#[test]
fn a_clock_that_went_back_hides_nothing_from_readers_by_time() {
    let given = Given::new();
    let log = given.open();
    let mut producer = log.producer();
    for enqueued in [10, 30, 20, 40] {
        producer.append(0, 0, enqueued, |_| {}).unwrap();
    }
    producer.hand_over();
    super::wait_all(&mut producer, 4).unwrap();

    let find = |moment| log.find(0, Start::EnqueuedFrom(moment)).unwrap();

    assert_eq!(
        [find(10), find(15), find(25), find(35), find(45)],
        [0, 1, 1, 3, 4]
    );
}

#[test]
fn a_missing_or_damaged_index_is_made_anew() {
    let given = Given::new();
    let log = given.open();
    fill(&log, 3000);
    log.close();
    let entries = std::fs::read_dir(given.path()).unwrap();
    let mut indexes: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "idx"))
        .collect();
    indexes.sort();
    assert!(indexes.len() > 5);
    std::fs::remove_file(&indexes[1]).unwrap();
    std::fs::write(&indexes[2], "?").unwrap();
    std::fs::remove_file(indexes.last().unwrap()).unwrap();

    let log = given.open();

    for from in [0, 300, 450, 600, 990] {
        assert_eq!(numbers(&log, 0, from.into()), numbers_of(0, from, 3000));
    }
}

#[test]
fn a_reader_waits_until_a_record_is_durable() {
    let given = Given::new();
    let log = given.open();
    append(&log, 0, [&b"first"[..]]);

    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| block_on(log.wait_for(0, 1)).unwrap());
        append(&log, 1, [&b"other"[..]]);
        append(&log, 0, [&b"second"[..]]);
        waiting.join().unwrap();
    });

    assert_eq!(payloads(&log, 0, 1), [b"second"]);
}

#[test]
fn damage_is_named_and_what_lies_around_it_is_read() {
    let given = Given::new();
    let log = given.open();
    fill(&log, 3000);
    let damaged = log.read(0, 100, 1).unwrap().remove(0);
    log.close();
    let (segment, base) = given
        .segments()
        .into_iter()
        .map(|path| {
            let base = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
            (path, base)
        })
        .rfind(|(_, base): &(_, u64)| *base <= damaged.offset)
        .unwrap();
    let at = damaged.offset - base + crate::header::HEADER as u64;
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[usize::try_from(at).unwrap() + 100] ^= 1;
    std::fs::write(&segment, bytes).unwrap();

    let log = given.open();

    let before = log.read(0, 98, usize::MAX).unwrap();
    assert_eq!(before.len(), 2, "what comes before the damage");
    let error = log.read(0, 100, usize::MAX).unwrap_err();
    match &error {
        ReadError::Damaged {
            path,
            position,
            partition: 0,
            sequence_number: 100,
        } => assert_eq!((path, *position), (&segment, at)),
        other => panic!("{other}"),
    }
    assert_eq!(numbers(&log, 0, 101), numbers_of(0, 101, 3000));
    assert_eq!(numbers(&log, 1, 0), numbers_of(1, 0, 3000));
}

#[test]
fn a_partition_that_does_not_exist_is_told() {
    let log = Given::new();
    let log = log.open();

    assert!(matches!(log.read(4, 0, 1), Err(ReadError::NoPartition(4))));
    assert!(matches!(
        log.find(4, Start::Earliest),
        Err(ReadError::NoPartition(4))
    ));
    assert_eq!(log.partition(4), None);
}
