//! Roles of a link's ends, and how they agree to settle.

use bytes::BytesMut;

use crate::decode::{Decode, DecodeError, Decoder};
use crate::encode::Encode;

/// An end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The end that sends messages.
    Sender,
    /// The end that receives messages.
    Receiver,
}

impl Role {
    /// The other end.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Sender => Self::Receiver,
            Self::Receiver => Self::Sender,
        }
    }
}

impl Encode for Role {
    fn encode(&self, out: &mut BytesMut) {
        (*self == Self::Receiver).encode(out);
    }
}

impl Decode for Role {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let receiver = bool::decode(decoder)?;
        Ok(if receiver {
            Self::Receiver
        } else {
            Self::Sender
        })
    }
}

/// How the sender of a link settles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum SenderSettleMode {
    /// All deliveries are sent unsettled.
    Unsettled,
    /// All deliveries are sent settled.
    Settled,
    /// Each delivery says for itself.
    #[default]
    Mixed,
}

impl Encode for SenderSettleMode {
    fn encode(&self, out: &mut BytesMut) {
        (*self as u8).encode(out);
    }
}

impl Decode for SenderSettleMode {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        match u8::decode(decoder)? {
            0 => Ok(Self::Unsettled),
            1 => Ok(Self::Settled),
            2 => Ok(Self::Mixed),
            other => Err(DecodeError::UndefinedValue {
                expected: "sender settle mode",
                value: other.into(),
            }),
        }
    }
}

/// How the receiver of a link settles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ReceiverSettleMode {
    /// Without waiting for the sender.
    #[default]
    First,
    /// After the sender has settled.
    Second,
}

impl Encode for ReceiverSettleMode {
    fn encode(&self, out: &mut BytesMut) {
        (*self as u8).encode(out);
    }
}

impl Decode for ReceiverSettleMode {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        match u8::decode(decoder)? {
            0 => Ok(Self::First),
            1 => Ok(Self::Second),
            other => Err(DecodeError::UndefinedValue {
                expected: "receiver settle mode",
                value: other.into(),
            }),
        }
    }
}
