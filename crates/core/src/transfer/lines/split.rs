//! Bytes into lines.

use std::mem;

use bytes::{Buf as _, Bytes};

/// A line may have this many bytes: a device with the largest twin, twice
/// over for escapes, and its metadata.
const MAX_LINE: usize = 1024 * 1024;

/// Cuts what comes in pieces into lines. Lines end with `\n`, `\r` or both;
/// empty ones and a byte order mark are left out. Holds a piece and one line
/// at most.
#[derive(Debug, Default)]
pub struct LineSplitter {
    /// What is not cut yet.
    piece: Bytes,
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    too_long: bool,
    is_behind_first: bool,
    cut: u64,
    /// How many lines have ended, those that are empty among them.
    ended: u64,
    /// Whether the last byte was `\r`, so that `\n` ends nothing more.
    is_behind_return: bool,
}

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub enum Split {
    /// Its bytes, without its end.
    Line(Bytes),
    /// It was too long to be kept.
    TooLong,
}

impl LineSplitter {
    /// Takes a piece, once all lines of the one before are taken.
    pub fn push(&mut self, piece: Bytes) {
        debug_assert!(self.piece.is_empty(), "a piece is cut before the next");
        self.piece = piece;
    }

    /// The next line that has an end.
    pub fn next_line(&mut self) -> Option<Split> {
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        while let Some(end) = self.piece.iter().position(is_end) {
            let part = self.piece.split_to(end);
            let ends_with = self.piece.get_u8();
            self.cut += end as u64 + 1;
            let is_second_half = self.is_behind_return && part.is_empty() && ends_with == b'\n';
            self.is_behind_return = ends_with == b'\r';
            if is_second_half {
                continue;
            }
            self.ended += 1;
            if let Some(line) = self.line_of(part) {
                return Some(line);
            }
        }
        let rest = mem::take(&mut self.piece);
        self.cut += rest.len() as u64;
        self.is_behind_return &= rest.is_empty();
        if self.fits(&rest) {
            self.begun.extend_from_slice(&rest);
        }
        None
    }

    /// The last line, if it had no end.
    pub fn finish(&mut self) -> Option<Split> {
        self.ended += 1;
        self.line_of(Bytes::new())
    }

    /// The number of the line that was taken last, from 1 on; empty lines count.
    pub fn number(&self) -> u64 {
        self.ended
    }

    /// How many bytes are cut: where the line that was taken last has ended.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// Whether the line that has begun may have this, too.
    fn fits(&mut self, part: &Bytes) -> bool {
        if self.begun.len() + part.len() > MAX_LINE {
            self.too_long = true;
            self.begun = Vec::new();
        }
        !self.too_long
    }

    fn line_of(&mut self, part: Bytes) -> Option<Split> {
        let is_first = !mem::replace(&mut self.is_behind_first, true);
        if !self.fits(&part) {
            self.too_long = false;
            return Some(Split::TooLong);
        }
        let mut line = if self.begun.is_empty() {
            part
        } else {
            let mut line = mem::take(&mut self.begun);
            line.extend_from_slice(&part);
            line.into()
        };
        if is_first && line.starts_with(b"\xef\xbb\xbf") {
            line.advance(3);
        }
        let is_blank = line.iter().all(u8::is_ascii_whitespace);
        (!is_blank).then_some(Split::Line(line))
    }
}
