//! A stored log of each format that there ever was; every build reads it.

use std::fs;
use std::path::Path;

use super::{Given, append, payloads};
use crate::{Log, Options, Start};

/// Writes the sample anew: `cargo test -p twinhub-event-log -- --ignored write_the_sample`.
/// For a new format, into a folder of its own; the old ones stay.
#[test]
#[ignore = "writes the sample"]
fn write_the_sample() {
    let given = Given::new();
    // Closed properly, twice, then killed.
    append(&given.open(), 0, [&b"one"[..], b"two"]);
    append(&given.open(), 3, [&b"three"[..]]);
    let log = given.open();
    append(&log, 0, [&b"four"[..], b""]);
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/v1");
    fs::create_dir_all(&sample).unwrap();
    for entry in fs::read_dir(given.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.ends_with(".tmp") {
            continue;
        }
        let mut bytes = fs::read(entry.path()).unwrap();
        // Zeros of the segment that was in use.
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        bytes.truncate((used + 64).min(bytes.len()));
        fs::write(sample.join(name), bytes).unwrap();
    }
}

#[test]
fn the_sample_of_version_1_is_read() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/v1");
    let copy = super::copy_of(&sample);

    let log = Log::open(&Options::new(copy.path(), 4)).unwrap();

    assert_eq!(payloads(&log, 0, 0), [&b"one"[..], b"two", b"four", b""]);
    assert_eq!(payloads(&log, 3, 0), [b"three"]);
    let record = &log.read(3, 0, 1).unwrap()[0];
    assert_eq!((record.tag, record.enqueued), (7, 1));
    assert_eq!(log.find(0, Start::AfterOffset(record.offset)).unwrap(), 2);
    append(&log, 0, [&b"five"[..]]);
    assert_eq!(log.read(0, 4, 1).unwrap()[0].payload, b"five"[..]);
}
