//! The pair of links about the twin: requests on one, answers and changes of
//! desired properties on the other.
//!
//! Requests are carried out one after the other, and a change never overtakes
//! the answer to an earlier request. What the client gives no credit for
//! waits, up to a bound; then both links end.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::message::MessageId;
use twinhub_amqp_engine::performatives::{AmqpError, DeliveryState, condition};
use twinhub_amqp_server::links::IncomingDelivery;
use twinhub_amqp_server::{Gone, HubError, IncomingTerms, NewDelivery, PendingLink};
use twinhub_core::twins::{PatchReportedError, ReadTwinError};

use super::end::{End, TwinRefusal, codes, stolen, too_much};
use super::owner::Owner;
use super::pair::{Pair, PairKey, send_settled};
use super::session::LinkState;
use super::twins::{TwinAnswer, TwinOperation, TwinRequest, write_change};

/// How many requests a client may send ahead.
const CREDIT: u32 = 100;

/// How many requests wait to be carried out until no more are taken.
const MAX_REQUESTS: usize = 8;

/// How many messages wait for credit until the links end, and how many bytes.
const MAX_WAITING: usize = 64;
const MAX_WAITING_BYTES: usize = 1024 * 1024;

/// The largest request: reported properties, and room around them.
const MAX_REQUEST: u64 = 256 * 1024;

/// The pair of links about the twin.
pub(super) struct TwinLinks {
    pair: Pair,
    requests: VecDeque<TwinRequest>,
    work: Option<(MessageId, Work)>,
    /// Changes that came while a request was carried out.
    behind: VecDeque<Message>,
    outbox: VecDeque<Message>,
    subscribed: bool,
    tag: u32,
}

type Work = BoxFuture<'static, Result<Result<TwinAnswer, TwinRefusal>, End>>;

/// What the client is to be sent.
enum Message {
    Answer(MessageId, TwinAnswer),
    Change(u64, Bytes),
}

impl Message {
    fn size(&self) -> usize {
        match self {
            Message::Answer(_, answer) => answer.size(),
            Message::Change(_, patch) => patch.len(),
        }
    }
}

impl TwinLinks {
    pub(super) fn new(key: PairKey) -> Self {
        TwinLinks {
            pair: Pair::new(key),
            requests: VecDeque::new(),
            work: None,
            behind: VecDeque::new(),
            outbox: VecDeque::new(),
            subscribed: false,
            tag: 0,
        }
    }

    pub(super) fn key(&self) -> &PairKey {
        &self.pair.key
    }

    /// Takes the link for requests.
    pub(super) fn attach_requests(&mut self, link: PendingLink, owner: &Owner) {
        let incoming = link.accept_incoming(IncomingTerms {
            credit: CREDIT,
            max_message_size: MAX_REQUEST,
        });
        if let Some(old) = self.pair.incoming.replace(incoming) {
            old.end(Some(owner.error(stolen("a newer link took over"))));
        }
    }

    /// Takes the link for answers.
    pub(super) fn attach_answers(&mut self, link: PendingLink, owner: &Owner) {
        let outgoing = send_settled(link);
        if let Some(old) = self.pair.outgoing.replace(outgoing) {
            old.end(Some(owner.error(stolen("a newer link took over"))));
            self.forget_answers();
        }
    }

    /// What was meant for a link that is gone; a newer one subscribes anew.
    fn forget_answers(&mut self) {
        self.subscribed = false;
        self.outbox.clear();
        self.behind.clear();
    }

    /// Detaches the link for requests.
    pub(super) fn end_requests(&mut self, error: AmqpError) {
        if let Some(incoming) = self.pair.incoming.take() {
            incoming.end(Some(error));
        }
    }

    /// Detaches the link for answers.
    pub(super) fn end_answers(&mut self, error: AmqpError) {
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
        self.end_requests(error.clone());
        self.end_answers(error.clone());
    }

    /// Desired properties have changed.
    pub(super) fn changed(&mut self, version: u64, patch: &Json) {
        if self.subscribed {
            let change = Message::Change(version, patch.to_string().into());
            match self.work {
                // Its answer may tell of an older version.
                Some(_) => self.behind.push_back(change),
                None => self.outbox.push_back(change),
            }
        }
    }

