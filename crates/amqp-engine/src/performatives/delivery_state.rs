//! Delivery states: how far a delivery got, and how it ended.

use bytes::BytesMut;

use super::AmqpError;
use crate::composite::{Composite, FieldReader, FieldWriter, read_fields};
use crate::decode::{Decode, DecodeError, Decoder};
use crate::descriptor;
use crate::encode::Encode;
use crate::value::{Described, Map, Value};

/// The state of a delivery at one end of its link.
#[derive(Debug, Clone, PartialEq)]
pub enum DeliveryState {
    /// Not an outcome: how much of the message has arrived.
    Received(Received),
    /// The message was taken.
    Accepted,
    /// The message can't be processed.
    Rejected(Rejected),
    /// The message was not looked at, and may be sent again.
    Released,
    /// The message may be sent again, changed as told.
    Modified(Modified),
    /// A state of an extension, such as transactions.
    Other(Box<Described>),
}

impl DeliveryState {
    /// Rejected, with the reason; some clients read it without asking whether it is there.
    pub fn rejected(error: AmqpError) -> Self {
        Self::Rejected(Rejected { error: Some(error) })
    }
}

impl Encode for DeliveryState {
    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Received(received) => received.encode(out),
            Self::Accepted => Accepted.encode(out),
            Self::Rejected(rejected) => rejected.encode(out),
            Self::Released => Released.encode(out),
            Self::Modified(modified) => modified.encode(out),
            Self::Other(other) => other.encode(out),
        }
    }
}

impl Decode for DeliveryState {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let descriptor = decoder.descriptor()?;
        Ok(match descriptor.code() {
            Some(descriptor::RECEIVED) => Self::Received(read_fields(decoder)?),
            Some(descriptor::ACCEPTED) => {
                read_fields::<Accepted>(decoder)?;
                Self::Accepted
            }
            Some(descriptor::REJECTED) => Self::Rejected(read_fields(decoder)?),
            Some(descriptor::RELEASED) => {
                read_fields::<Released>(decoder)?;
                Self::Released
            }
            Some(descriptor::MODIFIED) => Self::Modified(read_fields(decoder)?),
            _ => {
                let value = Value::decode(decoder)?;
                Self::Other(Box::new(Described { descriptor, value }))
            }
        })
    }
}

/// How much of a message has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// The section that the next byte belongs to.
    pub section_number: u32,
    /// The place of the next byte in it.
    pub section_offset: u64,
}

impl Composite for Received {
    const CODE: u64 = descriptor::RECEIVED;
    const NAME: &'static str = "amqp:received:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields
            .field(&self.section_number)
            .field(&self.section_offset);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            section_number: fields.required("section-number")?,
            section_offset: fields.required("section-offset")?,
        })
    }
}

/// The message can't be processed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rejected {
    /// Why.
    pub error: Option<AmqpError>,
}

impl Composite for Rejected {
    const CODE: u64 = descriptor::REJECTED;
    const NAME: &'static str = "amqp:rejected:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.field(&self.error);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            error: fields.optional()?,
        })
    }
}

/// The message may be sent again, changed as told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Modified {
    /// Whether the delivery counts as failed.
    pub delivery_failed: bool,
    /// Whether the message is not for this receiver.
    pub undeliverable_here: bool,
    /// Annotations to add to the message.
    pub message_annotations: Map,
}

impl Composite for Modified {
    const CODE: u64 = descriptor::MODIFIED;
    const NAME: &'static str = "amqp:modified:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields
            .field(&self.delivery_failed)
            .field(&self.undeliverable_here)
            .map(&self.message_annotations);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            delivery_failed: fields.or(false)?,
            undeliverable_here: fields.or(false)?,
            message_annotations: fields.map()?,
        })
    }
}

struct Accepted;

impl Composite for Accepted {
    const CODE: u64 = descriptor::ACCEPTED;
    const NAME: &'static str = "amqp:accepted:list";

    fn write(&self, _: &mut FieldWriter<'_>) {}

    fn read(_: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self)
    }
}

struct Released;

impl Composite for Released {
    const CODE: u64 = descriptor::RELEASED;
    const NAME: &'static str = "amqp:released:list";

    fn write(&self, _: &mut FieldWriter<'_>) {}

    fn read(_: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self)
    }
}
