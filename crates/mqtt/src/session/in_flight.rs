//! Deliveries of QoS 1 that the client has not acknowledged.
//!
//! Of answers to requests, changes of desired properties and method calls only
//! the identifiers are kept: a client that lost its connection asks for its
//! twin again, so none is repeated. Messages from the cloud stay locked in
//! their queue until the client acknowledges them.

use std::collections::{BTreeMap, HashSet};

use twinhub_core::c2d::{Delivery, LockToken};
use twinhub_core::time::Timestamp;
use twinhub_mqtt_codec::PacketId;

/// The identifiers that may not be used now, and what some of them stand for.
pub(super) struct InFlight {
    last: PacketId,
    held: HashSet<PacketId>,
    max: usize,
    /// Messages from the cloud, by their number in the queue.
    messages: BTreeMap<u64, Message>,
}

/// A message that the client has not acknowledged.
struct Message {
    id: PacketId,
    lock: LockToken,
    locked_until: Timestamp,
}

impl InFlight {
    /// Room for `max` deliveries, at most 65534.
    pub(super) fn new(max: usize) -> Self {
        InFlight {
            last: PacketId::MAX,
            held: HashSet::new(),
            max: max.min(usize::from(u16::MAX) - 1),
            messages: BTreeMap::new(),
        }
    }

    /// A free identifier, held from now on; `None` if there is no room.
    pub(super) fn next(&mut self) -> Option<PacketId> {
        let id = self.free()?;
        self.take(id);
        Some(id)
    }

    fn free(&self) -> Option<PacketId> {
        if self.held.len() >= self.max {
            return None;
        }
        let mut id = self.last;
        loop {
            id = id.checked_add(1).unwrap_or(PacketId::MIN);
            if !self.held.contains(&id) {
                return Some(id);
            }
        }
    }

    fn take(&mut self, id: PacketId) -> bool {
        self.last = id;
        self.held.insert(id)
    }

    /// How many messages from the cloud are not acknowledged.
    pub(super) fn messages(&self) -> usize {
        self.messages.len()
    }

    /// Whether the client was given this message and has not acknowledged it.
    pub(super) fn knows(&self, number: u64) -> bool {
        self.messages.contains_key(&number)
    }

    /// The identifier that the next message from the cloud will have, as far
    /// as can be told: the oldest one whose lock has run out comes first, and
    /// keeps its own. `None` if there is no room.
    pub(super) fn next_of_message(&self, now: Timestamp) -> Option<PacketId> {
        let mut messages = self.messages.values();
        match messages.find(|message| message.locked_until <= now) {
            Some(again) => Some(again.id),
            None => self.free(),
        }
    }

    /// Holds a message that is delivered, under the identifier that it had
    /// before if that is possible. `None` if there is no room.
    pub(super) fn hold(
        &mut self,
        delivery: &Delivery,
        locked_until: Timestamp,
    ) -> Option<PacketId> {
        let (number, lock) = (delivery.sequence_number, delivery.lock);
        let known = self.messages.get(&number).map(|message| message.id);
        let id = match known {
            Some(id) => id,
            None => self.next_like(delivery.handle)?,
        };
        let message = Message {
            id,
            lock,
            locked_until,
        };
        self.messages.insert(number, message);
        Some(id)
    }

    fn next_like(&mut self, wanted: Option<u32>) -> Option<PacketId> {
        let wanted = wanted.and_then(|handle| u16::try_from(handle).ok());
        match wanted.and_then(PacketId::new) {
            Some(id) if self.take(id) => Some(id),
            _ => self.next(),
        }
    }

    /// The client acknowledged one, in whatever order; others are none of
    /// ours. If it is a message, this is its lock.
    pub(super) fn release(&mut self, id: PacketId) -> Option<LockToken> {
        if !self.held.remove(&id) {
            return None;
        }
        if self.held.is_empty() {
            self.held = HashSet::new();
        }
        let mut messages = self.messages.iter();
        let (number, _) = messages.find(|(_, message)| message.id == id)?;
        let number = *number;
        self.messages.remove(&number).map(|message| message.lock)
    }
}

#[cfg(test)]
mod tests {
    use twinhub_core::c2d::Acknowledgement;

    use super::*;

    fn id(number: u16) -> PacketId {
        PacketId::new(number).unwrap()
    }

    fn moment(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn delivery(sequence_number: u64, handle: u32) -> Delivery {
        Delivery {
            lock: LockToken::random(),
            handle: Some(handle),
            redelivered: false,
            sequence_number,
            enqueued: moment(0),
            expires: moment(3600),
            delivery_count: 0,
            message: twinhub_core::messages::Message::default(),
            ack: Acknowledgement::None,
        }
    }

    #[test]
    fn identifiers_in_use_are_passed_over_and_zero_never_comes() {
        let mut in_flight = InFlight::new(100);
        assert_eq!(in_flight.next(), Some(id(1)));
        assert_eq!(in_flight.next(), Some(id(2)));
        in_flight.release(id(1));

        for _ in 0..65_533 {
            let next = in_flight.next().unwrap();
            in_flight.release(next);
        }

        assert_eq!(in_flight.next(), Some(id(1)));
        assert_eq!(in_flight.next(), Some(id(3)));
    }

    #[test]
    fn there_is_room_for_so_many_and_again_after_an_acknowledgement() {
        let mut in_flight = InFlight::new(2);
        in_flight.next().unwrap();
        in_flight.next().unwrap();

        assert_eq!(in_flight.next(), None);

        in_flight.release(id(4711));
        assert_eq!(in_flight.next(), None);
        in_flight.release(id(2));
        assert_eq!(in_flight.next(), Some(id(3)));
    }

    #[test]
    fn a_message_has_the_identifier_it_had_unless_something_else_has_it() {
        let mut in_flight = InFlight::new(100);
        in_flight.next().unwrap();

        assert_eq!(in_flight.hold(&delivery(7, 40), moment(60)), Some(id(40)));
        assert_eq!(in_flight.hold(&delivery(8, 1), moment(60)), Some(id(2)));
        assert_eq!(in_flight.hold(&delivery(9, 0), moment(60)), Some(id(3)));
    }

    #[test]
    fn an_acknowledgement_gives_the_newest_lock_of_its_message_once() {
        let mut in_flight = InFlight::new(100);
        let (first, again) = (delivery(7, 40), delivery(7, 41));
        in_flight.hold(&first, moment(60)).unwrap();

        assert_eq!(in_flight.hold(&again, moment(120)), Some(id(40)));

        assert_eq!(in_flight.release(id(40)), Some(again.lock));
        assert_eq!(in_flight.release(id(40)), None);
        assert_eq!(in_flight.messages(), 0);
    }

    #[test]
    fn the_next_message_is_the_oldest_whose_lock_ran_out() {
        let mut in_flight = InFlight::new(100);
        in_flight.hold(&delivery(7, 40), moment(90)).unwrap();
        in_flight.hold(&delivery(8, 41), moment(60)).unwrap();

        assert_eq!(in_flight.next_of_message(moment(59)), Some(id(42)));
        assert_eq!(in_flight.next_of_message(moment(60)), Some(id(41)));
        assert_eq!(in_flight.next_of_message(moment(90)), Some(id(40)));
    }
}
