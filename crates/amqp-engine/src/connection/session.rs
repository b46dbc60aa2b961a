//! One session: its windows, the handles of its links, and the deliveries
//! that its peer has not settled.

use std::collections::BTreeMap;

use super::outgoing::distance;
use super::{DeliveryId, LinkId, SessionId};
use crate::performatives::{Begin, Flow};

/// A session that both sides have begun.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    /// The number of the next transfer from the peer.
    next_incoming_id: u32,
    /// How many transfers the peer may send until it hears more.
    incoming_window: u32,
    /// The number of our next transfer.
    next_outgoing_id: u32,
    /// How many transfers the peer takes.
    pub(super) peer_window: u32,
    /// The number of our next delivery; the wire has its lower half.
    next_delivery: u64,
    pub(super) handles: Handles,
    unsettled: BTreeMap<u64, LinkId>,
}

impl Session {
    pub(super) fn begun(id: SessionId, begin: &Begin, incoming_window: u32) -> Self {
        Self {
            id,
            next_incoming_id: begin.next_outgoing_id,
            incoming_window,
            next_outgoing_id: 0,
            peer_window: begin.incoming_window,
            next_delivery: 0,
            handles: Handles::default(),
            unsettled: BTreeMap::new(),
        }
    }

    /// Counts a transfer from the peer; false when it may not send one.
    #[must_use]
    pub(super) fn count_incoming(&mut self) -> bool {
        self.next_incoming_id = self.next_incoming_id.wrapping_add(1);
        match self.incoming_window.checked_sub(1) {
            Some(left) => {
                self.incoming_window = left;
                true
            }
            None => false,
        }
    }

    /// Whether it is time to tell the peer that it may send more.
    pub(super) fn window_runs_low(&self, full: u32) -> bool {
        self.incoming_window <= full / 2
    }

    /// Counts our transfers.
    pub(super) fn count_outgoing(&mut self, transfers: u32) {
        self.next_outgoing_id = self.next_outgoing_id.wrapping_add(transfers);
        self.peer_window = self.peer_window.saturating_sub(transfers);
    }

    /// Takes the peer's word on the session; true when it takes transfers again.
    #[must_use]
    pub(super) fn hear(&mut self, flow: &Flow) -> bool {
        let was_shut = self.peer_window == 0;
        self.next_incoming_id = flow.next_outgoing_id;
        // A peer that hasn't seen our begin doesn't know a number: it is 0.
        let seen = flow.next_incoming_id.unwrap_or(0);
        let in_flight = distance(seen, self.next_outgoing_id);
        self.peer_window = flow.incoming_window.saturating_sub(in_flight);
        was_shut && self.peer_window > 0
    }

    /// What the session says of itself; the peer may then send a full window.
    pub(super) fn flow(&mut self, incoming_window: u32, outgoing_window: u32) -> Flow {
        self.incoming_window = incoming_window;
        Flow {
            next_incoming_id: Some(self.next_incoming_id),
            incoming_window,
            next_outgoing_id: self.next_outgoing_id,
            outgoing_window,
            ..Flow::default()
        }
    }

    /// The number of the next delivery.
    pub(super) fn next_delivery(&self) -> DeliveryId {
        DeliveryId(wire_number(self.next_delivery))
    }

    /// Counts a delivery, and remembers it if the peer has to settle it.
    pub(super) fn count_delivery(&mut self, unsettled_on: Option<LinkId>) {
        if let Some(link) = unsettled_on {
            self.unsettled.insert(self.next_delivery, link);
        }
        self.next_delivery += 1;
    }

    /// Unsettled deliveries of a range, in order.
    pub(super) fn unsettled(
        &self,
        first: u32,
        last: u32,
    ) -> impl Iterator<Item = (DeliveryId, LinkId)> {
        let first = self.full_number(first);
        let last = self.full_number(last);
        let range = (first <= last).then(|| self.unsettled.range(first..=last));
        range
            .into_iter()
            .flatten()
            .map(|(number, link)| (DeliveryId(wire_number(*number)), *link))
    }

    /// Forgets an unsettled delivery; false when there is none of the link.
    pub(super) fn settle(&mut self, delivery: DeliveryId, link: LinkId) -> bool {
        let number = self.full_number(delivery.0);
        if self.unsettled.get(&number) != Some(&link) {
            return false;
        }
        self.unsettled.remove(&number);
        true
    }

    /// Forgets all unsettled deliveries of a link.
    pub(super) fn forget_unsettled(&mut self, link: LinkId) {
        self.unsettled.retain(|_, of| *of != link);
    }

    /// The delivery that a number on the wire means: the latest of that number,
    /// or the next one for numbers that were not given out yet.
    fn full_number(&self, number: u32) -> u64 {
        let age = distance(number, wire_number(self.next_delivery));
        self.next_delivery.saturating_sub(u64::from(age))
    }
}

/// The lower half of a delivery's number.
fn wire_number(number: u64) -> u32 {
    (number & u64::from(u32::MAX)) as u32
}

/// What a handle of the peer stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handle {
    /// A link.
    Attached(LinkId),
    /// A link that was detached from here; the peer may not know yet.
    Detached,
}

/// The handles of a session in order, few enough to search.
#[derive(Debug, Default)]
pub(super) struct Handles(Vec<(u32, Handle)>);

impl Handles {
    pub(super) fn get(&self, handle: u32) -> Option<Handle> {
        let at = self.position(handle).ok()?;
        Some(self.0[at].1)
    }

    pub(super) fn set(&mut self, handle: u32, state: Handle) {
        match self.position(handle) {
            Ok(at) => self.0[at].1 = state,
            Err(at) => self.0.insert(at, (handle, state)),
        }
    }

    pub(super) fn remove(&mut self, handle: u32) {
        if let Ok(at) = self.position(handle) {
            self.0.remove(at);
        }
    }

    /// The links that are attached.
    pub(super) fn links(&self) -> impl Iterator<Item = LinkId> {
        self.0.iter().filter_map(|(_, state)| match state {
            Handle::Attached(link) => Some(*link),
            Handle::Detached => None,
        })
    }

    fn position(&self, handle: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&handle, |(number, _)| *number)
    }
}
