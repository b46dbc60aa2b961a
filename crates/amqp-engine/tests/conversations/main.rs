//! Conversations between a connection and a peer made of the codec: what the
//! standard and the clients demand, one rule a test.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod closing;
mod credit;
mod handshake;
mod incoming;
mod links;
mod liveness;
mod outgoing;
mod peer;
mod sessions;
mod settling;
mod violations;
