//! Receiving feedback, for back ends.

use std::pin::pin;
use std::time::Duration;

use super::feedback::{BatchLost, READY_AFTER, is_ready, ready_at};
use super::{
    CloudToDevice, FeedbackBatch, FeedbackBook, FeedbackError, Lock, LockToken, LockedBatch,
    MAX_FEEDBACK_BATCH, NumberedFeedback,
};
use crate::access::ServicePermit;
use crate::ids::HubName;
use crate::ports::{Change, CommitError, Record, Revision, StoreError, Stored, UnitOfWork};
use crate::time::Timestamp;

/// How long feedback may go on coming before somebody who waits for a batch
/// looks again.
const GATHER: Duration = Duration::from_millis(250);

/// The book as it was read.
struct Opened {
    before: FeedbackBook,
    revision: Option<Revision>,
    /// What it becomes.
    book: FeedbackBook,
    /// Records that are of no use any more.
    gone: Vec<(u64, u64)>,
}

impl CloudToDevice {
    /// Returns once a batch of feedback may be ready; of several who wait, the
    /// first to ask is given it. Safe to cancel.
    pub async fn feedback_ready(&self, permit: &ServicePermit) -> Result<(), FeedbackError> {
        let hub = permit.hub().name();
        loop {
            // Before the look, so that nothing is missed between the two.
            let mut told = pin!(self.feedback_news.notified());
            told.as_mut().enable();
            let now = self.clock.now();
            let ready = self.next_batch(hub, now).await?;
            if ready.is_some_and(|ready| ready <= now) {
                return Ok(());
            }
            // Stores are shared with others, whose news do not come here.
            let nap = ready.map_or(READY_AFTER, |ready| ready.since(now).min(READY_AFTER));
            tokio::select! {
                () = tokio::time::sleep(nap) => {}
                () = told => tokio::time::sleep(GATHER.min(nap)).await,
            }
        }
    }

    /// When the next batch is ready, as far as is known now.
    async fn next_batch(
        &self,
        hub: &HubName,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let book = self.open_book(hub).await?.book;
        let free = book.free_at(now);
        if free.is_some_and(|free| free <= now) {
            return Ok(free);
        }
        let through = book.batched_through;
        let waiting = self
            .store
            .feedback(hub, through, MAX_FEEDBACK_BATCH)
            .await?;
        Ok(free.into_iter().chain(ready_at(&waiting)).min())
    }

    /// The oldest batch of feedback that nobody holds, locked; nothing if no
    /// batch is ready.
    pub async fn receive_feedback(
        &self,
        permit: &ServicePermit,
    ) -> Result<Option<FeedbackBatch>, FeedbackError> {
        let hub = permit.hub().name();
        loop {
            let mut opened = self.open_book(hub).await?;
            let now = self.clock.now();
            let lock = Lock {
                token: LockToken::random(),
                until: now.plus(self.settings.feedback.lock),
            };
            let mut received = opened.book.receive(lock);
            if received.is_none() {
                let through = opened.book.batched_through;
                let waiting = self
                    .store
                    .feedback(hub, through, MAX_FEEDBACK_BATCH)
                    .await?;
                if let [first, .., last] | [first @ last] = &waiting[..]
                    && is_ready(&waiting, now)
                {
                    opened.book.add((first.number, last.number), now);
                    received = opened.book.receive(lock);
                }
            }
            if !self.save_book(hub, opened).await? {
                continue;
            }
            let Some(batch) = received else {
                return Ok(None);
            };
            let records = self.records_of(hub, &batch).await?;
            if records.is_empty() {
                // All too old by now: the next batch, then.
                self.complete_feedback(permit, &lock.token).await?;
                continue;
            }
            return Ok(Some(FeedbackBatch {
                lock: lock.token,
                enqueued: batch.made,
                delivery_count: batch.delivery_count,
                records: records.into_iter().map(|found| found.record).collect(),
            }));
        }
    }

    /// Completes a batch: it is gone.
    pub async fn complete_feedback(
        &self,
        permit: &ServicePermit,
        lock: &LockToken,
    ) -> Result<(), FeedbackError> {
        self.settle_feedback(permit, |opened| {
            let records = opened.book.complete(lock)?;
            opened.gone.push(records);
            Ok(())
        })
        .await
    }

    /// Abandons a batch: whoever asks next is given it.
    pub async fn abandon_feedback(
        &self,
        permit: &ServicePermit,
        lock: &LockToken,
    ) -> Result<(), FeedbackError> {
        self.settle_feedback(permit, |opened| opened.book.abandon(lock))
            .await?;
        self.feedback_news.notify_waiters();
        Ok(())
    }

    /// For a reader that goes: the batches that it was given and has not
    /// settled are for others, as if they had not been given out.
    pub async fn give_back_feedback(
        &self,
        permit: &ServicePermit,
        locks: &[LockToken],
    ) -> Result<(), FeedbackError> {
        self.settle_feedback(permit, |opened| {
            opened.book.give_back(locks);
            Ok(())
        })
        .await?;
        self.feedback_news.notify_waiters();
        Ok(())
    }

    async fn settle_feedback(
        &self,
        permit: &ServicePermit,
        settle: impl Fn(&mut Opened) -> Result<(), BatchLost>,
    ) -> Result<(), FeedbackError> {
        let hub = permit.hub().name();
        loop {
            let mut opened = self.open_book(hub).await?;
            settle(&mut opened).map_err(|BatchLost| FeedbackError::LockLost)?;
            if self.save_book(hub, opened).await? {
                return Ok(());
            }
        }
    }

    async fn records_of(
        &self,
        hub: &HubName,
        batch: &LockedBatch,
    ) -> Result<Vec<NumberedFeedback>, StoreError> {
        let (first, last) = batch.records;
        let after = first.saturating_sub(1);
        let mut records = self.store.feedback(hub, after, MAX_FEEDBACK_BATCH).await?;
        records.retain(|found| found.number <= last);
        Ok(records)
    }

    /// Reads the book and catches up with time.
    async fn open_book(&self, hub: &HubName) -> Result<Opened, StoreError> {
        let (before, revision) = match self.store.feedback_book(hub).await? {
            Some(Stored { revision, value }) => (value, Some(revision)),
            None => (FeedbackBook::default(), None),
        };
        let mut book = before.clone();
        let gone = book.catch_up(&self.settings.feedback, self.clock.now());
        Ok(Opened {
            before,
            revision,
            book,
            gone,
        })
    }

    /// Saves the book, if it changed; false if somebody else was quicker.
    async fn save_book(&self, hub: &HubName, opened: Opened) -> Result<bool, StoreError> {
        if opened.book == opened.before {
            return Ok(true);
        }
        let record = Record::FeedbackBook(opened.book);
        let mut changes = vec![match opened.revision {
            Some(revision) => Change::Replace(record, revision),
            None => Change::Insert(record),
        }];
        let gone = opened.gone.into_iter();
        changes.extend(gone.map(|(first, last)| Change::RemoveFeedback { first, last }));
        match self
            .store
            .commit(UnitOfWork::new(hub.clone(), changes))
            .await
        {
            Ok(()) => Ok(true),
            Err(CommitError::Conflict(_)) => Ok(false),
            Err(CommitError::Store(error)) => Err(error),
        }
    }
}
