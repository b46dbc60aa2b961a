//! `end`: the last frame of a session, from each side.

use super::AmqpError;
use crate::composite::{Composite, FieldReader, FieldWriter};
use crate::decode::DecodeError;
use crate::descriptor;

/// Ends a session.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct End {
    /// Why, when something went wrong.
    pub error: Option<AmqpError>,
}

impl Composite for End {
    const CODE: u64 = descriptor::END;
    const NAME: &'static str = "amqp:end:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.field(&self.error);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            error: fields.optional()?,
        })
    }
}
