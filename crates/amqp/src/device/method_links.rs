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
use twinhub_amqp_server::{Gone, IncomingDelivery, PendingLink};
use twinhub_core::methods::MethodRequest;

use super::end::too_much;
use super::methods::{read_reply, write_call};
use super::owner::Owner;
use super::pair::{Pair, PairKey};
use super::session::LinkState;

/// How many calls wait for credit until the links end.
const MAX_WAITING: usize = 64;

/// The largest answer: a payload, and room around it.
const MAX_ANSWER: u64 = 256 * 1024;

/// The pair of links about methods.
pub(super) struct MethodLinks {
    pub(super) pair: Pair,
    outbox: VecDeque<Arc<MethodRequest>>,
}

impl MethodLinks {
    pub(super) fn new(key: PairKey) -> Self {
        MethodLinks {
            pair: Pair::new(key),
            outbox: VecDeque::new(),
        }
    }

    /// Takes the link for answers.
    pub(super) fn attach_replies(&mut self, link: PendingLink, owner: &Owner) {
        self.pair.attach_incoming(link, MAX_ANSWER, owner);
    }

    /// Takes the link for calls.
    pub(super) fn attach_calls(&mut self, link: PendingLink, owner: &Owner) {
        self.pair.attach_outgoing(link, owner);
    }

    /// Whether the client can be called.
    pub(super) fn listens(&self) -> bool {
        self.pair.has_credit()
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

    /// Why the link for answers is gone, if it is now.
    fn take_replies(&mut self, cx: &mut Context<'_>, owner: &Owner) -> Option<Gone> {
        while let Poll::Ready(next) = self.pair.poll_next(cx) {
            match next {
                Ok(delivery) => self.take_reply(delivery, owner),
                Err(gone) => return Some(gone),
            }
        }
        None
    }

    fn take_reply(&mut self, delivery: IncomingDelivery, owner: &Owner) {
        owner.touch();
        let (id, settled) = (delivery.id, delivery.settled);
        let read = read_reply(delivery.payload, Limits::default());
        let outcome = match read {
            Ok((call, reply)) => {
                let methods = &owner.services.methods;
                if !methods.accept_reply(&owner.permit, call, reply) {
                    tracing::debug!(%call, "nobody waits for this answer to a method call");
                }
                Ok(())
            }
            Err(error) => {
                tracing::debug!(%error, "a message answers no method call");
                Err(error)
            }
        };
        self.pair.settle(id, settled, outcome, owner);
    }

    /// Sends what there is credit for; why the link is gone, if it is now.
    fn send(&mut self, cx: &mut Context<'_>, owner: &Owner) -> Option<Gone> {
        // Also to be woken when there is credit for the first call.
        while self.pair.is_ready(cx)
            && let Some(request) = self.outbox.pop_front()
        {
            if let Err(error) = self.pair.send(|out| write_call(&request, out)) {
                tracing::debug!(%error, "a method call is lost");
                break;
            }
            owner.touch();
        }
        let gone = self.pair.give_back_credit(cx)?;
        self.outbox.clear();
        Some(gone)
    }
}
