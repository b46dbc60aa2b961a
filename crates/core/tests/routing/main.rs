//! Events on their way in, over logs in memory whose disks do as the tests
//! wish, and twins in the embedded engine.

#![allow(clippy::unwrap_used, reason = "tests fail that way")]

mod broken;
mod changes;
mod connection_events;
mod copies;
mod enrichments;
mod faults;
mod model;
mod plant;
mod twins;
