//! How links begin and end.

use std::sync::Arc;

use super::breach::Breach;
use super::link::{Link, LinkEnd};
use super::session::Handle;
use super::{Connection, Event, IncomingTerms, LinkId, OutgoingTerms};
use crate::performatives::{AmqpError, Attach, Detach, Role, SenderSettleMode, condition};
use crate::value::{Map, Symbol};

/// The longest name of a link, in bytes; names are kept.
const MAX_NAME: usize = 1024;

impl Connection {
    /// Accepts a link that the client sends on, and grants its first credit.
    pub fn accept_incoming(&mut self, link: LinkId, terms: IncomingTerms) {
        let written = self.answer_sender(link, &terms);
        self.checked(written);
    }

    /// Accepts a link that the host sends on. Source, target and filters are
    /// those the client asked for.
    pub fn accept_outgoing(&mut self, link: LinkId, terms: OutgoingTerms) {
        let written = self.answer_receiver(link, terms);
        self.checked(written);
    }

    /// Refuses a link: attaches it without source and target, and detaches it
    /// with the reason. No event tells of its end.
    pub fn refuse(&mut self, link: LinkId, error: AmqpError) {
        self.detach(link, Some(error));
    }

    /// Ends a link, refusing it if it is not answered yet. No event tells of its end.
    pub fn detach(&mut self, link: LinkId, error: Option<AmqpError>) {
        let written = self.detach_link(link, error);
        self.checked(written);
    }

    /// Takes an attach that needs memory of this weight.
    pub(super) fn take_attach(
        &mut self,
        channel: u16,
        attach: Attach,
        weight: usize,
    ) -> Result<(), Breach> {
        let Some(session) = self.sessions.addressed(channel)? else {
            return Ok(());
        };
        if attach.handle > self.settings.handle_max {
            let why = format!("handle {} is above handle-max", attach.handle);
            return Err(Breach::connection(condition::FRAMING_ERROR, why));
        }
        if let Some(Handle::Attached(_)) = session.handles.get(attach.handle) {
            let why = format!("handle {} is in use", attach.handle);
            return Err(Breach::session(condition::HANDLE_IN_USE, why));
        }
        if attach.name.len() > MAX_NAME {
            let why = "the name of a link has at most 1024 bytes";
            return self.turn_away(channel, attach, condition::INVALID_FIELD, why);
        }
        let id = session.id;
        let namesake = session.handles.links().find(|id| {
            let link = self.links.get(*id);
            link.is_some_and(|link| *link.name == *attach.name && link.peer_role() == attach.role)
        });
        if let Some(namesake) = namesake {
            let why = "the link was attached again under another handle";
            self.end_link(namesake, AmqpError::new(condition::STOLEN, why))?;
        }
        if self.links.len() >= self.max_links {
            let why = "the connection has too many links";
            return self.turn_away(channel, attach, condition::RESOURCE_LIMIT_EXCEEDED, why);
        }
        if !self.attaches.take(weight) {
            let why = "what attaches the connection's links is too large together";
            return self.turn_away(channel, attach, condition::RESOURCE_LIMIT_EXCEEDED, why);
        }

        let attach = Arc::new(attach);
        let link = self.links.insert(Link::attached(channel, &attach, weight));
        if let Some(session) = self.sessions.get_mut(channel) {
            session.handles.set(attach.handle, Handle::Attached(link));
        }
        self.events.push_back(Event::Attach {
            link,
            session: id,
            attach,
        });
        Ok(())
    }

    /// Refuses what the host need not hear of.
    fn turn_away(
        &mut self,
        channel: u16,
        attach: Attach,
        condition: Symbol,
        why: &'static str,
    ) -> Result<(), Breach> {
        let handle = attach.handle;
        if let Some(session) = self.sessions.get_mut(channel) {
            session.handles.set(handle, Handle::Detached);
        }
        self.wire.frame(channel, refusal(&attach))?;
        let detach = Detach {
            handle,
            closed: true,
            error: Some(AmqpError::new(condition, why)),
        };
        self.wire.frame(channel, detach)
    }

    fn answer_sender(&mut self, id: LinkId, terms: &IncomingTerms) -> Result<(), Breach> {
        let Some(link) = self.links.get_mut(id) else {
            return Ok(());
        };
        let LinkEnd::Incoming(incoming) = &mut link.end else {
            return self.detach_link(id, Some(wrong_direction()));
        };
        let Some(attach) = link.unanswered.take() else {
            return Ok(());
        };
        incoming.max_message_size = terms.max_message_size;
        let answer = Attach {
            max_message_size: Some(terms.max_message_size),
            ..answer_to(&attach)
        };
        self.wire.frame(link.channel, answer)?;
        incoming.grant.set(terms.credit);
        self.write_link_flow(id)
    }

