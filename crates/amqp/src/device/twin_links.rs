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
use twinhub_amqp_server::{Gone, IncomingDelivery, PendingLink};
use twinhub_core::twins::{PatchReportedError, ReadTwinError};

use super::end::{End, TwinRefusal, too_much};
use super::owner::Owner;
use super::pair::{Pair, PairKey};
use super::session::LinkState;
use super::twins::{TwinAnswer, TwinOperation, TwinRequest, write_change};

/// How many requests wait to be carried out until no more are taken.
const MAX_REQUESTS: usize = 8;

/// How many messages wait for credit until the links end, and how many bytes.
const MAX_WAITING: usize = 64;
const MAX_WAITING_BYTES: usize = 1024 * 1024;

/// The largest request: reported properties, and room around them.
const MAX_REQUEST: u64 = 256 * 1024;

/// The pair of links about the twin.
pub(super) struct TwinLinks {
    pub(super) pair: Pair,
    requests: VecDeque<TwinRequest>,
    work: Option<(MessageId, Work)>,
    /// Changes that came while a request was carried out.
    behind: VecDeque<Message>,
    outbox: VecDeque<Message>,
    subscribed: bool,
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
        }
    }

    /// Takes the link for requests.
    pub(super) fn attach_requests(&mut self, link: PendingLink, owner: &Owner) {
        self.pair.attach_incoming(link, MAX_REQUEST, owner);
    }

    /// Takes the link for answers.
    pub(super) fn attach_answers(&mut self, link: PendingLink, owner: &Owner) {
        if self.pair.attach_outgoing(link, owner) {
            self.forget_answers();
        }
    }

    /// What was meant for a link that is gone; a newer one subscribes anew.
    fn forget_answers(&mut self) {
        self.subscribed = false;
        self.outbox.clear();
        self.behind.clear();
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
        while self.requests.len() < MAX_REQUESTS
            && let Poll::Ready(next) = self.pair.poll_next(cx)
        {
            match next {
                Ok(delivery) => self.take_request(delivery, owner),
                Err(gone) => return Some(gone),
            }
        }
        None
    }

    fn take_request(&mut self, delivery: IncomingDelivery, owner: &mut Owner) {
        owner.touch();
        owner.counts_as_active();
        let (id, settled) = (delivery.id, delivery.settled);
        let parsed = TwinRequest::parse(delivery.payload, Limits::default());
        let outcome = match parsed {
            Ok(request) => {
                self.requests.push_back(request);
                Ok(())
            }
            Err(error) => {
                tracing::debug!(%error, "a message is no twin request");
                Err(error)
            }
        };
        self.pair.settle(id, settled, outcome, owner);
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
        while !self.outbox.is_empty()
            && self.pair.is_ready(cx)
            && let Some(message) = self.outbox.pop_front()
        {
            let sent = self.pair.send(|out| match message {
                Message::Answer(correlation, answer) => answer.write(correlation, out),
                Message::Change(version, patch) => write_change(version, patch, out),
            });
            if let Err(error) = sent {
                tracing::debug!(%error, "a message about the twin is lost");
                break;
            }
            owner.touch();
        }
        let gone = self.pair.give_back_credit(cx)?;
        self.forget_answers();
        Some(gone)
    }
}
