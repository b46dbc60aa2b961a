//! Decoding of values whose type only the wire knows.

use super::scalar::{string, symbol};
use super::{Decode, DecodeError, Decoder};
use crate::descriptor::Descriptor;
use crate::format_code as code;
use crate::value::{Array, Described, Timestamp, Uuid, Value};

impl Decode for Value {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let constructor = decoder.u8()?;
        if constructor != code::DESCRIBED {
            return decoder.value(constructor);
        }
        decoder.descend()?;
        decoder.spend(1)?;
        let descriptor = decoder.descriptor_after_constructor()?;
        let value = Self::decode(decoder)?;
        decoder.ascend();
        Ok(Described { descriptor, value }.into())
    }
}

impl Decoder {
    /// The value behind a constructor that is already read.
    fn value(&mut self, constructor: u8) -> Result<Value, DecodeError> {
        self.spend(1)?;
        Ok(match constructor {
            code::NULL => Value::Null,
            code::TRUE => Value::Boolean(true),
            code::FALSE => Value::Boolean(false),
            code::BOOLEAN => Value::Boolean(self.boolean()?),
            code::UBYTE => Value::Ubyte(self.u8()?),
            code::USHORT => Value::Ushort(u16::from_be_bytes(self.fixed()?)),
            code::UINT_ZERO => Value::Uint(0),
            code::UINT_SMALL => Value::Uint(self.u8()?.into()),
            code::UINT => Value::Uint(self.u32()?),
            code::ULONG_ZERO => Value::Ulong(0),
            code::ULONG_SMALL => Value::Ulong(self.u8()?.into()),
            code::ULONG => Value::Ulong(u64::from_be_bytes(self.fixed()?)),
            code::BYTE => Value::Byte(i8::from_be_bytes(self.fixed()?)),
            code::SHORT => Value::Short(i16::from_be_bytes(self.fixed()?)),
            code::INT_SMALL => Value::Int(i8::from_be_bytes(self.fixed()?).into()),
            code::INT => Value::Int(i32::from_be_bytes(self.fixed()?)),
            code::LONG_SMALL => Value::Long(i8::from_be_bytes(self.fixed()?).into()),
            code::LONG => Value::Long(i64::from_be_bytes(self.fixed()?)),
            code::FLOAT => Value::Float(f32::from_be_bytes(self.fixed()?)),
            code::DOUBLE => Value::Double(f64::from_be_bytes(self.fixed()?)),
            code::DECIMAL32 => Value::Decimal32(self.fixed()?),
            code::DECIMAL64 => Value::Decimal64(self.fixed()?),
            code::DECIMAL128 => Value::Decimal128(self.fixed()?),
            code::CHAR => Value::Char(self.char()?),
            code::TIMESTAMP => Value::Timestamp(Timestamp(i64::from_be_bytes(self.fixed()?))),
            code::UUID => Value::Uuid(Uuid(self.fixed()?)),
            code::BINARY8 => Value::Binary(self.short_slice()?),
            code::BINARY32 => Value::Binary(self.long_slice()?),
            code::STRING8 => Value::String(string(self.short_slice()?)?),
            code::STRING32 => Value::String(string(self.long_slice()?)?),
            code::SYMBOL8 => Value::Symbol(symbol(self.short_slice()?)?),
            code::SYMBOL32 => Value::Symbol(symbol(self.long_slice()?)?),
            _ => return self.compound(constructor),
        })
    }

    fn compound(&mut self, constructor: u8) -> Result<Value, DecodeError> {
        let opened = match constructor {
            code::LIST_EMPTY => self.open(0, 0)?,
            code::LIST8 | code::MAP8 | code::ARRAY8 => self.open_short()?,
            code::LIST32 | code::MAP32 | code::ARRAY32 => self.open_long()?,
            unknown => return Err(DecodeError::UnknownConstructor(unknown)),
        };
        Ok(match constructor {
            code::LIST_EMPTY | code::LIST8 | code::LIST32 => Value::List(self.list_items(&opened)?),
            code::MAP8 | code::MAP32 => Value::Map(self.map_entries(&opened)?),
            _ => {
                let items = self.array_items(opened.count)?;
                self.close(&opened)?;
                Value::Array(Array::from_alike(items))
            }
        })
    }

    fn array_items(&mut self, count: u32) -> Result<Vec<Value>, DecodeError> {
        if count == 0 {
            // The element constructor is optional where there is no element.
            let unread = self.remaining();
            self.slice(unread)?;
            return Ok(Vec::new());
        }
        let mut descriptors = Vec::new();
        let mut constructor = self.u8()?;
        while constructor == code::DESCRIBED {
            self.descend()?;
            descriptors.push(self.descriptor_after_constructor()?);
            constructor = self.u8()?;
        }
        let mut items = Vec::new();
        for _ in 0..count {
            let value = self.value(constructor)?;
            items.push(self.describe(value, &descriptors)?);
        }
        for _ in &descriptors {
            self.ascend();
        }
        Ok(items)
    }

    fn describe(&mut self, value: Value, by: &[Descriptor]) -> Result<Value, DecodeError> {
        by.iter().rev().try_fold(value, |value, descriptor| {
            self.spend(1)?;
            let descriptor = descriptor.clone();
            Ok(Described { descriptor, value }.into())
        })
    }
}
