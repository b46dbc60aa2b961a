//! `disposition`: what became of a range of deliveries.

use super::{DeliveryState, Role};
use crate::composite::{Composite, FieldReader, FieldWriter};
use crate::decode::DecodeError;
use crate::descriptor;

/// The state of a range of deliveries.
#[derive(Debug, Clone, PartialEq)]
pub struct Disposition {
    /// Which end of the link is speaking.
    pub role: Role,
    /// The first delivery of the range.
    pub first: u32,
    /// The last delivery of the range; null when it is the first.
    pub last: Option<u32>,
    /// Whether this side has forgotten the deliveries.
    pub settled: bool,
    /// The state of the deliveries.
    pub state: Option<DeliveryState>,
    /// Whether the other side may take its time to answer.
    pub batchable: bool,
}

impl Composite for Disposition {
    const CODE: u64 = descriptor::DISPOSITION;
    const NAME: &'static str = "amqp:disposition:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields
            .field(&self.role)
            .field(&self.first)
            .field(&self.last)
            .field(&self.settled)
            .field(&self.state)
            .field(&self.batchable);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            role: fields.required("role")?,
            first: fields.required("first")?,
            last: fields.optional()?,
            settled: fields.or(false)?,
            state: fields.optional()?,
            batchable: fields.or(false)?,
        })
    }
}
