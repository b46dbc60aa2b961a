//! A hub's imports and exports: pure decisions.
//!
//! All are one record, so that of two callers who start a job at the same
//! moment one loses the race and finds the other's job in the way.

use std::time::Duration;

use super::job::{Ended, TransferId, TransferJob, TransferStatus};
use crate::time::Timestamp;

/// How long a job is remembered after it has ended.
const REMEMBERED_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How many jobs are remembered, at most: the oldest make way.
const REMEMBERED: usize = 200;
/// What is told of a job that ran when the hub was stopped.
pub(super) const STOPPED: &str = "the hub stopped while the job was running; \
     what it had done until then stays, start it again to do the rest";
/// What is told of a job that an earlier process left without an end.
pub(super) const FOUND_ACTIVE: &str = "the hub stopped while the job was running, or before it \
     could save how the job ended; what was done until then stays, start it again to do the rest";
/// What is told of a job that nobody runs, though it may be in the book.
pub(super) const IN_DOUBT: &str = "the hub's storage failed when the job was started; \
     nothing was done, start it again";

/// A job is in the way: a hub has one active import or export at a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("import or export job {0} is active, and a hub has one at a time")]
pub struct Busy(pub TransferId);

/// The imports and exports of a hub, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransferBook {
    /// The jobs.
    pub jobs: Vec<TransferJob>,
}

impl TransferBook {
    /// Adds a job that starts now, and forgets old ones.
    pub fn start(&mut self, job: TransferJob) -> Result<(), Busy> {
        if let Some(active) = self.active() {
            return Err(Busy(active.id.clone()));
        }
        self.forget(job.started);
        self.jobs.push(job);
        debug_assert!(self.jobs.iter().filter(|job| job.is_active()).count() == 1);
        Ok(())
    }

    /// Notes how a job ended; false if it is not there or had ended before,
    /// and then nothing changes.
    pub fn end(&mut self, id: &TransferId, how: Ended, now: Timestamp) -> bool {
        let found = self.jobs.iter_mut().find(|job| job.id == *id);
        match found {
            Some(job) if job.is_active() => {
                job.status = TransferStatus::Ended { at: now, how };
                true
            }
            _ => false,
        }
    }

    /// A job by its name.
    pub fn job(&self, id: &TransferId) -> Option<&TransferJob> {
        self.jobs.iter().find(|job| job.id == *id)
    }

    /// The job that stands in the way of others.
    pub fn active(&self) -> Option<&TransferJob> {
        self.jobs.iter().find(|job| job.is_active())
    }

    fn forget(&mut self, now: Timestamp) {
        let remembered = |job: &TransferJob| {
            job.ended()
                .is_none_or(|ended| now.since(ended) <= REMEMBERED_FOR)
        };
        self.jobs.retain(remembered);
        let too_many = (self.jobs.len() + 1).saturating_sub(REMEMBERED);
        self.jobs.drain(..too_many);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::TransferKind;

    const NOW: Timestamp = Timestamp::from_ticks(638_000_000_000_000_000);

    fn export(at: Timestamp) -> TransferJob {
        TransferJob::start(TransferKind::Export, false, at)
    }

    fn days(days: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(days * 24 * 60 * 60))
    }

    #[test]
    fn a_second_job_is_refused_until_the_first_has_ended() {
        let mut book = TransferBook::default();
        let first = export(NOW);
        book.start(first.clone()).unwrap();

        assert_eq!(book.start(export(NOW)), Err(Busy(first.id.clone())));
        assert!(book.end(&first.id, Ended::Completed, NOW));
        assert_eq!(book.start(export(NOW)), Ok(()));
    }

    #[test]
    fn how_a_job_ended_is_never_changed() {
        let mut book = TransferBook::default();
        let job = export(NOW);
        book.start(job.clone()).unwrap();
        book.end(&job.id, Ended::Cancelled, NOW);

        assert!(!book.end(&job.id, Ended::Completed, days(1)));
        let status = &book.job(&job.id).unwrap().status;
        let cancelled = TransferStatus::Ended {
            at: NOW,
            how: Ended::Cancelled,
        };
        assert_eq!(*status, cancelled);
    }

    #[test]
    fn jobs_are_forgotten_thirty_days_after_their_end() {
        let mut book = TransferBook::default();
        let (old, young) = (export(NOW), export(days(2)));
        for job in [&old, &young] {
            book.start(job.clone()).unwrap();
            book.end(&job.id, Ended::Completed, job.started);
        }

        book.start(export(days(31))).unwrap();

        assert_eq!(book.job(&old.id), None);
        assert!(book.job(&young.id).is_some());
    }

    #[test]
    fn the_book_has_an_end() {
        let mut book = TransferBook::default();
        for _ in 0..REMEMBERED + 5 {
            let job = export(NOW);
            book.start(job.clone()).unwrap();
            book.end(&job.id, Ended::Completed, NOW);
        }

        assert_eq!(book.jobs.len(), REMEMBERED);
    }
}
