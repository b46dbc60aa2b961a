//! The sparse index of a segment: of each partition, every so many bytes,
//! where a record lies.
//!
//! It is kept in memory while the segment grows, and written beside it when
//! the segment is sealed. It can be made anew from the segment, so a missing
//! or damaged one costs time alone, except that the index of the newest
//! segment tells that the log was closed properly, and where it ends.
//!
//! ```text
//!  0  8 bytes  "TWINHIDX"
//!  8  u16      version of this layout
//! 10  u16      partitions
//! 12  u32      checksum (CRC-32C) of what follows
//! 16  u64      offset of the segment's first byte
//! 24  u64      offset of the segment's end
//! 32           32 bytes for each partition, as in a segment's head
//!              for each partition: u64 number of entries, then the entries:
//!               u64 sequence number, u64 offset, i64 latest enqueued time of
//!               the segment's records before it, or the least number
//! ```

use crate::header::{Reached, decode_partitions, encode_partitions, split_u64};

/// An entry follows when a partition has gone on for this many bytes.
const EVERY: u64 = 256 * 1024;
const MAGIC: &[u8; 8] = b"TWINHIDX";
const VERSION: u16 = 1;

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub sequence_number: u64,
    pub offset: u64,
    /// The latest enqueued time among the records before it in its segment.
    pub latest_before: i64,
}

impl Entry {
    /// Of a record, with its partition as it was before.
    pub fn of(before: &Reached, offset: u64) -> Self {
        Entry {
            sequence_number: before.next,
            offset,
            latest_before: before.latest,
        }
    }
}

/// Entries of each partition, in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SparseIndex {
    partitions: Vec<Vec<Entry>>,
}

impl SparseIndex {
    pub fn new(partitions: usize) -> Self {
        SparseIndex {
            partitions: vec![Vec::new(); partitions],
        }
    }

    /// Whether a record needs an entry, `last` being the offset of the entry
    /// before it.
    pub fn is_due(last: Option<u64>, offset: u64) -> bool {
        last.is_none_or(|last| offset - last >= EVERY)
    }

    pub fn push(&mut self, partition: u16, entry: Entry) {
        self.partitions[usize::from(partition)].push(entry);
    }

    /// To be told of each record, with its partition as it was before.
    pub fn note(&mut self, partition: u16, before: &Reached, offset: u64) {
        let last = self.partitions[usize::from(partition)].last();
        if Self::is_due(last.map(|last| last.offset), offset) {
            self.push(partition, Entry::of(before, offset));
        }
    }

    /// The last entry of a partition that `is_before` what is looked for, or
    /// its first record of the segment.
    pub fn before(&self, partition: u16, is_before: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let entries = &self.partitions[usize::from(partition)];
        let behind = entries.partition_point(is_before);
        entries.get(behind.saturating_sub(1)).copied()
    }
}

/// A sealed segment's index as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredIndex {
    /// The offset of the segment's first byte.
    pub base: u64,
    /// The offset of its end.
    pub end: u64,
    /// The partitions as they are at its end.
    pub partitions: Vec<Reached>,
    pub index: SparseIndex,
}

impl StoredIndex {
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend_from_slice(&self.base.to_le_bytes());
        body.extend_from_slice(&self.end.to_le_bytes());
        encode_partitions(&self.partitions, &mut body);
        for entries in &self.index.partitions {
            body.extend_from_slice(&(entries.len() as u64).to_le_bytes());
            for entry in entries {
                body.extend_from_slice(&entry.sequence_number.to_le_bytes());
                body.extend_from_slice(&entry.offset.to_le_bytes());
                body.extend_from_slice(&entry.latest_before.to_le_bytes());
            }
        }
        let count = u16::try_from(self.partitions.len()).expect("at most MAX_PARTITIONS");
        let mut out = Vec::with_capacity(16 + body.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
        out.extend_from_slice(&body);
        out
    }

    /// `None` if it is not what was written, or of another version.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, body) = bytes.split_first_chunk::<16>()?;
        let version = u16::from_le_bytes([head[8], head[9]]);
        let sum = u32::from_le_bytes([head[12], head[13], head[14], head[15]]);
        if &head[..8] != MAGIC || version != VERSION || crc32c::crc32c(body) != sum {
            return None;
        }
        let count = u16::from_le_bytes([head[10], head[11]]);
        let (base, rest) = split_u64(body)?;
        let (end, rest) = split_u64(rest)?;
        let (partitions, mut rest) = decode_partitions(rest, count)?;
        let mut index = SparseIndex::new(count.into());
        for entries in &mut index.partitions {
            let length;
            (length, rest) = split_u64(rest)?;
            for _ in 0..length {
                let mut numbers = [0; 3];
                for number in &mut numbers {
                    (*number, rest) = split_u64(rest)?;
                }
                entries.push(Entry {
                    sequence_number: numbers[0],
                    offset: numbers[1],
                    latest_before: numbers[2].cast_signed(),
                });
            }
        }
        rest.is_empty().then_some(StoredIndex {
            base,
            end,
            partitions,
            index,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> StoredIndex {
        let mut reached = Reached::NOTHING;
        let mut index = SparseIndex::new(2);
        for number in 0..10 {
            let offset = 1000 + number * EVERY / 2;
            index.note(1, &reached, offset);
            reached.take(offset, number.cast_signed());
        }
        StoredIndex {
            base: 1000,
            end: 1000 + 5 * EVERY,
            partitions: vec![Reached::NOTHING, reached],
            index,
        }
    }

    #[test]
    fn an_index_comes_back_as_it_was_written() {
        assert_eq!(StoredIndex::decode(&stored().encode()), Some(stored()));
    }

    #[test]
    fn a_damaged_index_is_none() {
        let bytes = stored().encode();
        for at in (0..10).chain(12..bytes.len()) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;

            assert_eq!(StoredIndex::decode(&changed), None, "byte {at}");
        }
    }

    #[test]
    fn the_entry_before_a_sequence_number_is_at_it_or_earlier() {
        let index = stored().index;

        let found = |number| {
            let entry = index.before(1, |entry| entry.sequence_number <= number);
            entry.map(|entry| entry.sequence_number)
        };
        assert_eq!([found(0), found(1), found(2)], [Some(0), Some(0), Some(2)]);
        assert_eq!(index.before(0, |_| true), None);
    }
}
