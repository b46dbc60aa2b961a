//! The engine suite of the backlogs port on this engine, and what is its own:
//! files, retention, and being killed.

#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

mod crash;
mod plant;
mod progress;
mod removal;
mod room;

use plant::Folder;

mod suite {
    use super::*;

    twinhub_engine_suite::backlogs_suite!(Folder::new());
}
