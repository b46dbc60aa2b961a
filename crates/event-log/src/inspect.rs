//! The bytes of a segment and of an index, apart from a log: for tools and for
//! fuzzing.

use crate::error::HeaderError;
use crate::frame::{self, Sound};
use crate::header::{HEADER, Header};
use crate::index::StoredIndex;
use crate::recovery;

/// What the bytes of a segment hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The offset of the first byte behind the head.
    pub base: u64,
    /// The records from the first on, until there is none that is sound.
    pub records: Vec<Place>,
    /// The length of the head and these records.
    pub length: usize,
    /// Where a sound record lies behind them that belongs to a later commit:
    /// what is between is damaged.
    pub later_commit: Option<usize>,
}

/// Where a record lies, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Where in the bytes.
    pub position: usize,
    /// How many bytes it takes.
    pub length: usize,
    /// Its partition.
    pub partition: u16,
    /// Its number there.
    pub sequence_number: u64,
}

impl Place {
    fn of(position: usize, record: &Sound<'_>) -> Self {
        Place {
            position,
            length: record.length(),
            partition: record.head.partition,
            sequence_number: record.head.sequence_number,
        }
    }
}

/// Reads a segment.
pub fn segment(bytes: &[u8]) -> Result<Segment, HeaderError> {
    let base = Header::decode(bytes)?.base;
    let (records, length) = records(&bytes[HEADER..], base);
    let end = base.saturating_add(length as u64);
    let length = HEADER + length;
    let later = recovery::later_commit(&bytes[length..], end);
    Ok(Segment {
        base,
        records: records
            .into_iter()
            .map(|place| Place {
                position: place.position + HEADER,
                ..place
            })
            .collect(),
        length,
        later_commit: later.map(|later| length + later),
    })
}

/// The sound records that the bytes begin with, which lie at an offset of the
/// log, and how many bytes they take.
pub fn records(bytes: &[u8], offset: u64) -> (Vec<Place>, usize) {
    let mut records = Vec::new();
    let mut at = 0;
    while let Some(record) = frame::sound(&bytes[at..], offset.saturating_add(at as u64)) {
        records.push(Place::of(at, &record));
        at += record.length();
    }
    (records, at)
}

/// A record as it would lie at an offset of the log.
pub fn record(payload: &[u8], partition: u16, sequence_number: u64, offset: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let start = frame::begin(&mut out);
    out.extend_from_slice(payload);
    frame::end(&mut out, start, partition, 0, 0);
    frame::place(&mut out, sequence_number, 0, offset);
    out
}

/// Reads an index, and writes it anew; `None` if it is not what was written.
pub fn index(bytes: &[u8]) -> Option<Vec<u8>> {
    StoredIndex::decode(bytes).map(|index| index.encode())
}
