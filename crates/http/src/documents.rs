//! The JSON documents of the data plane, in and out.
//!
//! Clients send back whole documents that they read, with nulls and defaults;
//! members that are the hub's own are ignored.

pub mod bulk;
pub mod delivery;
pub mod event;
pub mod identity;
pub mod message;
pub mod message_batch;
pub mod transfer;
pub mod twin;
