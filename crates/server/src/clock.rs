//! The wall clock of this process, in the form that certificates and tokens
//! take it.
//!
//! Everything else takes the time as an argument; `main`'s side of the program
//! asks here.

use std::time::{SystemTime, UNIX_EPOCH};

use twinhub_core::time::{Clock, SystemClock, Timestamp};

/// The time now.
pub fn now() -> SystemTime {
    UNIX_EPOCH + SystemClock.now().since(Timestamp::from_unix_seconds(0))
}
