//! Accepting TLS connections: deadlines, caps for strangers, draining.
//!
//! A *stranger* is a peer that has not authenticated yet. Strangers get
//! little: a deadline for the TLS handshake, and a cap on how many of them one
//! address may have at once. What a connection carries is the business of the
//! handler that it is given to.

mod listener;
mod strangers;

pub use listener::{Connection, Limits, serve};
pub use strangers::{Stranger, Strangers};
