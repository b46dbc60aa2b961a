//! Random operations against a model: a list of payloads for each partition.
//!
//! A crash leaves the files as a power cut may: behind what was acknowledged,
//! any bytes may be missing, zero or foreign. What was acknowledged is there,
//! each record once and in order, and what else is there was handed over.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use proptest::prelude::*;

use super::{Given, copy_of, payloads, wait_all};
use crate::header::HEADER;
use crate::{Log, Options, Retention};

#[derive(Debug, Clone)]
enum Step {
    /// Records of these sizes to these partitions, and waits until they are
    /// durable.
    Append(Vec<(u16, usize)>),
    /// Records that are handed over just before a crash, which leaves the tail
    /// as told.
    Crash(Vec<(u16, usize)>, Tail),
    Reopen,
    /// Keeps this many bytes.
    Retain(u64),
}

/// What becomes of the bytes behind the last acknowledged record.
#[derive(Debug, Clone)]
enum Tail {
    AsItIs,
    /// The file ends at this part of what is behind.
    Cut(u8),
    /// From this part on, zeros.
    Zeros(u8),
    /// From this part on, so many bytes are foreign.
    Garbage(u8, Vec<u8>),
}

fn records() -> impl Strategy<Value = Vec<(u16, usize)>> {
    prop::collection::vec((0..4_u16, 0..3000_usize), 1..30)
}

fn tail() -> impl Strategy<Value = Tail> {
    prop_oneof![
        Just(Tail::AsItIs),
        any::<u8>().prop_map(Tail::Cut),
        any::<u8>().prop_map(Tail::Zeros),
        (any::<u8>(), prop::collection::vec(any::<u8>(), 1..5000))
            .prop_map(|(at, bytes)| Tail::Garbage(at, bytes)),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => records().prop_map(Step::Append),
        3 => (records(), tail()).prop_map(|(records, tail)| Step::Crash(records, tail)),
        1 => Just(Step::Reopen),
        1 => (0..200_000_u64).prop_map(Step::Retain),
    ];
    prop::collection::vec(step, 1..12)
}

/// What the log must hold: payloads by partition, from the first ever.
#[derive(Default)]
struct Model {
    partitions: [Vec<Vec<u8>>; 4],
    written: u32,
}

impl Model {
    /// The next payload, different from all others.
    fn payload(&mut self, size: usize) -> Vec<u8> {
        self.written += 1;
        let mut payload = self.written.to_be_bytes().to_vec();
        payload.resize(4 + size, 3);
        payload
    }

    /// Compares with the log, which may have forgotten the oldest.
    fn check(&self, log: &Log) {
        for (partition, expected) in (0..).zip(&self.partitions) {
            let known = log.partition(partition).unwrap();
            assert_eq!(known.next, expected.len() as u64);
            let first = usize::try_from(known.first).unwrap();
            assert_eq!(payloads(log, partition, 0), expected[first..]);
        }
    }

    /// Takes over what a crash left of records that were not acknowledged.
    fn accept(&mut self, log: &Log, unacknowledged: &[(u16, Vec<u8>)]) {
        for partition in 0..4_u16 {
            let expected = &mut self.partitions[usize::from(partition)];
            let found = log.partition(partition).unwrap().next as usize;
            let handed_over = unacknowledged.iter().filter(|(of, _)| *of == partition);
            let more = found
                .checked_sub(expected.len())
                .expect("acknowledged records are there");
            let mut left: Vec<_> = handed_over.map(|(_, payload)| payload.clone()).collect();
            assert!(more <= left.len(), "records that nobody wrote");
            left.truncate(more);
            expected.append(&mut left);
        }
    }
}

/// Opens the log of a folder.
fn open(options: &Options, folder: &Path) -> Log {
    let mut options = options.clone();
    options.folder = folder.to_owned();
    Log::open(&options).unwrap()
}

/// Hands records over without waiting.
fn hand_over(log: &Log, records: &[(u16, Vec<u8>)]) -> crate::Producer {
    let mut producer = log.producer();
    for (partition, payload) in records {
        producer
            .append(*partition, 0, 0, |out| out.extend_from_slice(payload))
            .unwrap();
    }
    producer.hand_over();
    producer
}

/// The end of what is acknowledged: the segment's name and the position.
fn end(log: &Log) -> (String, u64) {
    let view = log.shared().view();
    let newest = view.segments.last().unwrap();
    let name = newest
        .path
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    (name, newest.position(view.end))
}

