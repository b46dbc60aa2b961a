//! Reads the fields of one packet's body, and no further.

use bytes::{Buf, Bytes};
use bytestring::ByteString;

use super::packet_id;
use crate::{
    error::DecodeError,
    packet::{PacketId, PacketType},
};

/// The part of a body that was not read yet.
pub(super) struct Reader {
    packet_type: PacketType,
    bytes: Bytes,
}

impl Reader {
    pub(super) fn new(packet_type: PacketType, bytes: Bytes) -> Self {
        Self { packet_type, bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.require(1)?;
        Ok(self.bytes.get_u8())
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.require(2)?;
        Ok(self.bytes.get_u16())
    }

    pub(super) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        packet_id(self.u16()?)
    }

    /// Bytes with their length before them.
    pub(super) fn binary(&mut self) -> Result<Bytes, DecodeError> {
        let length = usize::from(self.u16()?);
        self.require(length)?;
        Ok(self.bytes.split_to(length))
    }

    /// A UTF-8 string with its length before it. The caller checks for U+0000
    /// where the string is a topic; see [`text`](Self::text) for the others.
    pub(super) fn string(&mut self) -> Result<ByteString, DecodeError> {
        ByteString::try_from(self.binary()?).map_err(|_| DecodeError::NotUtf8)
    }

    /// A UTF-8 string without U+0000.
    pub(super) fn text(&mut self) -> Result<ByteString, DecodeError> {
        let text = self.string()?;
        if text.as_bytes().contains(&0) {
            return Err(DecodeError::NullCharacter);
        }
        Ok(text)
    }

    /// All that is left.
    pub(super) fn rest(self) -> Bytes {
        self.bytes
    }

    /// Refuses what is left.
    pub(super) fn finish(self) -> Result<(), DecodeError> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes(self.packet_type))
        }
    }

    fn require(&self, length: usize) -> Result<(), DecodeError> {
        if self.bytes.len() < length {
            return Err(DecodeError::Truncated(self.packet_type));
        }
        Ok(())
    }
}
