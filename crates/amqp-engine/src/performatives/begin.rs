//! `begin`: a session on a channel. The answer names the channel it answers.

use crate::composite::{Composite, FieldReader, FieldWriter};
use crate::decode::DecodeError;
use crate::descriptor;
use crate::value::{Map, Symbol};

/// Begins a session, or answers that it has begun.
#[derive(Debug, Clone, PartialEq)]
pub struct Begin {
    /// In an answer: the channel the other side began the session on.
    pub remote_channel: Option<u16>,
    /// The id of the next transfer this side sends.
    pub next_outgoing_id: u32,
    /// How many transfers this side can take.
    pub incoming_window: u32,
    /// How many transfers this side may have out.
    pub outgoing_window: u32,
    /// The highest link handle this side accepts.
    pub handle_max: u32,
    /// Extensions this side has.
    pub offered_capabilities: Vec<Symbol>,
    /// Extensions this side would use.
    pub desired_capabilities: Vec<Symbol>,
    /// Properties of the session.
    pub properties: Map,
}

impl Composite for Begin {
    const CODE: u64 = descriptor::BEGIN;
    const NAME: &'static str = "amqp:begin:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields
            .field(&self.remote_channel)
            .field(&self.next_outgoing_id)
            .field(&self.incoming_window)
            .field(&self.outgoing_window)
            .field(&self.handle_max)
            .symbols(&self.offered_capabilities)
            .symbols(&self.desired_capabilities)
            .map(&self.properties);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            remote_channel: fields.optional()?,
            next_outgoing_id: fields.required("next-outgoing-id")?,
            incoming_window: fields.required("incoming-window")?,
            outgoing_window: fields.required("outgoing-window")?,
            handle_max: fields.or(u32::MAX)?,
            offered_capabilities: fields.symbols()?,
            desired_capabilities: fields.symbols()?,
            properties: fields.map()?,
        })
    }
}
