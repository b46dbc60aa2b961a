//! A target that does as tests wish.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;

use crate::events::EventRef;
use crate::ports::{DeliveryFailure, FailureReason, Target};

/// How one call ends.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// As it should.
    Well,
    /// After a while, as it should.
    Slowly(Duration),
    /// Not at all, for so many that were delivered.
    Badly(DeliveryFailure),
}

pub(super) fn refusal(delivered: usize) -> Act {
    let failure = DeliveryFailure::new(FailureReason::Unreachable, "nobody there");
    Act::Badly(failure.having_delivered(delivered))
}

/// Who receives: what it got is what was delivered.
#[derive(Clone, Default)]
pub(super) struct Receiver(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    got: Vec<u64>,
    flushes: Vec<usize>,
    /// What the next flushes do; then they go well.
    script: VecDeque<Act>,
    /// All flushes fail.
    down: bool,
    invalid: BTreeSet<u64>,
    room: Option<usize>,
    linger: Duration,
    attempts: usize,
}

impl Receiver {
    /// The events that it got, in order, repetitions included.
    pub(super) fn got(&self) -> Vec<u64> {
        self.inner().got.clone()
    }

    /// How many events each flush that went well brought.
    pub(super) fn flushes(&self) -> Vec<usize> {
        self.inner().flushes.clone()
    }

    /// How often it was asked to deliver.
    pub(super) fn attempts(&self) -> usize {
        self.inner().attempts
    }

    pub(super) fn will(&self, acts: impl IntoIterator<Item = Act>) {
        self.inner().script.extend(acts);
    }

    pub(super) fn set_down(&self, down: bool) {
        self.inner().down = down;
    }

    pub(super) fn never_takes(&self, sequence_number: u64) {
        self.inner().invalid.insert(sequence_number);
    }

    pub(super) fn has_room_for(&self, events: usize) {
        self.inner().room = Some(events);
    }

    pub(super) fn lingers(&self, span: Duration) {
        self.inner().linger = span;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

/// A way to a receiver.
pub(super) struct ScriptedTarget {
    receiver: Receiver,
    held: Vec<u64>,
}

impl ScriptedTarget {
    pub(super) fn to(receiver: Receiver) -> Self {
        ScriptedTarget {
            receiver,
            held: Vec::new(),
        }
    }

    fn fail(&mut self, failure: DeliveryFailure) -> DeliveryFailure {
        let arrived = self.held.drain(..).take(failure.delivered);
        let arrived = arrived.collect::<Vec<_>>();
        let failure = failure.having_delivered(arrived.len());
        self.receiver.inner().got.extend(arrived);
        self.held.clear();
        failure
    }
}

#[async_trait]
impl Target for ScriptedTarget {
    async fn take(&mut self, events: &[EventRef<'_>]) -> Result<usize, DeliveryFailure> {
        tokio::task::yield_now().await;
        let (room, invalid) = {
            let inner = self.receiver.inner();
            (inner.room.unwrap_or(usize::MAX), inner.invalid.clone())
        };
        let mut taken = 0;
        for event in events {
            assert_eq!(event.body(), event.sequence_number.to_string().as_bytes());
            if invalid.contains(&event.sequence_number) {
                if self.held.is_empty() {
                    let failure = DeliveryFailure::new(FailureReason::Invalid, "too large");
                    return Err(self.fail(failure));
                }
                break;
            }
            if self.held.len() >= room {
                break;
            }
            self.held.push(event.sequence_number);
            taken += 1;
        }
        Ok(taken)
    }

    async fn flush(&mut self) -> Result<(), DeliveryFailure> {
        let act = {
            let mut inner = self.receiver.inner();
            inner.attempts += 1;
            match (inner.down, inner.script.pop_front()) {
                (true, _) => refusal(0),
                (false, act) => act.unwrap_or(Act::Well),
            }
        };
        match act {
            Act::Well => {}
            Act::Slowly(span) => sleep(span).await,
            Act::Badly(failure) => return Err(self.fail(failure)),
        }
        let mut inner = self.receiver.inner();
        inner.flushes.push(self.held.len());
        inner.got.append(&mut self.held);
        Ok(())
    }

    fn linger(&self) -> Duration {
        self.receiver.inner().linger
    }
}
