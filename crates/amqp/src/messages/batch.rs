//! Batches: deliveries that carry several messages, each in a data section.

use bytes::Bytes;
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::message::{Section, Sections};

use super::MessageError;

/// The message format of a batch. The C SDK sends all telemetry this way.
pub const BATCH_FORMAT: u32 = 0x8001_3700;

/// The encoded messages of a batch, in their order. What stands around them
/// (Event Hubs clients repeat the first message's annotations there) is
/// passed over.
pub fn read_batch(
    payload: Bytes,
    limits: Limits,
) -> impl Iterator<Item = Result<Bytes, MessageError>> {
    Sections::new(payload, limits).filter_map(|section| match section {
        Ok(Section::Data(message)) => Some(Ok(message)),
        Ok(Section::Value(_) | Section::Sequence(_)) => Some(Err(MessageError::Batch)),
        Ok(
            Section::Header(_)
            | Section::DeliveryAnnotations(_)
            | Section::MessageAnnotations(_)
            | Section::Properties(_)
            | Section::ApplicationProperties(_)
            | Section::Footer(_),
        ) => None,
        Err(error) => Some(Err(error.into())),
    })
}
