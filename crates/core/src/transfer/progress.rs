//! How far a job is, for whoever asks while it runs.

use std::sync::atomic::{AtomicU8, Ordering};

use super::job::TransferKind;
use crate::ids::HubName;
use crate::metrics::TransferMetrics;

/// It is not stored: a job that does not run has none.
#[derive(Debug)]
pub(super) struct Progress {
    percent: AtomicU8,
    /// The same for whoever watches the hub.
    pub metrics: TransferMetrics,
}

impl Progress {
    /// Of a job that is about to run.
    pub(super) fn of(hub: &HubName, kind: TransferKind) -> Self {
        Progress {
            percent: AtomicU8::new(0),
            metrics: TransferMetrics::of(hub, kind),
        }
    }

    /// So much of it all is done; never quite all while it runs.
    pub(super) fn set(&self, done: u64, of: u64) {
        let percent = done
            .saturating_mul(100)
            .checked_div(of)
            .unwrap_or(0)
            .min(99);
        let percent = u8::try_from(percent).unwrap_or(99);
        self.percent.store(percent, Ordering::Relaxed);
    }

    /// In percent.
    pub(super) fn percent(&self) -> u8 {
        self.percent.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_is_never_quite_done() {
        let hub = HubName::parse("plant").unwrap();
        let progress = Progress::of(&hub, TransferKind::Export);

        for (done, of, percent) in [(0, 0, 0), (1, 3, 33), (3, 3, 99), (7, 3, 99)] {
            progress.set(done, of);

            assert_eq!(progress.percent(), percent, "{done} of {of}");
        }
    }
}
