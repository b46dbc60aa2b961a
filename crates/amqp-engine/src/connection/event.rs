//! What a connection tells its host.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;

use crate::performatives::{AmqpError, Attach, DeliveryState, Open};
use crate::value::Symbol;

/// A link of a connection, as host and engine name it.
///
/// Never reused: a call with the id of a link that is gone does nothing, so
/// that a host need not know yet what the peer has just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkId {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// A session of a connection; tells which links belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub(super) u32);

/// A delivery's number in its session, which wraps around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliveryId(pub u32);

impl DeliveryId {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// Something that happened on a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The client chose one of the mechanisms on offer, and waits for
    /// [`sasl_outcome`](super::Connection::sasl_outcome). Nothing else is read
    /// until then. Clients may go without SASL.
    SaslInit {
        /// The mechanism.
        mechanism: Symbol,
        /// What the client proves itself with; empty without initial response.
        response: Bytes,
        /// The host the client means.
        hostname: Option<ByteString>,
    },
    /// The client has opened the connection, and was answered.
    Opened(Box<Open>),
    /// The client attaches a link, and waits for
    /// [`accept_incoming`](super::Connection::accept_incoming) (its role is
    /// sender), [`accept_outgoing`](super::Connection::accept_outgoing) (its
    /// role is receiver) or [`refuse`](super::Connection::refuse).
    Attach {
        /// The link's id from here on.
        link: LinkId,
        /// The session it belongs to.
        session: SessionId,
        /// The client's words. They have memory of their own: keeping them
        /// keeps no receive buffer.
        attach: Arc<Attach>,
    },
    /// A message has arrived, whole.
    Delivery {
        /// The link it came on.
        link: LinkId,
        /// The message.
        delivery: IncomingDelivery,
    },
    /// A link that the host sends on may be able to go on.
    Flow {
        /// The link.
        link: LinkId,
        /// Whether the client wants what there is now, and then to hear
        /// [`drained`](super::Connection::drained).
        drain: bool,
    },
    /// The client tells the state of deliveries that were sent to it unsettled.
    Settled {
        /// The link they went out on.
        link: LinkId,
        /// The first of them.
        first: DeliveryId,
        /// The last; of those between, the ones on this link that are unsettled.
        last: DeliveryId,
        /// How they ended, if it says so; [`DeliveryState::Received`] is no end.
        state: Option<DeliveryState>,
        /// Whether the client has forgotten them, as has the engine. If not, it
        /// waits for [`settle_outgoing`](super::Connection::settle_outgoing).
        settled: bool,
    },
    /// A link is gone, answered or not before: detached by the client (who is
    /// answered), by the end of its session, or for breaking a rule.
    Detached {
        /// The link.
        link: LinkId,
        /// Why, when something went wrong.
        error: Option<AmqpError>,
    },
    /// The connection is over, and with it all links. The last event.
    Closed(CloseReason),
}

/// A message from the client.
#[derive(Clone, PartialEq)]
pub struct IncomingDelivery {
    /// Its number in the session.
    ///
    /// Deliveries of several links of a session are counted together: only
    /// those whose numbers follow each other make a range to settle.
    pub id: DeliveryId,
    /// The client's name for it.
    pub tag: Bytes,
    /// The format; 0 is AMQP's own.
    pub message_format: u32,
    /// Whether the client expects no disposition.
    pub settled: bool,
    /// The encoded message: of one frame, a slice of the receive buffer.
    pub payload: Bytes,
}

/// Shows how much there is, not what it says: it may hold a token.
impl fmt::Debug for IncomingDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingDelivery")
            .field("id", &self.id)
            .field("tag", &self.tag)
            .field("message_format", &self.message_format)
            .field("settled", &self.settled)
            .field("payload_length", &self.payload.len())
            .finish()
    }
}

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq)]
pub enum CloseReason {
    /// The client closed it, with an error perhaps, and was answered.
    Peer(Option<AmqpError>),
    /// The client was silent for longer than it may be.
    Silent,
    /// The client broke a rule of the protocol, and was told so.
    Violation(AmqpError),
    /// The client speaks another protocol, or another version of this one. It
    /// was told what is spoken here.
    OtherProtocol,
    /// The client's side of the SASL layer makes no sense, or chooses a
    /// mechanism that is not on offer.
    Sasl,
}
