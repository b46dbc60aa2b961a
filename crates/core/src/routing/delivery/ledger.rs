//! What the workers of an endpoint report: how far each partition is, what was
//! left out, and how the endpoint is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::health::{EndpointHealth, EndpointStatus, Health, Turn};
use crate::events::PartitionId;
use crate::ids::HubName;
use crate::metrics::DeliveryMetrics;
use crate::ports::{Backlog, DeliveryFailure, LogError, Progress};
use crate::routing::Endpoint;
use crate::time::{Clock, Timestamp};
use crate::traffic::Traffic;

/// What is left out is told of this often.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// An endpoint's ledger, as long as the endpoint is there.
pub(super) struct Ledger {
    hub: HubName,
    endpoint: Endpoint,
    clock: Arc<dyn Clock>,
    metrics: DeliveryMetrics,
    traffic: Arc<Traffic>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    backlog: Option<Arc<dyn Backlog>>,
    health: Health,
    progress: BTreeMap<PartitionId, Progress>,
    unsaved: BTreeSet<PartitionId>,
    delivered: u64,
    invalid: Tally,
    damaged: Tally,
    dropped: Tally,
}

/// What is counted, and told of now and then.
#[derive(Default)]
struct Tally {
    count: u64,
    untold: u64,
    told_at: Option<Timestamp>,
}

