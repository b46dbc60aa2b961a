//! Messages: the sections that transfers carry.
//!
//! [`Sections`] yields them one by one without collecting anything;
//! [`Message`] is the whole. Sections are accepted in any order, because
//! azure-eventhub for Python puts its delivery annotations last, and are
//! written in the standard's.

mod header;
mod message_id;
mod properties;
mod sections;

use bytes::{Bytes, BytesMut};

pub use header::Header;
pub use message_id::MessageId;
pub use properties::Properties;
pub use sections::{Section, Sections};

use crate::decode::{DecodeError, Limits};
use crate::descriptor;
use crate::encode::{Encode, TooLong, encode_descriptor, encode_list};
use crate::value::{Map, Value};

/// A message with all its sections.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// How the message is to be carried.
    pub header: Option<Header>,
    /// Notes for the next hop; empty, the section is left out.
    pub delivery_annotations: Map,
    /// Notes that travel with the message; empty, the section is left out.
    pub message_annotations: Map,
    /// The properties that the standard names.
    pub properties: Option<Properties>,
    /// The application's own properties; `None` leaves the section out.
    pub application_properties: Option<Map>,
    /// What the message is about.
    pub body: Body,
    /// Notes that are known only after the body; empty, the section is left out.
    pub footer: Map,
}

/// The body of a message: sections of one kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Body {
    /// No body section; not standard, but some clients leave out an empty one.
    #[default]
    Empty,
    /// Bytes, in one or several sections.
    Data(Vec<Bytes>),
    /// Lists of values, in one or several sections.
    Sequence(Vec<Vec<Value>>),
    /// One value.
    Value(Value),
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    /// When a section can't be read, or occurs where it must not.
    pub fn decode(bytes: Bytes, limits: Limits) -> Result<Self, DecodeError> {
        let mut message = Self::default();
        let mut seen = 0_u32;
        for section in Sections::new(bytes, limits) {
            let section = section?;
            let code = section.code();
            let repeats = seen & section_bit(code) != 0;
            if repeats && !matches!(section, Section::Data(_) | Section::Sequence(_)) {
                return Err(DecodeError::UnexpectedSection(code));
            }
            seen |= section_bit(code);
            message.take(section)?;
        }
        Ok(message)
    }

    fn take(&mut self, section: Section) -> Result<(), DecodeError> {
        match section {
            Section::Header(header) => self.header = Some(header),
            Section::DeliveryAnnotations(map) => self.delivery_annotations = map,
            Section::MessageAnnotations(map) => self.message_annotations = map,
            Section::Properties(properties) => self.properties = Some(properties),
            Section::ApplicationProperties(map) => self.application_properties = Some(map),
            Section::Footer(map) => self.footer = map,
            Section::Data(data) => match &mut self.body {
                Body::Data(sections) => sections.push(data),
                Body::Empty => self.body = Body::Data(vec![data]),
                _ => return Err(DecodeError::UnexpectedSection(descriptor::DATA)),
            },
            Section::Sequence(items) => match &mut self.body {
                Body::Sequence(sections) => sections.push(items),
                Body::Empty => self.body = Body::Sequence(vec![items]),
                _ => return Err(DecodeError::UnexpectedSection(descriptor::AMQP_SEQUENCE)),
            },
            Section::Value(value) => match self.body {
                Body::Empty => self.body = Body::Value(value),
                _ => return Err(DecodeError::UnexpectedSection(descriptor::AMQP_VALUE)),
            },
        }
        Ok(())
    }

    /// Appends the message.
    ///
    /// # Errors
    /// When it is above 4 GiB; `out` is then as before.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), TooLong> {
        let start = out.len();
        self.header.iter().for_each(|header| header.encode(out));
        encode_notes(
            descriptor::DELIVERY_ANNOTATIONS,
            &self.delivery_annotations,
            out,
        );
        encode_notes(
            descriptor::MESSAGE_ANNOTATIONS,
            &self.message_annotations,
            out,
        );
        self.properties
            .iter()
            .for_each(|properties| properties.encode(out));
        if let Some(map) = &self.application_properties {
            encode_descriptor(&descriptor::APPLICATION_PROPERTIES.into(), out);
            map.encode(out);
        }
        self.body.encode(out);
        encode_notes(descriptor::FOOTER, &self.footer, out);

        let length = out.len() - start;
        if u32::try_from(length).is_err() {
            out.truncate(start);
            return Err(TooLong(length));
        }
        Ok(())
    }
}

impl Body {
    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Empty => {}
            Self::Data(sections) => {
                for data in sections {
                    encode_descriptor(&descriptor::DATA.into(), out);
                    data.encode(out);
                }
            }
            Self::Sequence(sections) => {
                for items in sections {
                    encode_descriptor(&descriptor::AMQP_SEQUENCE.into(), out);
                    encode_list(items, out);
                }
            }
            Self::Value(value) => {
                encode_descriptor(&descriptor::AMQP_VALUE.into(), out);
                value.encode(out);
            }
        }
    }
}

/// A section of annotations, left out when empty.
fn encode_notes(code: u64, notes: &Map, out: &mut BytesMut) {
    if !notes.is_empty() {
        encode_descriptor(&code.into(), out);
        notes.encode(out);
    }
}

fn section_bit(code: u64) -> u32 {
    // Section codes are 0x70 to 0x78.
    1 << (code & 0xf)
}
