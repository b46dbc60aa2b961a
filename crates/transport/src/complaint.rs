//! Saying once what happens many times a second.

use std::time::Duration;

use tokio::time::Instant;

/// How long a complaint that was made stands for those behind it.
const EVERY: Duration = Duration::from_secs(10);

/// A complaint that is made at once, and then once per ten seconds at most.
#[derive(Debug, Default)]
pub(crate) struct Complaint {
    made_at: Option<Instant>,
    occasions: u64,
}

impl Complaint {
    /// Counts an occasion. When it is time to complain: how many there were
    /// since the last complaint, with this one.
    pub(crate) fn occasion(&mut self, now: Instant) -> Option<u64> {
        self.occasions += 1;
        let is_due = self.made_at.is_none_or(|made_at| now - made_at >= EVERY);
        is_due.then(|| {
            self.made_at = Some(now);
            std::mem::take(&mut self.occasions)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn occasions_in_between_are_counted() {
        let mut complaint = Complaint::default();
        let start = Instant::now();

        assert_eq!(complaint.occasion(start), Some(1));
        assert_eq!(complaint.occasion(start + EVERY / 4), None);
        assert_eq!(complaint.occasion(start + EVERY / 2), None);
        assert_eq!(complaint.occasion(start + EVERY), Some(3));
        assert_eq!(complaint.occasion(start + EVERY + EVERY / 2), None);
    }
}
