//! `detach`: the end of a link's attachment, or of the link.

use super::AmqpError;
use crate::composite::{Composite, FieldReader, FieldWriter};
use crate::decode::DecodeError;
use crate::descriptor;

/// Detaches a link.
#[derive(Debug, Clone, PartialEq)]
pub struct Detach {
    /// This side's number for the link.
    pub handle: u32,
    /// Whether the link is gone for good.
    pub closed: bool,
    /// Why, when something went wrong.
    pub error: Option<AmqpError>,
}

impl Composite for Detach {
    const CODE: u64 = descriptor::DETACH;
    const NAME: &'static str = "amqp:detach:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields
            .field(&self.handle)
            .field(&self.closed)
            .field(&self.error);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            handle: fields.required("handle")?,
            closed: fields.or(false)?,
            error: fields.optional()?,
        })
    }
}
