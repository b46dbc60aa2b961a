//! The bodies of SASL frames. What clients send to prove who they are is not
//! shown by `Debug`.

use std::fmt;

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

use crate::composite::{Composite, FieldReader, FieldWriter};
use crate::decode::{Decode, DecodeError, Decoder};
use crate::descriptor;
use crate::encode::Encode;
use crate::value::Symbol;

/// The server's offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mechanisms {
    /// The mechanisms that the client may choose from.
    pub mechanisms: Vec<Symbol>,
}

impl Composite for Mechanisms {
    const CODE: u64 = descriptor::SASL_MECHANISMS;
    const NAME: &'static str = "amqp:sasl-mechanisms:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.symbols(&self.mechanisms);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            mechanisms: fields.symbols()?,
        })
    }
}

/// The client's choice.
#[derive(Clone, PartialEq, Eq)]
pub struct Init {
    /// The mechanism chosen.
    pub mechanism: Symbol,
    /// What the mechanism begins with, a secret perhaps.
    pub initial_response: Option<Bytes>,
    /// The host the client means.
    pub hostname: Option<ByteString>,
}

impl fmt::Debug for Init {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Init")
            .field("mechanism", &self.mechanism)
            .field("hostname", &self.hostname)
            .finish_non_exhaustive()
    }
}

impl Composite for Init {
    const CODE: u64 = descriptor::SASL_INIT;
    const NAME: &'static str = "amqp:sasl-init:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields
            .field(&self.mechanism)
            .field(&self.initial_response)
            .field(&self.hostname);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            mechanism: fields.required("mechanism")?,
            initial_response: fields.optional()?,
            hostname: fields.optional()?,
        })
    }
}

/// A question of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The question, in the mechanism's own form.
    pub challenge: Bytes,
}

impl Composite for Challenge {
    const CODE: u64 = descriptor::SASL_CHALLENGE;
    const NAME: &'static str = "amqp:sasl-challenge:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.field(&self.challenge);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            challenge: fields.required("challenge")?,
        })
    }
}

/// The client's answer to a challenge.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The answer, in the mechanism's own form.
    pub response: Bytes,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").finish_non_exhaustive()
    }
}

impl Composite for Response {
    const CODE: u64 = descriptor::SASL_RESPONSE;
    const NAME: &'static str = "amqp:sasl-response:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.field(&self.response);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            response: fields.required("response")?,
        })
    }
}

/// How the negotiation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the client is let in.
    pub code: OutcomeCode,
    /// What the mechanism ends with.
    pub additional_data: Option<Bytes>,
}

impl Composite for Outcome {
    const CODE: u64 = descriptor::SASL_OUTCOME;
    const NAME: &'static str = "amqp:sasl-outcome:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.field(&self.code).field(&self.additional_data);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            code: fields.required("code")?,
            additional_data: fields.optional()?,
        })
    }
}

/// Whether the client is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutcomeCode {
    /// It is.
    Ok,
    /// It isn't: its proof is wrong.
    Auth,
    /// It isn't: the server failed.
    Sys,
    /// It isn't: the server failed, and will until somebody repairs it.
    SysPerm,
    /// It isn't: the server failed for the moment.
    SysTemp,
}

impl Encode for OutcomeCode {
    fn encode(&self, out: &mut BytesMut) {
        (*self as u8).encode(out);
    }
}

impl Decode for OutcomeCode {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        Ok(match u8::decode(decoder)? {
            0 => Self::Ok,
            1 => Self::Auth,
            2 => Self::Sys,
            3 => Self::SysPerm,
            4 => Self::SysTemp,
            other => {
                return Err(DecodeError::UndefinedValue {
                    expected: "sasl outcome",
                    value: other.into(),
                });
            }
        })
    }
}
