//! `attach`: a link by its name.
//!
//! The answer has the same name, the opposite role and the terminuses that were
//! agreed. Null terminuses refuse the link; a detach with the reason follows.

use bytestring::ByteString;

use super::{AttachTarget, ReceiverSettleMode, Role, SenderSettleMode, Source};
use crate::composite::{Composite, FieldReader, FieldWriter};
use crate::decode::DecodeError;
use crate::descriptor;
use crate::value::{Map, Symbol};

/// Attaches a link, or answers that it is attached.
#[derive(Debug, Clone, PartialEq)]
pub struct Attach {
    /// The link's name, the same on both sides.
    pub name: ByteString,
    /// This side's number for the link.
    pub handle: u32,
    /// Which end of the link this side is.
    pub role: Role,
    /// How the sender settles.
    pub snd_settle_mode: SenderSettleMode,
    /// How the receiver settles.
    pub rcv_settle_mode: ReceiverSettleMode,
    /// Where messages come from; null in a refusal.
    pub source: Option<Source>,
    /// Where messages go; null in a refusal.
    pub target: Option<AttachTarget>,
    /// Deliveries that an earlier attachment left unsettled.
    pub unsettled: Option<Map>,
    /// Whether `unsettled` is cut short.
    pub incomplete_unsettled: bool,
    /// The sender's delivery count to begin with; senders must say it.
    pub initial_delivery_count: Option<u32>,
    /// The largest message this side takes, in bytes; null or 0 for any.
    pub max_message_size: Option<u64>,
    /// Extensions this side has.
    pub offered_capabilities: Vec<Symbol>,
    /// Extensions this side would use.
    pub desired_capabilities: Vec<Symbol>,
    /// Properties of the link.
    pub properties: Map,
}

impl Composite for Attach {
    const CODE: u64 = descriptor::ATTACH;
    const NAME: &'static str = "amqp:attach:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields
            .field(&self.name)
            .field(&self.handle)
            .field(&self.role)
            .field(&self.snd_settle_mode)
            .field(&self.rcv_settle_mode)
            .field(&self.source)
            .field(&self.target)
            .field(&self.unsettled)
            .field(&self.incomplete_unsettled)
            .field(&self.initial_delivery_count)
            .field(&self.max_message_size)
            .symbols(&self.offered_capabilities)
            .symbols(&self.desired_capabilities)
            .map(&self.properties);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: fields.required("name")?,
            handle: fields.required("handle")?,
            role: fields.required("role")?,
            snd_settle_mode: fields.or(SenderSettleMode::default())?,
            rcv_settle_mode: fields.or(ReceiverSettleMode::default())?,
            source: fields.optional()?,
            target: fields.optional()?,
            unsettled: fields.optional()?,
            incomplete_unsettled: fields.or(false)?,
            initial_delivery_count: fields.optional()?,
            max_message_size: fields.optional()?,
            offered_capabilities: fields.symbols()?,
            desired_capabilities: fields.symbols()?,
            properties: fields.map()?,
        })
    }
}
