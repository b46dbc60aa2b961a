//! Sections to a message.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use twinhub_amqp_engine::decode::{DecodeError, Limits};
use twinhub_amqp_engine::descriptor;
use twinhub_amqp_engine::message::{Properties, Section, Sections};
use twinhub_amqp_engine::value::{Map, Value};
use twinhub_core::messages::{Message, MessageRef, SystemProperty};

use super::MessageError;
use super::names::{in_annotations, in_application_properties};
use super::text::{NoText, text_of, text_of_bytes, text_of_id, text_of_time};

/// A message as it was received: slices of the delivery that brought it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// What the hub knows, each at most once.
    pub system: Vec<(SystemProperty, ByteString)>,
    /// The sender's own properties, in its order. Null is no value.
    pub application: Vec<(ByteString, Option<ByteString>)>,
    /// The contents.
    pub body: Bytes,
}

/// Reads the payload of a delivery.
pub fn read_message(payload: Bytes, limits: Limits) -> Result<ReceivedMessage, MessageError> {
    let mut message = ReceivedMessage::default();
    let mut seen = Seen::default();
    let mut properties = None;
    for section in Sections::new(payload, limits) {
        let section = section?;
        seen.note(&section)?;
        match section {
            Section::MessageAnnotations(annotations) => message.take_annotations(annotations)?,
            Section::ApplicationProperties(map) => message.take_application(map)?,
            Section::Properties(found) => properties = Some(found),
            Section::Data(data) => message.extend_body(data),
            Section::Value(value) => message.body = bytes_of(value)?,
            Section::Sequence(_) => return Err(MessageError::Body),
            Section::Header(_) | Section::DeliveryAnnotations(_) | Section::Footer(_) => {}
        }
    }
    // Last, whatever the order of the sections: a creation time among the
    // application properties is the one that was meant for the hub.
    if let Some(properties) = properties {
        message.take_properties(properties);
    }
    Ok(message)
}

impl ReceivedMessage {
    /// A system property's text, if it is set.
    pub fn system(&self, property: SystemProperty) -> Option<&str> {
        let mut set = self.system.iter();
        set.find(|(known, _)| *known == property)
            .map(|(_, text)| &**text)
    }

    /// Lends the message for as long as `borrower` runs.
    pub fn lend<R>(&self, borrower: impl FnOnce(&MessageRef<'_>) -> R) -> R {
        let borrowed = |text| Cow::Borrowed(ByteString::as_ref(text));
        let system: Vec<_> = self
            .system
            .iter()
            .map(|(property, text)| (*property, borrowed(text)))
            .collect();
        let application: Vec<_> = self
            .application
            .iter()
            .map(|(name, text)| (borrowed(name), text.as_ref().map(borrowed)))
            .collect();
        borrower(&MessageRef {
            system: &system,
            application: &application,
            body: &self.body,
        })
    }

    /// The message for keeping; its body still is a slice of the delivery.
    pub fn into_message(self) -> Message {
        let owned = |text: &ByteString| Box::from(&**text);
        Message {
            system: (self.system.iter())
                .map(|(property, text)| (*property, owned(text)))
                .collect(),
            application: (self.application.iter())
                .map(|(name, text)| (owned(name), text.as_ref().map(owned)))
                .collect(),
            body: self.body,
        }
    }

    fn take_annotations(&mut self, annotations: Map) -> Result<(), MessageError> {
        for (name, value) in annotations {
            let known = match &name {
                Value::Symbol(name) => in_annotations(name.as_str()),
                Value::String(name) => in_annotations(name),
                _ => None,
            };
            if let Some(property) = known {
                let name = ByteString::from_static(property.name());
                self.set(property, text(name, value)?);
            }
        }
        Ok(())
    }

    fn take_application(&mut self, properties: Map) -> Result<(), MessageError> {
        self.application.reserve(properties.len());
        for (name, value) in properties {
            let name = match name {
                Value::String(name) => name,
                Value::Symbol(name) => name.into(),
                _ => return Err(MessageError::PropertyName),
            };
            match in_application_properties(&name) {
                Some(property) => self.set(property, text(name, value)?),
                None => {
                    let value = text(name.clone(), value)?;
                    self.application.push((name, value));
                }
            }
        }
        Ok(())
    }

    fn take_properties(&mut self, properties: Properties) {
        use SystemProperty as P;
        let Properties {
            message_id,
            user_id,
            to,
            correlation_id,
            content_type,
            content_encoding,
            absolute_expiry_time,
            creation_time,
            subject: _,
            reply_to: _,
            group_id: _,
            group_sequence: _,
            reply_to_group_id: _,
        } = properties;
        self.set(P::MessageId, message_id.map(text_of_id));
        self.set(P::CorrelationId, correlation_id.map(text_of_id));
        self.set(P::UserId, user_id.map(text_of_bytes));
        self.set(P::To, to);
        self.set(P::ContentType, content_type.map(ByteString::from));
        self.set(P::ContentEncoding, content_encoding.map(ByteString::from));
        self.set(P::AbsoluteExpiry, absolute_expiry_time.map(text_of_time));
        self.set(P::CreationTime, creation_time.map(text_of_time));
    }

    /// Of several the first counts.
    fn set(&mut self, property: SystemProperty, value: Option<ByteString>) {
        if let Some(value) = value
            && self.system(property).is_none()
        {
            self.system.push((property, value));
        }
    }

    fn extend_body(&mut self, data: Bytes) {
        if self.body.is_empty() {
            self.body = data;
        } else if !data.is_empty() {
            // Not copied once more for each section: whoever owns it alone
            // grows it in place.
            let mut joined = std::mem::take(&mut self.body)
                .try_into_mut()
                .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
            joined.extend_from_slice(&data);
            self.body = joined.freeze();
        }
    }
}

fn text(name: ByteString, value: Value) -> Result<Option<ByteString>, MessageError> {
    text_of(value).map_err(|NoText| MessageError::PropertyValue(name))
}

fn bytes_of(value: Value) -> Result<Bytes, MessageError> {
    match value {
        Value::Null => Ok(Bytes::new()),
        Value::Binary(bytes) => Ok(bytes),
        Value::String(text) => Ok(text.into_bytes()),
        _ => Err(MessageError::Body),
    }
}

/// Which sections a message had so far: each once, data any number of times,
/// and a body of one kind.
#[derive(Default)]
struct Seen(u16);

impl Seen {
    fn note(&mut self, section: &Section) -> Result<(), DecodeError> {
        let code = section.code();
        let bit = |code: u64| 1_u16 << (code & 0xf);
        let body =
            bit(descriptor::DATA) | bit(descriptor::AMQP_SEQUENCE) | bit(descriptor::AMQP_VALUE);
        let excluded = match code {
            descriptor::DATA => body & !bit(descriptor::DATA),
            descriptor::AMQP_SEQUENCE | descriptor::AMQP_VALUE => body,
            other => bit(other),
        };
        if self.0 & excluded != 0 {
            return Err(DecodeError::UnexpectedSection(code));
        }
        self.0 |= bit(code);
        Ok(())
    }
}
