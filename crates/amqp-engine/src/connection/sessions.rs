//! The sessions of a connection, by channel; ours has the peer's number.
//! How they begin and end.

use super::breach::Breach;
use super::session::Session;
use super::{Connection, Event, SessionId};
use crate::performatives::{AmqpError, Begin, End, condition};
use crate::value::Map;

/// What a channel is in use for.
#[derive(Debug, Default)]
enum Channel {
    /// Nothing so far.
    #[default]
    Unused,
    /// A session.
    Begun(Box<Session>),
    /// A session that was ended from here; the peer may not know yet.
    Ending,
    /// A session that both sides have ended; the peer may be slow to see it.
    Ended,
}

/// All channels up to the highest that was used.
#[derive(Debug)]
pub(super) struct Sessions {
    channels: Vec<Channel>,
    channel_max: u16,
    begun: u32,
}

impl Sessions {
    pub(super) fn new(channel_max: u16) -> Self {
        Self {
            channels: Vec::new(),
            channel_max,
            begun: 0,
        }
    }

    pub(super) fn get_mut(&mut self, channel: u16) -> Option<&mut Session> {
        match self.channels.get_mut(usize::from(channel))? {
            Channel::Begun(session) => Some(session),
            Channel::Unused | Channel::Ending | Channel::Ended => None,
        }
    }

    pub(super) fn get(&self, channel: u16) -> Option<&Session> {
        match self.channels.get(usize::from(channel))? {
            Channel::Begun(session) => Some(session),
            Channel::Unused | Channel::Ending | Channel::Ended => None,
        }
    }

    /// Where a session is.
    pub(super) fn channel_of(&self, id: SessionId) -> Option<u16> {
        let is_it = |channel: &Channel| matches!(channel, Channel::Begun(it) if it.id == id);
        let at = self.channels.iter().position(is_it)?;
        u16::try_from(at).ok()
    }

    /// The session that a frame is for; none when it comes too late to matter.
    pub(super) fn addressed(&mut self, channel: u16) -> Result<Option<&mut Session>, Breach> {
        match self.slot(channel)? {
            Channel::Begun(session) => Ok(Some(session)),
            Channel::Ending | Channel::Ended => Ok(None),
            Channel::Unused => Err(Breach::connection(
                condition::ILLEGAL_STATE,
                format!("there is no session on channel {channel}"),
            )),
        }
    }

    pub(super) fn begin(
        &mut self,
        channel: u16,
        begin: &Begin,
        incoming_window: u32,
    ) -> Result<(), Breach> {
        let id = SessionId(self.begun);
        let slot = self.slot(channel)?;
        if matches!(slot, Channel::Begun(_) | Channel::Ending) {
            let why = format!("a session on channel {channel} has begun already");
            return Err(Breach::connection(condition::ILLEGAL_STATE, why));
        }
        let session = Session::begun(id, begin, incoming_window);
        *slot = Channel::Begun(Box::new(session));
        self.begun = self.begun.wrapping_add(1);
        Ok(())
    }

    /// Takes the session off a channel that the peer ends.
    pub(super) fn ended_by_peer(&mut self, channel: u16) -> Result<Option<Box<Session>>, Breach> {
        let slot = self.slot(channel)?;
        Ok(match std::mem::replace(slot, Channel::Ended) {
            Channel::Begun(session) => Some(session),
            Channel::Unused | Channel::Ending | Channel::Ended => None,
        })
    }

    /// Takes the session off a channel that is ended from here.
    pub(super) fn end(&mut self, channel: u16) -> Option<Box<Session>> {
        let slot = self.channels.get_mut(usize::from(channel))?;
        match std::mem::replace(slot, Channel::Ending) {
            Channel::Begun(session) => Some(session),
            other => {
                *slot = other;
                None
            }
        }
    }

    /// Forgets every session.
    pub(super) fn clear(&mut self) {
        self.channels = Vec::new();
    }

    fn slot(&mut self, channel: u16) -> Result<&mut Channel, Breach> {
        if channel > self.channel_max {
            let why = format!("channel {channel} is above {}", self.channel_max);
            return Err(Breach::connection(condition::FRAMING_ERROR, why));
        }
        let at = usize::from(channel);
        if at >= self.channels.len() {
            self.channels.resize_with(at + 1, Channel::default);
        }
        Ok(&mut self.channels[at])
    }
}

impl Connection {
    /// Ends a session and its links, of which [`Event::Detached`] tells.
    pub fn end_session(&mut self, session: SessionId, error: AmqpError) {
        if let Some(channel) = self.sessions.channel_of(session) {
            let written = self.end_channel(channel, error);
            self.checked(written);
        }
    }

    pub(super) fn take_begin(&mut self, channel: u16, begin: &Begin) -> Result<(), Breach> {
        if begin.remote_channel.is_some() {
            let why = "begin answers one that was not sent";
            return Err(Breach::connection(condition::ILLEGAL_STATE, why));
        }
        let incoming_window = self.settings.incoming_window;
        self.sessions.begin(channel, begin, incoming_window)?;
        let answer = Begin {
            remote_channel: Some(channel),
            next_outgoing_id: 0,
            incoming_window,
            outgoing_window: self.settings.outgoing_window,
            handle_max: self.settings.handle_max,
            offered_capabilities: Vec::new(),
            desired_capabilities: Vec::new(),
            properties: Map::new(),
        };
        self.wire.frame(channel, answer)
    }

    pub(super) fn take_end(&mut self, channel: u16, end: &End) -> Result<(), Breach> {
        let Some(session) = self.sessions.ended_by_peer(channel)? else {
            return Ok(());
        };
        self.forget_session(&session, end.error.as_ref());
        self.wire.frame(channel, End { error: None })
    }

    pub(super) fn end_channel(&mut self, channel: u16, error: AmqpError) -> Result<(), Breach> {
        let Some(session) = self.sessions.end(channel) else {
            return Ok(());
        };
        self.forget_session(&session, Some(&error));
        let error = Some(error);
        self.wire.frame(channel, End { error })
    }

    fn forget_session(&mut self, session: &Session, error: Option<&AmqpError>) {
        for id in session.handles.links() {
            let error = error.cloned();
            if let Some(link) = self.links.remove(id) {
                self.give_back(link);
                self.events.push_back(Event::Detached { link: id, error });
            }
        }
    }
}
