//! Delivery: what waits for custom endpoints gets there.
//!
//! A [`Dispatcher`] runs a worker for each partition of each endpoint. A
//! worker reads the endpoint's backlog in order, gives events to the
//! [`Target`](crate::ports::Target), and goes back to what is not delivered
//! after each failure. It tries for as long as the backlog keeps the events:
//! an endpoint that is down for hours loses nothing.
//!
//! **At least once, in order per partition.** What is saved of the progress
//! is never ahead of what was delivered; a restart begins there.
//! **Apart.** Workers share nothing but their endpoint's ledger: a slow or
//! dead endpoint holds back no other, and a worker holds one read of its
//! backlog and what its target buffers.
//! **Left out**, counted and told, is what can never be delivered: events that
//! the target calls invalid, records that are damaged, and what the backlog's
//! retention took first.
//!
//! | Module | What it holds |
//! |---|---|
//! | `backoff` | how long to wait after a failure |
//! | `window` | which events are delivered, taken, or still to be read |
//! | `health` | whether an endpoint accepts, and since when it does not |
//! | `ledger` | what the workers of an endpoint report |
//! | `worker` | one partition of one endpoint |
//! | `courier` | the workers of an endpoint, and saving how far they are |
//! | `post` | endpoints as they come, change and go |
//! | `dispatcher` | follows what is set of all hubs |

mod backoff;
mod courier;
mod dispatcher;
mod health;
mod ledger;
mod post;
mod window;
mod worker;

pub(super) use self::backoff::Backoff;
pub use self::dispatcher::Dispatcher;
pub use self::health::{EndpointHealth, EndpointStatus, LastError};

#[cfg(test)]
mod tests;
