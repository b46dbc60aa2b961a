//! A sender's way into a log in memory.

use std::task::{Context, Poll};

use bytes::Bytes;
use twinhub_core::events::{Event, Origin, PartitionId};
use twinhub_core::ids::HubName;
use twinhub_core::messages::{Message, MessageRef, SystemProperty};
use twinhub_core::ports::{Busy, LogError, Producer};
use twinhub_core::time::Timestamp;

use crate::log::{Disk, HandedOver, MemoryLog};

pub(crate) struct MemoryProducer {
    log: MemoryLog,
    number: u64,
    lane: (HubName, PartitionId),
    origin: Origin,
    taken: Vec<Event>,
    sent: u64,
    busy: bool,
}

impl MemoryProducer {
    pub fn new(log: MemoryLog, number: u64, lane: (HubName, PartitionId), origin: Origin) -> Self {
        MemoryProducer {
            log,
            number,
            lane,
            origin,
            taken: Vec::new(),
            sent: 0,
            busy: false,
        }
    }
}

impl Producer for MemoryProducer {
    fn append(&mut self, message: &MessageRef<'_>, enqueued: Timestamp) -> Result<(), Busy> {
        let state = self.log.lock();
        let mine = state.handed_over.iter();
        let waiting = mine.filter(|on_way| on_way.producer == self.number).count();
        let waiting = waiting + self.taken.len();
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
        let mut state = self.log.lock();
        self.sent += self.taken.len() as u64;
        let (producer, lane) = (self.number, &self.lane);
        let taken = self.taken.drain(..).map(|event| HandedOver {
            producer,
            lane: lane.clone(),
            event,
        });
        state.handed_over.extend(taken);
        if matches!(state.disk, Disk::Quick) {
            state.store(usize::MAX);
        }
    }

    fn poll_durable(&mut self, cx: &mut Context<'_>, known: u64) -> Poll<Result<u64, LogError>> {
        let mut state = self.log.lock();
        let mine = state.handed_over.iter();
        let waiting = mine.filter(|on_way| on_way.producer == self.number).count() as u64;
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
    let mut system: Vec<(SystemProperty, Box<str>)> = Vec::new();
    for (name, value) in message.system {
        // The first of a name stands.
        if system.iter().all(|(known, _)| known != name) {
            system.push((*name, text(value)));
        }
    }
    let application = message.application.iter();
    Message {
        system,
        application: application
            .map(|(name, value)| (text(name), value.as_deref().map(text)))
            .collect(),
        body: Bytes::copy_from_slice(message.body),
    }
}
