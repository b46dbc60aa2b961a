//! An event log in memory.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};

use async_trait::async_trait;
use twinhub_core::events::{Event, EventBatch, Origin, PartitionId};
use twinhub_core::ids::HubName;
use twinhub_core::ports::{EventLog, LogError, PartitionState, Producer, StartPosition};

use crate::producer::MemoryProducer;

/// What the disk is like.
#[derive(Clone, Default)]
pub(crate) enum Disk {
    /// What is handed over is durable at once.
    #[default]
    Quick,
    /// Nothing becomes durable for now.
    Stuck,
    /// Nothing becomes durable ever.
    Broken(LogError),
}

/// Where an event goes.
type Lane = (HubName, PartitionId);

/// An event on its way.
pub(crate) struct HandedOver {
    /// By which producer.
    pub producer: u64,
    pub lane: Lane,
    pub event: Event,
}

/// What is known of a partition, which outlives its events.
#[derive(Clone, Copy, Default)]
struct Reached {
    next: u64,
    newest: Option<(u64, twinhub_core::time::Timestamp)>,
}

pub(crate) struct State {
    pub disk: Disk,
    /// Those that there are; any if not told.
    hubs: Option<Vec<HubName>>,
    partitions: u16,
    /// What is durable.
    events: Vec<(Lane, Event)>,
    reached: HashMap<Lane, Reached>,
    /// How many became durable, those included that are gone.
    stored: u64,
    /// What was handed over.
    pub handed_over: Vec<HandedOver>,
    producers: u64,
    pub wakers: Vec<Waker>,
    /// How many messages of a producer may wait.
    pub room: Option<usize>,
    pub closed: bool,
}

/// An event log in memory: of any hub, with one partition, unless it is made
/// [otherwise](Self::of).
#[derive(Clone)]
pub struct MemoryLog(Arc<Mutex<State>>);

impl Default for MemoryLog {
    fn default() -> Self {
        MemoryLog::with(None, 1)
    }
}

impl MemoryLog {
    /// A log of these hubs and no others.
    pub fn of(hubs: impl IntoIterator<Item = HubName>, partitions: u16) -> Self {
        MemoryLog::with(Some(hubs.into_iter().collect()), partitions)
    }

    fn with(hubs: Option<Vec<HubName>>, partitions: u16) -> Self {
        MemoryLog(Arc::new(Mutex::new(State {
            disk: Disk::Quick,
            hubs,
            partitions,
            events: Vec::new(),
            reached: HashMap::new(),
            stored: 0,
            handed_over: Vec::new(),
            producers: 0,
            wakers: Vec::new(),
            room: None,
            closed: false,
        })))
    }

    /// What is durable, in order.
    pub fn events(&self) -> Vec<Event> {
        let state = self.lock();
        state
            .events
            .iter()
            .map(|(_, event)| event.clone())
            .collect()
    }

    /// How many messages wait for the disk.
    pub fn waiting(&self) -> usize {
        self.lock().handed_over.len()
    }

    /// How many ways in were made.
    pub fn producers(&self) -> u64 {
        self.lock().producers
    }

    /// How many bytes of bodies there are.
    pub fn bytes(&self) -> u64 {
        let state = self.lock();
        let bodies = state
            .events
            .iter()
            .map(|(_, event)| event.message.body.len() as u64);
        bodies.sum()
    }

    /// Nothing becomes durable until the disk [`goes on`](Self::go_on).
    pub fn stick(&self) {
        self.lock().disk = Disk::Stuck;
    }

    /// Each producer may have so many messages waiting, and no more.
    pub fn has_room_for(&self, messages: usize) {
        let mut state = self.lock();
        state.room = Some(messages);
        state.wake();
    }

    /// Whatever waits becomes durable, and whatever comes.
    pub fn go_on(&self) {
        self.lock().become_like(Disk::Quick);
    }

    /// So many of those that wait become durable.
    pub fn store(&self, messages: usize) {
        self.lock().store(messages);
    }

    /// What waits is lost.
    pub fn forget_waiting(&self) {
        self.lock().handed_over.clear();
    }

    /// What waits is lost, and whatever comes.
    pub fn break_with(&self, error: LogError) {
        self.lock().become_like(Disk::Broken(error));
    }

    /// Ends it: producers and readers are told, also those who wait.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.become_like(Disk::Broken(LogError::Closed));
    }

    /// Drops the events of a partition before this one, as retention does.
    pub fn drop_before(&self, hub: &HubName, partition: PartitionId, sequence_number: u64) {
        self.lock().events.retain(|((of, number), event)| {
            (of, *number) != (hub, partition) || event.sequence_number >= sequence_number
        });
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn require_open(&self) -> Result<(), LogError> {
        if self.lock().closed {
            return Err(LogError::Closed);
        }
        Ok(())
    }

    /// The state, if the log is one that can be read of this hub.
    fn readable(&self, hub: &HubName) -> Result<MutexGuard<'_, State>, LogError> {
        self.require_open()?;
        let state = self.lock();
        if !state.has(hub) {
            return Err(LogError::Failed(format!("hub {hub} has no event log")));
        }
        Ok(state)
    }
}

