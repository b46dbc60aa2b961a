//! The receiving end of a link: deliveries put together.

use bytes::{Bytes, BytesMut};

use super::allowance::Allowance;
use super::grant::Grant;
use super::{DeliveryId, IncomingDelivery};
use crate::performatives::{AmqpError, Attach, Transfer, condition};

/// The longest tag of a delivery, by the standard; tags of unfinished ones are kept.
const MAX_TAG: usize = 32;

/// What a link that the peer sends on has been granted and has brought.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) grant: Grant,
    /// Zero for any.
    pub(super) max_message_size: u64,
    partial: Option<Partial>,
}

/// A delivery whose last frame is still to come.
#[derive(Debug)]
struct Partial {
    id: DeliveryId,
    tag: Bytes,
    message_format: u32,
    settled: bool,
    /// Resumes what this end knows nothing of, and is passed over.
    resumes: bool,
    payload: BytesMut,
}

impl Incoming {
    pub(super) fn attached(attach: &Attach) -> Self {
        Self {
            grant: Grant::none_from(attach.initial_delivery_count.unwrap_or(0)),
            max_message_size: 0,
            partial: None,
        }
    }

    /// Takes a frame; gives the delivery that is complete with it.
    ///
    /// An error ends the link.
    pub(super) fn take(
        &mut self,
        transfer: Transfer,
        bytes: &mut Allowance,
    ) -> Result<Option<IncomingDelivery>, AmqpError> {
        if self.partial.is_some() {
            return self.take_continuation(transfer, bytes);
        }
        let Some(id) = transfer.delivery_id.map(DeliveryId) else {
            let why = "the first transfer of a delivery has no delivery-id";
            return Err(AmqpError::new(condition::INVALID_FIELD, why));
        };
        if !self.grant.spend() {
            let why = "there is no credit for another delivery";
            return Err(AmqpError::new(condition::TRANSFER_LIMIT_EXCEEDED, why));
        }
        if transfer.aborted {
            self.grant.waste();
            return Ok(None);
        }
        self.check_size(transfer.payload.len())?;
        let tag = transfer.delivery_tag.unwrap_or_default();
        if tag.len() > MAX_TAG {
            let why = "a delivery-tag has at most 32 bytes";
            return Err(AmqpError::new(condition::INVALID_FIELD, why));
        }
        let message_format = transfer.message_format.unwrap_or(0);
        let settled = transfer.settled.unwrap_or(false);
        if transfer.more {
            hold(bytes, transfer.payload.len())?;
            self.partial = Some(Partial {
                id,
                tag: Bytes::copy_from_slice(&tag),
                message_format,
                settled,
                resumes: transfer.resume,
                payload: BytesMut::from(&transfer.payload[..]),
            });
            return Ok(None);
        }
        if transfer.resume {
            self.grant.waste();
            return Ok(None);
        }
        Ok(Some(IncomingDelivery {
            id,
            tag,
            message_format,
            settled,
            payload: transfer.payload,
        }))
    }

    fn take_continuation(
        &mut self,
        transfer: Transfer,
        bytes: &mut Allowance,
    ) -> Result<Option<IncomingDelivery>, AmqpError> {
        let Some(mut partial) = self.partial.take() else {
            return Ok(None);
        };
        let held = partial.payload.len();
        if transfer.delivery_id.is_some_and(|id| id != partial.id.0) {
            bytes.give_back(held);
            let why = "a delivery begins before the last frame of the one before";
            return Err(AmqpError::new(condition::ILLEGAL_STATE, why));
        }
        if transfer.aborted {
            bytes.give_back(held);
            self.grant.waste();
            return Ok(None);
        }
        let added = transfer.payload.len();
        let room = self
            .check_size(held + added)
            .and_then(|()| hold(bytes, added));
        if let Err(error) = room {
            bytes.give_back(held);
            return Err(error);
        }
        partial.payload.extend_from_slice(&transfer.payload);
        partial.settled |= transfer.settled.unwrap_or(false);
        if transfer.more {
            self.partial = Some(partial);
            return Ok(None);
        }
        bytes.give_back(partial.payload.len());
        if partial.resumes {
            self.grant.waste();
            return Ok(None);
        }
        Ok(Some(IncomingDelivery {
            id: partial.id,
            tag: partial.tag,
            message_format: partial.message_format,
            settled: partial.settled,
            payload: partial.payload.freeze(),
        }))
    }

    fn check_size(&self, size: usize) -> Result<(), AmqpError> {
        let limit = self.max_message_size;
        if limit == 0 || size as u64 <= limit {
            return Ok(());
        }
        let why = format!("a message of this link has at most {limit} bytes");
        Err(AmqpError::new(condition::MESSAGE_SIZE_EXCEEDED, why))
    }

    /// Bytes of the delivery whose last frame is still to come.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.partial
            .as_ref()
            .map_or(0, |partial| partial.payload.len())
    }

    /// Gives back what an unfinished delivery held.
    pub(super) fn forget(&mut self, bytes: &mut Allowance) {
        if let Some(partial) = self.partial.take() {
            bytes.give_back(partial.payload.len());
        }
    }
}

fn hold(bytes: &mut Allowance, added: usize) -> Result<(), AmqpError> {
    if bytes.take(added) {
        return Ok(());
    }
    let why = "the connection's unfinished deliveries are too large together";
    Err(AmqpError::new(condition::RESOURCE_LIMIT_EXCEEDED, why))
}
