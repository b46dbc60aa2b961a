//! Cloud-to-device messages over this engine, with a clock that is moved by
//! hand.
#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

mod feedback;
mod model;
mod plant;
mod queues;
mod sweep;
