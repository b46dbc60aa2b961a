//! AMQP 1.0, as far as one needs it to measure with.
//!
//! [`client`] is let in, attaches links and asks questions; [`sender`] and
//! [`reader`] then take its connection over for their loops, where frames are
//! written by hand and only looked at as far as they are needed. The rest is
//! encoded and decoded by `twinhub-amqp-engine`.

pub mod addresses;
pub mod channel;
pub mod client;
pub mod reader;
pub mod sender;
pub mod session;
pub mod wire;
