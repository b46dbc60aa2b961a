//! Links in pairs: on one of them a client asks, on the other it is answered.
//!
//! An answer goes to the link that the request names; else to the one that
//! was paired with the request's link, in the order in which both came; else
//! to any of the same session.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use bytes::Bytes;
use bytestring::ByteString;
use twinhub_amqp_engine::performatives::{AmqpError, AttachTarget, DeliveryState};
use twinhub_amqp_server::links::DeliveryId;
use twinhub_amqp_server::{Incoming, IncomingDelivery, Outgoing, SessionKey};

/// A link on which questions come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asker(u64);

/// A link on which answers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answerer(u64);

/// Where an answer goes.
#[derive(Debug)]
pub(super) struct Route {
    asker: Asker,
    session: SessionKey,
    address: Option<ByteString>,
    /// As far as it had one when the request came.
    partner: Option<Answerer>,
}

/// The links of a connection.
#[derive(Default)]
pub(super) struct Pairs {
    askers: Vec<Asking>,
    answerers: Vec<Answering>,
    last: u64,
    /// Where to look first for the next request, so that all links have
    /// their turn.
    turn: usize,
}

struct Asking {
    id: Asker,
    link: Incoming,
    entity: Option<String>,
    partner: Option<Answerer>,
}

struct Answering {
    id: Answerer,
    link: Outgoing,
    address: Option<ByteString>,
    is_paired: bool,
}

impl Pairs {
    pub(super) fn is_empty(&self) -> bool {
        self.askers.is_empty() && self.answerers.is_empty()
    }

    pub(super) fn add_asker(&mut self, link: Incoming, entity: Option<String>) {
        let session = link.session();
        let free = self
            .answerers
            .iter_mut()
            .find(|other| !other.is_paired && other.link.session() == session);
        let partner = free.map(|answerer| {
            answerer.is_paired = true;
            answerer.id
        });
        self.last += 1;
        self.askers.push(Asking {
            id: Asker(self.last),
            link,
            entity,
            partner,
        });
    }

    pub(super) fn add_answerer(&mut self, link: Outgoing) {
        let session = link.session();
        self.last += 1;
        let id = Answerer(self.last);
        let free = self
            .askers
            .iter_mut()
            .find(|other| other.partner.is_none() && other.link.session() == session);
        let is_paired = free.map(|asker| asker.partner = Some(id)).is_some();
        let address = match &link.attach().target {
            Some(AttachTarget::Node(target)) => target.address.clone(),
            Some(AttachTarget::Other(_)) | None => None,
        };
        self.answerers.push(Answering {
            id,
            link,
            address,
            is_paired,
        });
    }

    /// The next request of any link; links that are gone are forgotten.
    pub(super) fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<(Asker, IncomingDelivery)> {
        let mut left = self.askers.len();
        while left > 0 {
            left -= 1;
            self.turn = (self.turn + 1) % self.askers.len();
            let asking = &mut self.askers[self.turn];
            match asking.link.poll_next(cx) {
                Poll::Ready(Some(delivery)) => return Poll::Ready((asking.id, delivery)),
                Poll::Ready(None) => {
                    self.askers.remove(self.turn);
                    // Before the one that took its place.
                    self.turn = self.turn.checked_sub(1).unwrap_or(left);
                }
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }

    pub(super) fn settle(
        &mut self,
        asker: Asker,
        delivery: DeliveryId,
        is_settled: bool,
        state: &DeliveryState,
    ) {
        if !is_settled && let Some(asking) = self.asking(asker) {
            asking.link.settle(delivery, delivery, state);
        }
    }

    /// The entity that a link is for, if its address named one.
    pub(super) fn entity(&mut self, asker: Asker) -> Option<String> {
        self.asking(asker)?.entity.clone()
    }

    /// Ends a link on which too much is asked.
    pub(super) fn end(&mut self, asker: Asker, error: AmqpError) {
        if let Some(at) = self.askers.iter().position(|asking| asking.id == asker) {
            self.askers.remove(at).link.end(Some(error));
        }
    }

    /// Where the answer to a request goes.
    pub(super) fn route(&mut self, asker: Asker, reply_to: Option<ByteString>) -> Option<Route> {
        let asking = self.asking(asker)?;
        Some(Route {
            asker,
            session: asking.link.session(),
            address: reply_to,
            partner: asking.partner,
        })
    }

    /// The link for an answer, if it takes one now.
    pub(super) fn poll_answerer(
        &mut self,
        route: &Route,
        cx: &mut Context<'_>,
    ) -> Option<&mut Outgoing> {
        let at = self.find(route)?;
        let link = &mut self.answerers[at].link;
        matches!(link.poll_ready(cx), Poll::Ready(Ok(()))).then_some(link)
    }

    /// Forgets links that took answers and are gone.
    pub(super) fn forget_gone(&mut self, cx: &mut Context<'_>) {
        self.answerers.retain_mut(|answering| {
            !matches!(answering.link.poll_draining(cx), Poll::Ready(Err(_)))
        });
    }

    /// Uses up the credit of links that are drained and have no answer due.
    pub(super) fn give_back_credit(
        &mut self,
        waiting: &VecDeque<(Route, Bytes)>,
        cx: &mut Context<'_>,
    ) {
        let due: Vec<usize> = waiting
            .iter()
            .filter_map(|(route, _)| self.find(route))
            .collect();
        for (at, answering) in self.answerers.iter_mut().enumerate() {
            let link = &mut answering.link;
            if !due.contains(&at) && matches!(link.poll_draining(cx), Poll::Ready(Ok(()))) {
                link.drained();
            }
        }
    }

    fn find(&self, route: &Route) -> Option<usize> {
        let position = |is_it: &dyn Fn(&Answering) -> bool| self.answerers.iter().position(is_it);
        let is_here = |answering: &Answering| answering.link.session() == route.session;
        let is_named =
            |answering: &Answering| route.address.is_some() && answering.address == route.address;
        let partner = route.partner.or_else(|| {
            let mut askers = self.askers.iter();
            askers.find(|asking| asking.id == route.asker)?.partner
        });
        let is_partner = |answering: &Answering| partner == Some(answering.id);
        position(&|answering| {
            is_partner(answering) && (is_named(answering) || route.address.is_none())
        })
        .or_else(|| position(&|answering| is_named(answering) && is_here(answering)))
        .or_else(|| position(&is_named))
        .or_else(|| position(&is_partner))
        .or_else(|| position(&is_here))
    }

    fn asking(&mut self, asker: Asker) -> Option<&mut Asking> {
        self.askers.iter_mut().find(|asking| asking.id == asker)
    }
}
