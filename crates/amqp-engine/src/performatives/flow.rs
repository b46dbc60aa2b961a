//! `flow`: windows of a session and, with a handle, credit of a link.
//!
//! With a handle, send the delivery count and the credit, too: azure-uamqp-c
//! detaches a link whose flow lacks either.

use crate::composite::{Composite, FieldReader, FieldWriter};
use crate::decode::DecodeError;
use crate::descriptor;
use crate::value::Map;

/// The state of a session and, with a handle, of one of its links.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flow {
    /// The id of the next transfer this side expects; null before the other side's begin.
    pub next_incoming_id: Option<u32>,
    /// How many transfers this side can take.
    pub incoming_window: u32,
    /// The id of the next transfer this side sends.
    pub next_outgoing_id: u32,
    /// How many transfers this side may have out.
    pub outgoing_window: u32,
    /// The link this is about; null for the session alone.
    pub handle: Option<u32>,
    /// The link's delivery count.
    pub delivery_count: Option<u32>,
    /// How many more messages the receiver takes.
    pub link_credit: Option<u32>,
    /// How many messages the sender has waiting.
    pub available: Option<u32>,
    /// Whether the sender must use up or give back all credit.
    pub drain: bool,
    /// Whether the other side must answer with its own state.
    pub echo: bool,
    /// Properties of the link state.
    pub properties: Map,
}

impl Composite for Flow {
    const CODE: u64 = descriptor::FLOW;
    const NAME: &'static str = "amqp:flow:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields
            .field(&self.next_incoming_id)
            .field(&self.incoming_window)
            .field(&self.next_outgoing_id)
            .field(&self.outgoing_window)
            .field(&self.handle)
            .field(&self.delivery_count)
            .field(&self.link_credit)
            .field(&self.available)
            .field(&self.drain)
            .field(&self.echo)
            .map(&self.properties);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            next_incoming_id: fields.optional()?,
            incoming_window: fields.required("incoming-window")?,
            next_outgoing_id: fields.required("next-outgoing-id")?,
            outgoing_window: fields.required("outgoing-window")?,
            handle: fields.optional()?,
            delivery_count: fields.optional()?,
            link_credit: fields.optional()?,
            available: fields.optional()?,
            drain: fields.or(false)?,
            echo: fields.or(false)?,
            properties: fields.map()?,
        })
    }
}
