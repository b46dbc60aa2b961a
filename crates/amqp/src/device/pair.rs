//! Two links that belong together: requests one way, answers the other.

use std::fmt::Display;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use twinhub_amqp_engine::performatives::{AmqpError, DeliveryState, SenderSettleMode, condition};
use twinhub_amqp_engine::value::Value;
use twinhub_amqp_server::{
    CannotSend, DeliveryId, Gone, HubError, Incoming, IncomingDelivery, IncomingTerms, NewDelivery,
    Outgoing, OutgoingTerms, PendingLink, SessionKey,
};

use super::end::{codes, stolen};
use super::owner::Owner;

const CHANNEL: &str = "com.microsoft:channel-correlation-id";

/// How many messages a client may send ahead.
const CREDIT: u32 = 100;

/// What two links have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PairKey {
    /// Both name the same channel.
    Channel(String),
    /// Both belong to the same session: for clients that name no channel, or
    /// another one for each link.
    Session(SessionKey),
}

impl PairKey {
    /// The key of a link, whose channel begins with `prefix` if it is one.
    pub(super) fn of(link: &PendingLink, prefix: &str) -> Self {
        let channel = link.attach().properties.get(CHANNEL);
        let channel = channel.and_then(|value| match value {
            Value::String(text) => Some(&**text),
            Value::Symbol(symbol) => Some(symbol.as_str()),
            _ => None,
        });
        let begins = |text: &&str| {
            let start = text.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        match channel.filter(begins) {
            Some(channel) => PairKey::Channel(channel.to_owned()),
            None => PairKey::Session(link.session()),
        }
    }
}

/// The two links, as far as they are there.
pub(super) struct Pair {
    pub(super) key: PairKey,
    incoming: Option<Incoming>,
    outgoing: Option<Outgoing>,
    tag: u32,
}

impl Pair {
    pub(super) fn new(key: PairKey) -> Self {
        Pair {
            key,
            incoming: None,
            outgoing: None,
            tag: 0,
        }
    }

    /// Takes the link on which the client sends.
    pub(super) fn attach_incoming(&mut self, link: PendingLink, largest: u64, owner: &Owner) {
        let incoming = link.accept_incoming(IncomingTerms {
            credit: CREDIT,
            max_message_size: largest,
        });
        if let Some(old) = self.incoming.replace(incoming) {
            old.end(Some(owner.error(stolen("a newer link took over"))));
        }
    }

    /// Takes the link on which the client is sent to; whether it took the
    /// place of another one.
    pub(super) fn attach_outgoing(&mut self, link: PendingLink, owner: &Owner) -> bool {
        let old = self.outgoing.replace(send_settled(link));
        let is_newer = old.is_some();
        if let Some(old) = old {
            old.end(Some(owner.error(stolen("a newer link took over"))));
        }
        is_newer
    }

    /// Detaches the link on which the client sends.
    pub(super) fn end_incoming(&mut self, error: AmqpError) {
        if let Some(incoming) = self.incoming.take() {
            incoming.end(Some(error));
        }
    }

    /// Detaches the link on which the client is sent to.
    pub(super) fn end_outgoing(&mut self, error: AmqpError) {
        if let Some(outgoing) = self.outgoing.take() {
            outgoing.end(Some(error));
        }
    }

    /// Detaches both.
    pub(super) fn end(mut self, error: &AmqpError) {
        self.end_incoming(error.clone());
        self.end_outgoing(error.clone());
    }

    /// Ends the AMQP sessions that they belong to.
    pub(super) fn end_sessions(self, error: &AmqpError) {
        if let Some(incoming) = self.incoming {
            incoming.end_session(error.clone());
        }
        if let Some(outgoing) = self.outgoing {
            outgoing.end_session(error.clone());
        }
    }

    /// Whether neither is there.
    pub(super) fn is_empty(&self) -> bool {
        self.incoming.is_none() && self.outgoing.is_none()
    }

    /// Whether both are there, and the client takes something.
    pub(super) fn has_credit(&self) -> bool {
        let outgoing = self.outgoing.as_ref();
        self.incoming.is_some() && outgoing.is_some_and(|outgoing| outgoing.has_credit())
    }

    /// What the client sends next, or why its link is gone now. Pending while
    /// there is none.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<IncomingDelivery, Gone>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Pending;
        };
        if let Some(delivery) = ready!(incoming.poll_next(cx)) {
            return Poll::Ready(Ok(delivery));
        }
        let gone = incoming.gone().unwrap_or(Gone::ByPeer);
        self.incoming = None;
        Poll::Ready(Err(gone))
    }

    /// Tells what became of a delivery, if the client wants to know.
    pub(super) fn settle(
        &mut self,
        id: DeliveryId,
        is_settled: bool,
        outcome: Result<(), impl Display>,
        owner: &Owner,
    ) {
        let state = match outcome {
            Ok(()) => DeliveryState::Accepted,
            Err(error) => DeliveryState::rejected(owner.error(HubError::new(
                condition::INVALID_FIELD,
                codes::ARGUMENT_INVALID,
                error.to_string(),
            ))),
        };
        if !is_settled && let Some(incoming) = &mut self.incoming {
            incoming.settle(id, id, &state);
        }
    }

    /// Whether the client takes something now. Wakes the task once it does.
    pub(super) fn is_ready(&mut self, cx: &mut Context<'_>) -> bool {
        let outgoing = self.outgoing.as_mut();
        outgoing.is_some_and(|outgoing| matches!(outgoing.poll_ready(cx), Poll::Ready(Ok(()))))
    }

    /// Sends a message, if the client takes one.
    pub(super) fn send(&mut self, write: impl FnOnce(&mut BytesMut)) -> Result<(), CannotSend> {
        let outgoing = self.outgoing.as_mut().ok_or(CannotSend::NotOpen)?;
        self.tag = self.tag.wrapping_add(1);
        let delivery = NewDelivery {
            tag: &self.tag.to_be_bytes(),
            settled: true,
            message_format: 0,
        };
        outgoing.send(delivery, write).map(drop)
    }

    /// Gives back what is left of drained credit; why the link is gone, if it
    /// is now.
    pub(super) fn give_back_credit(&mut self, cx: &mut Context<'_>) -> Option<Gone> {
        let outgoing = self.outgoing.as_mut()?;
        while let Poll::Ready(drain) = outgoing.poll_draining(cx) {
            if let Err(gone) = drain {
                self.outgoing = None;
                return Some(gone);
            }
            outgoing.drained();
        }
        None
    }
}

/// Takes a link on which everything is sent settled, and says so to clients
/// that ask for the contrary.
pub(super) fn send_settled(link: PendingLink) -> Outgoing {
    let settle_mode = match link.attach().snd_settle_mode {
        SenderSettleMode::Unsettled => Some(SenderSettleMode::Settled),
        SenderSettleMode::Settled | SenderSettleMode::Mixed => None,
    };
    link.accept_outgoing(OutgoingTerms {
        settle_mode,
        ..OutgoingTerms::default()
    })
}
