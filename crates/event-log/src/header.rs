//! The head of a segment: where it lies in the log, and what came before it.
//!
//! ```text
//!  0  8 bytes  "TWINHLOG"
//!  8  u16      version of this layout
//! 10  u16      partitions
//! 12  u32      checksum (CRC-32C) of what follows, to the last partition
//! 16  u64      offset of the segment's first byte after the head
//! 24  32 bytes for each partition, as it was when the segment began:
//!      0  u64  sequence number of its next record
//!      8  u64  offset of its newest record
//!     16  i64  enqueued time of its newest record
//!     24  i64  latest enqueued time in the segment before, or the least number
//! ```
//!
//! So the newest segment knows of every partition how far it came, whatever
//! retention has dropped; and two neighbours tell what lies in the first.

use crate::error::HeaderError;

/// Bytes before the first record.
pub(crate) const HEADER: usize = 4096;
/// The most partitions that a log can have.
pub const MAX_PARTITIONS: u16 = 64;
const MAGIC: &[u8; 8] = b"TWINHLOG";
/// The version of segments that this build writes, and the newest it reads.
pub const VERSION: u16 = 1;
const FIXED: usize = 24;
const EACH: usize = 32;

/// How far a partition came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reached {
    /// The sequence number of its next record.
    pub next: u64,
    /// The offset of its newest record, if there ever was one.
    pub last_offset: u64,
    /// The enqueued time of its newest record, if there ever was one.
    pub last_enqueued: i64,
    /// The latest enqueued time among its records of one segment.
    pub latest: i64,
}

impl Reached {
    pub const NOTHING: Reached = Reached {
        next: 0,
        last_offset: 0,
        last_enqueued: 0,
        latest: i64::MIN,
    };

    /// Takes the next record.
    pub fn take(&mut self, offset: u64, enqueued: i64) {
        self.next += 1;
        self.last_offset = offset;
        self.last_enqueued = enqueued;
        self.latest = self.latest.max(enqueued);
    }
}

/// What a segment's head says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// The offset of the first byte after the head.
    pub base: u64,
    /// The partitions as they were when the segment began.
    pub partitions: Vec<Reached>,
}

impl Header {
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(HEADER);
        body.extend_from_slice(&self.base.to_le_bytes());
        encode_partitions(&self.partitions, &mut body);
        let count = u16::try_from(self.partitions.len()).expect("at most MAX_PARTITIONS");
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
        out.extend_from_slice(&body);
        out.resize(HEADER, 0);
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let bytes = bytes.get(..HEADER).ok_or(HeaderError::Damaged)?;
        if &bytes[..8] != MAGIC {
            return Err(HeaderError::Damaged);
        }
        let version = u16::from_le_bytes([bytes[8], bytes[9]]);
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        let count = u16::from_le_bytes([bytes[10], bytes[11]]);
        if count == 0 || count > MAX_PARTITIONS {
            return Err(HeaderError::Damaged);
        }
        let sum = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
        let body = &bytes[16..FIXED + EACH * usize::from(count)];
        if crc32c::crc32c(body) != sum {
            return Err(HeaderError::Damaged);
        }
        let (base, rest) = split_u64(body).ok_or(HeaderError::Damaged)?;
        let (partitions, _) = decode_partitions(rest, count).ok_or(HeaderError::Damaged)?;
        Ok(Header { base, partitions })
    }
}

pub(crate) fn encode_partitions(partitions: &[Reached], out: &mut Vec<u8>) {
    for partition in partitions {
        out.extend_from_slice(&partition.next.to_le_bytes());
        out.extend_from_slice(&partition.last_offset.to_le_bytes());
        out.extend_from_slice(&partition.last_enqueued.to_le_bytes());
        out.extend_from_slice(&partition.latest.to_le_bytes());
    }
}

/// Reads `count` partitions, and gives back what follows.
pub(crate) fn decode_partitions(mut bytes: &[u8], count: u16) -> Option<(Vec<Reached>, &[u8])> {
    let mut partitions = Vec::with_capacity(count.into());
    for _ in 0..count {
        let mut numbers = [0; 4];
        for number in &mut numbers {
            (*number, bytes) = split_u64(bytes)?;
        }
        partitions.push(Reached {
            next: numbers[0],
            last_offset: numbers[1],
            last_enqueued: numbers[2].cast_signed(),
            latest: numbers[3].cast_signed(),
        });
    }
    Some((partitions, bytes))
}

pub(crate) fn split_u64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let mut reached = Reached::NOTHING;
        reached.take(300, -4);
        Header {
            base: 4711,
            partitions: vec![Reached::NOTHING, reached],
        }
    }

    #[test]
    fn a_head_comes_back_as_it_was_written() {
        assert_eq!(Header::decode(&header().encode()).unwrap(), header());
    }

    #[test]
    fn a_newer_version_is_named() {
        let mut bytes = header().encode();
        bytes[8] = 2;

        assert!(matches!(
            Header::decode(&bytes),
            Err(HeaderError::Version(2))
        ));
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        for at in (0..8).chain(10..FIXED + 2 * EACH) {
            let mut bytes = header().encode();
            bytes[at] ^= 0x10;

            assert!(Header::decode(&bytes).is_err(), "byte {at}");
        }
    }
}
