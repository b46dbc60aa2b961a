//! How a connection ends: on the peer's wish, on the host's, or for a broken
//! rule, which may end only a session or a link.

use std::time::Duration;

use super::breach::Breach;
use super::handshake::Phase;
use super::{CloseReason, Connection, Event, Progress};
use crate::frame::{Frame, FrameKind, RawFrame};
use crate::performatives::{AmqpError, Close, Performative};
use crate::value::Symbol;

/// How long the peer may take to answer `close`.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

impl Connection {
    /// Closes the connection, with an error perhaps.
    ///
    /// No event comes any more. The peer's own `close` is awaited for a few
    /// seconds; then the connection [is finished](Self::is_finished).
    pub fn close(&mut self, error: Option<AmqpError>) {
        self.events.clear();
        self.say_close(error);
    }

    /// Answers a broken rule at its level.
    pub(super) fn punish(&mut self, channel: u16, breach: Breach) {
        let beyond = match breach {
            Breach::Connection(error) => Err(Breach::Connection(error)),
            Breach::Session(error) => self.end_channel(channel, error),
            Breach::Link(link, error) => self.end_link(link, error),
        };
        if matches!(self.phase, Phase::Closing { .. } | Phase::Finished) {
            return;
        }
        // What can't even be said to the peer closes the connection.
        if let Err(Breach::Connection(error) | Breach::Session(error) | Breach::Link(_, error)) =
            beyond
        {
            self.say_close(Some(error.clone()));
            self.events
                .push_back(Event::Closed(CloseReason::Violation(error)));
        }
    }

    /// Follows up on what a call of the host wrote.
    pub(super) fn checked(&mut self, written: Result<(), Breach>) {
        if let Err(breach) = written {
            self.punish(0, breach);
        }
    }

    /// Closes for bytes that leave no frame to be found behind them.
    pub(super) fn cut_off(&mut self, condition: Symbol, why: impl ToString) {
        self.punish(0, Breach::connection(condition, why));
        self.phase = Phase::Finished;
    }

    /// Ends a connection that has nothing to be closed.
    pub(super) fn over(&mut self, reason: CloseReason) {
        self.forget_all();
        self.phase = Phase::Finished;
        self.events.push_back(Event::Closed(reason));
    }

    fn say_close(&mut self, error: Option<AmqpError>) {
        let until = self.wire.now + CLOSE_TIMEOUT;
        let (opened, next) = match self.phase {
            Phase::Closing { .. } | Phase::Finished => return,
            Phase::Running => (true, Phase::Closing { until }),
            // Open comes before close, whatever else is wrong.
            Phase::Open => (self.write_open().is_ok(), Phase::Closing { until }),
            Phase::Header | Phase::SaslInit | Phase::SaslOutcome | Phase::AmqpHeader => {
                (false, Phase::Finished)
            }
        };
        let said = opened && self.wire.frame(0, Close { error }).is_ok();
        self.phase = if said { next } else { Phase::Finished };
        self.forget_all();
    }

    fn forget_all(&mut self) {
        self.sessions.clear();
        self.links.clear();
        self.partial.held = 0;
        self.attaches.held = 0;
        self.unsettled = 0;
    }

    pub(super) fn take_close(&mut self, close: Close) -> Result<(), Breach> {
        self.wire.frame(0, Close { error: None })?;
        self.over(CloseReason::Peer(close.error));
        Ok(())
    }

    /// Passes over everything but the peer's `close`.
    pub(super) fn read_until_close(&mut self) -> Progress {
        let raw = match RawFrame::take(&mut self.inbox, self.settings.max_frame_size) {
            Ok(Some(raw)) => raw,
            Ok(None) => return Progress::Waiting,
            Err(_) => {
                self.phase = Phase::Finished;
                return Progress::Read;
            }
        };
        if raw.kind == FrameKind::Amqp
            && let Ok(frame) = Frame::decode(raw, self.settings.limits)
            && matches!(frame.performative, Some(Performative::Close(_)))
        {
            self.phase = Phase::Finished;
        }
        Progress::Read
    }
}