impl State {
    fn has(&self, hub: &HubName) -> bool {
        self.hubs.as_ref().is_none_or(|hubs| hubs.contains(hub))
    }

    fn become_like(&mut self, disk: Disk) {
        self.disk = disk;
        if matches!(self.disk, Disk::Quick) {
            self.store(usize::MAX);
        }
        self.wake();
    }

    pub fn store(&mut self, messages: usize) {
        let count = messages.min(self.handed_over.len());
        for handed_over in self.handed_over.drain(..count) {
            let HandedOver {
                lane, mut event, ..
            } = handed_over;
            let reached = self.reached.entry(lane.clone()).or_default();
            event.sequence_number = reached.next;
            event.offset = self.stored * 100;
            reached.next += 1;
            reached.newest = Some((event.offset, event.enqueued));
            self.stored += 1;
            self.events.push((lane, event));
        }
        self.wake();
    }

    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }

    fn events_of(&self, hub: &HubName, partition: PartitionId) -> impl Iterator<Item = &Event> {
        let of_lane = move |lane: &Lane| lane.0 == *hub && lane.1 == partition;
        let events = self.events.iter();
        events.filter_map(move |(lane, event)| of_lane(lane).then_some(event))
    }

    fn partition(&self, hub: &HubName, partition: PartitionId) -> PartitionState {
        let reached = self.reached.get(&(hub.clone(), partition));
        let reached = reached.copied().unwrap_or_default();
        let first = self.events_of(hub, partition).next();
        PartitionState {
            first: first.map_or(reached.next, |event| event.sequence_number),
            next: reached.next,
            last_offset: reached.newest.map(|(offset, _)| offset),
            last_enqueued: reached.newest.map(|(_, enqueued)| enqueued),
        }
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    fn partitions(&self, hub: &HubName) -> Option<u16> {
        let state = self.lock();
        state.has(hub).then_some(state.partitions)
    }

    fn producer(&self, hub: &HubName, origin: &Origin) -> Result<Box<dyn Producer>, LogError> {
        let mut state = self.readable(hub)?;
        state.producers += 1;
        let partition = PartitionId::of(origin.identity.device_id(), state.partitions);
        let lane = (hub.clone(), partition);
        let producer = MemoryProducer::new(self.clone(), state.producers, lane, origin.clone());
        Ok(Box::new(producer))
    }

    async fn partition(
        &self,
        hub: &HubName,
        partition: PartitionId,
    ) -> Result<Option<PartitionState>, LogError> {
        let state = self.readable(hub)?;
        Ok((partition.0 < state.partitions).then(|| state.partition(hub, partition)))
    }

    async fn find(
        &self,
        hub: &HubName,
        partition: PartitionId,
        position: StartPosition,
    ) -> Result<u64, LogError> {
        let state = self.readable(hub)?;
        let known = state.partition(hub, partition);
        let first_that = |is_it: &dyn Fn(&Event) -> bool| {
            let found = state.events_of(hub, partition).find(|event| is_it(event));
            found.map_or(known.next, |event| event.sequence_number)
        };
        Ok(match position {
            StartPosition::Earliest => known.first,
            StartPosition::Latest => known.next,
            StartPosition::SequenceNumber(number) => number.max(known.first),
            StartPosition::AfterOffset(offset) => first_that(&|event| event.offset > offset),
            StartPosition::EnqueuedFrom(moment) => first_that(&|event| event.enqueued >= moment),
        })
    }

    async fn read(
        &self,
        hub: &HubName,
        partition: PartitionId,
        sequence_number: u64,
        max_bytes: usize,
    ) -> Result<EventBatch, LogError> {
        let state = self.readable(hub)?;
        let mut bytes = 0;
        let events = state.events_of(hub, partition);
        let from = events.skip_while(|event| event.sequence_number < sequence_number);
        let batch = from.take_while(|event| {
            let is_taken = bytes == 0 || bytes < max_bytes;
            // One without a body counts, too.
            bytes += event.message.body.len().max(1);
            is_taken
        });
        Ok(EventBatch::new(batch.cloned().collect::<Vec<_>>()))
    }

    async fn wait_for(
        &self,
        hub: &HubName,
        partition: PartitionId,
        sequence_number: u64,
    ) -> Result<(), LogError> {
        poll_fn(|cx| {
            let mut state = match self.readable(hub) {
                Ok(state) => state,
                Err(error) => return Poll::Ready(Err(error)),
            };
            if state.partition(hub, partition).next > sequence_number {
                return Poll::Ready(Ok(()));
            }
            state.wakers.push(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}
