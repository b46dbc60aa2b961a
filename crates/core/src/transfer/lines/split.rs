//! Bytes into lines.

use std::mem;

/// A line may have this many bytes: a device with the largest twin, twice
/// over for escapes, and its metadata.
const MAX_LINE: usize = 1024 * 1024;

/// Cuts what comes in pieces into lines. Lines end with `\n`, `\r` or both;
/// empty ones and a byte order mark are left out. Holds one line at most.
#[derive(Debug, Default)]
pub struct LineSplitter {
    line: Vec<u8>,
    too_long: bool,
    begun: bool,
}

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub enum Split {
    /// Its bytes, without its end.
    Line(Vec<u8>),
    /// It was too long to be kept.
    TooLong,
}

impl LineSplitter {
    /// Takes a piece; tells the lines that ended in it.
    pub fn push(&mut self, piece: &[u8], mut each: impl FnMut(Split)) {
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let mut rest = piece;
        while let Some(end) = rest.iter().position(is_end) {
            self.extend(&rest[..end]);
            if let Some(line) = self.take() {
                each(line);
            }
            rest = &rest[end + 1..];
        }
        self.extend(rest);
    }

    /// The last line, if it had no end.
    pub fn finish(mut self) -> Option<Split> {
        self.take()
    }

    fn extend(&mut self, bytes: &[u8]) {
        if self.line.len() + bytes.len() > MAX_LINE {
            self.too_long = true;
            self.line.clear();
        }
        if !self.too_long {
            self.line.extend_from_slice(bytes);
        }
    }

    fn take(&mut self) -> Option<Split> {
        let first = !mem::replace(&mut self.begun, true);
        if mem::take(&mut self.too_long) {
            return Some(Split::TooLong);
        }
        let mut line = mem::take(&mut self.line);
        if first && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        let blank = line.iter().all(u8::is_ascii_whitespace);
        (!blank).then_some(Split::Line(line))
    }
}
