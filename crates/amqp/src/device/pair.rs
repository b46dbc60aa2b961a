//! Two links that belong together: requests one way, answers the other.

use twinhub_amqp_engine::performatives::{AmqpError, SenderSettleMode};
use twinhub_amqp_engine::value::Value;
use twinhub_amqp_server::{Incoming, Outgoing, OutgoingTerms, PendingLink, SessionKey};

const CHANNEL: &str = "com.microsoft:channel-correlation-id";

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
    pub(super) incoming: Option<Incoming>,
    pub(super) outgoing: Option<Outgoing>,
}

impl Pair {
    pub(super) fn new(key: PairKey) -> Self {
        Pair {
            key,
            incoming: None,
            outgoing: None,
        }
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
