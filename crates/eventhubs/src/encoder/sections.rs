//! Pieces of messages, appended.

use bytes::{BufMut as _, BytesMut};
use twinhub_amqp_engine::format_code as code;
use twinhub_amqp_engine::value::Timestamp;

/// The constructor of a section whose descriptor is this.
const fn constructor(descriptor: u64) -> [u8; 3] {
    assert!(descriptor < 0x80);
    [code::DESCRIBED, code::ULONG_SMALL, descriptor as u8]
}

/// The constructor of a data section.
pub(super) const DATA: [u8; 3] = constructor(twinhub_amqp_engine::descriptor::DATA);

/// The constructor of the annotations.
pub(super) const ANNOTATIONS: [u8; 3] =
    constructor(twinhub_amqp_engine::descriptor::MESSAGE_ANNOTATIONS);
/// The constructor of the properties.
pub(super) const PROPERTIES: [u8; 3] = constructor(twinhub_amqp_engine::descriptor::PROPERTIES);
/// The constructor of the application properties.
pub(super) const APPLICATION_PROPERTIES: [u8; 3] =
    constructor(twinhub_amqp_engine::descriptor::APPLICATION_PROPERTIES);

/// A section with a list or map in its long form, under construction. Dropped
/// unfinished it would be garbage.
#[must_use]
pub(super) struct Section {
    /// Where its constructor begins.
    start: usize,
}

/// Constructor of the section, then that of the compound.
const HEAD: usize = 3 + 1;
/// Size and count.
const SIZES: usize = 4 + 4;

impl Section {
    pub(super) fn map(constructor: [u8; 3], out: &mut BytesMut) -> Self {
        Self::begin(constructor, code::MAP32, out)
    }

    pub(super) fn list(constructor: [u8; 3], out: &mut BytesMut) -> Self {
        Self::begin(constructor, code::LIST32, out)
    }

    fn begin([described, ulong, descriptor]: [u8; 3], compound: u8, out: &mut BytesMut) -> Self {
        let start = out.len();
        out.put_slice(&[
            described, ulong, descriptor, compound, 0, 0, 0, 0, 0, 0, 0, 0,
        ]);
        Section { start }
    }

    /// Fills in the size, and how many values there are: of a map, keys and
    /// values.
    pub(super) fn end(self, values: u32, out: &mut BytesMut) {
        let sizes = self.start + HEAD;
        // The size counts the count, too.
        let size = wire_length(out.len() - sizes - 4);
        out[sizes..sizes + 4].copy_from_slice(&size.to_be_bytes());
        out[sizes + 4..sizes + SIZES].copy_from_slice(&values.to_be_bytes());
    }

    /// Takes it back.
    pub(super) fn cancel(self, out: &mut BytesMut) {
        out.truncate(self.start);
    }
}

pub(super) fn put_string(out: &mut BytesMut, text: &str) {
    put_variable(out, code::STRING8, code::STRING32, text.as_bytes());
}

pub(super) fn put_binary(out: &mut BytesMut, bytes: &[u8]) {
    put_variable(out, code::BINARY8, code::BINARY32, bytes);
}

/// A symbol; what is not ASCII in it becomes question marks, since a reader's
/// decoder may end the link over it.
pub(super) fn put_symbol(out: &mut BytesMut, text: &str) {
    if text.is_ascii() {
        put_variable(out, code::SYMBOL8, code::SYMBOL32, text.as_bytes());
        return;
    }
    let length = text.chars().count();
    put_length(out, code::SYMBOL8, code::SYMBOL32, length);
    for character in text.chars() {
        out.put_u8(
            u8::try_from(character)
                .ok()
                .filter(u8::is_ascii)
                .unwrap_or(b'?'),
        );
    }
}

pub(super) fn put_timestamp(out: &mut BytesMut, moment: Timestamp) {
    let mut encoded = [code::TIMESTAMP; 9];
    encoded[1..].copy_from_slice(&moment.0.to_be_bytes());
    out.put_slice(&encoded);
}

pub(super) fn put_long(out: &mut BytesMut, number: i64) {
    let mut encoded = [code::LONG; 9];
    encoded[1..].copy_from_slice(&number.to_be_bytes());
    out.put_slice(&encoded);
}

/// A number as a string of digits.
pub(super) fn put_digits(out: &mut BytesMut, number: impl itoa::Integer) {
    put_string(out, itoa::Buffer::new().format(number));
}

pub(super) fn put_null(out: &mut BytesMut) {
    out.put_u8(code::NULL);
}

fn put_variable(out: &mut BytesMut, short: u8, long: u8, bytes: &[u8]) {
    put_length(out, short, long, bytes.len());
    out.put_slice(bytes);
}

fn put_length(out: &mut BytesMut, short: u8, long: u8, length: usize) {
    match u8::try_from(length) {
        Ok(length) => out.put_slice(&[short, length]),
        Err(_) => {
            let [a, b, c, d] = wire_length(length).to_be_bytes();
            out.put_slice(&[long, a, b, c, d]);
        }
    }
}

/// Core bounds messages far below what lengths on the wire can tell.
fn wire_length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
