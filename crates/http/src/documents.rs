//! The JSON documents of the data plane, in and out.
//!
//! Clients send back whole documents that they read, with nulls and defaults;
//! members that are the hub's own are ignored.

pub mod bulk;
pub mod identity;
pub mod twin;
