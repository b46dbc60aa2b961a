//! The properties section: what every message may say about itself.

use bytes::Bytes;
use bytestring::ByteString;

use super::MessageId;
use crate::composite::{Composite, FieldReader, FieldWriter};
use crate::decode::DecodeError;
use crate::descriptor;
use crate::value::{Symbol, Timestamp};

/// The properties of a message that the standard names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Properties {
    /// The sender's name for the message.
    pub message_id: Option<MessageId>,
    /// Who made the message.
    pub user_id: Option<Bytes>,
    /// The node the message is meant for.
    pub to: Option<ByteString>,
    /// What the message is about.
    pub subject: Option<ByteString>,
    /// The node that answers go to.
    pub reply_to: Option<ByteString>,
    /// The message that this one answers.
    pub correlation_id: Option<MessageId>,
    /// The body's MIME type.
    pub content_type: Option<Symbol>,
    /// What was done to the body on top of its type.
    pub content_encoding: Option<Symbol>,
    /// When the message stops being of use.
    pub absolute_expiry_time: Option<Timestamp>,
    /// When the message was made.
    pub creation_time: Option<Timestamp>,
    /// The group the message belongs to.
    pub group_id: Option<ByteString>,
    /// The message's place in its group.
    pub group_sequence: Option<u32>,
    /// The group that answers belong to.
    pub reply_to_group_id: Option<ByteString>,
}

impl Composite for Properties {
    const CODE: u64 = descriptor::PROPERTIES;
    const NAME: &'static str = "amqp:properties:list";
    const TRIMMED: bool = true;

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields
            .field(&self.message_id)
            .field(&self.user_id)
            .field(&self.to)
            .field(&self.subject)
            .field(&self.reply_to)
            .field(&self.correlation_id)
            .field(&self.content_type)
            .field(&self.content_encoding)
            .field(&self.absolute_expiry_time)
            .field(&self.creation_time)
            .field(&self.group_id)
            .field(&self.group_sequence)
            .field(&self.reply_to_group_id);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            message_id: fields.optional()?,
            user_id: fields.optional()?,
            to: fields.optional()?,
            subject: fields.optional()?,
            reply_to: fields.optional()?,
            correlation_id: fields.optional()?,
            content_type: fields.optional()?,
            content_encoding: fields.optional()?,
            absolute_expiry_time: fields.optional()?,
            creation_time: fields.optional()?,
            group_id: fields.optional()?,
            group_sequence: fields.optional()?,
            reply_to_group_id: fields.optional()?,
        })
    }
}
