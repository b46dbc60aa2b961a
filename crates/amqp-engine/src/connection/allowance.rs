//! Memory that a peer may take, counted.

/// Bytes held of those allowed.
#[derive(Debug)]
pub(super) struct Allowance {
    pub(super) held: usize,
    pub(super) limit: usize,
}

impl Allowance {
    pub(super) fn of(limit: usize) -> Self {
        Self { held: 0, limit }
    }

    /// Takes bytes; false when that many are not left.
    #[must_use]
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.limit.saturating_sub(self.held);
        if fits {
            self.held += bytes;
        }
        fits
    }

    pub(super) fn give_back(&mut self, bytes: usize) {
        self.held -= bytes;
    }
}
