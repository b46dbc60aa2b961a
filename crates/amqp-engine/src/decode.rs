//! Decoding: foreign bytes in, values or a typed error out.
//!
//! Nothing is allocated on the word of the peer: a length must be backed by
//! bytes that are there, a count by bytes or by the budget of [`Limits`].
//! Bytes, text and symbols are slices of the input. Any input ends in a
//! value or a [`DecodeError`], in time and memory proportional to its size.

mod compound;
mod error;
mod scalar;
mod value;

use bytes::{Buf, Bytes};

pub(crate) use compound::decode_symbols;
pub use error::DecodeError;

use crate::descriptor::Descriptor;
use crate::format_code as code;
use crate::value::Symbol;

/// What can be read from the wire.
pub trait Decode: Sized {
    /// Reads one value with its constructor.
    ///
    /// # Errors
    /// When the bytes are no such value; the decoder is then of no further use.
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError>;
}

/// How much a peer may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How deep lists, maps, arrays and descriptors may be nested.
    pub max_depth: u32,
    /// How many values of run-time type one decoder makes; one takes 40
    /// bytes of memory but may take none on the wire (nulls in an array).
    pub max_values: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_depth: 32,
            max_values: 16_384,
        }
    }
}

/// A position in a buffer of foreign bytes.
#[derive(Debug)]
pub struct Decoder {
    rest: Bytes,
    /// Bytes of `rest` that lie after the innermost open compound.
    outside: usize,
    depth_left: u32,
    values_left: u32,
    limits: Limits,
}

/// Decodes a buffer that holds one value and nothing else.
///
/// # Errors
/// When it holds anything else.
pub fn from_bytes<T: Decode>(bytes: Bytes, limits: Limits) -> Result<T, DecodeError> {
    let mut decoder = Decoder::new(bytes, limits);
    let value = T::decode(&mut decoder)?;
    decoder.finish()?;
    Ok(value)
}

impl Decoder {
    /// A decoder at the start of these bytes.
    pub fn new(bytes: Bytes, limits: Limits) -> Self {
        Self {
            rest: bytes,
            outside: 0,
            depth_left: limits.max_depth,
            values_left: limits.max_values,
            limits,
        }
    }

    /// How many bytes are left, of the whole or of the open compound.
    pub fn remaining(&self) -> usize {
        self.rest.len() - self.outside
    }

    /// Whether every byte is read.
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// Ends decoding where the bytes must end.
    ///
    /// # Errors
    /// When bytes are left.
    pub fn finish(self) -> Result<(), DecodeError> {
        self.at_end()
    }

    /// Whether the bytes end where they must.
    pub(crate) fn at_end(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(DecodeError::TrailingBytes(left)),
        }
    }

    /// Everything that is left, undecoded.
    pub fn into_rest(self) -> Bytes {
        self.rest
    }

    /// Everything that is left, undecoded; nothing is left then.
    pub(crate) fn take_rest(&mut self) -> Bytes {
        std::mem::take(&mut self.rest)
    }

    /// How many values of run-time type were made.
    pub(crate) fn values_made(&self) -> usize {
        (self.limits.max_values - self.values_left) as usize
    }

    /// The next byte, without reading it.
    pub(crate) fn peek(&self) -> Result<u8, DecodeError> {
        self.require(1)?;
        Ok(self.rest[0])
    }

    /// Reads the descriptor of a described value; the value comes next.
    ///
    /// # Errors
    /// When no described value comes next.
    pub fn descriptor(&mut self) -> Result<Descriptor, DecodeError> {
        match self.u8()? {
            code::DESCRIBED => self.descriptor_after_constructor(),
            found => Err(DecodeError::WrongType {
                expected: "described value",
                found,
            }),
        }
    }

    fn descriptor_after_constructor(&mut self) -> Result<Descriptor, DecodeError> {
        match self.peek()? {
            code::ULONG_ZERO | code::ULONG_SMALL | code::ULONG => {
                u64::decode(self).map(Descriptor::Code)
            }
            code::SYMBOL8 | code::SYMBOL32 => Symbol::decode(self).map(Descriptor::Name),
            found => Err(DecodeError::WrongType {
                expected: "ulong or symbol as descriptor",
                found,
            }),
        }
    }

    fn require(&self, length: usize) -> Result<(), DecodeError> {
        let available = self.remaining();
        if length <= available {
            Ok(())
        } else {
            Err(DecodeError::UnexpectedEnd {
                needed: length,
                available,
            })
        }
    }

    fn u8(&mut self) -> Result<u8, DecodeError> {
        self.require(1)?;
        Ok(self.rest.get_u8())
    }

    fn u32(&mut self) -> Result<u32, DecodeError> {
        self.fixed().map(u32::from_be_bytes)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.require(N)?;
        let mut bytes = [0; N];
        self.rest.copy_to_slice(&mut bytes);
        Ok(bytes)
    }

    fn slice(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        self.require(length)?;
        Ok(self.rest.split_to(length))
    }

    /// Counts values against the budget before any memory is spent on them.
    fn spend(&mut self, values: u32) -> Result<(), DecodeError> {
        self.values_left =
            self.values_left
                .checked_sub(values)
                .ok_or(DecodeError::TooManyValues {
                    limit: self.limits.max_values,
                })?;
        Ok(())
    }

    fn descend(&mut self) -> Result<(), DecodeError> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or(DecodeError::TooDeep {
            limit: self.limits.max_depth,
        })?;
        Ok(())
    }

    fn ascend(&mut self) {
        self.depth_left += 1;
    }
}
