//! Conversations between a connection and a peer made of the codec: what the
//! standard and the clients demand, one rule a test.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod attaching;
mod closing;
mod credit;
mod detaching;
mod grants;
mod handshake;
mod incoming;
mod liveness;
mod outgoing;
mod peer;
mod refusing;
mod sessions;
mod settling;
mod sizes;
mod violations;
mod windows;
