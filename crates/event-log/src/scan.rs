//! Records of a segment, one after the other.

use std::fs::File;
use std::io;

use crate::disk::read_at;
use crate::frame::{self, Head, Parsed, Sound};
use crate::header::HEADER;

const CHUNK: usize = 256 << 10;

/// Reads forward through a segment's records.
pub(crate) struct Records<'a> {
    file: &'a File,
    base: u64,
    /// The offset behind the last record.
    end: u64,
    /// The offset of the next record.
    at: u64,
    buffer: Vec<u8>,
    /// The offset of the buffer's first byte.
    buffer_at: u64,
}

/// What comes next.
pub(crate) enum Next {
    /// A record, known by its head alone.
    Record { offset: u64, head: Head },
    /// The end.
    End,
    /// At this offset is no record.
    Invalid(u64),
}

impl<'a> Records<'a> {
    /// The records from offset `at` to `end`, in a segment that begins at `base`.
    pub fn new(file: &'a File, base: u64, at: u64, end: u64) -> Self {
        Records {
            file,
            base,
            end,
            at,
            buffer: Vec::new(),
            buffer_at: at,
        }
    }

    /// The offset of the next record.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The next record, and steps behind it.
    pub fn next(&mut self) -> io::Result<Next> {
        if self.at >= self.end {
            return Ok(Next::End);
        }
        let offset = self.at;
        let Parsed::Head(head) = frame::parse(self.bytes(offset, frame::HEAD)?) else {
            return Ok(Next::Invalid(offset));
        };
        if head.record_length() as u64 > self.end - offset {
            return Ok(Next::Invalid(offset));
        }
        self.at += head.record_length() as u64;
        Ok(Next::Record { offset, head })
    }

    /// The whole of a record that [`next`](Self::next) has told of, if its
    /// checksum holds.
    pub fn sound(&mut self, offset: u64, head: &Head) -> io::Result<Option<Sound<'_>>> {
        let bytes = self.bytes(offset, head.record_length())?;
        Ok(frame::sound(bytes, offset))
    }

    /// The bytes at an offset; fewer where the segment ends.
    fn bytes(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let is_here = |buffer_at: u64, buffered: usize| {
            offset >= buffer_at && offset + length as u64 <= buffer_at + buffered as u64
        };
        if !is_here(self.buffer_at, self.buffer.len()) {
            let left = usize::try_from(self.end - offset).unwrap_or(usize::MAX);
            self.buffer.resize(length.max(CHUNK).min(left), 0);
            let position = offset - self.base + HEADER as u64;
            let read = read_at(self.file, &mut self.buffer, position)?;
            self.buffer.truncate(read);
            self.buffer_at = offset;
        }
        let start = usize::try_from(offset - self.buffer_at).expect("it is in the buffer");
        let here = &self.buffer[start..];
        Ok(&here[..length.min(here.len())])
    }
}
