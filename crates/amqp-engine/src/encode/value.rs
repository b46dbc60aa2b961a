//! Encoding of values whose type is known only at run time.

use bytes::{BufMut, BytesMut};

use super::compound::{Compound, Element, encode_element_text, encode_entries};
use super::{Encode, encode_descriptor};
use crate::format_code as code;
use crate::value::{Array, Described, Value};

impl Encode for Value {
    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Null => out.put_u8(code::NULL),
            Self::Boolean(value) => value.encode(out),
            Self::Ubyte(value) => value.encode(out),
            Self::Ushort(value) => value.encode(out),
            Self::Uint(value) => value.encode(out),
            Self::Ulong(value) => value.encode(out),
            Self::Int(value) => value.encode(out),
            Self::Long(value) => value.encode(out),
            Self::Timestamp(value) => value.encode(out),
            Self::Uuid(value) => value.encode(out),
            Self::Binary(value) => value.encode(out),
            Self::String(value) => value.encode(out),
            Self::Symbol(value) => value.encode(out),
            Self::List(items) => encode_list(items, out),
            Self::Map(map) => map.encode(out),
            Self::Array(array) => array.encode(out),
            Self::Described(described) => described.encode(out),
            Self::Byte(_)
            | Self::Short(_)
            | Self::Float(_)
            | Self::Double(_)
            | Self::Decimal32(_)
            | Self::Decimal64(_)
            | Self::Decimal128(_)
            | Self::Char(_) => {
                out.put_u8(element_code(self, false));
                encode_element(self, false, out);
            }
        }
    }
}

impl Encode for Described {
    fn encode(&self, out: &mut BytesMut) {
        encode_descriptor(&self.descriptor, out);
        self.value.encode(out);
    }
}

/// Appends a list; the empty one takes a single byte.
pub(crate) fn encode_list(items: &[Value], out: &mut BytesMut) {
    if items.is_empty() {
        out.put_u8(code::LIST_EMPTY);
        return;
    }
    let list = Compound::begin(out);
    for item in items {
        item.encode(out);
    }
    list.finish(code::LIST8, code::LIST32, items.len(), out);
}

impl Encode for Array {
    fn encode(&self, out: &mut BytesMut) {
        let array = Compound::begin(out);
        encode_array_body(self, out);
        array.finish(code::ARRAY8, code::ARRAY32, self.items().len(), out);
    }
}

/// The shared constructor and the elements without theirs.
fn encode_array_body(array: &Array, out: &mut BytesMut) {
    let short = array.items().iter().all(fits_short);
    let mut first = array.items().first().unwrap_or(&Value::Null);
    while let Value::Described(described) = first {
        encode_descriptor(&described.descriptor, out);
        first = &described.value;
    }
    out.put_u8(element_code(first, short));
    for item in array.items() {
        encode_element(item.undescribed(), short, out);
    }
}

fn fits_short(item: &Value) -> bool {
    let length = match item.undescribed() {
        Value::Binary(bytes) => bytes.len(),
        Value::String(text) => text.len(),
        Value::Symbol(symbol) => symbol.as_str().len(),
        _ => 0,
    };
    length <= usize::from(u8::MAX)
}

/// The one constructor that can express every value of the type.
fn element_code(value: &Value, short: bool) -> u8 {
    match value {
        Value::Null => code::NULL,
        Value::Boolean(_) => code::BOOLEAN,
        Value::Ubyte(_) => code::UBYTE,
        Value::Ushort(_) => code::USHORT,
        Value::Uint(_) => code::UINT,
        Value::Ulong(_) => code::ULONG,
        Value::Byte(_) => code::BYTE,
        Value::Short(_) => code::SHORT,
        Value::Int(_) => code::INT,
        Value::Long(_) => code::LONG,
        Value::Float(_) => code::FLOAT,
        Value::Double(_) => code::DOUBLE,
        Value::Decimal32(_) => code::DECIMAL32,
        Value::Decimal64(_) => code::DECIMAL64,
        Value::Decimal128(_) => code::DECIMAL128,
        Value::Char(_) => code::CHAR,
        Value::Timestamp(_) => code::TIMESTAMP,
        Value::Uuid(_) => code::UUID,
        Value::Binary(_) if short => code::BINARY8,
        Value::Binary(_) => code::BINARY32,
        Value::String(_) if short => code::STRING8,
        Value::String(_) => code::STRING32,
        Value::Symbol(_) if short => code::SYMBOL8,
        Value::Symbol(_) => code::SYMBOL32,
        Value::List(_) => code::LIST32,
        Value::Map(_) => code::MAP32,
        Value::Array(_) => code::ARRAY32,
        Value::Described(_) => code::DESCRIBED,
    }
}

/// A value as the constructor of [`element_code`] announces it.
fn encode_element(value: &Value, short: bool, out: &mut BytesMut) {
    match value {
        Value::Null => {}
        Value::Boolean(value) => out.put_u8(u8::from(*value)),
        Value::Ubyte(value) => out.put_u8(*value),
        Value::Ushort(value) => out.put_u16(*value),
        Value::Uint(value) => out.put_u32(*value),
        Value::Ulong(value) => out.put_u64(*value),
        Value::Byte(value) => out.put_i8(*value),
        Value::Short(value) => out.put_i16(*value),
        Value::Int(value) => out.put_i32(*value),
        Value::Long(value) => out.put_i64(*value),
        Value::Float(value) => out.put_f32(*value),
        Value::Double(value) => out.put_f64(*value),
        Value::Decimal32(bytes) => out.put_slice(bytes),
        Value::Decimal64(bytes) => out.put_slice(bytes),
        Value::Decimal128(bytes) => out.put_slice(bytes),
        Value::Char(value) => out.put_u32(u32::from(*value)),
        Value::Timestamp(value) => out.put_i64(value.0),
        Value::Uuid(value) => out.put_slice(&value.0),
        Value::Binary(bytes) => encode_element_text(short, bytes, out),
        Value::String(text) => encode_element_text(short, text.as_bytes(), out),
        Value::Symbol(symbol) => encode_element_text(short, symbol.as_str().as_bytes(), out),
        Value::List(items) => {
            let element = Element::begin(out);
            for item in items {
                item.encode(out);
            }
            element.finish(items.len(), out);
        }
        Value::Map(map) => {
            let element = Element::begin(out);
            encode_entries(map, out);
            element.finish(map.len() * 2, out);
        }
        Value::Array(array) => {
            let element = Element::begin(out);
            encode_array_body(array, out);
            element.finish(array.items().len(), out);
        }
        Value::Described(described) => encode_element(&described.value, short, out),
    }
}
