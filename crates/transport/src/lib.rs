//! Accepting TLS connections: deadlines, caps for strangers, draining.
//!
//! A *stranger* is a peer that has not authenticated yet. Strangers get
//! little: a deadline for the TLS handshake, and caps on how many of them there
//! may be at once, from one address and altogether. What a connection carries is the business of the
//! handler that it is given to.

mod complaint;
mod listener;
mod strangers;

pub use listener::{Connection, Limits, Tls, serve};
pub use strangers::{Stranger, StrangerCaps, Strangers, TooMany};
