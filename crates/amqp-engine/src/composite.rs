//! Composites: described lists whose fields are known by their position.
//!
//! Written with every field of the standard, trailing nulls included, because
//! azure-eventhub for Python indexes fixed positions; message sections, which
//! it reads by other means, may be [`TRIMMED`](Composite::TRIMMED). Read with
//! any number of trailing fields left out, and with fields past the
//! standard's passed over.

use bytes::{BufMut, BytesMut};

use crate::decode::{Decode, DecodeError, Decoder, decode_symbols};
use crate::descriptor::Descriptor;
use crate::encode::{Compound, Encode, encode_descriptor, encode_map, encode_symbols};
use crate::format_code as code;
use crate::value::{Map, Symbol};

/// A type that travels as a described list of fields.
pub trait Composite: Sized {
    /// The numeric descriptor.
    const CODE: u64;
    /// The symbolic descriptor.
    const NAME: &'static str;
    /// Whether trailing nulls are left off when written; one field always stays.
    const TRIMMED: bool = false;

    /// Writes each field of the standard, in its order.
    fn write(&self, fields: &mut FieldWriter<'_>);

    /// Reads each field of the standard, in its order.
    ///
    /// # Errors
    /// When a field is of another type, or a mandatory one is missing.
    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError>;
}

impl<T: Composite> Encode for T {
    fn encode(&self, out: &mut BytesMut) {
        encode_descriptor(&Descriptor::Code(T::CODE), out);
        let list = Compound::begin(out);
        let mut fields = FieldWriter {
            count: 0,
            kept_count: 1,
            kept_length: out.len() + 1,
            out,
        };
        self.write(&mut fields);
        let FieldWriter {
            count,
            kept_count,
            kept_length,
            ..
        } = fields;

        if count == 0 {
            out.truncate(out.len() - Compound::HEAD);
            out.put_u8(code::LIST_EMPTY);
        } else if T::TRIMMED {
            out.truncate(kept_length);
            list.finish(code::LIST8, code::LIST32, kept_count, out);
        } else {
            list.finish(code::LIST8, code::LIST32, count, out);
        }
    }
}

impl<T: Composite> Decode for T {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let descriptor = decoder.descriptor()?;
        if descriptor.code() != Some(T::CODE) {
            return Err(DecodeError::WrongDescriptor {
                expected: T::NAME,
                found: descriptor,
            });
        }
        read_fields(decoder)
    }
}

/// Reads a composite whose descriptor is already read.
pub(crate) fn read_fields<T: Composite>(decoder: &mut Decoder) -> Result<T, DecodeError> {
    let list = decoder.open_list()?;
    let mut fields = FieldReader {
        left: list.count,
        composite: T::NAME,
        decoder,
    };
    let composite = T::read(&mut fields)?;
    decoder.close_early(&list)?;
    Ok(composite)
}

/// Takes the fields of a composite in their order.
#[derive(Debug)]
pub struct FieldWriter<'a> {
    out: &'a mut BytesMut,
    count: usize,
    kept_count: usize,
    kept_length: usize,
}

impl FieldWriter<'_> {
    /// A field; `None` is written as null.
    pub fn field(&mut self, value: &impl Encode) -> &mut Self {
        self.encoded(|out| value.encode(out))
    }

    /// A map field; empty, it is written as null.
    pub fn map(&mut self, map: &Map) -> &mut Self {
        self.encoded(|out| encode_map(map, out))
    }

    /// A field of several symbols: always an array; empty, it is written as null.
    pub fn symbols(&mut self, symbols: &[Symbol]) -> &mut Self {
        self.encoded(|out| encode_symbols(symbols, out))
    }

    fn encoded(&mut self, encode: impl FnOnce(&mut BytesMut)) -> &mut Self {
        let start = self.out.len();
        encode(self.out);
        self.count += 1;
        if self.out[start..] != [code::NULL] {
            self.kept_count = self.count;
            self.kept_length = self.out.len();
        }
        self
    }
}

/// Gives the fields of a composite in their order.
#[derive(Debug)]
pub struct FieldReader<'a> {
    decoder: &'a mut Decoder,
    left: u32,
    composite: &'static str,
}

impl FieldReader<'_> {
    /// A field that the standard calls mandatory.
    ///
    /// # Errors
    /// When it is null, left out, or of another type.
    pub fn required<T: Decode>(&mut self, field: &'static str) -> Result<T, DecodeError> {
        self.optional()?.ok_or(DecodeError::MissingField {
            composite: self.composite,
            field,
        })
    }

    /// A field that may be null or left out.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn optional<T: Decode>(&mut self) -> Result<Option<T>, DecodeError> {
        if self.next() {
            Option::decode(self.decoder)
        } else {
            Ok(None)
        }
    }

    /// A field whose absence means the default.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn or<T: Decode>(&mut self, default: T) -> Result<T, DecodeError> {
        Ok(self.optional()?.unwrap_or(default))
    }

    /// A map field; null reads as the empty map.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn map(&mut self) -> Result<Map, DecodeError> {
        self.or(Map::new())
    }

    /// A field of several symbols; null reads as none.
    ///
    /// # Errors
    /// When it holds anything but symbols.
    pub fn symbols(&mut self) -> Result<Vec<Symbol>, DecodeError> {
        if self.next() {
            decode_symbols(self.decoder)
        } else {
            Ok(Vec::new())
        }
    }

    fn next(&mut self) -> bool {
        let Some(left) = self.left.checked_sub(1) else {
            return false;
        };
        self.left = left;
        true
    }
}
