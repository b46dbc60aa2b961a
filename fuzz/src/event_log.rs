//! Segments of the event log, and their indexes.

use twinhub_event_log::inspect;

/// Reads the bytes as a segment, and as records without a head. What is sound
/// lies within the bytes, one record behind the other, needs every byte, and
/// is not found again behind the end.
pub fn event_log_segment(bytes: &[u8]) {
    if let Ok(segment) = inspect::segment(bytes) {
        assert!(segment.length <= bytes.len());
        let ends = |place: &inspect::Place| place.position + place.length;
        let neighbours = segment.records.windows(2);
        for pair in neighbours {
            assert_eq!(ends(&pair[0]), pair[1].position);
        }
        if let Some(last) = segment.records.last() {
            assert_eq!(ends(last), segment.length);
            assert_eq!(
                without_the_last_byte(bytes, segment.length),
                segment.records.len() - 1
            );
        }
        if let Some(later) = segment.later_commit {
            assert!(later > segment.length, "a torn tail is no damage");
        }
    }
    let (records, length) = inspect::records(bytes, 0);
    assert!(length <= bytes.len() && records.len() <= length / 32);
    survives_as_payload(bytes);
}

fn without_the_last_byte(bytes: &[u8], length: usize) -> usize {
    let cut = inspect::segment(&bytes[..length - 1]);
    cut.expect("the head is whole").records.len()
}

/// A record of these bytes is found, and the bytes in it are not taken for
/// more.
fn survives_as_payload(bytes: &[u8]) {
    let record = inspect::record(bytes, 3, 7, 4711);
    let (records, length) = inspect::records(&record, 4711);
    assert_eq!((records.len(), length), (1, record.len()));
    assert_eq!(records[0].sequence_number, 7);
    assert_eq!(inspect::records(&record, 4712), (Vec::new(), 0));
}

/// An index that is read is written as the same bytes.
pub fn event_log_index(bytes: &[u8]) {
    if let Some(written) = inspect::index(bytes) {
        assert_eq!(written, bytes);
    }
}