    fn answer_receiver(&mut self, id: LinkId, terms: OutgoingTerms) -> Result<(), Breach> {
        let Some(link) = self.links.get_mut(id) else {
            return Ok(());
        };
        let LinkEnd::Outgoing(outgoing) = &mut link.end else {
            return self.detach_link(id, Some(wrong_direction()));
        };
        let Some(attach) = link.unanswered.take() else {
            return Ok(());
        };
        let snd_settle_mode = terms.settle_mode.unwrap_or(attach.snd_settle_mode);
        outgoing.settled_only = snd_settle_mode == SenderSettleMode::Settled;
        let answer = Attach {
            snd_settle_mode,
            offered_capabilities: terms.offered_capabilities,
            properties: terms.properties,
            ..answer_to(&attach)
        };
        self.wire.frame(link.channel, answer)?;
        if std::mem::take(&mut outgoing.echo_due) {
            self.write_link_flow(id)?;
        }
        self.tell_flow(id);
        Ok(())
    }

    pub(super) fn take_detach(&mut self, channel: u16, detach: Detach) -> Result<(), Breach> {
        let Some(session) = self.sessions.addressed(channel)? else {
            return Ok(());
        };
        let handle = detach.handle;
        let Some(Handle::Attached(id)) = session.handles.get(handle) else {
            // The answer to ours, or one more for a link that is gone.
            session.handles.remove(handle);
            return Ok(());
        };
        session.handles.remove(handle);
        session.forget_unsettled(id);
        let Some(mut link) = self.links.remove(id) else {
            return Ok(());
        };
        let unanswered = link.unanswered.take();
        self.give_back(link);
        let error = detach.error;
        self.events.push_back(Event::Detached { link: id, error });
        if let Some(attach) = unanswered {
            self.wire.frame(channel, refusal(&attach))?;
        }
        let answer = Detach {
            handle,
            closed: detach.closed,
            error: None,
        };
        self.wire.frame(channel, answer)
    }

    /// Ends a link for a broken rule; the host is told.
    pub(super) fn end_link(&mut self, id: LinkId, error: AmqpError) -> Result<(), Breach> {
        if self.links.get(id).is_none() {
            return Ok(());
        }
        let told = Some(error.clone());
        self.events.push_back(Event::Detached {
            link: id,
            error: told,
        });
        self.detach_link(id, Some(error))
    }

    fn detach_link(&mut self, id: LinkId, error: Option<AmqpError>) -> Result<(), Breach> {
        let Some(mut link) = self.links.remove(id) else {
            return Ok(());
        };
        let (channel, handle) = (link.channel, link.handle);
        if let Some(session) = self.sessions.get_mut(channel) {
            session.handles.set(handle, Handle::Detached);
            session.forget_unsettled(id);
        }
        let unanswered = link.unanswered.take();
        self.give_back(link);
        if let Some(attach) = unanswered {
            self.wire.frame(channel, refusal(&attach))?;
        }
        let detach = Detach {
            handle,
            closed: true,
            error,
        };
        self.wire.frame(channel, detach)
    }

    /// Gives back what a link that is gone took of the limits.
    pub(super) fn give_back(&mut self, link: Link) {
        self.attaches.give_back(link.weight);
        match link.end {
            LinkEnd::Incoming(mut incoming) => incoming.forget(&mut self.partial),
            LinkEnd::Outgoing(outgoing) => self.count_settled(outgoing.unsettled),
        }
    }
}

/// The answer that agrees to everything.
fn answer_to(attach: &Attach) -> Attach {
    let role = attach.role.opposite();
    Attach {
        name: attach.name.clone(),
        handle: attach.handle,
        role,
        snd_settle_mode: attach.snd_settle_mode,
        rcv_settle_mode: attach.rcv_settle_mode,
        source: attach.source.clone(),
        target: attach.target.clone(),
        unsettled: None,
        incomplete_unsettled: false,
        initial_delivery_count: (role == Role::Sender).then_some(0),
        max_message_size: None,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Map::new(),
    }
}

/// The answer that agrees to nothing; a detach with the reason follows.
fn refusal(attach: &Attach) -> Attach {
    Attach {
        source: None,
        target: None,
        ..answer_to(attach)
    }
}

fn wrong_direction() -> AmqpError {
    let why = "the node of this link serves the other direction";
    AmqpError::new(condition::INTERNAL_ERROR, why)
}
