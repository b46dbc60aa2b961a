//! An event log in memory, which can be told to fail.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use tokio::sync::Notify;
use twinhub_core::events::{Event, EventBatch, Origin, PartitionId};
use twinhub_core::ids::HubName;
use twinhub_core::messages::{Message, MessageRef};
use twinhub_core::ports::{Busy, EventLog, LogError, PartitionState, Producer, StartPosition};
use twinhub_core::time::Timestamp;

const PARTITIONS: u16 = 2;
/// So few, that a batch meets [`Busy`].
const MAX_WAITING: usize = 3;

#[derive(Default)]
struct State {
    partitions: [Vec<Event>; PARTITIONS as usize],
    failure: Option<LogError>,
}

/// What is handed over is durable at once.
#[derive(Default, Clone)]
pub struct MemoryLog {
    state: Arc<Mutex<State>>,
    appended: Arc<Notify>,
}

impl MemoryLog {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on nothing can be stored.
    pub fn fail(&self, error: LogError) {
        self.state().failure = Some(error);
    }

    /// Every event, partition after partition.
    pub fn events(&self) -> Vec<Event> {
        self.state().partitions.iter().flatten().cloned().collect()
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    fn partitions(&self, _: &HubName) -> Option<u16> {
        Some(PARTITIONS)
    }

    fn producer(&self, _: &HubName, origin: &Origin) -> Result<Box<dyn Producer>, LogError> {
        Ok(Box::new(MemoryProducer {
            log: self.clone(),
            origin: origin.clone(),
            waiting: VecDeque::new(),
            durable: 0,
            waker: None,
        }))
    }

    async fn partition(
        &self,
        _: &HubName,
        partition: PartitionId,
    ) -> Result<Option<PartitionState>, LogError> {
        let state = self.state();
        let events = state.partitions.get(usize::from(partition.0));
        Ok(events.map(|events| PartitionState {
            first: 0,
            next: events.len() as u64,
            last_offset: events.last().map(|event| event.offset),
            last_enqueued: events.last().map(|event| event.enqueued),
        }))
    }

    async fn find(
        &self,
        _: &HubName,
        partition: PartitionId,
        position: StartPosition,
    ) -> Result<u64, LogError> {
        let state = self.state();
        let events = &state.partitions[usize::from(partition.0)];
        Ok(match position {
            StartPosition::Earliest => 0,
            StartPosition::Latest => events.len() as u64,
            StartPosition::SequenceNumber(number) => number,
            StartPosition::AfterOffset(offset) => offset + 1,
            StartPosition::EnqueuedFrom(moment) => {
                events.iter().take_while(|e| e.enqueued < moment).count() as u64
            }
        })
    }

    async fn read(
        &self,
        _: &HubName,
        partition: PartitionId,
        sequence_number: u64,
        _: usize,
    ) -> Result<EventBatch, LogError> {
        let state = self.state();
        let events = state.partitions[usize::from(partition.0)].iter();
        let from = usize::try_from(sequence_number).unwrap();
        let some: Vec<Event> = events.skip(from).take(4).cloned().collect();
        Ok(some.into())
    }

    async fn wait_for(
        &self,
        _: &HubName,
        partition: PartitionId,
        sequence_number: u64,
    ) -> Result<(), LogError> {
        loop {
            let appended = self.appended.notified();
            let length = self.state().partitions[usize::from(partition.0)].len() as u64;
            if length > sequence_number {
                return Ok(());
            }
            appended.await;
        }
    }
}

struct MemoryProducer {
    log: MemoryLog,
    origin: Origin,
    waiting: VecDeque<(Message, Timestamp)>,
    durable: u64,
    waker: Option<Waker>,
}

impl Producer for MemoryProducer {
    fn append(&mut self, message: &MessageRef<'_>, enqueued: Timestamp) -> Result<(), Busy> {
        if self.waiting.len() == MAX_WAITING {
            return Err(Busy);
        }
        let owned = Message {
            system: message
                .system
                .iter()
                .map(|(property, value)| (*property, (&**value).into()))
                .collect(),
            application: message
                .application
                .iter()
                .map(|(name, value)| ((&**name).into(), value.as_deref().map(Into::into)))
                .collect(),
            body: message.body.to_vec().into(),
        };
        self.waiting.push_back((owned, enqueued));
        Ok(())
    }

    fn hand_over(&mut self) {
        let mut state = self.log.state();
        if state.failure.is_some() {
            return;
        }
        let partition = PartitionId::of(self.origin.identity.device_id(), PARTITIONS);
        let events = &mut state.partitions[usize::from(partition.0)];
        for (message, enqueued) in self.waiting.drain(..) {
            let number = events.len() as u64;
            events.push(Event {
                sequence_number: number,
                offset: number,
                enqueued,
                origin: self.origin.clone(),
                message,
            });
            self.durable += 1;
        }
        self.log.appended.notify_waiters();
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn poll_durable(&mut self, cx: &mut Context<'_>, known: u64) -> Poll<Result<u64, LogError>> {
        if let Some(error) = &self.log.state().failure {
            return Poll::Ready(Err(error.clone()));
        }
        if self.durable > known {
            return Poll::Ready(Ok(self.durable));
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
