//! The Event Hubs-compatible endpoint: readers of a hub's events.
//!
//! An [`EventHubContainer`] answers the attaches of clients that know Event
//! Hubs: a hub's events are an entity of the hub's name, its partitions are
//! read through consumer groups, and `$management` tells of both. Events go
//! from the log's bytes straight into transfers.
//! What each client depends on: `docs/compatibility.md`.
//!
//! | Module | What it holds |
//! |---|---|
//! | `container`, `node` | which addresses lead where |
//! | `reader`, `cursor` | a reader's link, its place in the log |
//! | `beginning` | where a reader wants to begin: the filter |
//! | `places` | who reads which partition: epochs |
//! | `encoder`, `runtime_info`, `moments` | events as messages |
//! | `management` | questions about an entity and its partitions |
//! | `redirect` | the way here from the hub's own address |
//! | `refusal`, `conditions` | what a refused client is told |
//! | `metrics` | what is counted |

mod beginning;
mod conditions;
mod container;
mod cursor;
mod encoder;
mod management;
mod metrics;
mod moments;
mod node;
mod places;
mod reader;
mod redirect;
mod refusal;
mod runtime_info;

pub use container::{EventHubContainer, Services, Settings};
pub use encoder::EventEncoder;
pub use runtime_info::RuntimeInfo;
