//! The workers of an endpoint, one for each partition, and saving how far they
//! are.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::ledger::Ledger;
use super::worker::Worker;
use crate::events::PartitionId;
use crate::hubs::Hub;
use crate::ports::{Backlogs, LogError, Progress, StartPosition, Targets};
use crate::routing::Endpoint;

/// How often progress is saved: what a crash may repeat.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// How often it is shown what waits, in times of saving.
const SHOWN_EVERY: u32 = 5;

/// Delivers to one endpoint, as it is reached now.
pub(super) struct Courier {
    pub(super) hub: Arc<Hub>,
    pub(super) endpoint: Endpoint,
    pub(super) backlogs: Arc<dyn Backlogs>,
    pub(super) targets: Arc<dyn Targets>,
    pub(super) ledger: Arc<Ledger>,
}

impl Courier {
    /// Delivers until `stop`, or until its workers have ended, which they do
    /// only if the backlog is closed or one of them failed. Progress is saved
    /// when it returns. Dropped, it leaves the rest as it is.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), LogError> {
        let stop = stop.child_token();
        let mut workers = self.start(&stop).await?;
        let mut ticks = interval(SAVE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tick = 0_u32;
        loop {
            tokio::select! {
                ended = workers.join_next() => match ended {
                    None => break,
                    Some(Ok(())) => {}
                    Some(Err(error)) => {
                        tracing::error!(%error, endpoint = %self.endpoint.name, "a worker failed");
                        stop.cancel();
                    }
                },
                _ = ticks.tick() => {
                    self.save().await;
                    if tick.is_multiple_of(SHOWN_EVERY) {
                        self.ledger.show().await;
                    }
                    tick = tick.wrapping_add(1);
                }
            }
        }
        self.save().await;
        Ok(())
    }

    async fn start(&self, stop: &CancellationToken) -> Result<JoinSet<()>, LogError> {
        let hub = self.hub.name();
        let backlog = self.backlogs.open(hub, self.endpoint.id).await?;
        let log = backlog.log();
        let saved = backlog.progress().await?;
        let mut progress = Vec::new();
        for partition in (0..log.partitions(hub).unwrap_or(0)).map(PartitionId) {
            let mut saved = saved.iter().filter(|saved| saved.partition == partition);
            let mut one = saved.next().copied().unwrap_or(Progress {
                partition,
                next: 0,
                lost: 0,
            });
            // A log that was replaced may be shorter than what was delivered.
            let end = log.find(hub, partition, StartPosition::Latest).await?;
            one.next = one.next.min(end);
            progress.push(one);
        }
        self.ledger.begin(backlog, &progress);
        let mut workers = JoinSet::new();
        for one in progress {
            let target = self.targets.open(&self.hub, &self.endpoint, one.partition);
            let worker = Worker::new(
                (hub.clone(), one.partition),
                one.next,
                log.clone(),
                target,
                self.ledger.clone(),
                stop.clone(),
            );
            workers.spawn(worker.run());
        }
        Ok(workers)
    }

    /// A failure costs repetition after a crash, and is tried again.
    async fn save(&self) {
        if let Err(error) = self.ledger.save().await {
            let (hub, endpoint) = (self.hub.name(), &self.endpoint.name);
            tracing::warn!(%hub, %endpoint, %error, "could not save how far an endpoint is");
        }
    }
}
