//! The link on which a client receives messages from the cloud.
//!
//! A message is locked when there is credit for it, and held until the client
//! settles it. Accepting completes it, rejecting dead-letters it, releasing
//! and modifying abandon it. A client that leaves the settling to the hub
//! (receiver settle mode second) is answered once that is stored, and told if
//! the lock was lost meanwhile. What the client leaves unsettled is given back
//! when the link goes, without counting as a delivery.

mod orders;
mod unsettled;

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use twinhub_amqp_engine::performatives::{AmqpError, DeliveryState, SenderSettleMode};
use twinhub_amqp_server::{
    NewDelivery, Outgoing, OutgoingTerms, PendingLink, Settlement as Disposition,
};
use twinhub_core::access::DevicePermit;
use twinhub_core::c2d::{
    CloudToDevice, DEFAULT_LOCK, Delivery, Holder, LockToken, ReceiveError, SettleError, Settlement,
};

use self::orders::{Order, Wish, carry_out};
use self::unsettled::Unsettled;
use super::end::{End, lock_lost, of_receive, of_settle};
use super::owner::Owner;
use super::session::LinkState;
use crate::messages::{tag_of, write_delivery};

/// Sessions know messages by their locks, so that their handles say nothing.
const HOLDER: Holder = Holder::Session { handle: 0 };

/// How many messages are locked at once at most. Those for which there turns
/// out to be no credit are given back.
const MAX_STRIDE: usize = 16;

/// A link on which a client receives messages from the cloud.
pub(super) struct MessagesLink {
    outgoing: Outgoing,
    /// Whether what is sent counts as settled.
    settled_at_once: bool,
    unsettled: Unsettled,
    orders: Vec<Order>,
    work: Option<BoxFuture<'static, Done>>,
    stage: Stage,
    /// There may be messages.
    waiting: bool,
    /// How many to ask for: more as long as the client takes all.
    stride: usize,
}

/// How far the link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// What earlier sessions and links left behind is to be given up.
    New,
    /// Messages are received.
    Open,
}

enum Done {
    Released(Result<(), ReceiveError>),
    Received(Result<Vec<Delivery>, ReceiveError>),
    /// With the locks that were lost.
    Settled(Vec<Order>, Result<Vec<LockToken>, SettleError>),
    GivenBack(Result<(), ReceiveError>),
}

impl MessagesLink {
    pub(super) fn open(link: PendingLink) -> Self {
        let asked = link.attach().snd_settle_mode;
        MessagesLink {
            outgoing: link.accept_outgoing(OutgoingTerms::default()),
            settled_at_once: asked == SenderSettleMode::Settled,
            unsettled: Unsettled::default(),
            orders: Vec::new(),
            work: None,
            stage: Stage::New,
            waiting: true,
            stride: 1,
        }
    }

    /// Whether the hub is to tell of messages that wait.
    pub(super) fn listens(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Messages may wait.
    pub(super) fn look(&mut self) {
        self.waiting = true;
    }

    /// Does what there is to do. It `may_begin` once the link before it has
    /// said farewell.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        owner: &Owner,
        may_begin: bool,
    ) -> Result<LinkState, End> {
        loop {
            self.take_settlements(cx, owner);
            if let Some(work) = &mut self.work {
                let Poll::Ready(done) = work.as_mut().poll(cx) else {
                    return Ok(LinkState::Open);
                };
                self.work = None;
                if let Err(error) = self.finished(done, owner)? {
                    return Ok(LinkState::Ended(Some(error)));
                }
                continue;
            }
            if !self.orders.is_empty() {
                self.work = Some(settle(owner, std::mem::take(&mut self.orders)));
            } else if let Some(gone) = self.outgoing.gone() {
                return Ok(LinkState::Gone(gone));
            } else if self.stage == Stage::New {
                if !may_begin {
                    return Ok(LinkState::Open);
                }
                self.work = Some(release(owner));
            } else if let Some(locks) = self.unsettled.take_unsent() {
                self.work = Some(give_back(owner, locks));
            } else if self.may_receive(cx, owner) {
                // Set again by whatever comes from now on.
                self.waiting = false;
                self.work = Some(receive(owner, self.stride));
            } else {
                self.drain(cx);
                return Ok(LinkState::Open);
            }
        }
    }

