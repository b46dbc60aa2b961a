//! Links on which the hub sends.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use twinhub_amqp_engine::connection::{CannotSend, DeliveryId, LinkId, NewDelivery, OutgoingTerms};
use twinhub_amqp_engine::performatives::{AmqpError, Attach, DeliveryState};

use super::Gone;
use super::SessionKey;
use super::pending::Answer;
use super::shared::{Inner, Links, Sending, remember};

/// What a receiver says of deliveries of one session, from `first` to `last`.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// The first delivery.
    pub first: DeliveryId,
    /// The last delivery.
    pub last: DeliveryId,
    /// The outcome, if it names one.
    pub state: Option<DeliveryState>,
    /// Whether it has settled them. If not, it waits for
    /// [`Outgoing::settle`].
    pub settled: bool,
}

/// A link on which the hub sends. Dropped, it is detached without an error.
pub struct Outgoing {
    links: Links,
    link: LinkId,
    session: SessionKey,
    attach: Arc<Attach>,
}

impl Outgoing {
    pub(super) fn open(mut answer: Answer, terms: OutgoingTerms) -> Self {
        answer.answered = true;
        let link = answer.link;
        {
            let mut inner = answer.links.lock();
            inner.send_on(link);
            inner.engine.accept_outgoing(link, terms);
            inner.touch();
        }
        Outgoing {
            links: answer.links.clone(),
            link,
            session: answer.session,
            attach: answer.attach.clone(),
        }
    }

    /// Waits until a message can be sent: the peer has given credit, and not
    /// too much waits to be written. Safe to cancel.
    pub async fn ready(&mut self) -> Result<(), Gone> {
        poll_fn(|cx| self.poll_ready(cx)).await
    }

    /// Whether a message can be sent, as [`ready`](Self::ready).
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let mut inner = self.links.lock();
        if inner.is_crowded() && sending(&mut inner, self.link).is_ok() {
            inner.crowd_out(self.link, cx.waker());
            return Poll::Pending;
        }
        let can_send = inner.engine.can_send(self.link);
        let sending = sending(&mut inner, self.link)?;
        if can_send {
            return Poll::Ready(Ok(()));
        }
        remember(&mut sending.ready_waker, cx.waker());
        Poll::Pending
    }

    /// Whether a message can be sent now.
    pub fn is_ready(&self) -> bool {
        let mut inner = self.links.lock();
        self.is_open(&inner) && !inner.is_crowded() && inner.engine.can_send(self.link)
    }

    /// Whether the peer has given credit that is not used up.
    pub fn has_credit(&self) -> bool {
        let inner = self.links.lock();
        self.is_open(&inner) && inner.engine.can_send(self.link)
    }

    /// Sends a message, which `write` appends encoded; it must not touch the
    /// handles of any link.
    ///
    /// # Errors
    /// When the link can't take it now: see [`ready`](Self::ready).
    pub fn send(
        &mut self,
        delivery: NewDelivery<'_>,
        write: impl FnOnce(&mut BytesMut),
    ) -> Result<DeliveryId, CannotSend> {
        let mut inner = self.links.lock();
        if !self.is_open(&inner) {
            return Err(CannotSend::NotOpen);
        }
        let id = inner.engine.send(self.link, delivery, write)?;
        inner.has_sent(self.link);
        inner.touch();
        Ok(id)
    }

    /// What the receiver says next of what was sent to it unsettled; `None`
    /// once the link is gone and everything was taken. Safe to cancel.
    pub async fn settlement(&mut self) -> Option<Settlement> {
        poll_fn(|cx| self.poll_settlement(cx)).await
    }

    /// What the receiver says next, as [`settlement`](Self::settlement).
    pub fn poll_settlement(&mut self, cx: &mut Context<'_>) -> Poll<Option<Settlement>> {
        let mut inner = self.links.lock();
        let Some(sending) = inner.outgoing.get_mut(&self.link) else {
            return Poll::Ready(None);
        };
        if let Some(settlement) = sending.settlements.pop_front() {
            inner.took_settlement();
            return Poll::Ready(Some(settlement));
        }
        if sending.gone.is_some() {
            return Poll::Ready(None);
        }
        remember(&mut sending.settled_waker, cx.waker());
        Poll::Pending
    }

    /// Settles a delivery that the receiver waits for.
    pub fn settle(&mut self, delivery: DeliveryId, state: &DeliveryState) {
        let mut inner = self.links.lock();
        inner.engine.settle_outgoing(self.link, delivery, state);
        inner.touch();
    }

    /// Waits until the peer asks for everything that there is, or for its
    /// credit back: answer with [`drained`](Self::drained). Safe to cancel.
    pub async fn draining(&mut self) -> Result<(), Gone> {
        poll_fn(|cx| self.poll_draining(cx)).await
    }

    /// Whether the peer asks for its credit back, as
    /// [`draining`](Self::draining).
    pub fn poll_draining(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let mut inner = self.links.lock();
        let sending = sending(&mut inner, self.link)?;
        if sending.draining {
            return Poll::Ready(Ok(()));
        }
        remember(&mut sending.drain_waker, cx.waker());
        Poll::Pending
    }

    /// There is nothing to send now: if the peer drains the link, its credit
    /// is used up.
    pub fn drained(&mut self) {
        let mut inner = self.links.lock();
        if !self.is_open(&inner) {
            return;
        }
        if let Some(sending) = inner.outgoing.get_mut(&self.link) {
            sending.draining = false;
        }
        inner.engine.drained(self.link);
        inner.touch();
    }

    /// The session that the link belongs to.
    pub fn session(&self) -> SessionKey {
        self.session
    }

    /// The attach as it came.
    pub fn attach(&self) -> &Attach {
        &self.attach
    }

    /// Waits until the link is gone: for whoever waits for something else
    /// than the link. Safe to cancel.
    pub async fn left(&mut self) -> Gone {
        poll_fn(|cx| self.poll_left(cx)).await
    }

    /// Whether the link is gone, as [`left`](Self::left).
    pub fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<Gone> {
        let mut inner = self.links.lock();
        match sending(&mut inner, self.link) {
            Err(gone) => Poll::Ready(gone),
            Ok(sending) => {
                remember(&mut sending.left_waker, cx.waker());
                Poll::Pending
            }
        }
    }

    /// Why the link is gone, if it is.
    pub fn gone(&self) -> Option<Gone> {
        let inner = self.links.lock();
        inner.outgoing.get(&self.link).and_then(|link| link.gone)
    }

    /// Ends the session of the link, with all links in it.
    pub fn end_session(self, error: AmqpError) {
        let mut inner = self.links.lock();
        inner.engine.end_session(self.session, error);
        inner.touch();
    }

    /// Detaches the link.
    pub fn end(self, error: Option<AmqpError>) {
        self.detach(error);
    }

    fn detach(&self, error: Option<AmqpError>) {
        let mut inner = self.links.lock();
        inner.engine.detach(self.link, error);
        inner.touch();
        inner.forget_outgoing(self.link);
    }

    fn is_open(&self, inner: &Inner) -> bool {
        let link = inner.outgoing.get(&self.link);
        link.is_some_and(|link| link.gone.is_none())
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.detach(None);
    }
}

/// The state of a link that is open.
fn sending(inner: &mut Inner, link: LinkId) -> Result<&mut Sending, Gone> {
    let sending = inner.outgoing.get_mut(&link).ok_or(Gone::ByHub)?;
    match sending.gone {
        Some(gone) => Err(gone),
        None => Ok(sending),
    }
}
