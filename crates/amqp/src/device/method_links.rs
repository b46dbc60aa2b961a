//! The pair of links about methods: calls on one, what they returned on the
//! other.
//!
//! A client is called while both links are there and it has given credit. A
//! call that finds no credit any more waits for it, up to a bound; then both
//! links end.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::performatives::{AmqpError, DeliveryState, condition};
use twinhub_amqp_server::links::IncomingDelivery;
use twinhub_amqp_server::{Gone, HubError, IncomingTerms, NewDelivery, PendingLink};
use twinhub_core::methods::MethodRequest;

use super::end::{codes, stolen, too_much};
use super::methods::{read_reply, write_call};
use super::owner::Owner;
use super::pair::{Pair, PairKey, send_settled};
use super::session::LinkState;

/// How many answers a client may send ahead.
const CREDIT: u32 = 100;

/// How many calls wait for credit until the links end.
const MAX_WAITING: usize = 64;

/// The largest answer: a payload, and room around it.
const MAX_ANSWER: u64 = 256 * 1024;

/// The pair of links about methods.
pub(super) struct MethodLinks {
    pair: Pair,
    outbox: VecDeque<Arc<MethodRequest>>,
    tag: u32,
}

impl MethodLinks {
    pub(super) fn new(key: PairKey) -> Self {
        MethodLinks {
            pair: Pair::new(key),
            outbox: VecDeque::new(),
            tag: 0,
        }
    }

    pub(super) fn key(&self) -> &PairKey {
        &self.pair.key
    }

    /// Takes the link for answers.
    pub(super) fn attach_replies(&mut self, link: PendingLink, owner: &Owner) {
        let incoming = link.accept_incoming(IncomingTerms {
            credit: CREDIT,
            max_message_size: MAX_ANSWER,
        });
        if let Some(old) = self.pair.incoming.replace(incoming) {
            old.end(Some(owner.error(stolen("a newer link took over"))));
        }
    }

    /// Takes the link for calls.
    pub(super) fn attach_calls(&mut self, link: PendingLink, owner: &Owner) {
        let outgoing = send_settled(link);
        if let Some(old) = self.pair.outgoing.replace(outgoing) {
            old.end(Some(owner.error(stolen("a newer link took over"))));
        }
    }

    /// Detaches the link for answers.
    pub(super) fn end_replies(&mut self, error: AmqpError) {
        if let Some(incoming) = self.pair.incoming.take() {
            incoming.end(Some(error));
        }
    }

    /// Detaches the link for calls.
    pub(super) fn end_calls(&mut self, error: AmqpError) {
        if let Some(outgoing) = self.pair.outgoing.take() {
            outgoing.end(Some(error));
        }
    }

    /// Ends the AMQP sessions that both belong to.
    pub(super) fn end_sessions(self, error: &AmqpError) {
        self.pair.end_sessions(error);
    }

    /// Detaches both.
    pub(super) fn end(mut self, error: &AmqpError) {
        self.end_replies(error.clone());
        self.end_calls(error.clone());
    }

    /// Whether the client can be called.
    pub(super) fn listens(&self) -> bool {
        let calls = self.pair.outgoing.as_ref();
        self.pair.incoming.is_some() && calls.is_some_and(|calls| calls.has_credit())
    }

    /// A method is called.
    pub(super) fn called(&mut self, request: Arc<MethodRequest>) {
        self.outbox.push_back(request);
    }

    /// Does what there is to do.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, owner: &mut Owner) -> LinkState {
        let mut gone = Gone::ByPeer;
        gone = self.take_replies(cx, owner).unwrap_or(gone);
        gone = self.send(cx, owner).unwrap_or(gone);
        if self.outbox.len() > MAX_WAITING {
            let error = too_much("too many method calls wait for credit");
            return LinkState::Ended(Some(owner.error(error)));
        }
        match self.pair.is_empty() {
            true => LinkState::Gone(gone),
            false => LinkState::Open,
        }
    }

    fn take_replies(&mut self, cx: &mut Context<'_>, owner: &Owner) -> Option<Gone> {
        loop {
            let incoming = self.pair.incoming.as_mut()?;
            match incoming.poll_next(cx) {
                Poll::Pending => return None,
                Poll::Ready(Some(delivery)) => self.take_reply(delivery, owner),
                Poll::Ready(None) => {
                    let gone = incoming.gone();
                    self.pair.incoming = None;
                    return gone;
                }
            }
        }
    }

    fn take_reply(&mut self, delivery: IncomingDelivery, owner: &Owner) {
        owner.touch();
        let (id, settled) = (delivery.id, delivery.settled);
        let state = match read_reply(delivery.payload, Limits::default()) {
            Ok((call, reply)) => {
                let methods = &owner.services.methods;
                if !methods.accept_reply(&owner.permit, call, reply) {
                    tracing::debug!(%call, "nobody waits for this answer to a method call");
                }
                DeliveryState::Accepted
            }
            Err(error) => {
                tracing::debug!(%error, "a message answers no method call");
                let error = HubError::new(
                    condition::INVALID_FIELD,
                    codes::ARGUMENT_INVALID,
                    error.to_string(),
                );
                DeliveryState::rejected(owner.error(error))
            }
        };
        if !settled && let Some(incoming) = &mut self.pair.incoming {
            incoming.settle(id, id, &state);
        }
    }

    /// Sends what there is credit for; why the link is gone, if it is now.
    fn send(&mut self, cx: &mut Context<'_>, owner: &Owner) -> Option<Gone> {
        let outgoing = self.pair.outgoing.as_mut()?;
        // Also to be woken when there is credit for the first call.
        while let Poll::Ready(Ok(())) = outgoing.poll_ready(cx) {
            let Some(request) = self.outbox.pop_front() else {
                break;
            };
            self.tag = self.tag.wrapping_add(1);
            let delivery = NewDelivery {
                tag: &self.tag.to_be_bytes(),
                settled: true,
                message_format: 0,
            };
            if let Err(error) = outgoing.send(delivery, |out| write_call(&request, out)) {
                tracing::debug!(%error, "a method call is lost");
                break;
            }
            owner.touch();
        }
        while let Poll::Ready(drain) = outgoing.poll_draining(cx) {
            if let Err(gone) = drain {
                self.pair.outgoing = None;
                self.outbox.clear();
                return Some(gone);
            }
            outgoing.drained();
        }
        None
    }
}
