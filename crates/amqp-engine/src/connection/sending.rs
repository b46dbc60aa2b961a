//! Deliveries to the peer: written into the outbox, cut to the size of the
//! peer's frames and to the session's window, remembered until settled.

use bytes::BytesMut;

use super::breach::Breach;
use super::cut::{Cut, First};
use super::link::LinkEnd;
use super::{CannotSend, Connection, DeliveryId, Event, LinkId, NewDelivery};
use crate::performatives::{DeliveryState, Disposition, Role};

/// The longest tag of a delivery.
const MAX_TAG: usize = 32;

impl Connection {
    /// Whether a message can be sent on the link now.
    pub fn can_send(&self, link: LinkId) -> bool {
        let Some(link) = self.links.get(link) else {
            return false;
        };
        let LinkEnd::Outgoing(outgoing) = &link.end else {
            return false;
        };
        let window = self
            .sessions
            .get(link.channel)
            .map_or(0, |session| session.peer_window);
        link.unanswered.is_none()
            && outgoing.credit > 0
            && outgoing.rest.is_none()
            && window > 0
            && (outgoing.settled_only || self.unsettled < self.settings.max_unsettled)
    }

    /// Sends a message: `write` appends it, encoded, to the outbox.
    ///
    /// A message that is too large for a frame of the peer goes out in several,
    /// and what the session's window has no room for follows when it has; until
    /// then the link can't send another.
    ///
    /// # Errors
    /// When the message can't be sent now, or at all; `write` was not called.
    pub fn send(
        &mut self,
        link: LinkId,
        delivery: NewDelivery<'_>,
        write: impl FnOnce(&mut BytesMut),
    ) -> Result<DeliveryId, CannotSend> {
        if delivery.tag.len() > MAX_TAG {
            return Err(CannotSend::TagTooLong);
        }
        let found = self.links.get_mut(link).ok_or(CannotSend::NotOpen)?;
        let (channel, handle) = (found.channel, found.handle);
        let LinkEnd::Outgoing(outgoing) = &mut found.end else {
            return Err(CannotSend::NotOpen);
        };
        let session = self.sessions.get_mut(channel).ok_or(CannotSend::NotOpen)?;
        if found.unanswered.is_some() {
            return Err(CannotSend::NotOpen);
        }
        let settled = delivery.settled || outgoing.settled_only;
        let full = !settled && self.unsettled >= self.settings.max_unsettled;
        let shut = session.peer_window == 0;
        if full || shut || outgoing.credit == 0 || outgoing.rest.is_some() {
            return Err(CannotSend::Blocked);
        }

        let id = session.next_delivery();
        let mut cut = Cut {
            channel,
            handle,
            limit: self.wire.frame_limit as usize,
            window: session.peer_window,
        };
        let first = First {
            id,
            tag: delivery.tag,
            message_format: delivery.message_format,
            settled,
        };
        self.wire.last_sent = self.wire.now;
        outgoing.rest = cut.first(&first, write, &mut self.wire.outbox);
        session.count_outgoing(session.peer_window - cut.window);
        session.count_delivery((!settled).then_some(link));
        if !settled {
            outgoing.unsettled += 1;
            self.unsettled += 1;
            self.unsettled_full |= self.unsettled >= self.settings.max_unsettled;
        }
        if outgoing.spend() {
            let written = self.answer_drain(link);
            self.checked(written);
        }
        Ok(id)
    }

    /// Goes on with what a session's window had no room for.
    pub(super) fn resume_sending(&mut self, channel: u16) -> Result<(), Breach> {
        let Some(session) = self.sessions.get_mut(channel) else {
            return Ok(());
        };
        let links: Vec<LinkId> = session.handles.links().collect();
        for id in &links {
            let Some(link) = self.links.get_mut(*id) else {
                continue;
            };
            let handle = link.handle;
            let LinkEnd::Outgoing(outgoing) = &mut link.end else {
                continue;
            };
            let Some(rest) = outgoing.rest.take() else {
                continue;
            };
            let mut cut = Cut {
                channel,
                handle,
                limit: self.wire.frame_limit as usize,
                window: session.peer_window,
            };
            self.wire.last_sent = self.wire.now;
            outgoing.rest = cut.rest(rest, &mut self.wire.outbox);
            session.count_outgoing(session.peer_window - cut.window);
        }
        for id in links {
            self.tell_flow(id);
        }
        Ok(())
    }

    /// Answers the client's outcome of a delivery: it may forget it, too.
    pub fn settle_outgoing(&mut self, link: LinkId, delivery: DeliveryId, state: &DeliveryState) {
        let Some(found) = self.links.get_mut(link) else {
            return;
        };
        let channel = found.channel;
        let LinkEnd::Outgoing(outgoing) = &mut found.end else {
            return;
        };
        let session = self.sessions.get_mut(channel);
        if !session.is_some_and(|session| session.settle(delivery, link)) {
            return;
        }
        outgoing.unsettled -= 1;
        self.count_settled(1);
        let disposition = Disposition {
            role: Role::Sender,
            first: delivery.0,
            last: Some(delivery.0),
            settled: true,
            state: Some(state.clone()),
            batchable: false,
        };
        let written = self.wire.frame(channel, disposition);
        self.checked(written);
    }

    pub(super) fn take_disposition(
        &mut self,
        channel: u16,
        told: &Disposition,
    ) -> Result<(), Breach> {
        let Some(session) = self.sessions.addressed(channel)? else {
            return Ok(());
        };
        // What the peer sent is settled from here first: its word is no news.
        if told.role == Role::Sender {
            return Ok(());
        }
        let mut deliveries: Vec<(DeliveryId, LinkId)> = Vec::new();
        let last = told.last.unwrap_or(told.first);
        deliveries.extend(session.unsettled(told.first, last));
        if told.settled {
            for (delivery, link) in &deliveries {
                session.settle(*delivery, *link);
                if let Some(outgoing) = self.links.outgoing(*link) {
                    outgoing.unsettled -= 1;
                }
            }
            self.count_settled(deliveries.len());
        }
        for run in deliveries.chunk_by(|(_, one), (_, other)| one == other) {
            if let [(first, link), ..] = run
                && let [.., (last, _)] = run
            {
                self.events.push_back(Event::Settled {
                    link: *link,
                    first: *first,
                    last: *last,
                    state: told.state.clone(),
                    settled: told.settled,
                });
            }
        }
        Ok(())
    }

    /// Makes room for deliveries that wait for others to be settled.
    pub(super) fn count_settled(&mut self, deliveries: usize) {
        self.unsettled -= deliveries;
        let low = self.settings.max_unsettled - self.settings.max_unsettled / 4;
        if self.unsettled_full && self.unsettled < low.max(1) {
            self.unsettled_full = false;
            let links: Vec<LinkId> = self.links.all_outgoing().collect();
            for link in links {
                self.tell_flow(link);
            }
        }
    }
}
