//! Event logs in memory, whose disk does as tests wish: for the tests of those
//! who know no engine.
//!
//! | Module | What it holds |
//! |---|---|
//! | `log`, `producer` | [`MemoryLog`]: the event port |
//! | `backlogs` | [`MemoryBacklogs`]: what waits for custom endpoints |

#![allow(clippy::unwrap_used, reason = "for tests alone: a panic is a failure")]

mod backlogs;
mod log;
mod producer;

pub use backlogs::{MemoryBacklog, MemoryBacklogs};
pub use log::MemoryLog;
