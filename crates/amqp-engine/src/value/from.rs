//! Conversions from Rust's types, one per AMQP type.

use bytes::Bytes;
use bytestring::ByteString;

use super::{Array, Described, Map, Symbol, Timestamp, Uuid, Value};

macro_rules! from {
    ($($rust:ty => $variant:ident,)*) => {
        $(
            impl From<$rust> for Value {
                fn from(value: $rust) -> Self {
                    Self::$variant(value.into())
                }
            }
        )*
    };
}

from! {
    bool => Boolean,
    u8 => Ubyte,
    u16 => Ushort,
    u32 => Uint,
    u64 => Ulong,
    i8 => Byte,
    i16 => Short,
    i32 => Int,
    i64 => Long,
    f32 => Float,
    f64 => Double,
    char => Char,
    Timestamp => Timestamp,
    Uuid => Uuid,
    Bytes => Binary,
    ByteString => String,
    String => String,
    &'static str => String,
    Symbol => Symbol,
    Vec<Value> => List,
    Map => Map,
    Array => Array,
    Described => Described,
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
