//! What a host says to the engine about links and deliveries.

use crate::performatives::SenderSettleMode;
use crate::value::{Map, Symbol};

/// How the host takes messages on a link.
#[derive(Debug, Clone, Default)]
pub struct IncomingTerms {
    /// How many messages the client may send until more are granted.
    pub credit: u32,
    /// The largest message, in bytes; 0 for any. A larger one ends the link.
    pub max_message_size: u64,
}

/// How the host sends messages on a link.
#[derive(Debug, Clone, Default)]
pub struct OutgoingTerms {
    /// How deliveries are settled; `None` for what the client asked for.
    pub settle_mode: Option<SenderSettleMode>,
    /// Extensions that the client may count on.
    pub offered_capabilities: Vec<Symbol>,
    /// Properties of the link.
    pub properties: Map,
}

/// What the client is told about a message beside the message itself.
#[derive(Debug, Clone, Copy)]
pub struct NewDelivery<'a> {
    /// The delivery's name: at most 32 bytes, different from those of the
    /// link's other unsettled deliveries.
    pub tag: &'a [u8],
    /// Whether the host wants no disposition.
    pub settled: bool,
    /// The format; 0 is AMQP's own.
    pub message_format: u32,
}

/// Why a message was not sent; nothing of it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotSend {
    /// The link is gone, not answered yet, or one that the client sends on.
    #[error("the link is not open for sending")]
    NotOpen,
    /// No credit, no room in the session's window, too many deliveries
    /// unsettled, or the delivery before waits for one of these. An
    /// [`Event::Flow`](super::Event::Flow) tells when that changes.
    #[error("the client takes no message now")]
    Blocked,
    /// The tag has more than 32 bytes.
    #[error("a delivery tag has at most 32 bytes")]
    TagTooLong,
}
