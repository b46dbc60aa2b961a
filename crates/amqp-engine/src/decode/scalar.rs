//! Decoding of single values whose type their place demands.

use bytes::Bytes;
use bytestring::ByteString;

use super::{Decode, DecodeError, Decoder};
use crate::format_code as code;
use crate::value::{Symbol, Timestamp, Uuid};

impl<T: Decode> Decode for Option<T> {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        if decoder.peek()? == code::NULL {
            decoder.u8()?;
            return Ok(None);
        }
        T::decode(decoder).map(Some)
    }
}

impl Decode for bool {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        match decoder.u8()? {
            code::TRUE => Ok(true),
            code::FALSE => Ok(false),
            code::BOOLEAN => decoder.boolean(),
            found => Err(wrong("boolean", found)),
        }
    }
}

impl Decode for u8 {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        match decoder.u8()? {
            code::UBYTE => decoder.u8(),
            found => Err(wrong("ubyte", found)),
        }
    }
}

impl Decode for u16 {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        match decoder.u8()? {
            code::USHORT => decoder.fixed().map(Self::from_be_bytes),
            found => Err(wrong("ushort", found)),
        }
    }
}

impl Decode for u32 {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        match decoder.u8()? {
            code::UINT_ZERO => Ok(0),
            code::UINT_SMALL => decoder.u8().map(Self::from),
            code::UINT => decoder.u32(),
            found => Err(wrong("uint", found)),
        }
    }
}

impl Decode for u64 {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        match decoder.u8()? {
            code::ULONG_ZERO => Ok(0),
            code::ULONG_SMALL => decoder.u8().map(Self::from),
            code::ULONG => decoder.fixed().map(Self::from_be_bytes),
            found => Err(wrong("ulong", found)),
        }
    }
}

impl Decode for Timestamp {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        match decoder.u8()? {
            code::TIMESTAMP => decoder.fixed().map(i64::from_be_bytes).map(Self),
            found => Err(wrong("timestamp", found)),
        }
    }
}

impl Decode for Uuid {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        match decoder.u8()? {
            code::UUID => decoder.fixed().map(Self),
            found => Err(wrong("uuid", found)),
        }
    }
}

impl Decode for Bytes {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        match decoder.u8()? {
            code::BINARY8 => decoder.short_slice(),
            code::BINARY32 => decoder.long_slice(),
            found => Err(wrong("binary", found)),
        }
    }
}

impl Decode for ByteString {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        match decoder.u8()? {
            code::STRING8 => decoder.short_slice().and_then(string),
            code::STRING32 => decoder.long_slice().and_then(string),
            found => Err(wrong("string", found)),
        }
    }
}

impl Decode for Symbol {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        match decoder.u8()? {
            code::SYMBOL8 => decoder.short_slice().and_then(symbol),
            code::SYMBOL32 => decoder.long_slice().and_then(symbol),
            found => Err(wrong("symbol", found)),
        }
    }
}

impl Decoder {
    pub(super) fn boolean(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(DecodeError::UndefinedValue {
                expected: "boolean",
                value: other.into(),
            }),
        }
    }

    pub(super) fn char(&mut self) -> Result<char, DecodeError> {
        let scalar = self.u32()?;
        char::from_u32(scalar).ok_or(DecodeError::InvalidChar(scalar))
    }

    pub(super) fn short_slice(&mut self) -> Result<Bytes, DecodeError> {
        let length = self.u8()?;
        self.slice(length.into())
    }

    pub(super) fn long_slice(&mut self) -> Result<Bytes, DecodeError> {
        let length = self.u32()?;
        self.slice(length as usize)
    }
}

pub(super) fn string(bytes: Bytes) -> Result<ByteString, DecodeError> {
    ByteString::try_from(bytes).map_err(|_| DecodeError::InvalidUtf8)
}

pub(super) fn symbol(bytes: Bytes) -> Result<Symbol, DecodeError> {
    Symbol::try_from(bytes).map_err(|_| DecodeError::SymbolNotAscii)
}

pub(super) fn wrong(expected: &'static str, found: u8) -> DecodeError {
    DecodeError::WrongType { expected, found }
}
