//! Lists, maps and arrays: encoded first, sized afterwards.

use bytes::{BufMut, BytesMut};

use super::{Encode, wire_length};
use crate::format_code as code;
use crate::value::{Map, Symbol};

/// Constructor, size and count of the short form.
const SHORT_HEAD: usize = 3;
/// Constructor, size and count of the long form.
const LONG_HEAD: usize = 9;

/// A compound under construction: room for the short head, then the elements.
///
/// `finish` writes the head, and moves the elements to make room for the long
/// one if they outgrew the short.
#[must_use = "a compound without its head is garbage"]
pub(crate) struct Compound {
    start: usize,
}

impl Compound {
    /// What `begin` reserves.
    pub(crate) const HEAD: usize = SHORT_HEAD;

    pub(crate) fn begin(out: &mut BytesMut) -> Self {
        let start = out.len();
        out.put_bytes(0, SHORT_HEAD);
        Self { start }
    }

    pub(crate) fn finish(self, short: u8, long: u8, count: usize, out: &mut BytesMut) {
        let body = out.len() - self.start - SHORT_HEAD;
        // The size counts the count field, too.
        match (u8::try_from(body + 1), u8::try_from(count)) {
            (Ok(size), Ok(count)) => {
                out[self.start..self.start + SHORT_HEAD].copy_from_slice(&[short, size, count]);
            }
            _ => {
                let elements = self.start + SHORT_HEAD;
                out.put_bytes(0, LONG_HEAD - SHORT_HEAD);
                out.copy_within(elements..elements + body, self.start + LONG_HEAD);
                out[self.start] = long;
                write_long_sizes(self.start + 1, body, count, out);
            }
        }
    }
}

/// A list or map inside an array: no constructor of its own, always long.
#[must_use = "an element without its head is garbage"]
pub(super) struct Element {
    start: usize,
}

impl Element {
    pub(super) fn begin(out: &mut BytesMut) -> Self {
        let start = out.len();
        out.put_bytes(0, LONG_HEAD - 1);
        Self { start }
    }

    pub(super) fn finish(self, count: usize, out: &mut BytesMut) {
        let body = out.len() - self.start - (LONG_HEAD - 1);
        write_long_sizes(self.start, body, count, out);
    }
}

fn write_long_sizes(at: usize, body: usize, count: usize, out: &mut BytesMut) {
    out[at..at + 4].copy_from_slice(&wire_length(body + 4).to_be_bytes());
    out[at + 4..at + 8].copy_from_slice(&wire_length(count).to_be_bytes());
}

impl Encode for Map {
    fn encode(&self, out: &mut BytesMut) {
        let map = Compound::begin(out);
        encode_entries(self, out);
        map.finish(code::MAP8, code::MAP32, self.len() * 2, out);
    }
}

pub(super) fn encode_entries(map: &Map, out: &mut BytesMut) {
    for (key, value) in map.iter() {
        key.encode(out);
        value.encode(out);
    }
}

/// A map field, with null for the empty map.
pub(crate) fn encode_map(map: &Map, out: &mut BytesMut) {
    if map.is_empty() {
        out.put_u8(code::NULL);
    } else {
        map.encode(out);
    }
}

/// A field of several symbols: null for none, else always an array.
///
/// The standard allows a single symbol without its array and an array
/// without elements; azure-eventhub for Python misreads the latter.
pub(crate) fn encode_symbols(symbols: &[Symbol], out: &mut BytesMut) {
    if symbols.is_empty() {
        out.put_u8(code::NULL);
        return;
    }
    let array = Compound::begin(out);
    let short = symbols
        .iter()
        .all(|symbol| symbol.as_str().len() <= usize::from(u8::MAX));
    out.put_u8(if short { code::SYMBOL8 } else { code::SYMBOL32 });
    for symbol in symbols {
        encode_element_text(short, symbol.as_str().as_bytes(), out);
    }
    array.finish(code::ARRAY8, code::ARRAY32, symbols.len(), out);
}

/// Bytes or text inside an array, where the constructor is written once.
pub(super) fn encode_element_text(short: bool, bytes: &[u8], out: &mut BytesMut) {
    if short && let Ok(length) = u8::try_from(bytes.len()) {
        out.put_u8(length);
    } else {
        out.put_u32(wire_length(bytes.len()));
    }
    out.put_slice(bytes);
}
