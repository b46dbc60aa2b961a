//! `close`: the last frame of a connection, from each side.

use super::AmqpError;
use crate::composite::{Composite, FieldReader, FieldWriter};
use crate::decode::DecodeError;
use crate::descriptor;

/// Closes the connection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Close {
    /// Why, when something went wrong.
    pub error: Option<AmqpError>,
}

impl Composite for Close {
    const CODE: u64 = descriptor::CLOSE;
    const NAME: &'static str = "amqp:close:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.field(&self.error);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            error: fields.optional()?,
        })
    }
}
