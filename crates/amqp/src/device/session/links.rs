//! The links of a session, each in its place.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use twinhub_amqp_engine::performatives::AmqpError;
use twinhub_amqp_server::{Gone, Outgoing, PendingLink};
use twinhub_core::faults::FaultOrder;

use super::LinkState;
use crate::device::address::Purpose;
use crate::device::end::{End, stolen, too_much};
use crate::device::messages_link::MessagesLink;
use crate::device::method_links::MethodLinks;
use crate::device::nodes::Attaching;
use crate::device::owner::{Listens, Owner};
use crate::device::pair::{PairKey, send_settled};
use crate::device::telemetry::TelemetryLink;
use crate::device::twin_links::TwinLinks;

/// How many links for telemetry, and how many for inputs, an identity may
/// have on one connection.
const MAX_ALIKE: usize = 16;

/// What a pair's channel begins with.
const TWIN: &str = "twin:";
const METHODS: &str = "methods:";

/// What links leave to be done when they end.
type Farewells = Vec<BoxFuture<'static, ()>>;

/// The links of a session.
#[derive(Default)]
pub(super) struct SessionLinks {
    telemetry: Vec<TelemetryLink>,
    inputs: Vec<Outgoing>,
    pub(super) messages: Option<MessagesLink>,
    pub(super) twin: Option<TwinLinks>,
    pub(super) methods: Option<MethodLinks>,
}

impl SessionLinks {
    /// Whether there is none.
    pub(super) fn are_gone(&self) -> bool {
        self.telemetry.is_empty()
            && self.inputs.is_empty()
            && self.messages.is_none()
            && self.twin.is_none()
            && self.methods.is_none()
    }

    /// What the session listens to because of them.
    pub(super) fn listens(&self) -> Listens {
        Listens {
            to_methods: self.methods.as_ref().is_some_and(MethodLinks::listens),
            to_messages: self.messages.as_ref().is_some_and(MessagesLink::listens),
        }
    }

    /// Takes a link. Of those that there may be one of, the newest counts.
    pub(super) fn attach(
        &mut self,
        attaching: Attaching,
        owner: &mut Owner,
        farewells: &mut Farewells,
    ) {
        let Attaching { purpose, link } = attaching;
        match purpose {
            Purpose::Telemetry if self.telemetry.len() >= MAX_ALIKE => too_many(link, owner),
            Purpose::Telemetry => self.telemetry.extend(TelemetryLink::open(link, owner)),
            Purpose::Inputs if self.inputs.len() >= MAX_ALIKE => too_many(link, owner),
            Purpose::Inputs => {
                owner.counts_as_active();
                self.inputs.push(send_settled(link));
            }
            Purpose::Messages => {
                owner.counts_as_active();
                if let Some(old) = self.messages.replace(MessagesLink::open(link)) {
                    farewells.push(old.end(owner, Some(newer(owner))));
                }
            }
            Purpose::TwinRequests => self.twin_of(&link, owner).attach_requests(link, owner),
            Purpose::TwinAnswers => self.twin_of(&link, owner).attach_answers(link, owner),
            Purpose::MethodReplies => self.methods_of(&link, owner).attach_replies(link, owner),
            Purpose::MethodCalls => {
                owner.counts_as_active();
                self.methods_of(&link, owner).attach_calls(link, owner);
            }
        }
    }

    /// The pair that a link belongs to: a new one, unless it names that which
    /// is there.
    fn twin_of(&mut self, link: &PendingLink, owner: &Owner) -> &mut TwinLinks {
        let key = PairKey::of(link, TWIN);
        if let Some(old) = self.twin.take_if(|twin| twin.pair.key != key) {
            old.pair.end(&newer(owner));
        }
        self.twin.get_or_insert_with(|| TwinLinks::new(key))
    }

    fn methods_of(&mut self, link: &PendingLink, owner: &Owner) -> &mut MethodLinks {
        let key = PairKey::of(link, METHODS);
        if let Some(old) = self.methods.take_if(|methods| methods.pair.key != key) {
            old.pair.end(&newer(owner));
        }
        self.methods.get_or_insert_with(|| MethodLinks::new(key))
    }

