//! Traffic: how much a hub takes in and gives out, and how much it did lately.
//!
//! Counted where a batch is done, by one relaxed addition each, so that a
//! message costs nothing. The counts begin with the process. [`History`]
//! samples them in memory for those who draw charts; what is to be kept for
//! longer is collected from the metrics.

mod history;
mod ring;

use std::sync::atomic::{AtomicU64, Ordering};

pub use self::history::{History, Series};
pub use self::ring::{FINE_STEP, MAX_SPAN, Sample};

/// What a hub has passed on since the process began.
#[derive(Debug, Default)]
pub struct Traffic {
    messages_in: AtomicU64,
    messages_out: AtomicU64,
    methods: AtomicU64,
    twin_writes: AtomicU64,
}

/// The counts of a [`Traffic`] at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Telemetry that was taken from devices and modules.
    pub messages_in: u64,
    /// Events that were given to readers of the built-in endpoint and to custom
    /// endpoints, and messages to devices and modules.
    pub messages_out: u64,
    /// Methods that were called.
    pub methods: u64,
    /// Twins that were written, by back ends and by their owners.
    pub twin_writes: u64,
}

impl Traffic {
    /// Telemetry was taken.
    pub fn came_in(&self, messages: u64) {
        add(&self.messages_in, messages);
    }

    /// Events were given to a reader or an endpoint, or messages to a device or
    /// module.
    pub fn went_out(&self, messages: u64) {
        add(&self.messages_out, messages);
    }

    /// A method is called.
    pub(crate) fn method_called(&self) {
        add(&self.methods, 1);
    }

    /// A twin was written.
    pub(crate) fn twin_written(&self) {
        add(&self.twin_writes, 1);
    }

    /// The counts as they are.
    pub fn counts(&self) -> Counts {
        Counts {
            messages_in: self.messages_in.load(Ordering::Relaxed),
            messages_out: self.messages_out.load(Ordering::Relaxed),
            methods: self.methods.load(Ordering::Relaxed),
            twin_writes: self.twin_writes.load(Ordering::Relaxed),
        }
    }
}

/// Adds to a counter that nothing else is ordered by.
fn add(counter: &AtomicU64, count: u64) {
    if count > 0 {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

impl Counts {
    /// What was counted since `earlier`.
    pub(crate) fn since(self, earlier: Counts) -> Counts {
        Counts {
            messages_in: self.messages_in.saturating_sub(earlier.messages_in),
            messages_out: self.messages_out.saturating_sub(earlier.messages_out),
            methods: self.methods.saturating_sub(earlier.methods),
            twin_writes: self.twin_writes.saturating_sub(earlier.twin_writes),
        }
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Counts) {
        self.messages_in += more.messages_in;
        self.messages_out += more.messages_out;
        self.methods += more.methods;
        self.twin_writes += more.twin_writes;
    }
}
