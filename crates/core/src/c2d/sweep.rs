//! What happens because time passes: messages expire, locks run out, feedback
//! that nobody reads goes.
//!
//! The store knows which queue is due next. The sweep sleeps until then, and
//! is woken when a commit brings something nearer.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::CloudToDevice;
use super::service::{Owner, TurnError};
use crate::ports::{Change, CommitError, DueQueue, StoreError, UnitOfWork};
use crate::time::Timestamp;

/// Queues that are swept at once: they share a flush.
const QUEUES_AT_ONCE: usize = 256;
/// The longest sleep: clocks are set, and stores shared with others.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How often feedback is looked at while there is some.
const FEEDBACK_EVERY: Duration = Duration::from_secs(10);
/// How long to wait after a failure.
const PATIENCE: Duration = Duration::from_secs(1);

/// Wakes the sweep when something becomes due before it would look.
pub(super) struct Alarm {
    /// When the sweep looks next, in ticks.
    rings: AtomicI64,
    wake: Notify,
}

impl Default for Alarm {
    fn default() -> Self {
        Alarm {
            rings: AtomicI64::new(i64::MAX),
            wake: Notify::new(),
        }
    }
}

impl Alarm {
    /// Something was stored that is due then.
    pub(super) fn set(&self, due: Option<Timestamp>) {
        if due.is_some_and(|due| due.ticks() < self.rings.load(Ordering::SeqCst)) {
            self.wake.notify_one();
        }
    }

    /// Before the sweep looks: whatever is set from now on wakes it.
    fn listen(&self) {
        self.rings.store(i64::MAX, Ordering::SeqCst);
    }

    /// Sleeps for `span`, which ends at `then`, or until woken.
    async fn sleep(&self, span: Duration, then: Timestamp) {
        self.rings.store(then.ticks(), Ordering::SeqCst);
        // A wake-up that came since `listen` is kept and ends this at once.
        tokio::select! {
            () = self.wake.notified() => {}
            () = tokio::time::sleep(span) => {}
        }
    }
}

impl CloudToDevice {
    /// Sweeps whenever something is due, until `shutdown`.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        loop {
            let next = match self.sweep().await {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(%error, "could not sweep the queues, will try again");
                    self.clock.now().plus(PATIENCE)
                }
            };
            let span = next.since(self.clock.now());
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.alarm.sleep(span, next) => {}
            }
        }
    }

    /// Does all that is due now; tells when to look again.
    pub async fn sweep(&self) -> Result<Timestamp, StoreError> {
        self.alarm.listen();
        let next = self.sweep_queues().await?;
        let has_feedback = self.trim_feedback().await?;
        let now = self.clock.now();
        let longest = if has_feedback {
            FEEDBACK_EVERY
        } else {
            LONGEST_SLEEP
        };
        let latest = now.plus(longest);
        Ok(next.map_or(latest, |next| next.min(latest)))
    }

    /// Lets due queues catch up; tells when the next is due.
    async fn sweep_queues(&self) -> Result<Option<Timestamp>, StoreError> {
        loop {
            let mut queues = self.store.due_queues(QUEUES_AT_ONCE).await?;
            let now = self.clock.now();
            let due = queues.partition_point(|queue| queue.due <= now);
            let next = queues.get(due).map(|queue| queue.due);
            let page_ends = queues.len() < QUEUES_AT_ONCE || next.is_some();
            queues.truncate(due);
            for swept in join_all(queues.iter().map(|queue| self.catch_up(queue))).await {
                swept?;
            }
            if page_ends {
                return Ok(next);
            }
        }
    }

    /// A turn of which nobody wants anything: what is due happens.
    async fn catch_up(&self, queue: &DueQueue) -> Result<(), StoreError> {
        let owner = Owner {
            hub: &queue.hub,
            id: &queue.identity,
            generation: None,
        };
        match self.turn(owner, |_| Ok::<(), Infallible>(())).await {
            // Gone meanwhile, and its queue with it.
            Ok(()) | Err(TurnError::NotRegistered) => Ok(()),
            Err(TurnError::Refused(never)) => match never {},
            Err(TurnError::Store(error)) => Err(error),
        }
    }

    /// Drops feedback that is too old, or too much; tells whether there was any.
    async fn trim_feedback(&self) -> Result<bool, StoreError> {
        let rules = &self.settings.feedback;
        let before = self.clock.now().minus(rules.ttl);
        let stocks = self.store.feedback_stocks().await?;
        let has_feedback = !stocks.is_empty();
        for stock in stocks {
            if stock.oldest > before && stock.records <= rules.max_records {
                continue;
            }
            let keep = rules.max_records;
            let trim = Change::TrimFeedback { before, keep };
            match self
                .store
                .commit(UnitOfWork::new(stock.hub, vec![trim]))
                .await
            {
                // The hub is gone: so is its feedback.
                Ok(()) | Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        Ok(has_feedback)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const NOW: Timestamp = Timestamp::from_ticks(638_000_000_000_000_000);

    /// How long a sleep of a minute takes when `due` is set during it.
    async fn sleep_with(due: Timestamp) -> Duration {
        let alarm = Arc::new(Alarm::default());
        alarm.listen();
        let setter = alarm.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            setter.set(Some(due));
        });
        let asleep = Instant::now();
        alarm.sleep(LONGEST_SLEEP, NOW.plus(LONGEST_SLEEP)).await;
        asleep.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn something_nearer_ends_the_sleep_and_something_later_does_not() {
        let nearer = NOW.plus(Duration::from_secs(5));
        let later = NOW.plus(LONGEST_SLEEP);

        assert_eq!(sleep_with(nearer).await, Duration::from_secs(1));
        assert_eq!(sleep_with(later).await, LONGEST_SLEEP);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_set_while_the_sweep_looks_is_not_missed() {
        let alarm = Alarm::default();
        alarm.listen();
        alarm.set(Some(NOW));
        let asleep = Instant::now();

        alarm.sleep(LONGEST_SLEEP, NOW.plus(LONGEST_SLEEP)).await;

        assert_eq!(asleep.elapsed(), Duration::ZERO);
    }
}
