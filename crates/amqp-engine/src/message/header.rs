//! The header section: what matters to those who carry a message.

use crate::composite::{Composite, FieldReader, FieldWriter};
use crate::decode::DecodeError;
use crate::descriptor;

/// How a message is to be carried.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Whether the message must survive a failure of the carrier.
    pub durable: bool,
    /// Relative importance.
    pub priority: u8,
    /// Milliseconds the message is worth delivering.
    pub ttl: Option<u32>,
    /// Whether nobody else had the message before.
    pub first_acquirer: bool,
    /// How often delivery was tried and failed.
    pub delivery_count: u32,
}

impl Composite for Header {
    const CODE: u64 = descriptor::HEADER;
    const NAME: &'static str = "amqp:header:list";
    const TRIMMED: bool = true;

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields
            .field(&self.durable)
            .field(&self.priority)
            .field(&self.ttl)
            .field(&self.first_acquirer)
            .field(&self.delivery_count);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            durable: fields.or(false)?,
            priority: fields.or(Header::DEFAULT_PRIORITY)?,
            ttl: fields.optional()?,
            first_acquirer: fields.or(false)?,
            delivery_count: fields.or(0)?,
        })
    }
}

impl Header {
    /// The priority of a message that doesn't say.
    pub const DEFAULT_PRIORITY: u8 = 4;
}

impl Default for Header {
    fn default() -> Self {
        Self {
            durable: false,
            priority: Self::DEFAULT_PRIORITY,
            ttl: None,
            first_acquirer: false,
            delivery_count: 0,
        }
    }
}