    /// Detaches the link. The future settles what the client has ordered, and
    /// gives back what it left unsettled.
    pub(super) fn end(self, owner: &Owner, error: Option<AmqpError>) -> BoxFuture<'static, ()> {
        self.farewell(owner, |outgoing| outgoing.end(error))
    }

    /// The same, and ends the AMQP session that the link belongs to.
    pub(super) fn end_session(self, owner: &Owner, error: AmqpError) -> BoxFuture<'static, ()> {
        self.farewell(owner, |outgoing| outgoing.end_session(error))
    }

    fn farewell(mut self, owner: &Owner, end: impl FnOnce(Outgoing)) -> BoxFuture<'static, ()> {
        end(self.outgoing);
        let (c2d, permit) = services(owner);
        Box::pin(async move {
            if let Some(work) = self.work
                && let Done::Received(Ok(deliveries)) = work.await
            {
                let locks = deliveries.iter().map(|delivery| delivery.lock);
                locks.for_each(|lock| self.unsettled.unsent(lock));
            }
            if !self.orders.is_empty()
                && let Err(error) = carry_out(&self.orders, &c2d, &permit).await
            {
                tracing::debug!(%error, "messages were not settled");
            }
            let locks = self.unsettled.all();
            if !locks.is_empty()
                && let Err(error) = c2d.give_back(&permit, &locks).await
            {
                tracing::debug!(%error, "messages were not given back");
            }
        })
    }

    fn may_receive(&mut self, cx: &mut Context<'_>, owner: &Owner) -> bool {
        if !self.waiting || !self.unsettled.has_room(owner.connection.now()) {
            return false;
        }
        matches!(self.outgoing.poll_ready(cx), Poll::Ready(Ok(())))
    }

    /// A client that drains is told when there is nothing more.
    fn drain(&mut self, cx: &mut Context<'_>) {
        if let Poll::Ready(Ok(())) = self.outgoing.poll_draining(cx)
            && !(self.waiting && self.outgoing.has_credit())
        {
            self.outgoing.drained();
            // To be woken by the next drain.
            let _ = self.outgoing.poll_draining(cx);
        }
    }

    /// What was done; an error ends the link.
    fn finished(&mut self, done: Done, owner: &Owner) -> Result<Result<(), AmqpError>, End> {
        let failed = |error: ReceiveError| match error {
            ReceiveError::NotRegistered(id) => Err(End::NotRegistered(id)),
            ReceiveError::Store(_) => Ok(Err(owner.error(of_receive(&error)))),
        };
        match done {
            Done::Released(Ok(())) => self.stage = Stage::Open,
            Done::Received(Ok(deliveries)) => {
                self.waiting |= !deliveries.is_empty();
                for delivery in &deliveries {
                    self.deliver(delivery, owner);
                }
                self.stride = match deliveries.len() == self.stride && self.outgoing.is_ready() {
                    true => MAX_STRIDE.min(2 * self.stride),
                    false => 1,
                };
            }
            Done::Settled(orders, settled) => return self.settled(orders, settled, owner),
            Done::GivenBack(Ok(())) => self.waiting = true,
            Done::Released(Err(error))
            | Done::Received(Err(error))
            | Done::GivenBack(Err(error)) => return failed(error),
        }
        Ok(Ok(()))
    }

    fn deliver(&mut self, delivery: &Delivery, owner: &Owner) {
        let new = NewDelivery {
            tag: &tag_of(&delivery.lock),
            settled: self.settled_at_once,
            message_format: 0,
        };
        let to = owner.permit.id();
        let sent = self
            .outgoing
            .send(new, |out| write_delivery(delivery, to, out));
        match sent {
            Ok(_) if self.settled_at_once => self.orders.push(Order {
                lock: delivery.lock,
                settlement: Settlement::Complete,
                answer: None,
            }),
            Ok(id) => {
                let until = owner.connection.now().plus(DEFAULT_LOCK);
                self.unsettled.insert(id, delivery.lock, until);
            }
            // The client took its credit back meanwhile.
            Err(_) => self.unsettled.unsent(delivery.lock),
        }
        owner.touch();
    }

    fn settled(
        &mut self,
        orders: Vec<Order>,
        settled: Result<Vec<LockToken>, SettleError>,
        owner: &Owner,
    ) -> Result<Result<(), AmqpError>, End> {
        let lost = match settled {
            Ok(lost) => lost,
            Err(SettleError::NotRegistered(id)) => return Err(End::NotRegistered(id)),
            Err(error @ (SettleError::Store(_) | SettleError::LockLost)) => {
                return Ok(Err(owner.error(of_settle(&error))));
            }
        };
        for order in orders {
            let is_lost = lost.contains(&order.lock);
            if is_lost {
                tracing::debug!("a message was settled after its lock was lost");
            }
            if let Some((id, state)) = order.answer {
                let state = match is_lost {
                    true => DeliveryState::rejected(owner.error(lock_lost())),
                    false => state,
                };
                self.outgoing.settle(id, &state);
            }
        }
        Ok(Ok(()))
    }

    fn take_settlements(&mut self, cx: &mut Context<'_>, owner: &Owner) {
        while let Poll::Ready(Some(disposition)) = self.outgoing.poll_settlement(cx) {
            owner.touch();
            self.take_settlement(disposition, owner);
        }
    }

    fn take_settlement(&mut self, disposition: Disposition, owner: &Owner) {
        let Disposition {
            first,
            last,
            state,
            settled,
        } = disposition;
        let source = self.outgoing.attach().source.as_ref();
        let default = source.and_then(|source| source.default_outcome.as_ref());
        let default = default.filter(|_| settled);
        let Some(wish) = Wish::of(state.as_ref().or(default), settled) else {
            return;
        };
        let known = self.unsettled.take(first, last);
        if known.is_empty() && !settled {
            // Sent so long ago that its lock is forgotten.
            let rejected = DeliveryState::rejected(owner.error(lock_lost()));
            self.outgoing.settle(first, &rejected);
        }
        let orders = known.into_iter().map(|(id, lock)| wish.about(id, lock));
        self.orders.extend(orders);
    }
}

fn services(owner: &Owner) -> (Arc<CloudToDevice>, DevicePermit) {
    (owner.services.c2d.clone(), owner.permit.clone())
}

fn release(owner: &Owner) -> BoxFuture<'static, Done> {
    let (c2d, permit) = services(owner);
    Box::pin(async move { Done::Released(c2d.release(&permit).await) })
}

fn receive(owner: &Owner, count: usize) -> BoxFuture<'static, Done> {
    let (c2d, permit) = services(owner);
    Box::pin(async move {
        let holders = &[HOLDER; MAX_STRIDE][..count];
        Done::Received(c2d.receive_several(&permit, holders, DEFAULT_LOCK).await)
    })
}

fn give_back(owner: &Owner, locks: Vec<LockToken>) -> BoxFuture<'static, Done> {
    let (c2d, permit) = services(owner);
    Box::pin(async move { Done::GivenBack(c2d.give_back(&permit, &locks).await) })
}

fn settle(owner: &Owner, orders: Vec<Order>) -> BoxFuture<'static, Done> {
    let (c2d, permit) = services(owner);
    Box::pin(async move {
        let settled = carry_out(&orders, &c2d, &permit).await;
        Done::Settled(orders, settled)
    })
}
