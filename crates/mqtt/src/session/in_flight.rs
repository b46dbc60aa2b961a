//! Deliveries of QoS 1 that the client has not acknowledged.
//!
//! Only their identifiers are kept. They are answers to requests and changes
//! of desired properties: a client that lost its connection asks for its twin
//! again, so none is repeated.

use std::collections::HashSet;

use twinhub_mqtt_codec::PacketId;

/// The identifiers that may not be used now.
pub(super) struct InFlight {
    last: PacketId,
    held: HashSet<PacketId>,
    max: usize,
}

impl InFlight {
    /// Room for `max` deliveries, at most 65534.
    pub(super) fn new(max: usize) -> Self {
        InFlight {
            last: PacketId::MAX,
            held: HashSet::new(),
            max: max.min(usize::from(u16::MAX) - 1),
        }
    }

    /// A free identifier, held from now on; `None` if there is no room.
    pub(super) fn next(&mut self) -> Option<PacketId> {
        if self.held.len() >= self.max {
            return None;
        }
        loop {
            self.last = self.last.checked_add(1).unwrap_or(PacketId::MIN);
            if self.held.insert(self.last) {
                return Some(self.last);
            }
        }
    }

    /// The client acknowledged one, in whatever order; others are none of ours.
    pub(super) fn release(&mut self, id: PacketId) {
        self.held.remove(&id);
        if self.held.is_empty() && self.held.capacity() > 0 {
            self.held = HashSet::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u16) -> PacketId {
        PacketId::new(number).unwrap()
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
}
