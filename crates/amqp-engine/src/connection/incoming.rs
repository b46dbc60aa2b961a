//! The receiving end of a link: credit, and deliveries put together.

use bytes::{Bytes, BytesMut};

use super::{DeliveryId, IncomingDelivery};
use crate::performatives::{AmqpError, Attach, Transfer, condition};

/// What a link that the peer sends on has been granted and has brought.
#[derive(Debug)]
pub(super) struct Incoming {
    /// Deliveries begun, counted from where the peer began.
    pub(super) delivery_count: u32,
    /// The count that the credit ends at.
    granted_until: u32,
    /// The count that any credit ever ended at: the peer may not have heard
    /// yet that it has less.
    allowed_until: u32,
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

/// Bytes of deliveries whose last frame is still to come.
#[derive(Debug)]
pub(super) struct PartialBytes {
    pub(super) held: usize,
    pub(super) limit: usize,
}

impl Incoming {
    pub(super) fn attached(attach: &Attach) -> Self {
        let count = attach.initial_delivery_count.unwrap_or(0);
        Self {
            delivery_count: count,
            granted_until: count,
            allowed_until: count,
            max_message_size: 0,
            partial: None,
        }
    }

    pub(super) fn credit(&self) -> u32 {
        self.granted_until.wrapping_sub(self.delivery_count)
    }

    pub(super) fn grant(&mut self, credit: u32) {
        self.granted_until = self.delivery_count.wrapping_add(credit);
        let before = self.allowed_until.wrapping_sub(self.delivery_count);
        if credit > before {
            self.allowed_until = self.granted_until;
        }
    }

    /// Takes note of how far the peer says it has come; it may skip, not go back.
    pub(super) fn skip_to(&mut self, count: u32) {
        let skipped = count.wrapping_sub(self.delivery_count);
        if skipped <= self.allowed_until.wrapping_sub(self.delivery_count) {
            self.granted_until = count.wrapping_add(self.credit().saturating_sub(skipped));
            self.delivery_count = count;
        }
    }

    /// Takes a frame; gives the delivery that is complete with it.
    ///
    /// An error ends the link.
    pub(super) fn take(
        &mut self,
        transfer: Transfer,
        bytes: &mut PartialBytes,
    ) -> Result<Option<IncomingDelivery>, AmqpError> {
        if self.partial.is_some() {
            return self.take_continuation(transfer, bytes);
        }
        let Some(id) = transfer.delivery_id.map(DeliveryId) else {
            let why = "the first transfer of a delivery has no delivery-id";
            return Err(AmqpError::new(condition::INVALID_FIELD, why));
        };
        if self.delivery_count == self.allowed_until {
            let why = "there is no credit for another delivery";
            return Err(AmqpError::new(condition::TRANSFER_LIMIT_EXCEEDED, why));
        }
        if self.credit() == 0 {
            self.granted_until = self.granted_until.wrapping_add(1);
        }
        self.delivery_count = self.delivery_count.wrapping_add(1);
        if transfer.aborted {
            return Ok(None);
        }
        self.check_size(transfer.payload.len())?;
        let tag = transfer.delivery_tag.unwrap_or_default();
        let message_format = transfer.message_format.unwrap_or(0);
        let settled = transfer.settled.unwrap_or(false);
        if transfer.more {
            bytes.hold(transfer.payload.len())?;
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
        Ok((!transfer.resume).then_some(IncomingDelivery {
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
        bytes: &mut PartialBytes,
    ) -> Result<Option<IncomingDelivery>, AmqpError> {
        let Some(mut partial) = self.partial.take() else {
            return Ok(None);
        };
        let held = partial.payload.len();
        if transfer.delivery_id.is_some_and(|id| id != partial.id.0) {
            bytes.release(held);
            let why = "a delivery begins before the last frame of the one before";
            return Err(AmqpError::new(condition::ILLEGAL_STATE, why));
        }
        if transfer.aborted {
            bytes.release(held);
            return Ok(None);
        }
        let added = transfer.payload.len();
        let room = self
            .check_size(held + added)
            .and_then(|()| bytes.hold(added));
        if let Err(error) = room {
            bytes.release(held);
            return Err(error);
        }
        partial.payload.extend_from_slice(&transfer.payload);
        partial.settled |= transfer.settled.unwrap_or(false);
        if transfer.more {
            self.partial = Some(partial);
            return Ok(None);
        }
        bytes.release(partial.payload.len());
        Ok((!partial.resumes).then(|| IncomingDelivery {
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
    pub(super) fn forget(&mut self, bytes: &mut PartialBytes) {
        if let Some(partial) = self.partial.take() {
            bytes.release(partial.payload.len());
        }
    }
}

impl PartialBytes {
    fn hold(&mut self, added: usize) -> Result<(), AmqpError> {
        if added > self.limit.saturating_sub(self.held) {
            let why = "the connection's unfinished deliveries are too large together";
            return Err(AmqpError::new(condition::RESOURCE_LIMIT_EXCEEDED, why));
        }
        self.held += added;
        Ok(())
    }

    fn release(&mut self, held: usize) {
        self.held -= held;
    }
}
