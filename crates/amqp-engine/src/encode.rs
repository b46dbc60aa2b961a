//! Encoding: values in, bytes out.
//!
//! Every type takes the shortest encoding the standard has for it, except
//! that [composites](crate::composite) keep their trailing nulls.
//!
//! Lengths on the wire have 32 bits. Nothing here checks that a single value
//! stays below 4 GiB; [`Frame::encode`](crate::frame::Frame::encode) and
//! [`Message::encode`](crate::message::Message::encode) refuse any output
//! above that, and so any value in it.

mod compound;
mod value;

use bytes::{BufMut, Bytes, BytesMut};
use bytestring::ByteString;

pub(crate) use compound::{Compound, encode_map, encode_symbols};
pub(crate) use value::encode_list;

use crate::descriptor::Descriptor;
use crate::format_code as code;
use crate::value::{Symbol, Timestamp, Uuid};

/// What can be put on the wire.
pub trait Encode {
    /// Appends the value with its constructor.
    fn encode(&self, out: &mut BytesMut);
}

/// A message or value that the wire's 32-bit lengths can't express.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an encoding of {0} bytes is above the 4 GiB that AMQP lengths can express")]
pub struct TooLong(pub usize);

/// A length for the wire; see the module's docs for what is above 4 GiB.
pub(crate) fn wire_length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, out: &mut BytesMut) {
        match self {
            Some(value) => value.encode(out),
            None => out.put_u8(code::NULL),
        }
    }
}

impl Encode for bool {
    fn encode(&self, out: &mut BytesMut) {
        out.put_u8(if *self { code::TRUE } else { code::FALSE });
    }
}

impl Encode for u8 {
    fn encode(&self, out: &mut BytesMut) {
        out.put_u8(code::UBYTE);
        out.put_u8(*self);
    }
}

impl Encode for u16 {
    fn encode(&self, out: &mut BytesMut) {
        out.put_u8(code::USHORT);
        out.put_u16(*self);
    }
}

impl Encode for u32 {
    fn encode(&self, out: &mut BytesMut) {
        match u8::try_from(*self) {
            Ok(0) => out.put_u8(code::UINT_ZERO),
            Ok(small) => out.put_slice(&[code::UINT_SMALL, small]),
            Err(_) => {
                out.put_u8(code::UINT);
                out.put_u32(*self);
            }
        }
    }
}

impl Encode for u64 {
    fn encode(&self, out: &mut BytesMut) {
        match u8::try_from(*self) {
            Ok(0) => out.put_u8(code::ULONG_ZERO),
            Ok(small) => out.put_slice(&[code::ULONG_SMALL, small]),
            Err(_) => {
                out.put_u8(code::ULONG);
                out.put_u64(*self);
            }
        }
    }
}

impl Encode for i32 {
    fn encode(&self, out: &mut BytesMut) {
        if let Ok(small) = i8::try_from(*self) {
            out.put_u8(code::INT_SMALL);
            out.put_i8(small);
        } else {
            out.put_u8(code::INT);
            out.put_i32(*self);
        }
    }
}

impl Encode for i64 {
    fn encode(&self, out: &mut BytesMut) {
        if let Ok(small) = i8::try_from(*self) {
            out.put_u8(code::LONG_SMALL);
            out.put_i8(small);
        } else {
            out.put_u8(code::LONG);
            out.put_i64(*self);
        }
    }
}

impl Encode for Timestamp {
    fn encode(&self, out: &mut BytesMut) {
        out.put_u8(code::TIMESTAMP);
        out.put_i64(self.0);
    }
}

impl Encode for Uuid {
    fn encode(&self, out: &mut BytesMut) {
        out.put_u8(code::UUID);
        out.put_slice(&self.0);
    }
}

impl Encode for Bytes {
    fn encode(&self, out: &mut BytesMut) {
        encode_text(code::BINARY8, code::BINARY32, self, out);
    }
}

impl Encode for str {
    fn encode(&self, out: &mut BytesMut) {
        encode_text(code::STRING8, code::STRING32, self.as_bytes(), out);
    }
}

impl Encode for ByteString {
    fn encode(&self, out: &mut BytesMut) {
        str::encode(self, out);
    }
}

impl Encode for Symbol {
    fn encode(&self, out: &mut BytesMut) {
        encode_text(code::SYMBOL8, code::SYMBOL32, self.as_str().as_bytes(), out);
    }
}

fn encode_text(small: u8, large: u8, bytes: &[u8], out: &mut BytesMut) {
    if let Ok(length) = u8::try_from(bytes.len()) {
        out.put_slice(&[small, length]);
    } else {
        out.put_u8(large);
        out.put_u32(wire_length(bytes.len()));
    }
    out.put_slice(bytes);
}

/// Appends the constructor of a described value; the value comes next.
pub(crate) fn encode_descriptor(descriptor: &Descriptor, out: &mut BytesMut) {
    out.put_u8(code::DESCRIBED);
    match descriptor {
        Descriptor::Code(number) => number.encode(out),
        Descriptor::Name(name) => name.encode(out),
    }
}
