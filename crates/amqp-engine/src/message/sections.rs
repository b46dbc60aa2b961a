//! The sections of a message, one after the other.

use bytes::Bytes;

use super::{Header, Properties};
use crate::composite::read_fields;
use crate::decode::{Decode, DecodeError, Decoder, Limits};
use crate::descriptor;
use crate::value::{Map, Value};

/// One section of a message.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "sections are consumed as they are read: a box would cost an allocation a message"
)]
pub enum Section {
    /// How the message is to be carried.
    Header(Header),
    /// Notes for the next hop.
    DeliveryAnnotations(Map),
    /// Notes that travel with the message.
    MessageAnnotations(Map),
    /// The properties that the standard names.
    Properties(Properties),
    /// The application's own properties.
    ApplicationProperties(Map),
    /// A part of the body, as bytes.
    Data(Bytes),
    /// A part of the body, as values.
    Sequence(Vec<Value>),
    /// The body, as one value.
    Value(Value),
    /// Notes that are known only after the body.
    Footer(Map),
}

impl Section {
    /// The section's descriptor.
    pub fn code(&self) -> u64 {
        match self {
            Self::Header(_) => descriptor::HEADER,
            Self::DeliveryAnnotations(_) => descriptor::DELIVERY_ANNOTATIONS,
            Self::MessageAnnotations(_) => descriptor::MESSAGE_ANNOTATIONS,
            Self::Properties(_) => descriptor::PROPERTIES,
            Self::ApplicationProperties(_) => descriptor::APPLICATION_PROPERTIES,
            Self::Data(_) => descriptor::DATA,
            Self::Sequence(_) => descriptor::AMQP_SEQUENCE,
            Self::Value(_) => descriptor::AMQP_VALUE,
            Self::Footer(_) => descriptor::FOOTER,
        }
    }
}

impl Decode for Section {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let descriptor = decoder.descriptor()?;
        Ok(match descriptor.code() {
            Some(descriptor::HEADER) => Self::Header(read_fields(decoder)?),
            Some(descriptor::DELIVERY_ANNOTATIONS) => Self::DeliveryAnnotations(notes(decoder)?),
            Some(descriptor::MESSAGE_ANNOTATIONS) => Self::MessageAnnotations(notes(decoder)?),
            Some(descriptor::PROPERTIES) => Self::Properties(read_fields(decoder)?),
            Some(descriptor::APPLICATION_PROPERTIES) => {
                Self::ApplicationProperties(notes(decoder)?)
            }
            Some(descriptor::DATA) => Self::Data(Bytes::decode(decoder)?),
            Some(descriptor::AMQP_SEQUENCE) => Self::Sequence(decoder.list()?),
            Some(descriptor::AMQP_VALUE) => Self::Value(Value::decode(decoder)?),
            Some(descriptor::FOOTER) => Self::Footer(notes(decoder)?),
            _ => {
                return Err(DecodeError::WrongDescriptor {
                    expected: "message section",
                    found: descriptor,
                });
            }
        })
    }
}

/// A section that is a map; null reads as the empty one.
fn notes(decoder: &mut Decoder) -> Result<Map, DecodeError> {
    Ok(Option::decode(decoder)?.unwrap_or_default())
}

/// Yields the sections of a message; after an error, nothing more.
#[derive(Debug)]
pub struct Sections {
    decoder: Option<Decoder>,
}

impl Sections {
    /// The sections in these bytes.
    pub fn new(bytes: Bytes, limits: Limits) -> Self {
        Self {
            decoder: Some(Decoder::new(bytes, limits)),
        }
    }
}

impl Iterator for Sections {
    type Item = Result<Section, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let decoder = self.decoder.as_mut()?;
        if decoder.is_empty() {
            return None;
        }
        let section = Section::decode(decoder);
        if section.is_err() {
            self.decoder = None;
        }
        Some(section)
    }
}

impl std::iter::FusedIterator for Sections {}
