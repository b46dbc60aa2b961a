//! Rules that a peer broke, and what ends for it.

use crate::performatives::AmqpError;
use crate::value::Symbol;

use super::LinkId;

/// A broken rule of the protocol.
#[derive(Debug)]
pub(super) enum Breach {
    /// The connection is closed.
    Connection(AmqpError),
    /// The session that the frame came on is ended.
    Session(AmqpError),
    /// The link is detached.
    Link(LinkId, AmqpError),
}

impl Breach {
    pub(super) fn connection(condition: Symbol, why: impl ToString) -> Self {
        Self::Connection(AmqpError::new(condition, why.to_string()))
    }

    pub(super) fn session(condition: Symbol, why: impl ToString) -> Self {
        Self::Session(AmqpError::new(condition, why.to_string()))
    }
}
