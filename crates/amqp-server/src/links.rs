//! The handles by which links are served.
//!
//! A link begins as a [`PendingLink`]; accepting it gives an [`Incoming`] or
//! an [`Outgoing`], dropping which detaches the link. All handles of a
//! connection reach its engine through one lock, which nobody else contends
//! for since handles live in the connection's task; it is never held while
//! something waits.
//!
//! Back-pressure goes both ways. While more than
//! [`Settings::max_untaken`](crate::Settings::max_untaken) bytes of deliveries
//! wait to be taken, the peer is not read; so a link's future takes
//! deliveries whatever it else waits for, and never waits for credit of the
//! peer instead. While much waits to be written, no [`Outgoing`] is ready;
//! while very much does, the peer is not read either.

mod events;
mod incoming;
mod outgoing;
mod pending;
mod shared;

pub use twinhub_amqp_engine::connection::{
    CannotSend, DeliveryId, IncomingDelivery, IncomingTerms, NewDelivery, OutgoingTerms,
    SessionId as SessionKey,
};

pub use self::incoming::Incoming;
pub use self::outgoing::{Outgoing, Settlement};
pub use self::pending::{Direction, PendingLink};
pub(crate) use self::shared::{Inner, Limits, Links};

/// Why a link is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    /// The peer detached it, ended its session or closed the connection.
    #[error("the peer has detached the link")]
    ByPeer,
    /// It broke a rule of the protocol, or somebody took its name.
    #[error("the link broke a rule")]
    ByViolation,
    /// The connection broke: the peer vanished or fell silent.
    #[error("the connection is lost")]
    Lost,
    /// The hub ends the connection.
    #[error("the hub ends the connection")]
    ByHub,
}