impl Tally {
    /// Counts some more; gives how many are to be told of now, if any are.
    fn add(&mut self, count: u64, now: Timestamp) -> Option<u64> {
        self.count += count;
        self.untold += count;
        if self.told_at.is_some_and(|at| now.since(at) < TOLD_EVERY) {
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

impl Ledger {
    pub(super) fn new(
        hub: HubName,
        traffic: Arc<Traffic>,
        endpoint: Endpoint,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Ledger {
            metrics: DeliveryMetrics::of(&hub, &endpoint),
            hub,
            traffic,
            endpoint,
            clock,
            state: Mutex::default(),
        }
    }

    /// Workers begin, at this progress.
    pub(super) fn begin(&self, backlog: Arc<dyn Backlog>, progress: &[Progress]) {
        let mut state = self.state();
        state.health.begin_anew();
        state.backlog = Some(backlog);
        state.unsaved.clear();
        state.progress = progress.iter().map(|one| (one.partition, *one)).collect();
    }

    /// Everything of a partition before `next` is delivered, `count` more; the
    /// oldest of them was enqueued then.
    pub(super) fn delivered(
        &self,
        partition: PartitionId,
        next: u64,
        count: u64,
        oldest: Option<Timestamp>,
    ) {
        let now = self.clock.now();
        let mut state = self.state();
        state.move_to(partition, next);
        state.delivered += count;
        let turn = state.health.succeeded(partition, now);
        drop(state);
        let latency = oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
        self.metrics.delivered(count, latency);
        self.traffic.went_out(count);
        self.tell_turn(turn, None);
    }

    /// The endpoint refused events of a partition, which are tried again.
    pub(super) fn failed(&self, partition: PartitionId, failure: &DeliveryFailure) {
        let now = self.clock.now();
        let turn = self.state().health.failed(partition, failure, now);
        self.metrics.failed(failure.reason);
        tracing::debug!(
            hub = %self.hub, endpoint = %self.endpoint.name, %partition,
            reason = failure.reason.last_known_error(), detail = %failure.detail,
            "a delivery failed and is tried again"
        );
        self.tell_turn(turn, Some(failure));
    }

    /// The event before `next` can never be delivered, and is left out.
    pub(super) fn invalid(&self, partition: PartitionId, next: u64, failure: &DeliveryFailure) {
        let now = self.clock.now();
        let (told, turn) = {
            let mut state = self.state();
            state.move_to(partition, next);
            let turn = state.health.left_out(partition, failure, now);
            (state.invalid.add(1, now), turn)
        };
        self.metrics.invalid();
        self.tell_turn(turn, None);
        if let Some(events) = told {
            tracing::warn!(
                operation = "InvalidMessage", hub = %self.hub, endpoint = %self.endpoint.name,
                %partition, sequence_number = next.saturating_sub(1), events,
                detail = %failure.detail, "an endpoint can't take events, they are left out"
            );
        }
    }

    /// `count` events before `next` are damaged, and left out.
    pub(super) fn damaged(&self, partition: PartitionId, next: u64, count: u64, detail: &str) {
        let now = self.clock.now();
        let told = {
            let mut state = self.state();
            state.move_to(partition, next);
            state.damaged.add(count, now)
        };
        self.metrics.damaged(count);
        if let Some(events) = told {
            tracing::error!(
                operation = "DroppedMessage", hub = %self.hub, endpoint = %self.endpoint.name,
                %partition, next, events, detail,
                "events that wait for an endpoint are damaged, they are left out"
            );
        }
    }

    /// `count` events before `next` went before they were delivered.
    pub(super) fn lost(&self, partition: PartitionId, next: u64, count: u64) {
        let now = self.clock.now();
        let told = {
            let mut state = self.state();
            state.move_to(partition, next).lost += count;
            state.dropped.add(count, now)
        };
        self.metrics.dropped(count);
        if let Some(events) = told {
            tracing::error!(
                operation = "DroppedMessage", hub = %self.hub, endpoint = %self.endpoint.name,
                %partition, next, events,
                "events waited for an endpoint for too long, or were too many, and are gone"
            );
        }
    }

    /// Saves the progress that is not saved yet.
    pub(super) async fn save(&self) -> Result<(), LogError> {
        let (backlog, progress) = {
            let mut state = self.state();
            let partitions = std::mem::take(&mut state.unsaved);
            let progress = partitions.iter().filter_map(|one| state.progress.get(one));
            let progress = progress.copied().collect::<Vec<_>>();
            (state.backlog.clone(), progress)
        };
        let Some(backlog) = backlog.filter(|_| !progress.is_empty()) else {
            return Ok(());
        };
        let saved = backlog.save(&progress).await;
        if saved.is_err() {
            let partitions = progress.iter().map(|one| one.partition);
            self.state().unsaved.extend(partitions);
        }
        saved
    }

    /// What is known of the endpoint now.
    pub(super) async fn health(&self) -> EndpointHealth {
        let (backlog, partitions) = {
            let state = self.state();
            let partitions = state.progress.keys().copied().collect::<Vec<_>>();
            (state.backlog.clone(), partitions)
        };
        let mut there = Vec::new();
        let mut backlog_bytes = 0;
        if let Some(backlog) = backlog {
            backlog_bytes = backlog.bytes();
            let log = backlog.log();
            for partition in partitions {
                if let Ok(Some(known)) = log.partition(&self.hub, partition).await {
                    there.push((partition, known));
                }
            }
        }
        let now = self.clock.now();
        let state = self.state();
        let (mut waiting, mut lost) = (0, 0);
        // What is delivered goes only after its progress has moved.
        for (partition, known) in there {
            let next = state.progress.get(&partition).map_or(0, |one| one.next);
            waiting += known.next.saturating_sub(next.max(known.first));
            // Gone, though the worker has not come by yet.
            lost += known.first.saturating_sub(next);
        }
        EndpointHealth {
            id: self.endpoint.id,
            name: self.endpoint.name.clone(),
            status: state.health.status(now),
            last_error: state.health.last_error.clone(),
            last_success: state.health.last_success,
            last_attempt: state.health.last_attempt,
            delivered: state.delivered,
            invalid: state.invalid.count,
            damaged: state.damaged.count,
            lost: lost + state.progress.values().map(|one| one.lost).sum::<u64>(),
            waiting,
            backlog_bytes,
        }
    }

    /// Shows what waits.
    pub(super) async fn show(&self) {
        let health = self.health().await;
        let refusing = !matches!(
            health.status,
            EndpointStatus::Unknown | EndpointStatus::Healthy
        );
        self.metrics
            .backlog(health.waiting, health.backlog_bytes, refusing);
    }

    /// The endpoint is gone, and so is what waited.
    pub(super) fn end(&self) {
        self.metrics.backlog(0, 0, false);
    }

    fn tell_turn(&self, turn: Option<Turn>, failure: Option<&DeliveryFailure>) {
        let (hub, endpoint) = (&self.hub, &self.endpoint.name);
        let reason = failure.map(|failure| failure.reason.last_known_error());
        let detail = failure.map(|failure| failure.detail.as_str());
        match turn {
            None => {}
            Some(Turn::Unhealthy) => tracing::warn!(
                operation = "EndpointUnhealthy", %hub, %endpoint, reason, detail,
                "an endpoint refuses events; they wait and are tried again"
            ),
            Some(Turn::Dead) => tracing::error!(
                operation = "EndpointDead", %hub, %endpoint, reason, detail,
                "an endpoint has accepted nothing for an hour; events wait and are tried again"
            ),
            Some(Turn::Healthy) => tracing::info!(
                operation = "EndpointHealthy", %hub, %endpoint,
                "an endpoint accepts events again"
            ),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn move_to(&mut self, partition: PartitionId, next: u64) -> &mut Progress {
        self.unsaved.insert(partition);
        let progress = self.progress.entry(partition).or_insert(Progress {
            partition,
            next,
            lost: 0,
        });
        progress.next = next;
        progress
    }
}
