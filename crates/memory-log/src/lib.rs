//! An event log in memory, whose disk does as tests wish: for the tests of
//! gateways, which know no engine.

#![allow(clippy::unwrap_used, reason = "for tests alone: a panic is a failure")]

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use twinhub_core::events::{Event, EventBatch, Origin, PartitionId};
use twinhub_core::ids::HubName;
use twinhub_core::messages::{Message, MessageRef};
use twinhub_core::ports::{Busy, EventLog, LogError, PartitionState, Producer, StartPosition};
use twinhub_core::time::Timestamp;

/// What the disk is like.
#[derive(Clone, Default)]
enum Disk {
    /// What is handed over is durable at once.
    #[default]
    Quick,
    /// Nothing becomes durable for now.
    Stuck,
    /// Nothing becomes durable ever.
    Broken(LogError),
}

#[derive(Default)]
struct State {
    disk: Disk,
    /// What is durable.
    events: Vec<Event>,
    /// What was handed over: by which producer, and what.
    handed_over: Vec<(u64, Event)>,
    producers: u64,
    wakers: Vec<Waker>,
    /// How many messages of a producer may wait.
    room: Option<usize>,
}

/// An event log in memory.
#[derive(Clone, Default)]
pub struct MemoryLog(Arc<Mutex<State>>);

impl MemoryLog {
    /// What is durable, in order.
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().events.clone()
    }

    /// How many messages wait for the disk.
    pub fn waiting(&self) -> usize {
        self.0.lock().unwrap().handed_over.len()
    }

    /// How many ways in were made.
    pub fn producers(&self) -> u64 {
        self.0.lock().unwrap().producers
    }

    /// Nothing becomes durable until the disk [`goes on`](Self::go_on).
    pub fn stick(&self) {
        self.0.lock().unwrap().disk = Disk::Stuck;
    }

    /// Each producer may have so many messages waiting, and no more.
    pub fn has_room_for(&self, messages: usize) {
        let mut state = self.0.lock().unwrap();
        state.room = Some(messages);
        state.wakers.drain(..).for_each(Waker::wake);
    }

    /// Whatever waits becomes durable, and whatever comes.
    pub fn go_on(&self) {
        self.0.lock().unwrap().become_like(Disk::Quick);
    }

    /// So many of those that wait become durable.
    pub fn store(&self, messages: usize) {
        self.0.lock().unwrap().store(messages);
    }

    /// What waits is lost.
    pub fn forget_waiting(&self) {
        self.0.lock().unwrap().handed_over.clear();
    }

    /// What waits is lost, and whatever comes.
    pub fn break_with(&self, error: LogError) {
        self.0.lock().unwrap().become_like(Disk::Broken(error));
    }
}

impl State {
    fn become_like(&mut self, disk: Disk) {
        self.disk = disk;
        if matches!(self.disk, Disk::Quick) {
            self.store(usize::MAX);
        }
        self.wakers.drain(..).for_each(Waker::wake);
    }

    fn store(&mut self, messages: usize) {
        let count = messages.min(self.handed_over.len());
        for (_, mut event) in self.handed_over.drain(..count) {
            event.sequence_number = self.events.len() as u64;
            event.offset = event.sequence_number * 100;
            self.events.push(event);
        }
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

struct MemoryProducer {
    log: MemoryLog,
    number: u64,
    origin: Origin,
    taken: Vec<Event>,
    sent: u64,
    busy: bool,
}

#[async_trait]
impl EventLog for MemoryLog {
    fn partitions(&self, _: &HubName) -> Option<u16> {
        Some(1)
    }

    fn producer(&self, _: &HubName, origin: &Origin) -> Result<Box<dyn Producer>, LogError> {
        let mut state = self.0.lock().unwrap();
        state.producers += 1;
        Ok(Box::new(MemoryProducer {
            log: self.clone(),
            number: state.producers,
            origin: origin.clone(),
            taken: Vec::new(),
            sent: 0,
            busy: false,
        }))
    }

    async fn partition(
        &self,
        _: &HubName,
        _: PartitionId,
    ) -> Result<Option<PartitionState>, LogError> {
        unimplemented_reads()
    }

    async fn find(&self, _: &HubName, _: PartitionId, _: StartPosition) -> Result<u64, LogError> {
        unimplemented_reads()
    }

    async fn read(
        &self,
        _: &HubName,
        _: PartitionId,
        _: u64,
        _: usize,
    ) -> Result<EventBatch, LogError> {
        unimplemented_reads()
    }

    async fn wait_for(&self, _: &HubName, _: PartitionId, _: u64) -> Result<(), LogError> {
        unimplemented_reads()
    }
}

fn unimplemented_reads<T>() -> Result<T, LogError> {
    Err(LogError::Failed("gateways of devices read nothing".into()))
}

impl Producer for MemoryProducer {
    fn append(&mut self, message: &MessageRef<'_>, enqueued: Timestamp) -> Result<(), Busy> {
        let state = self.log.0.lock().unwrap();
        let mine = state.handed_over.iter();
        let waiting = mine.filter(|(of, _)| *of == self.number).count() + self.taken.len();
        if state.room.is_some_and(|room| waiting >= room) {
            self.busy = true;
            return Err(Busy);
        }
        self.taken.push(Event {
            sequence_number: 0,
            offset: 0,
            enqueued,
            origin: self.origin.clone(),
            message: owned(message),
        });
        Ok(())
    }

    fn hand_over(&mut self) {
        let mut state = self.log.0.lock().unwrap();
        self.sent += self.taken.len() as u64;
        let number = self.number;
        let taken = self.taken.drain(..).map(|event| (number, event));
        state.handed_over.extend(taken);
        if matches!(state.disk, Disk::Quick) {
            state.store(usize::MAX);
        }
    }

    fn poll_durable(&mut self, cx: &mut Context<'_>, known: u64) -> Poll<Result<u64, LogError>> {
        let mut state = self.log.0.lock().unwrap();
        let mine = state.handed_over.iter();
        let waiting = mine.filter(|(of, _)| *of == self.number).count() as u64;
        let room = state.room.is_none_or(|room| waiting < room as u64);
        match &state.disk {
            _ if self.busy && room => {
                self.busy = false;
                Poll::Ready(Ok(self.sent - waiting))
            }
            _ if self.sent - waiting > known => Poll::Ready(Ok(self.sent - waiting)),
            Disk::Broken(error) if waiting > 0 => Poll::Ready(Err(error.clone())),
            _ => {
                state.wakers.push(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

fn owned(message: &MessageRef<'_>) -> Message {
    let text = |text: &str| -> Box<str> { text.into() };
    let system = message.system.iter();
    let application = message.application.iter();
    Message {
        system: system.map(|(name, value)| (*name, text(value))).collect(),
        application: application
            .map(|(name, value)| (text(name), value.as_deref().map(text)))
            .collect(),
        body: Bytes::copy_from_slice(message.body),
    }
}
