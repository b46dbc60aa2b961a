//! SASL frames: how peers authenticate before the AMQP connection begins.

mod frames;

pub use frames::{Challenge, Init, Mechanisms, Outcome, OutcomeCode, Response};

use bytes::BytesMut;

use crate::composite::read_fields;
use crate::decode::{DecodeError, Decoder, Limits};
use crate::descriptor;
use crate::encode::Encode;
use crate::frame::{FrameKind, FrameTooLarge, RawFrame, encode_frame};

/// A step of the negotiation.
#[derive(Debug, Clone, PartialEq)]
pub enum SaslFrame {
    /// The server's offer.
    Mechanisms(Mechanisms),
    /// The client's choice.
    Init(Init),
    /// A question of the server.
    Challenge(Challenge),
    /// The client's answer to it.
    Response(Response),
    /// How it ended.
    Outcome(Outcome),
}

impl SaslFrame {
    /// Reads the body of a frame of kind [`FrameKind::Sasl`].
    ///
    /// # Errors
    /// When the body is no SASL frame, or goes on after it.
    pub fn decode(raw: RawFrame, limits: Limits) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(raw.body, limits);
        let descriptor = decoder.descriptor()?;
        let input = &mut decoder;
        let frame = match descriptor.code() {
            Some(descriptor::SASL_MECHANISMS) => Self::Mechanisms(read_fields(input)?),
            Some(descriptor::SASL_INIT) => Self::Init(read_fields(input)?),
            Some(descriptor::SASL_CHALLENGE) => Self::Challenge(read_fields(input)?),
            Some(descriptor::SASL_RESPONSE) => Self::Response(read_fields(input)?),
            Some(descriptor::SASL_OUTCOME) => Self::Outcome(read_fields(input)?),
            _ => {
                return Err(DecodeError::WrongDescriptor {
                    expected: "sasl frame",
                    found: descriptor,
                });
            }
        };
        decoder.finish()?;
        Ok(frame)
    }

    /// Appends the frame.
    ///
    /// # Errors
    /// When it is larger than `limit`; `out` is then as before.
    pub fn encode(&self, limit: u32, out: &mut BytesMut) -> Result<(), FrameTooLarge> {
        encode_frame(FrameKind::Sasl, 0, limit, out, |out| match self {
            Self::Mechanisms(mechanisms) => mechanisms.encode(out),
            Self::Init(init) => init.encode(out),
            Self::Challenge(challenge) => challenge.encode(out),
            Self::Response(response) => response.encode(out),
            Self::Outcome(outcome) => outcome.encode(out),
        })
    }
}
