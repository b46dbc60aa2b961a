//! The wall clock of this process.
//!
//! Everything else takes the time as an argument; `main`'s side of the program
//! asks here.

use std::time::SystemTime;

/// The time now.
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> SystemTime {
    SystemTime::now()
}
