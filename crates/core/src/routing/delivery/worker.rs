//! One partition of one endpoint: reads what waits, gives it to the target,
//! and goes back to what is not delivered after a failure.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::backoff::Backoff;
use super::ledger::Ledger;
use super::window::Window;
use crate::events::{EventBatch, EventRef, PartitionId};
use crate::ids::HubName;
use crate::ports::{DeliveryFailure, EventLog, FailureReason, LogError, Target};
use crate::time::Timestamp;

/// How many bytes of the backlog are read at once.
const READ_BYTES: usize = 128 * 1024;
/// How many events the target is shown at once.
const SHOWN_EVENTS: usize = 256;
/// How long the target may take to end once the hub stops, each time it is
/// asked: for what it is at, and for a last flush.
const GRACE: Duration = Duration::from_millis(2_500);
/// How long to wait for an event that was promised and is not there.
const NOTHING_THERE: Duration = Duration::from_millis(100);

/// A worker. It ends when it is told to, or when the backlog is closed.
pub(super) struct Worker {
    hub: HubName,
    partition: PartitionId,
    log: Arc<dyn EventLog>,
    target: Box<dyn Target>,
    ledger: Arc<Ledger>,
    stop: CancellationToken,
    window: Window,
    /// Until when what is taken may wait for more.
    flush_by: Option<Instant>,
    /// The next damaged event, if one is known to come.
    damaged: Option<u64>,
    /// There is an event, they say.
    is_promised: bool,
    backoff: Backoff,
}

/// Why a step did not get on.
enum Setback {
    /// The backlog could not be read.
    Log(LogError),
    /// The target failed, and may have said how long to wait.
    Target(Option<Duration>),
    /// The hub stops, and the target did not end in time: it is asked nothing
    /// more.
    Abandoned,
}

impl Worker {
    /// Everything of the partition before `next` is delivered.
    pub(super) fn new(
        (hub, partition): (HubName, PartitionId),
        next: u64,
        log: Arc<dyn EventLog>,
        target: Box<dyn Target>,
        ledger: Arc<Ledger>,
        stop: CancellationToken,
    ) -> Self {
        Worker {
            hub,
            partition,
            log,
            target,
            ledger,
            stop,
            window: Window::new(next),
            flush_by: None,
            damaged: None,
            is_promised: false,
            backoff: Backoff::default(),
        }
    }

    /// Delivers until it is told to stop; what the target holds then is
    /// flushed, if that is quick.
    pub(super) async fn run(mut self) {
        while !self.stop.is_cancelled() {
            let asked = match self.step().await {
                Ok(()) => continue,
                Err(Setback::Abandoned | Setback::Log(LogError::Closed)) => return,
                Err(Setback::Log(error)) => {
                    let (hub, partition) = (&self.hub, self.partition);
                    tracing::error!(%hub, %partition, %error, "could not read what waits for an endpoint");
                    None
                }
                Err(Setback::Target(asked)) => asked,
            };
            let (chance, _) = Uuid::new_v4().as_u64_pair();
            let wait = self.backoff.after_failure(asked, chance);
            self.pause(wait).await;
        }
        // A failure is told, and what is not delivered is so at the next start.
        let _ended = self.flush().await;
    }

    /// Reads on, and gives the target what there is.
    async fn step(&mut self) -> Result<(), Setback> {
        let cursor = self.window.cursor();
        let batch = match self.read(cursor).await {
            Ok(batch) => batch,
            Err(LogError::Damaged {
                sequence_number,
                detail,
                ..
            }) => return self.step_over(sequence_number, &detail).await,
            Err(error) => return Err(Setback::Log(error)),
        };
        let first = batch.get(0).map(|first| first.sequence_number);
        match first {
            Some(first) if first <= cursor => self.give(&batch).await,
            Some(first) => self.go_on_at(first).await,
            None => match self.oldest().await? {
                first if first > cursor => self.go_on_at(first).await,
                _ => self.wait().await,
            },
        }
    }

    /// Goes on at the oldest event there is: what lies before went too early.
    async fn go_on_at(&mut self, first: u64) -> Result<(), Setback> {
        self.flush().await?;
        let lost = self.window.leave_out_before(first);
        self.ledger.lost(self.partition, first, lost);
        Ok(())
    }

    /// The number of the oldest event there is, or of the next one to come.
    async fn oldest(&mut self) -> Result<u64, Setback> {
        let known = self.log.partition(&self.hub, self.partition).await;
        let known = known.map_err(Setback::Log)?;
        Ok(known.map_or(0, |known| known.first))
    }

    /// Where a damaged event comes, the sound ones before it are read singly.
    async fn read(&mut self, cursor: u64) -> Result<EventBatch, LogError> {
        let is_near = self.damaged.is_some_and(|number| cursor < number);
        let max_bytes = if is_near { 1 } else { READ_BYTES };
        self.log
            .read(&self.hub, self.partition, cursor, max_bytes)
            .await
    }

