//! Links on which the peer sends.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use twinhub_amqp_engine::connection::{DeliveryId, IncomingDelivery, IncomingTerms, LinkId};
use twinhub_amqp_engine::performatives::{AmqpError, Attach, DeliveryState};

use super::Gone;
use super::SessionKey;
use super::pending::Answer;
use super::shared::{Inner, Links, remember};

/// A link on which the peer sends. Dropped, it is detached without an error.
///
/// The peer has as much credit as the terms say, less what waits here; taking
/// deliveries renews it.
pub struct Incoming {
    links: Links,
    link: LinkId,
    session: SessionKey,
    attach: Arc<Attach>,
}

impl Incoming {
    pub(super) fn open(mut answer: Answer, terms: IncomingTerms) -> Self {
        answer.answered = true;
        let (link, window) = (answer.link, terms.credit);
        {
            let mut inner = answer.links.lock();
            inner.receive_on(link, window);
            inner.engine.accept_incoming(link, terms);
            inner.touch();
        }
        Incoming {
            links: answer.links.clone(),
            link,
            session: answer.session,
            attach: answer.attach.clone(),
        }
    }

    /// The next delivery; `None` once the link is gone and everything that
    /// came on it was taken. Safe to cancel.
    pub async fn next(&mut self) -> Option<IncomingDelivery> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next delivery, as [`next`](Self::next).
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<IncomingDelivery>> {
        let mut inner = self.links.lock();
        if let Some(delivery) = take(&mut inner, self.link) {
            return Poll::Ready(Some(delivery));
        }
        match inner.incoming.get_mut(&self.link) {
            Some(receiving) if receiving.gone.is_none() => {
                remember(&mut receiving.waker, cx.waker());
                Poll::Pending
            }
            _ => Poll::Ready(None),
        }
    }

    /// The next delivery, if one is there.
    pub fn try_next(&mut self) -> Option<IncomingDelivery> {
        take(&mut self.links.lock(), self.link)
    }

    /// Accepts deliveries, from `first` to `last`: those of the session that
    /// came on this link.
    pub fn accept(&mut self, first: DeliveryId, last: DeliveryId) {
        self.settle(first, last, &DeliveryState::Accepted);
    }

    /// Settles deliveries, from `first` to `last`, with one outcome.
    pub fn settle(&mut self, first: DeliveryId, last: DeliveryId, state: &DeliveryState) {
        let mut inner = self.links.lock();
        inner.engine.settle_incoming(self.link, first, last, state);
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

    /// Why the link is gone, if it is.
    pub fn gone(&self) -> Option<Gone> {
        let inner = self.links.lock();
        inner.incoming.get(&self.link).and_then(|link| link.gone)
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
        inner.forget_incoming(self.link);
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.detach(None);
    }
}

fn take(inner: &mut Inner, link: LinkId) -> Option<IncomingDelivery> {
    let receiving = inner.incoming.get_mut(&link)?;
    let delivery = receiving.queue.pop_front()?;
    let waiting = u32::try_from(receiving.queue.len()).unwrap_or(u32::MAX);
    let renewed = receiving.window.saturating_sub(waiting);
    let gain = renewed.saturating_sub(receiving.credit);
    // By halves: one flow for many deliveries.
    if receiving.gone.is_none() && gain >= (receiving.window / 2).max(1) {
        receiving.credit = renewed;
        inner.engine.grant(link, renewed);
        inner.touch();
    }
    inner.took_delivery(&delivery);
    Some(delivery)
}
