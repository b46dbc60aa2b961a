//! What happens on a connection, given to the links that it concerns.

use std::time::Instant;

use twinhub_amqp_engine::connection::{Event, IncomingDelivery, LinkId};
use twinhub_amqp_engine::performatives::AmqpError;

use super::shared::{Inner, SETTLEMENT_BYTES, bytes_of, wake};
use super::{Gone, Settlement};

impl Inner {
    /// Gives events to the links that they concern, up to one that concerns
    /// the connection. While much waits, events stay where they are.
    pub(crate) fn hand_out(&mut self, now: Instant, happened: &mut bool) -> Option<Event> {
        while !self.is_full() {
            let event = self.engine.next_event(now)?;
            *happened = true;
            match event {
                Event::Delivery { link, delivery } => self.delivered(link, delivery),
                Event::Flow { link, drain } => self.flowed(link, drain),
                Event::Settled {
                    link,
                    first,
                    last,
                    state,
                    settled,
                } => {
                    let settlement = Settlement {
                        first,
                        last,
                        state,
                        settled,
                    };
                    self.settled(link, settlement);
                }
                Event::Detached { link, error } => {
                    tracing::debug!(?error, "link gone");
                    self.detached(link, Gone::ByPeer);
                }
                Event::SaslInit { .. }
                | Event::Opened(_)
                | Event::Attach { .. }
                | Event::Closed(_) => return Some(event),
            }
        }
        None
    }

    /// A whole delivery has come.
    fn delivered(&mut self, link: LinkId, delivery: IncomingDelivery) {
        self.received += 1;
        let Some(receiving) = self.incoming.get_mut(&link) else {
            return;
        };
        self.untaken += bytes_of(&delivery);
        receiving.credit = receiving.credit.saturating_sub(1);
        receiving.queue.push_back(delivery);
        wake(&mut receiving.waker);
    }

    /// The peer has settled some of what was sent to it, or wants to.
    fn settled(&mut self, link: LinkId, settlement: Settlement) {
        let Some(sending) = self.outgoing.get_mut(&link) else {
            return;
        };
        self.untaken += SETTLEMENT_BYTES;
        sending.settlements.push_back(settlement);
        wake(&mut sending.settled_waker);
    }

    /// A link that we send on may go on, or is to be drained.
    fn flowed(&mut self, link: LinkId, drain: bool) {
        let Some(sending) = self.outgoing.get_mut(&link) else {
            return;
        };
        sending.draining = drain;
        wake(&mut sending.ready_waker);
        if drain {
            wake(&mut sending.drain_waker);
        }
    }

    /// A link is gone; what has come on it may still be taken.
    fn detached(&mut self, link: LinkId, why: Gone) {
        self.close(link);
        if let Some(receiving) = self.incoming.get_mut(&link) {
            receiving.gone.get_or_insert(why);
            wake(&mut receiving.waker);
        }
        if let Some(sending) = self.outgoing.get_mut(&link) {
            sending.gone.get_or_insert(why);
            wake(&mut sending.ready_waker);
            wake(&mut sending.settled_waker);
            wake(&mut sending.drain_waker);
            wake(&mut sending.left_waker);
        }
    }

    /// Detaches every link that has been answered.
    pub(crate) fn detach_all(&mut self, error: &AmqpError) {
        let answered = self.incoming.keys().chain(self.outgoing.keys());
        let open: Vec<LinkId> = answered
            .filter(|link| self.open.contains(link))
            .copied()
            .collect();
        for link in open {
            self.engine.detach(link, Some(error.clone()));
        }
    }

    /// The connection is over, and with it all links.
    pub(crate) fn all_gone(&mut self, why: Gone) {
        self.count();
        let links: Vec<LinkId> = self.open.iter().copied().collect();
        for link in links {
            self.detached(link, why);
        }
    }
}