    /// Looks at each. Tells why one is gone, if one is.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        owner: &mut Owner,
        faults: &mut Vec<FaultOrder>,
        farewells: &mut Farewells,
    ) -> Result<Option<Gone>, End> {
        let mut last = None;
        let mut note = |state: LinkState| match state {
            LinkState::Open => None,
            LinkState::Gone(gone) => {
                last = Some(gone);
                Some(None)
            }
            LinkState::Ended(error) => {
                last = Some(Gone::ByHub);
                Some(error)
            }
        };
        for index in (0..self.telemetry.len()).rev() {
            if let Some(error) = note(self.telemetry[index].poll(cx, owner, faults)) {
                self.telemetry.remove(index).end(error);
            }
        }
        if let Some(messages) = &mut self.messages
            && let Some(error) = note(messages.poll(cx, owner, farewells.is_empty())?)
            && let Some(messages) = self.messages.take()
        {
            farewells.push(messages.end(owner, error));
        }
        if let Some(twin) = &mut self.twin
            && let Some(error) = note(twin.poll(cx, owner)?)
            && let Some(twin) = self.twin.take()
            && let Some(error) = error
        {
            twin.pair.end(&error);
        }
        if let Some(methods) = &mut self.methods
            && let Some(error) = note(methods.poll(cx, owner))
            && let Some(methods) = self.methods.take()
            && let Some(error) = error
        {
            methods.pair.end(&error);
        }
        self.inputs.retain_mut(|inputs| {
            while let Poll::Ready(drain) = inputs.poll_draining(cx) {
                match drain {
                    Ok(()) => inputs.drained(),
                    Err(gone) => return note(LinkState::Gone(gone)).is_none(),
                }
            }
            true
        });
        Ok(last)
    }

    /// Ends the links of one purpose; what is left to be done then.
    pub(super) fn end(
        &mut self,
        purpose: Purpose,
        owner: &Owner,
        error: AmqpError,
    ) -> Option<BoxFuture<'static, ()>> {
        match purpose {
            Purpose::Telemetry => {
                let links = self.telemetry.drain(..);
                links.for_each(|link| link.end(Some(error.clone())));
            }
            Purpose::Inputs => {
                let links = self.inputs.drain(..);
                links.for_each(|link| link.end(Some(error.clone())));
            }
            Purpose::Messages => {
                return (self.messages.take()).map(|link| link.end(owner, Some(error)));
            }
            Purpose::TwinRequests => {
                self.twin
                    .iter_mut()
                    .for_each(|twin| twin.pair.end_incoming(error.clone()));
            }
            Purpose::TwinAnswers => {
                self.twin
                    .iter_mut()
                    .for_each(|twin| twin.pair.end_outgoing(error.clone()));
            }
            Purpose::MethodReplies => {
                self.methods
                    .iter_mut()
                    .for_each(|methods| methods.pair.end_incoming(error.clone()));
            }
            Purpose::MethodCalls => {
                self.methods
                    .iter_mut()
                    .for_each(|methods| methods.pair.end_outgoing(error.clone()));
            }
        }
        None
    }

    /// Ends the AMQP sessions that they belong to, with whatever else these
    /// carry; what is left to be done then.
    pub(super) fn end_sessions(
        &mut self,
        owner: &Owner,
        error: &AmqpError,
    ) -> Option<BoxFuture<'static, ()>> {
        for link in self.telemetry.drain(..) {
            link.end_session(error.clone());
        }
        for link in self.inputs.drain(..) {
            link.end_session(error.clone());
        }
        if let Some(twin) = self.twin.take() {
            twin.pair.end_sessions(error);
        }
        if let Some(methods) = self.methods.take() {
            methods.pair.end_sessions(error);
        }
        let messages = self.messages.take();
        messages.map(|link| link.end_session(owner, error.clone()))
    }

    /// Ends all of them; what is left to be done then.
    pub(super) fn end_all(
        &mut self,
        owner: &Owner,
        error: &AmqpError,
    ) -> Option<BoxFuture<'static, ()>> {
        self.end(Purpose::Telemetry, owner, error.clone());
        self.end(Purpose::Inputs, owner, error.clone());
        if let Some(twin) = self.twin.take() {
            twin.pair.end(error);
        }
        if let Some(methods) = self.methods.take() {
            methods.pair.end(error);
        }
        self.end(Purpose::Messages, owner, error.clone())
    }
}

fn too_many(link: PendingLink, owner: &Owner) {
    let error = too_much("the identity has too many links of this kind");
    link.refuse(owner.error(error));
}

fn newer(owner: &Owner) -> AmqpError {
    owner.error(stolen("a newer link of the identity took over"))
}