    async fn step_over(&mut self, damaged: u64, detail: &str) -> Result<(), Setback> {
        let cursor = self.window.cursor();
        if damaged > cursor && self.damaged != Some(damaged) {
            self.damaged = Some(damaged);
            return Ok(());
        }
        self.flush().await?;
        // Damage that lies before hides what follows, up to where the log
        // finds its way again.
        let next = damaged.max(cursor) + 1;
        let count = self.window.leave_out_before(next);
        self.ledger.damaged(self.partition, next, count, detail);
        Ok(())
    }

    /// Gives events to the target, and lets it flush when it wants to.
    async fn give(&mut self, batch: &EventBatch) -> Result<(), Setback> {
        self.is_promised = false;
        let mut given = 0;
        while !self.stop.is_cancelled() {
            let shown = (given..batch.len()).take(SHOWN_EVENTS);
            let shown = shown.filter_map(|index| batch.get(index));
            let shown = shown.collect::<Vec<_>>();
            // After a failure the batch is not what comes next.
            let cursor = self.window.cursor();
            let Some(first) = shown.first().filter(|one| one.sequence_number == cursor) else {
                break;
            };
            let enqueued = first.enqueued;
            let taken = self.take(&shown).await?;
            if taken == 0 {
                self.flush().await?;
                continue;
            }
            self.window.take(taken, enqueued);
            given += taken;
            let linger = self.target.linger();
            let now = Instant::now();
            let by = *self.flush_by.get_or_insert(now + linger);
            if !linger.is_zero() && by <= now {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// How many the target took: none if it wants to be flushed, or if one was
    /// left out.
    async fn take(&mut self, events: &[EventRef<'_>]) -> Result<usize, Setback> {
        let taken = within_grace(&self.stop, self.target.take(events)).await?;
        let holds_nothing = self.window.taken() == 0;
        let failure = match taken {
            Ok(0) if holds_nothing => {
                DeliveryFailure::new(FailureReason::Failed, "the endpoint takes nothing")
            }
            Ok(taken) => return Ok(taken.min(events.len())),
            Err(failure) => failure,
        };
        self.failed(&failure).map(|()| 0)
    }

    /// Lets the target deliver what it holds, if it holds anything.
    async fn flush(&mut self) -> Result<(), Setback> {
        if self.window.taken() == 0 {
            return Ok(());
        }
        match within_grace(&self.stop, self.target.flush()).await? {
            Ok(()) => {
                self.flush_by = None;
                let oldest = self.window.oldest();
                let count = self.window.flushed();
                self.tell_delivered(count, oldest);
                Ok(())
            }
            Err(failure) => self.failed(&failure),
        }
    }

    /// Goes back to what is not delivered. An event that can't be is left out,
    /// which is no setback.
    fn failed(&mut self, failure: &DeliveryFailure) -> Result<(), Setback> {
        self.flush_by = None;
        let oldest = self.window.oldest();
        let count = self.window.failed(failure.delivered);
        if count > 0 {
            self.tell_delivered(count, oldest);
        }
        if failure.reason == FailureReason::Invalid {
            let next = self.window.delivered() + 1;
            self.window.leave_out_before(next);
            self.ledger.invalid(self.partition, next, failure);
            return Ok(());
        }
        self.ledger.failed(self.partition, failure);
        Err(Setback::Target(failure.retry_after))
    }

    fn tell_delivered(&mut self, count: u64, oldest: Option<Timestamp>) {
        self.backoff.reset();
        let next = self.window.delivered();
        self.ledger.delivered(self.partition, next, count, oldest);
    }

    /// Waits for the next event; for no longer than what the target holds may
    /// wait.
    async fn wait(&mut self) -> Result<(), Setback> {
        let cursor = self.window.cursor();
        let flush_by = self.flush_by;
        if flush_by.is_some_and(|by| by <= Instant::now()) {
            return self.flush().await;
        }
        if std::mem::take(&mut self.is_promised) {
            self.pause(NOTHING_THERE).await;
            return Ok(());
        }
        let due = async {
            match flush_by {
                Some(by) => sleep_until(by).await,
                None => std::future::pending().await,
            }
        };
        let came = tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            () = due => return self.flush().await,
            came = self.log.wait_for(&self.hub, self.partition, cursor) => came,
        };
        self.is_promised = true;
        came.map_err(Setback::Log)
    }

    async fn pause(&mut self, span: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = sleep(span) => {}
        }
    }
}

/// What a call gives; once the hub stops, it has a moment.
async fn within_grace<T>(
    stop: &CancellationToken,
    call: impl Future<Output = T>,
) -> Result<T, Setback> {
    let over = async {
        stop.cancelled().await;
        sleep(GRACE).await;
    };
    tokio::select! {
        biased;
        done = call => Ok(done),
        () = over => Err(Setback::Abandoned),
    }
}
