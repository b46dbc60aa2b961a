//! Moments on the wire: milliseconds since 1970, where core has ticks.

use twinhub_amqp_engine::value::Timestamp as Milliseconds;
use twinhub_core::time::Timestamp;

/// The last whole millisecond that has passed at a moment.
pub(crate) fn to_wire(moment: Timestamp) -> Milliseconds {
    Milliseconds(moment.unix_millis())
}

/// The moment at which a millisecond begins; stops at the ends of time.
pub(crate) fn from_wire(moment: Milliseconds) -> Timestamp {
    Timestamp::from_unix_millis(moment.0)
}
