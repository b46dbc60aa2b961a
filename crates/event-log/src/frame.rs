//! How a record lies in a segment.
//!
//! ```text
//!  0  u32  checksum (CRC-32C) of the record's offset and of all that follows
//!  4  u32  length of the payload
//!  8  u64  sequence number
//! 16  i64  enqueued time
//! 24  u32  bytes since the first record of its commit
//! 28  u16  partition
//! 30  u8   tag: the caller's own
//! 31  u8   version of this layout, never zero
//! 32       payload
//! ```
//!
//! Numbers are little-endian. The offset in the checksum makes a record valid
//! in its own place alone. The distance to the start of the commit tells a
//! torn tail from damage: a commit begins only when the one before is on disk.

/// Bytes before the payload.
pub(crate) const HEAD: usize = 32;
/// The version that this build writes, and the only one there has been.
const VERSION: u8 = 1;
/// The largest payload.
pub const MAX_PAYLOAD: usize = 8 << 20;

/// What a record's head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    checksum: u32,
    pub length: u32,
    pub sequence_number: u64,
    pub enqueued: i64,
    pub since_commit: u32,
    pub partition: u16,
    pub tag: u8,
}

impl Head {
    /// The whole record, with its head.
    pub fn record_length(&self) -> usize {
        HEAD + self.length as usize
    }
}

/// What the bytes at a place are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// A record's head; the record may go on past the bytes there are.
    Head(Head),
    /// Fewer bytes than a head.
    Short,
    /// No record.
    Invalid,
}

/// Reads a head, without the checksum.
pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    let Some((head, _)) = bytes.split_first_chunk::<HEAD>() else {
        return Parsed::Short;
    };
    let head_of = Head {
        checksum: u32_at(head, 0),
        length: u32_at(head, 4),
        sequence_number: u64_at(head, 8),
        enqueued: u64_at(head, 16).cast_signed(),
        since_commit: u32_at(head, 24),
        partition: u16::from_le_bytes([head[28], head[29]]),
        tag: head[30],
    };
    if head[31] != VERSION || head_of.length as usize > MAX_PAYLOAD {
        return Parsed::Invalid;
    }
    Parsed::Head(head_of)
}

/// Reads the record that begins the bytes and lies at `offset` of the log;
/// `None` if there is no whole and sound one.
pub(crate) fn sound(bytes: &[u8], offset: u64) -> Option<Sound<'_>> {
    let Parsed::Head(head) = parse(bytes) else {
        return None;
    };
    let record = bytes.get(..head.record_length())?;
    (checksum(record, offset) == head.checksum).then_some(Sound {
        head,
        payload: &record[HEAD..],
    })
}

/// A record whose checksum holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sound<'a> {
    pub(crate) head: Head,
    pub(crate) payload: &'a [u8],
}

impl Sound<'_> {
    /// The bytes that the record takes in its segment.
    pub fn length(&self) -> usize {
        self.head.record_length()
    }
}

fn checksum(record: &[u8], offset: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&offset.to_le_bytes()), &record[4..])
}

/// Begins a record: room for the head, to be followed by the payload.
pub(crate) fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.resize(start + HEAD, 0);
    start
}

/// Ends the record that began at `start`: all that is known before its commit.
pub(crate) fn end(out: &mut [u8], start: usize, partition: u16, tag: u8, enqueued: i64) {
    let record = &mut out[start..];
    let length = u32::try_from(record.len() - HEAD).expect("the caller checked the length");
    record[4..8].copy_from_slice(&length.to_le_bytes());
    record[16..24].copy_from_slice(&enqueued.to_le_bytes());
    record[28..30].copy_from_slice(&partition.to_le_bytes());
    record[30] = tag;
    record[31] = VERSION;
}

/// Completes a record in its place of the log.
pub(crate) fn place(record: &mut [u8], sequence_number: u64, since_commit: u32, offset: u64) {
    record[8..16].copy_from_slice(&sequence_number.to_le_bytes());
    record[24..28].copy_from_slice(&since_commit.to_le_bytes());
    let sum = checksum(record, offset);
    record[..4].copy_from_slice(&sum.to_le_bytes());
}

fn u32_at(bytes: &[u8; HEAD], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8; HEAD], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(payload: &[u8], offset: u64) -> Vec<u8> {
        let mut out = Vec::new();
        let start = begin(&mut out);
        out.extend_from_slice(payload);
        end(&mut out, start, 3, 9, -5);
        place(&mut out, 77, 12, offset);
        out
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let bytes = record(b"hello", 4096);

        let read = sound(&bytes, 4096).unwrap();

        assert_eq!(read.payload, b"hello");
        assert_eq!(read.length(), bytes.len());
        let head = read.head;
        assert_eq!((head.partition, head.tag, head.enqueued), (3, 9, -5));
        assert_eq!((head.sequence_number, head.since_commit), (77, 12));
    }

    #[test]
    fn a_record_is_valid_in_its_own_place_alone() {
        assert_eq!(sound(&record(b"hello", 4096), 4097), None);
    }

    #[test]
    fn a_changed_bit_anywhere_is_noticed() {
        let bytes = record(b"hello", 0);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);

            assert_eq!(sound(&changed, 0), None, "bit {bit}");
        }
    }

    #[test]
    fn zeros_are_no_record() {
        assert_eq!(parse(&[0; HEAD]), Parsed::Invalid);
    }
}
