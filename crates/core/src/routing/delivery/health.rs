//! Whether an endpoint accepts events, and since when it does not.
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-endpoints>

use std::collections::BTreeMap;
use std::time::Duration;

use crate::events::PartitionId;
use crate::ports::{DeliveryFailure, FailureReason};
use crate::routing::{EndpointId, EndpointName};
use crate::time::Timestamp;

/// An endpoint that accepted nothing for longer is dead. Its events are kept
/// all the same, and tried.
const DEAD_AFTER: Duration = Duration::from_secs(60 * 60);
/// An endpoint that is well and unwell in turns is told of this often.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// How an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointStatus {
    /// Nothing was sent to it yet.
    Unknown,
    /// It accepts what is sent.
    Healthy,
    /// It accepts the events of some partitions, and refuses those of others.
    Degraded,
    /// It refuses what is sent.
    Unhealthy,
    /// It has refused for more than an hour.
    Dead,
}

impl EndpointStatus {
    /// As the resource provider writes it.
    pub fn name(self) -> &'static str {
        match self {
            EndpointStatus::Unknown => "unknown",
            EndpointStatus::Healthy => "healthy",
            EndpointStatus::Degraded => "degraded",
            EndpointStatus::Unhealthy => "unhealthy",
            EndpointStatus::Dead => "dead",
        }
    }
}

/// The last failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// What was wrong; its name is
    /// [`last_known_error`](FailureReason::last_known_error).
    pub reason: FailureReason,
    /// For people, without secrets.
    pub detail: String,
    /// When.
    pub time: Timestamp,
}

/// What is known of an endpoint. Counts and times are since the hub's start,
/// unless they say otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointHealth {
    /// Which endpoint.
    pub id: EndpointId,
    /// Its name.
    pub name: EndpointName,
    /// How it is.
    pub status: EndpointStatus,
    /// The last failure, if there was one.
    pub last_error: Option<LastError>,
    /// When something was last sent to it, and accepted.
    pub last_success: Option<Timestamp>,
    /// When something was last sent to it.
    pub last_attempt: Option<Timestamp>,
    /// How many events it accepted.
    pub delivered: u64,
    /// How many events were left out because it can never take them.
    pub invalid: u64,
    /// How many events were left out because they are damaged on the disk.
    pub damaged: u64,
    /// How many events went before they were delivered, since the endpoint was
    /// made.
    pub lost: u64,
    /// How many events wait.
    pub waiting: u64,
    /// How many bytes its backlog takes.
    pub backlog_bytes: u64,
}

/// What operators are told of an endpoint, in the hub's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It began to refuse.
    Unhealthy,
    /// It has refused for too long.
    Dead,
    /// It accepts again.
    Healthy,
}

/// What was seen of an endpoint.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// The partitions whose last attempt failed, and since when they do.
    failing: BTreeMap<PartitionId, Timestamp>,
    pub(super) last_error: Option<LastError>,
    pub(super) last_success: Option<Timestamp>,
    pub(super) last_attempt: Option<Timestamp>,
    /// Something was sent to it in the way in which it is reached now.
    was_tried: bool,
    told: Told,
}

#[derive(Debug, Default)]
struct Told {
    last: Option<Turn>,
    unhealthy_at: Option<Timestamp>,
}

impl Health {
    /// Events of a partition were accepted.
    pub(super) fn succeeded(&mut self, partition: PartitionId, now: Timestamp) -> Option<Turn> {
        self.failing.remove(&partition);
        self.was_tried = true;
        self.last_attempt = Some(now);
        self.last_success = Some(now);
        self.turn(now)
    }

    /// Events of a partition were refused.
    pub(super) fn failed(
        &mut self,
        partition: PartitionId,
        failure: &DeliveryFailure,
        now: Timestamp,
    ) -> Option<Turn> {
        self.failing.entry(partition).or_insert(now);
        self.was_tried = true;
        self.last_attempt = Some(now);
        self.note(failure, now);
        self.turn(now)
    }

    /// An event of a partition was refused for good: somebody is there, and
    /// may accept the others.
    pub(super) fn left_out(
        &mut self,
        partition: PartitionId,
        failure: &DeliveryFailure,
        now: Timestamp,
    ) -> Option<Turn> {
        self.failing.remove(&partition);
        self.last_attempt = Some(now);
        self.note(failure, now);
        self.turn(now)
    }

    fn note(&mut self, failure: &DeliveryFailure, now: Timestamp) {
        self.last_error = Some(LastError {
            reason: failure.reason,
            detail: failure.detail.clone(),
            time: now,
        });
    }

    /// The endpoint is reached in another way from now on: what was seen of
    /// its refusals no longer counts.
    pub(super) fn begin_anew(&mut self) {
        self.failing.clear();
        self.was_tried = false;
    }

