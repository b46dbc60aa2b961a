//! `transfer`: a frame of a delivery, with its payload behind the fields.

use std::fmt;

use bytes::Bytes;

use super::{DeliveryState, ReceiverSettleMode};
use crate::composite::{Composite, FieldReader, FieldWriter};
use crate::decode::DecodeError;
use crate::descriptor;

/// A message, or one frame of a message that takes several.
#[derive(Clone, Default, PartialEq)]
pub struct Transfer {
    /// The sender's number for the link.
    pub handle: u32,
    /// The delivery's number in the session; on its first frame.
    pub delivery_id: Option<u32>,
    /// The sender's name for the delivery; on its first frame.
    pub delivery_tag: Option<Bytes>,
    /// The format of the message; on its first frame.
    pub message_format: Option<u32>,
    /// Whether the sender regards the delivery as settled.
    pub settled: Option<bool>,
    /// Whether another frame of the delivery follows.
    pub more: bool,
    /// How the receiver is to settle this delivery.
    pub rcv_settle_mode: Option<ReceiverSettleMode>,
    /// The state of the delivery at the sender.
    pub state: Option<DeliveryState>,
    /// Whether the delivery resumes one of an earlier attachment.
    pub resume: bool,
    /// Whether the delivery is to be forgotten, all its frames included.
    pub aborted: bool,
    /// Whether the receiver may take its time to acknowledge.
    pub batchable: bool,
    /// What follows the fields: the message, or a part of it.
    pub payload: Bytes,
}

/// Shows what of the payload there is, not what it says: it may hold a token.
impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer")
            .field("handle", &self.handle)
            .field("delivery_id", &self.delivery_id)
            .field("delivery_tag", &self.delivery_tag)
            .field("message_format", &self.message_format)
            .field("settled", &self.settled)
            .field("more", &self.more)
            .field("state", &self.state)
            .field("aborted", &self.aborted)
            .field("payload_length", &self.payload.len())
            .finish_non_exhaustive()
    }
}

impl Composite for Transfer {
    const CODE: u64 = descriptor::TRANSFER;
    const NAME: &'static str = "amqp:transfer:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields
            .field(&self.handle)
            .field(&self.delivery_id)
            .field(&self.delivery_tag)
            .field(&self.message_format)
            .field(&self.settled)
            .field(&self.more)
            .field(&self.rcv_settle_mode)
            .field(&self.state)
            .field(&self.resume)
            .field(&self.aborted)
            .field(&self.batchable);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            handle: fields.required("handle")?,
            delivery_id: fields.optional()?,
            delivery_tag: fields.optional()?,
            message_format: fields.optional()?,
            settled: fields.optional()?,
            more: fields.or(false)?,
            rcv_settle_mode: fields.optional()?,
            state: fields.optional()?,
            resume: fields.or(false)?,
            aborted: fields.or(false)?,
            batchable: fields.or(false)?,
            payload: Bytes::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_not_shown() {
        let transfer = Transfer {
            payload: Bytes::from_static(b"SharedAccessSignature"),
            ..Transfer::default()
        };

        assert!(!format!("{transfer:?}").contains("SharedAccess"));
    }
}
