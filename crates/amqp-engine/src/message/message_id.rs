//! Message ids: one of four types, and answers must keep the type.

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

use crate::decode::{Decode, DecodeError, Decoder};
use crate::encode::Encode;
use crate::format_code as code;
use crate::value::Uuid;

/// The id of a message, or of the message that one answers.
///
/// Clients compare ids with their type: azure-uamqp-c sends ulongs,
/// azure-eventhub for Python uuids, Node strings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MessageId {
    /// A number.
    Ulong(u64),
    /// A UUID.
    Uuid(Uuid),
    /// Bytes.
    Binary(Bytes),
    /// Text.
    String(ByteString),
}

impl Encode for MessageId {
    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Ulong(number) => number.encode(out),
            Self::Uuid(uuid) => uuid.encode(out),
            Self::Binary(bytes) => bytes.encode(out),
            Self::String(text) => text.encode(out),
        }
    }
}

impl Decode for MessageId {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        match decoder.peek()? {
            code::ULONG_ZERO | code::ULONG_SMALL | code::ULONG => {
                u64::decode(decoder).map(Self::Ulong)
            }
            code::UUID => Uuid::decode(decoder).map(Self::Uuid),
            code::BINARY8 | code::BINARY32 => Bytes::decode(decoder).map(Self::Binary),
            code::STRING8 | code::STRING32 => ByteString::decode(decoder).map(Self::String),
            found => Err(DecodeError::WrongType {
                expected: "message id",
                found,
            }),
        }
    }
}
