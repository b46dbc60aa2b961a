//! The pump: moves the events of changes from the outbox to where routes lead.
//!
//! It is woken by the commits that put events there, takes what waits in the
//! order of the commits, and removes it once it is durable wherever it goes.
//! Events of one identity keep their order. While they can't be stored, they
//! wait in the outbox, and the pump tries again ever less often.
//!
//! **Once.** An event carries its number in the outbox as its correlation ID.
//! When the hub starts, the pump looks for the first of what is left over in
//! the logs, from the time of the oldest on: what was stored there before the
//! hub was killed is not stored there again. It need not look further: of what
//! waits, only the first [`AT_ONCE`] are ever on their way. After a failure it
//! looks the same way, from the time of the attempt on: one log may have taken
//! what another refused. What cannot be seen that way, because it was delivered
//! from a backlog and released already, may come twice.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use self::batch::Batch;
use crate::ids::HubName;
use crate::metrics::PumpMetrics;
use crate::ports::{LogError, OutboxEvent, StateStore, StoreError};
use crate::routing::{EndpointId, Router};
use crate::time::{Clock, Timestamp};

mod batch;
mod recovery;

/// How many events are on their way at once.
const AT_ONCE: usize = 1024;
/// How long the first pause is, and the longest, while events can't be stored.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Where an event is already.
type Present = HashMap<u64, Vec<Option<EndpointId>>>;

/// Why events stay in the outbox for now.
#[derive(Debug, thiserror::Error)]
enum Stuck {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Moves events from the outboxes of this process's hubs.
pub struct Pump {
    store: Arc<dyn StateStore>,
    router: Arc<Router>,
    clock: Arc<dyn Clock>,
}

/// What is known of one hub's outbox.
struct Line<'a> {
    hub: &'a HubName,
    /// What is in some logs and not in others, once it was looked for what was
    /// on its way when the hub was killed.
    present: Option<Present>,
    /// When events were sent of which some failed: logs may have them.
    in_doubt: Option<Timestamp>,
    /// What is stored, though something before it is not.
    told: HashSet<u64>,
    metrics: PumpMetrics,
}

impl Pump {
    /// From a store's outboxes to where a router leads.
    pub fn new(store: Arc<dyn StateStore>, router: Arc<Router>, clock: Arc<dyn Clock>) -> Self {
        Pump {
            store,
            router,
            clock,
        }
    }

    /// Moves events of these hubs until `shutdown`, and then what is there at
    /// that moment. Their routes must be in force: an event that no route
    /// leads anywhere is gone.
    pub async fn run(self: Arc<Self>, hubs: Vec<HubName>, shutdown: CancellationToken) {
        join_all(hubs.iter().map(|hub| self.follow(hub, &shutdown))).await;
    }

    async fn follow(&self, hub: &HubName, shutdown: &CancellationToken) {
        let mut commits = self.store.outbox_commits();
        let mut line = Line {
            hub,
            present: None,
            in_doubt: None,
            told: HashSet::new(),
            metrics: PumpMetrics::of(hub),
        };
        let (first, longest) = PAUSES;
        let mut pause = first;
        loop {
            commits.mark_unchanged();
            let is_last = shutdown.is_cancelled();
            let moved = self.drain(&mut line).await;
            if is_last {
                return;
            }
            match moved {
                Ok(()) => {
                    pause = first;
                    tokio::select! {
                        () = shutdown.cancelled() => {}
                        changed = commits.changed() => if changed.is_err() { return },
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        %hub, %error, ?pause,
                        "events of changes can't be stored now, and wait"
                    );
                    tokio::select! {
                        () = shutdown.cancelled() => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = longest.min(pause * 2);
                }
            }
        }
    }

    /// Moves all that waits.
    async fn drain(&self, line: &mut Line<'_>) -> Result<(), Stuck> {
        loop {
            let waiting = self.store.outbox(line.hub, 0, AT_ONCE).await?;
            let Some(oldest) = waiting.first() else {
                line.present.get_or_insert_default();
                return Ok(());
            };
            let moved = self.move_all(line, &waiting).await;
            line.metrics.stuck(match moved {
                Ok(()) => Duration::ZERO,
                Err(_) => self.clock.now().since(oldest.event.at),
            });
            moved?;
        }
    }

    /// Moves these, and removes those from the outbox that are stored and have
    /// none before them that is not.
    async fn move_all(&self, line: &mut Line<'_>, waiting: &[OutboxEvent]) -> Result<(), Stuck> {
        self.look_for_present(line, waiting).await?;
        let present = line.present.get_or_insert_default();
        let now = self.clock.now();
        let mut batch = Batch::new(&self.router, line.hub, now);
        for event in waiting {
            if !line.told.contains(&event.number) {
                let present = present.get(&event.number).map_or(&[][..], |found| found);
                batch.send(event, present).await;
            }
        }
        let (stored, failed) = batch.stored().await;
        line.told.extend(stored);
        line.in_doubt = failed.as_ref().map(|_| now);

        let done = waiting
            .iter()
            .take_while(|event| line.told.contains(&event.number));
        let done = &waiting[..done.count()];
        if let Some(last) = done.last() {
            let through = last.number;
            // Until they are gone nothing else goes on its way.
            self.store.remove_from_outbox(line.hub, through).await?;
            line.metrics.moved(done.len() as u64);
            line.told.retain(|number| *number > through);
            present.retain(|number, _| *number > through);
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Which of these some log has already, as far as that is not known.
    async fn look_for_present(
        &self,
        line: &mut Line<'_>,
        waiting: &[OutboxEvent],
    ) -> Result<(), Stuck> {
        let Some(present) = &mut line.present else {
            let found = recovery::look_for(waiting, line.hub, &self.router).await?;
            line.present = Some(found);
            return Ok(());
        };
        if let Some(since) = line.in_doubt {
            let untold = |event: &&OutboxEvent| !line.told.contains(&event.number);
            let untold: Vec<_> = waiting.iter().filter(untold).cloned().collect();
            let found = recovery::look_since(since, &untold, line.hub, &self.router).await;
            for (number, endpoints) in found {
                let known = present.entry(number).or_default();
                known.extend(endpoints);
            }
            line.in_doubt = None;
        }
        Ok(())
    }
}