    /// Does what there is to do.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        owner: &mut Owner,
    ) -> Result<LinkState, End> {
        let mut gone = Gone::ByPeer;
        loop {
            gone = self.take_requests(cx, owner).unwrap_or(gone);
            match self.poll_work(cx) {
                Poll::Ready(answered) => {
                    answered?.into_iter().for_each(|refused| {
                        let (correlation, refusal) = refused;
                        self.refuse(correlation, refusal, owner);
                    });
                    continue;
                }
                Poll::Pending => {}
            }
            if self.work.is_none()
                && let Some(request) = self.requests.pop_front()
            {
                self.begin(request, owner);
                continue;
            }
            gone = self.send(cx, owner).unwrap_or(gone);
            if self.too_much_waits() {
                let error = too_much("too many answers and changes wait for credit");
                return Ok(LinkState::Ended(Some(owner.error(error))));
            }
            return Ok(match self.pair.is_empty() {
                true => LinkState::Gone(gone),
                false => LinkState::Open,
            });
        }
    }

    fn too_much_waits(&self) -> bool {
        let waiting = || self.outbox.iter().chain(&self.behind);
        waiting().count() > MAX_WAITING
            || waiting().map(Message::size).sum::<usize>() > MAX_WAITING_BYTES
    }

    /// Why the link for requests is gone, if it is now.
    fn take_requests(&mut self, cx: &mut Context<'_>, owner: &mut Owner) -> Option<Gone> {
        while self.requests.len() < MAX_REQUESTS {
            let incoming = self.pair.incoming.as_mut()?;
            match incoming.poll_next(cx) {
                Poll::Pending => return None,
                Poll::Ready(Some(delivery)) => self.take_request(delivery, owner),
                Poll::Ready(None) => {
                    let gone = incoming.gone();
                    self.pair.incoming = None;
                    return gone;
                }
            }
        }
        None
    }

    fn take_request(&mut self, delivery: IncomingDelivery, owner: &mut Owner) {
        owner.touch();
        owner.counts_as_active();
        let (id, settled) = (delivery.id, delivery.settled);
        let parsed = TwinRequest::parse(delivery.payload, Limits::default());
        let state = match parsed {
            Ok(request) => {
                self.requests.push_back(request);
                DeliveryState::Accepted
            }
            Err(error) => {
                tracing::debug!(%error, "a message is no twin request");
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

    /// Ready once a request was carried out: with its refusal if it failed.
    fn poll_work(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<(MessageId, TwinRefusal)>, End>> {
        let Some((_, work)) = &mut self.work else {
            return Poll::Pending;
        };
        let Poll::Ready(done) = work.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        let (correlation, _) = self.work.take().expect("it was just polled");
        let refused = match done? {
            Ok(answer) => {
                self.outbox.push_back(Message::Answer(correlation, answer));
                None
            }
            Err(refusal) => Some((correlation, refusal)),
        };
        if refused.is_none() {
            self.outbox.append(&mut self.behind);
        }
        Poll::Ready(Ok(refused))
    }

    fn refuse(&mut self, correlation: MessageId, TwinRefusal(error): TwinRefusal, owner: &Owner) {
        let now = owner.connection.now();
        let tracking_id = owner.connection.tracking_id(now);
        tracing::debug!(tracking_id, reason = %error.message, "a twin request is refused");
        let description = error.description(&tracking_id, now);
        let answer = TwinAnswer::refused(error.code, description);
        self.outbox.push_back(Message::Answer(correlation, answer));
        self.outbox.append(&mut self.behind);
    }

    fn begin(&mut self, request: TwinRequest, owner: &Owner) {
        let TwinRequest {
            correlation,
            operation,
        } = request;
        let (twins, permit) = (owner.services.twins.clone(), owner.permit.clone());
        let work: Work = match operation {
            Err(invalid) => Box::pin(std::future::ready(Ok(Err(invalid.into())))),
            Ok(TwinOperation::Get) => Box::pin(async move {
                match twins.read_own(&permit).await {
                    Ok(twin) => Ok(Ok(TwinAnswer::twin(&twin))),
                    Err(ReadTwinError::NotRegistered(id)) => Err(End::NotRegistered(id)),
                    Err(error @ ReadTwinError::Store(_)) => Ok(Err(error.into())),
                }
            }),
            Ok(TwinOperation::Report(patch)) => Box::pin(async move {
                match twins.report(&permit, &patch).await {
                    Ok(version) => Ok(Ok(TwinAnswer::reported(version))),
                    Err(PatchReportedError::NotRegistered(id)) => Err(End::NotRegistered(id)),
                    Err(error) => Ok(Err(error.into())),
                }
            }),
            Ok(TwinOperation::Subscribe) => self.subscribe(true),
            Ok(TwinOperation::Unsubscribe) => self.subscribe(false),
        };
        self.work = Some((correlation, work));
    }

    fn subscribe(&mut self, subscribed: bool) -> Work {
        self.subscribed = subscribed;
        Box::pin(std::future::ready(Ok(Ok(TwinAnswer::done()))))
    }

    /// Sends what there is credit for; why the link is gone, if it is now.
    fn send(&mut self, cx: &mut Context<'_>, owner: &Owner) -> Option<Gone> {
        let outgoing = self.pair.outgoing.as_mut()?;
        while !self.outbox.is_empty()
            && let Poll::Ready(Ok(())) = outgoing.poll_ready(cx)
            && let Some(message) = self.outbox.pop_front()
        {
            self.tag = self.tag.wrapping_add(1);
            let delivery = NewDelivery {
                tag: &self.tag.to_be_bytes(),
                settled: true,
                message_format: 0,
            };
            let sent = outgoing.send(delivery, |out| match message {
                Message::Answer(correlation, answer) => answer.write(correlation, out),
                Message::Change(version, patch) => write_change(version, patch, out),
            });
            if let Err(error) = sent {
                tracing::debug!(%error, "a message about the twin is lost");
                break;
            }
            owner.touch();
        }
        while let Poll::Ready(drain) = outgoing.poll_draining(cx) {
            if let Err(gone) = drain {
                self.pair.outgoing = None;
                self.forget_answers();
                return Some(gone);
            }
            outgoing.drained();
        }
        None
    }
}