    /// How the endpoint is at a moment.
    pub(super) fn status(&self, now: Timestamp) -> EndpointStatus {
        let first = self.failing.values().min();
        let (Some(first), Some(last)) = (first, self.failing.values().max()) else {
            return match self.was_tried {
                true => EndpointStatus::Healthy,
                false => EndpointStatus::Unknown,
            };
        };
        let accepted = self.last_success.unwrap_or(*first).max(*first);
        if now.since(accepted) > DEAD_AFTER {
            EndpointStatus::Dead
        } else if self.last_success > Some(*last) {
            EndpointStatus::Degraded
        } else {
            EndpointStatus::Unhealthy
        }
    }

    /// What is to be told now, if anything is.
    fn turn(&mut self, now: Timestamp) -> Option<Turn> {
        let turn = match (self.status(now), self.told.last) {
            (EndpointStatus::Dead, None | Some(Turn::Unhealthy | Turn::Healthy)) => Turn::Dead,
            (EndpointStatus::Unhealthy | EndpointStatus::Degraded, None | Some(Turn::Healthy))
                if self.may_tell(now) =>
            {
                self.told.unhealthy_at = Some(now);
                Turn::Unhealthy
            }
            (EndpointStatus::Healthy, Some(Turn::Unhealthy | Turn::Dead)) => Turn::Healthy,
            _ => return None,
        };
        self.told.last = Some(turn);
        Some(turn)
    }

    fn may_tell(&self, now: Timestamp) -> bool {
        let last = self.told.unhealthy_at;
        last.is_none_or(|last| now.since(last) >= TOLD_EVERY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P0: PartitionId = PartitionId(0);
    const P1: PartitionId = PartitionId(1);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(1_700_000_000 + seconds)
    }

    fn refusal() -> DeliveryFailure {
        DeliveryFailure::new(FailureReason::Timeout, "no answer")
    }

    #[test]
    fn an_endpoint_that_nothing_was_sent_to_is_unknown() {
        assert_eq!(Health::default().status(at(0)), EndpointStatus::Unknown);
    }

    #[test]
    fn an_endpoint_is_dead_once_it_accepted_nothing_for_an_hour_and_may_revive() {
        let mut health = Health::default();
        let mut turns = vec![health.succeeded(P0, at(0))];

        turns.push(health.failed(P0, &refusal(), at(10)));
        turns.push(health.failed(P0, &refusal(), at(3610)));
        let before = health.status(at(3610));
        turns.push(health.failed(P0, &refusal(), at(3611)));
        let after = health.status(at(3611));
        turns.push(health.failed(P0, &refusal(), at(9000)));
        turns.push(health.succeeded(P0, at(9001)));

        assert_eq!(before, EndpointStatus::Unhealthy);
        assert_eq!(after, EndpointStatus::Dead);
        assert_eq!(health.status(at(9001)), EndpointStatus::Healthy);
        let told = turns.into_iter().flatten().collect::<Vec<_>>();
        assert_eq!(told, [Turn::Unhealthy, Turn::Dead, Turn::Healthy]);
    }

    #[test]
    fn an_idle_endpoint_does_not_die() {
        let mut health = Health::default();
        health.succeeded(P0, at(0));
        health.failed(P0, &refusal(), at(90_000));

        assert_eq!(health.status(at(90_001)), EndpointStatus::Unhealthy);
    }

    #[test]
    fn an_event_that_is_refused_for_good_is_the_last_error_and_no_failure_of_the_endpoint() {
        let mut health = Health::default();
        let too_large = DeliveryFailure::new(FailureReason::Invalid, "too large");

        health.left_out(P0, &too_large, at(1));

        let last = health.last_error.clone().unwrap();
        assert_eq!(last.reason.last_known_error(), "MaxMessageSizeExceeded");
        assert_eq!(health.last_attempt, Some(at(1)));
        assert_eq!(health.status(at(9_000)), EndpointStatus::Unknown);

        health.failed(P0, &refusal(), at(9_001));
        assert_eq!(
            health.left_out(P0, &too_large, at(9_002)),
            Some(Turn::Healthy)
        );
        assert_eq!(health.status(at(20_000)), EndpointStatus::Healthy);
    }

    #[test]
    fn an_endpoint_that_refuses_some_partitions_is_degraded() {
        let mut health = Health::default();
        health.failed(P0, &refusal(), at(0));
        health.succeeded(P1, at(5));

        let some = health.status(at(5));
        health.failed(P1, &refusal(), at(6));

        assert_eq!(some, EndpointStatus::Degraded);
        assert_eq!(health.status(at(6)), EndpointStatus::Unhealthy);
    }

    #[test]
    fn ups_and_downs_are_told_of_once_a_minute() {
        let mut health = Health::default();
        let mut told = 0;

        for second in (0..600).step_by(2) {
            let down = health.failed(P0, &refusal(), at(second));
            let up = health.succeeded(P0, at(second + 1));
            told += [down, up].into_iter().flatten().count();
        }

        assert_eq!(told, 20);
    }

    #[test]
    fn an_endpoint_that_is_reached_in_another_way_is_unknown_until_it_answers() {
        let mut health = Health::default();
        health.failed(P0, &refusal(), at(0));

        health.begin_anew();

        assert_eq!(health.status(at(9_000)), EndpointStatus::Unknown);
        assert_eq!(health.succeeded(P0, at(9_001)), Some(Turn::Healthy));
    }
}
