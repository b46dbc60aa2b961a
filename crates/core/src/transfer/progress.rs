//! How far a job is, for whoever asks while it runs.

use std::sync::atomic::{AtomicU8, Ordering};

/// Percent. It is not stored: a job that does not run has none.
#[derive(Debug, Default)]
pub(super) struct Progress(AtomicU8);

impl Progress {
    /// So much of it all is done; never quite all while it runs.
    pub(super) fn set(&self, done: u64, of: u64) {
        let percent = done
            .saturating_mul(100)
            .checked_div(of)
            .unwrap_or(0)
            .min(99);
        self.0
            .store(u8::try_from(percent).unwrap_or(99), Ordering::Relaxed);
    }

    /// In percent.
    pub(super) fn percent(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_is_never_quite_done() {
        let progress = Progress::default();

        for (done, of, percent) in [(0, 0, 0), (1, 3, 33), (3, 3, 99), (7, 3, 99)] {
            progress.set(done, of);

            assert_eq!(progress.percent(), percent, "{done} of {of}");
        }
    }
}
