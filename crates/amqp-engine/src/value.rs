//! Values of the AMQP type system, in any shape a peer may send.
//!
//! Text, symbols and bytes are slices of the buffer they were decoded from:
//! decoding copies none of them, and a value that is kept keeps its frame's
//! buffer alive. Copy what is to outlive the frame by long.

mod array;
mod from;
mod map;
mod symbol;

use bytes::Bytes;
use bytestring::ByteString;

pub use array::{Array, MixedArray};
pub use map::Map;
pub use symbol::{NotAscii, Symbol};

use crate::descriptor::Descriptor;

/// A value of any AMQP type.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// True or false.
    Boolean(bool),
    /// An unsigned 8-bit integer.
    Ubyte(u8),
    /// An unsigned 16-bit integer.
    Ushort(u16),
    /// An unsigned 32-bit integer.
    Uint(u32),
    /// An unsigned 64-bit integer.
    Ulong(u64),
    /// A signed 8-bit integer.
    Byte(i8),
    /// A signed 16-bit integer.
    Short(i16),
    /// A signed 32-bit integer.
    Int(i32),
    /// A signed 64-bit integer.
    Long(i64),
    /// A 32-bit float.
    Float(f32),
    /// A 64-bit float.
    Double(f64),
    /// A decimal32, as its bytes.
    Decimal32([u8; 4]),
    /// A decimal64, as its bytes.
    Decimal64([u8; 8]),
    /// A decimal128, as its bytes.
    Decimal128([u8; 16]),
    /// A Unicode character.
    Char(char),
    /// A moment.
    Timestamp(Timestamp),
    /// A UUID.
    Uuid(Uuid),
    /// Bytes.
    Binary(Bytes),
    /// UTF-8 text.
    String(ByteString),
    /// An ASCII symbol.
    Symbol(Symbol),
    /// A list of values of any types.
    List(Vec<Value>),
    /// Pairs of key and value.
    Map(Map),
    /// Values of one type.
    Array(Array),
    /// A value with a descriptor.
    Described(Box<Described>),
}

impl Value {
    /// The text of a string, nothing for any other type.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The symbol of a symbol, nothing for any other type.
    pub fn as_symbol(&self) -> Option<&Symbol> {
        match self {
            Self::Symbol(symbol) => Some(symbol),
            _ => None,
        }
    }

    /// The value under any descriptors it carries.
    pub fn undescribed(&self) -> &Self {
        let mut value = self;
        while let Self::Described(described) = value {
            value = &described.value;
        }
        value
    }
}

/// A value with a descriptor that says what it means.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// Which type this is.
    pub descriptor: Descriptor,
    /// The value as encoded.
    pub value: Value,
}

/// Milliseconds since 1970-01-01T00:00:00Z; negative before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// A UUID as its 16 bytes, most significant first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);
