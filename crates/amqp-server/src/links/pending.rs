//! Attaches that wait for their answer.

use std::sync::Arc;

use twinhub_amqp_engine::connection::{
    IncomingTerms, LinkId, OutgoingTerms, SessionId as SessionKey,
};
use twinhub_amqp_engine::performatives::{AmqpError, Attach, AttachTarget, Role};

use super::shared::Links;
use super::{Incoming, Outgoing};
use crate::address::Address;
use crate::errors::HubError;

/// Which way messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The peer sends.
    ToHub,
    /// The hub sends.
    FromHub,
}

/// An attach that waits for its answer. Dropped without one, it is refused
/// with `amqp:internal-error`.
pub struct PendingLink {
    pub(super) answer: Answer,
    address: Address,
    direction: Direction,
}

/// What all handles of a link have.
pub(super) struct Answer {
    pub(super) links: Links,
    pub(super) link: LinkId,
    pub(super) session: SessionKey,
    pub(super) attach: Arc<Attach>,
    /// Nobody needs to say anything when this is dropped.
    pub(super) answered: bool,
}

impl PendingLink {
    pub(crate) fn new(
        links: &Links,
        link: LinkId,
        session: SessionKey,
        attach: Arc<Attach>,
    ) -> Self {
        let (direction, address) = match attach.role {
            Role::Sender => (Direction::ToHub, target_address(&attach)),
            Role::Receiver => (Direction::FromHub, source_address(&attach)),
        };
        let address = Address::parse(address);
        links.lock().attached(link);
        PendingLink {
            address,
            direction,
            answer: Answer {
                links: links.clone(),
                link,
                session,
                attach,
                answered: false,
            },
        }
    }

    /// What the link is to be attached to: the target where the peer sends,
    /// the source where the hub does.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Which way messages would go.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The attach as it came.
    pub fn attach(&self) -> &Attach {
        &self.answer.attach
    }

    /// The session that the link belongs to.
    pub fn session(&self) -> SessionKey {
        self.answer.session
    }

    /// Takes what the peer sends.
    ///
    /// # Panics
    /// When the hub is the one that would send: see [`direction`](Self::direction).
    pub fn accept_incoming(self, terms: IncomingTerms) -> Incoming {
        assert!(
            self.direction == Direction::ToHub,
            "the link's direction was looked at"
        );
        Incoming::open(self.answer, terms)
    }

    /// Sends to the peer.
    ///
    /// # Panics
    /// When the peer is the one that would send: see [`direction`](Self::direction).
    pub fn accept_outgoing(self, terms: OutgoingTerms) -> Outgoing {
        assert!(
            self.direction == Direction::FromHub,
            "the link's direction was looked at"
        );
        Outgoing::open(self.answer, terms)
    }

    /// Says no.
    pub fn refuse(mut self, error: AmqpError) {
        self.answer.refuse(error);
    }
}

impl Answer {
    fn refuse(&mut self, error: AmqpError) {
        self.answered = true;
        let mut inner = self.links.lock();
        inner.close(self.link);
        inner.engine.refuse(self.link, error);
        inner.touch();
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.answered {
            let error = HubError::internal("the hub could not answer the attach");
            self.refuse(error.to_amqp("", twinhub_core::time::Timestamp::NEVER));
        }
    }
}

fn target_address(attach: &Attach) -> &str {
    match &attach.target {
        Some(AttachTarget::Node(target)) => target.address.as_deref().unwrap_or_default(),
        Some(AttachTarget::Other(_)) | None => "",
    }
}

fn source_address(attach: &Attach) -> &str {
    let source = attach.source.as_ref();
    source
        .and_then(|source| source.address.as_deref())
        .unwrap_or_default()
}
