//! `$cbs`: tokens come in as requests, and each gets an answer.
//!
//! A connection may have any number of link pairs. A request is accepted
//! before it is answered, as clients insist on; the answer has the type of
//! the request's message ID and goes to the link that the request names, or
//! else to the last one of its session.

mod answer;
mod request;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use twinhub_amqp_engine::performatives::{AttachTarget, SenderSettleMode, condition};

use self::answer::Answer;
use self::request::Request;
use crate::context::ConnectionContext;
use crate::errors::HubError;
use crate::links::{
    Direction, Incoming, IncomingDelivery, IncomingTerms, NewDelivery, Outgoing, OutgoingTerms,
    PendingLink,
};

/// How many requests a peer may have under way.
const CREDIT: u32 = 100;
/// A token has 4 KiB at most.
const MAX_REQUEST: u64 = 16 * 1024;
/// So many answers are kept for a peer that takes none, of
/// [`MAX_ECHO`](crate::echo::MAX_ECHO) bytes twice and a short text each: strangers can have
/// them.
const MAX_WAITING: usize = 64;

/// The `$cbs` node of one connection.
pub(crate) struct Cbs {
    context: Arc<ConnectionContext>,
    requests: Vec<Incoming>,
    answers: Vec<Outgoing>,
    deciding: Option<BoxFuture<'static, Answer>>,
    waiting: VecDeque<Answer>,
    sent: u64,
}

impl Cbs {
    pub(crate) fn new(context: Arc<ConnectionContext>) -> Self {
        Cbs {
            context,
            requests: Vec::new(),
            answers: Vec::new(),
            deciding: None,
            waiting: VecDeque::new(),
            sent: 0,
        }
    }

    /// One more end of a pair.
    pub(crate) fn attach(&mut self, link: PendingLink) {
        match link.direction() {
            Direction::ToHub => self.requests.push(link.accept_incoming(IncomingTerms {
                credit: CREDIT,
                max_message_size: MAX_REQUEST,
            })),
            Direction::FromHub => self.answers.push(link.accept_outgoing(OutgoingTerms {
                settle_mode: Some(SenderSettleMode::Settled),
                ..OutgoingTerms::default()
            })),
        }
    }

    /// Takes requests, decides them one after the other, and sends answers,
    /// as far as that goes now.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) {
        if self.requests.is_empty() && self.answers.is_empty() {
            return;
        }
        loop {
            self.poll_answers(cx);
            if let Some(deciding) = &mut self.deciding {
                let Poll::Ready(answer) = deciding.as_mut().poll(cx) else {
                    return;
                };
                self.deciding = None;
                self.waiting.push_back(answer);
            } else if !self.poll_requests(cx) {
                return;
            }
        }
    }

    /// Takes one request, if there is one.
    fn poll_requests(&mut self, cx: &mut Context<'_>) -> bool {
        let mut index = 0;
        while let Some(link) = self.requests.get_mut(index) {
            match link.poll_next(cx) {
                Poll::Ready(Some(delivery)) => {
                    if !delivery.settled {
                        link.accept(delivery.id, delivery.id);
                    }
                    self.take(index, &delivery);
                    return true;
                }
                Poll::Ready(None) => {
                    self.requests.swap_remove(index);
                }
                Poll::Pending => index += 1,
            }
        }
        false
    }

    fn take(&mut self, index: usize, delivery: &IncomingDelivery) {
        if self.waiting.len() >= MAX_WAITING {
            let error = HubError::new(
                condition::RESOURCE_LIMIT_EXCEEDED,
                crate::errors::codes::ARGUMENT_INVALID,
                "too many answers wait to be taken",
            );
            let link = self.requests.swap_remove(index);
            return link.end(Some(self.context.error(error)));
        }
        let session = self.requests[index].session();
        let request = Request::read(delivery.payload.clone());
        let credentials = self.context.credentials.clone();
        self.deciding = Some(Box::pin(async move {
            let outcome = request.decide(&credentials).await;
            Answer::new(session, request, outcome)
        }));
    }

    fn poll_answers(&mut self, cx: &mut Context<'_>) {
        while let Some(answer) = self.waiting.front() {
            let Some(index) = self.link_for(answer) else {
                // The peer may attach it yet.
                return;
            };
            let link = &mut self.answers[index];
            match link.poll_ready(cx) {
                Poll::Pending => return,
                Poll::Ready(Err(_gone)) => {
                    self.answers.remove(index);
                }
                Poll::Ready(Ok(())) => {
                    self.sent += 1;
                    let delivery = NewDelivery {
                        tag: &self.sent.to_be_bytes(),
                        settled: true,
                        message_format: 0,
                    };
                    // A link that is ready takes a delivery.
                    let sent = link.send(delivery, |out| answer.encode(out));
                    if let Err(error) = sent {
                        tracing::debug!(%error, "an answer on $cbs was not sent");
                    }
                    self.waiting.pop_front();
                }
            }
        }
        // Nothing to send: the peer may have its credit back.
        let mut index = 0;
        while let Some(link) = self.answers.get_mut(index) {
            match link.poll_draining(cx) {
                Poll::Ready(Ok(())) => link.drained(),
                Poll::Ready(Err(_gone)) => {
                    self.answers.remove(index);
                    continue;
                }
                Poll::Pending => {}
            }
            index += 1;
        }
    }

    fn link_for(&self, answer: &Answer) -> Option<usize> {
        let last = |wanted: &dyn Fn(&Outgoing) -> bool| self.answers.iter().rposition(wanted);
        let named = answer.reply_to.as_deref();
        last(&|link| named.is_some() && target_of(link) == named)
            .or_else(|| last(&|link| link.session() == answer.session))
            .or_else(|| last(&|_| true))
    }
}

fn target_of(link: &Outgoing) -> Option<&str> {
    match &link.attach().target {
        Some(AttachTarget::Node(target)) => target.address.as_deref(),
        Some(AttachTarget::Other(_)) | None => None,
    }
}