/// Does to the bytes behind `end` what a power cut may do.
fn tear(folder: &Path, (name, end): &(String, u64), tail: &Tail) {
    let path = folder.join(name);
    let Ok(file) = OpenOptions::new().read(true).write(true).open(&path) else {
        return;
    };
    let length = file.metadata().unwrap().len();
    let behind = length.saturating_sub(*end).min(20_000);
    let part = |at: u8| end + behind * u64::from(at) / 256;
    match tail {
        Tail::AsItIs => {}
        Tail::Cut(at) => file.set_len(part(*at)).unwrap(),
        Tail::Zeros(at) => {
            let zeros = vec![0; usize::try_from(length - part(*at)).unwrap()];
            file.write_all_at(&zeros, part(*at)).unwrap();
        }
        Tail::Garbage(at, bytes) => file.write_all_at(bytes, part(*at)).unwrap(),
    }
}

fn run(steps: Vec<Step>) {
    let given = Given::new();
    let mut folder = given.folder;
    let mut model = Model::default();
    let mut log = open(&given.options, folder.path());
    for step in steps {
        match step {
            Step::Append(records) => {
                let records: Vec<_> = records
                    .into_iter()
                    .map(|(partition, size)| (partition, model.payload(size)))
                    .collect();
                let mut producer = hand_over(&log, &records);
                wait_all(&mut producer, records.len() as u64).unwrap();
                for (partition, payload) in records {
                    model.partitions[usize::from(partition)].push(payload);
                }
            }
            Step::Crash(records, tail) => {
                let records: Vec<_> = records
                    .into_iter()
                    .map(|(partition, size)| (partition, model.payload(size)))
                    .collect();
                let end = end(&log);
                let producer = hand_over(&log, &records);
                let copy = copy_of(folder.path());
                drop(producer);
                // Only the newest segment may be torn, and only as long as
                // nothing came behind it.
                if newest(copy.path()) == end.0 {
                    tear(copy.path(), &end, &tail);
                }
                drop(log);
                folder = copy;
                log = open(&given.options, folder.path());
                model.accept(&log, &records);
            }
            Step::Reopen => {
                drop(log);
                log = open(&given.options, folder.path());
            }
            Step::Retain(bytes) => {
                let retention = Retention {
                    age: i64::MAX,
                    bytes,
                };
                log.retain(retention, 0).unwrap();
            }
        }
        model.check(&log);
    }
}

fn newest(folder: &Path) -> String {
    let names = std::fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".log")).max().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_log_does_what_the_model_does(steps in steps()) {
        run(steps);
    }
}

#[test]
fn a_commit_torn_at_any_byte_is_cut_and_the_one_before_stays() {
    let given = Given::new();
    let log = given.open();
    super::append(&log, 0, [&b"first"[..], b"second"]);
    let (name, end) = end(&log);
    super::append(&log, 1, [&b"third"[..], b"fourth"]);
    let whole = copy_of(given.path());
    drop(log);
    let length = 2 * crate::frame::HEAD as u64 + 5 + 6;

    for at in 0..=length {
        for garbage in [false, true] {
            let copy = copy_of(whole.path());
            let file = OpenOptions::new()
                .write(true)
                .open(copy.path().join(&name))
                .unwrap();
            if garbage {
                file.write_all_at(&[0xa5; 40], end + at).unwrap();
            } else {
                file.set_len(end + at).unwrap();
            }

            let log = open(&given.options, copy.path());

            assert_eq!(payloads(&log, 0, 0), [&b"first"[..], b"second"]);
            let left = payloads(&log, 1, 0);
            let third = crate::frame::HEAD as u64 + 5;
            let expected = u64::from(at >= third) + u64::from(at >= length);
            assert_eq!(left.len() as u64, expected, "torn at {at}");
            let is_torn = log.recovered().torn.is_some();
            assert_eq!(
                is_torn,
                garbage || (at > 0 && at != third && at != length),
                "at {at}"
            );
        }
    }
}

#[test]
fn damage_before_a_later_commit_is_named_and_nothing_is_changed() {
    let given = Given::new();
    let log = given.open();
    super::append(&log, 0, [&b"first"[..]]);
    super::append(&log, 0, [&b"second"[..]]);
    let copy = copy_of(given.path());
    drop(log);
    let path = copy.path().join(newest(copy.path()));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[HEADER + crate::frame::HEAD] ^= 1;
    std::fs::write(&path, &bytes).unwrap();

    let mut options = given.options.clone();
    options.folder = copy.path().to_owned();
    let refused = match Log::open(&options) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    };

    match &refused {
        crate::OpenError::Damaged {
            path: named,
            position,
            follows,
        } => {
            assert_eq!(named, &path);
            assert_eq!(*position, HEADER as u64);
            assert_eq!(*follows, (HEADER + crate::frame::HEAD + 5) as u64);
        }
        other => panic!("{other}"),
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_missing_segment_is_named() {
    let given = Given::new();
    for _ in 0..3 {
        super::append(&given.open(), 0, [&b"x"[..]]);
    }
    let segments = given.segments();
    std::fs::remove_file(&segments[1]).unwrap();

    let refused = given.refused();

    match &refused {
        crate::OpenError::Gap { path, .. } => assert_eq!(path, &segments[0]),
        other => panic!("{other}"),
    }
}
