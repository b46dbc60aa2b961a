//! Credit and windows, in both directions.

use super::breach::Breach;
use super::link::LinkEnd;
use super::session::Handle;
use super::{Connection, Event, LinkId};
use crate::performatives::{Flow, condition};

impl Connection {
    /// Sets the credit of a link that the client sends on, and tells it.
    pub fn grant(&mut self, link: LinkId, credit: u32) {
        let Some(found) = self.links.get_mut(link) else {
            return;
        };
        if let LinkEnd::Incoming(incoming) = &mut found.end
            && found.unanswered.is_none()
        {
            incoming.grant.set(credit);
            let written = self.write_link_flow(link);
            self.checked(written);
        }
    }

    /// Answers a drain: there is nothing to send on the link now. Does nothing
    /// if the client doesn't wait for that.
    pub fn drained(&mut self, link: LinkId) {
        let Some(outgoing) = self.links.outgoing(link) else {
            return;
        };
        if outgoing.draining {
            outgoing.give_back();
            let written = self.answer_drain(link);
            self.checked(written);
        }
    }

    pub(super) fn take_flow(&mut self, channel: u16, flow: &Flow) -> Result<(), Breach> {
        let Some(session) = self.sessions.addressed(channel)? else {
            return Ok(());
        };
        let opened = session.hear(flow);
        match flow
            .handle
            .map(|handle| (handle, session.handles.get(handle)))
        {
            None => {
                if flow.echo {
                    self.write_session_flow(channel)?;
                }
            }
            Some((_, Some(Handle::Attached(link)))) => self.take_link_flow(link, flow)?,
            Some((_, Some(Handle::Detached))) => {}
            Some((handle, None)) => {
                let why = format!("no link has handle {handle}");
                return Err(Breach::session(condition::UNATTACHED_HANDLE, why));
            }
        }
        if opened {
            self.resume_sending(channel)?;
        }
        Ok(())
    }

    fn take_link_flow(&mut self, id: LinkId, flow: &Flow) -> Result<(), Breach> {
        let Some(link) = self.links.get_mut(id) else {
            return Ok(());
        };
        let answered = link.unanswered.is_none();
        match &mut link.end {
            // The credit that a sender claims means nothing.
            LinkEnd::Incoming(incoming) => {
                if let Some(count) = flow.delivery_count {
                    incoming.grant.skip_to(count);
                }
                if answered && (incoming.grant.renew() || flow.echo) {
                    self.write_link_flow(id)?;
                }
            }
            LinkEnd::Outgoing(outgoing) => {
                outgoing.hear(flow);
                if !answered {
                    outgoing.echo_due |= flow.echo;
                    return Ok(());
                }
                if outgoing.draining && outgoing.credit == 0 {
                    return self.answer_drain(id);
                }
                if flow.echo && !outgoing.draining {
                    self.write_link_flow(id)?;
                }
                self.tell_flow(id);
            }
        }
        Ok(())
    }

    /// Tells the host that it may go on with a link, or must finish a drain.
    pub(super) fn tell_flow(&mut self, id: LinkId) {
        let can_send = self.can_send(id);
        let Some(outgoing) = self.links.outgoing(id) else {
            return;
        };
        if (can_send || outgoing.draining) && !outgoing.flow_due {
            outgoing.flow_due = true;
            let drain = outgoing.draining;
            self.events.push_back(Event::Flow { link: id, drain });
        }
    }

    /// Says that a drain is over: no credit is left.
    pub(super) fn answer_drain(&mut self, id: LinkId) -> Result<(), Breach> {
        let written = self.write_link_flow(id);
        if let Some(outgoing) = self.links.outgoing(id) {
            outgoing.draining = false;
        }
        written
    }

    pub(super) fn write_session_flow(&mut self, channel: u16) -> Result<(), Breach> {
        let Some(session) = self.sessions.get_mut(channel) else {
            return Ok(());
        };
        let settings = &self.settings;
        let flow = session.flow(settings.incoming_window, settings.outgoing_window);
        self.wire.frame(channel, flow)
    }

    /// Writes the state of a link. Some clients detach when anything is
    /// missing, or when the session's part is.
    pub(super) fn write_link_flow(&mut self, id: LinkId) -> Result<(), Breach> {
        let Some(link) = self.links.get(id) else {
            return Ok(());
        };
        let Some(session) = self.sessions.get_mut(link.channel) else {
            return Ok(());
        };
        let settings = &self.settings;
        let (delivery_count, link_credit, drain) = match &link.end {
            LinkEnd::Incoming(incoming) => {
                let grant = &incoming.grant;
                (grant.delivery_count, grant.credit(), false)
            }
            LinkEnd::Outgoing(out) => (out.delivery_count, out.credit, out.draining),
        };
        let flow = Flow {
            handle: Some(link.handle),
            delivery_count: Some(delivery_count),
            link_credit: Some(link_credit),
            drain,
            ..session.flow(settings.incoming_window, settings.outgoing_window)
        };
        self.wire.frame(link.channel, flow)
    }
}
