//! The server's side of an AMQP connection as a state machine without I/O.
//!
//! The host reads its socket into the [inbox](Connection::inbox), asks for
//! [what happened](Connection::next_event), says what it wants, and writes the
//! [outbox](Connection::outbox) to its socket. The engine answers what the
//! standard leaves no choice about, and asks the host about the rest.
//!
//! What it promises:
//! - Events are made one at a time, when asked for. A host that stops asking
//!   takes nothing more, and the peer's windows run out.
//! - What a frame breaks is ended at the level the standard says, link, session
//!   or connection, with its condition, and told the host as the last event of
//!   what ended.
//! - Memory is bounded by the [settings](Settings): sessions, links, deliveries
//!   that are not whole yet, deliveries that are not settled. What the engine
//!   writes on its own stays within a small multiple of what it reads. Only
//!   [`send`](Connection::send) writes more, on the host's decision.
//! - A delivery costs no allocation: in one frame, its payload is a slice of
//!   the receive buffer, and a message is written into the outbox directly.
//!
//! What it leaves to the host: the clock, time-outs before a connection is
//! opened (other than the idle time-out), what links mean and who may have
//! them, when to grant credit, and what becomes of deliveries.
//!
//! A peer may send frames before it was answered, down to its `close` behind
//! its protocol header. Frames on what was ended from here are passed over
//! until the peer has seen it.

mod allowance;
mod attaching;
mod breach;
mod closing;
mod cut;
mod event;
mod flows;
mod grant;
mod handshake;
mod incoming;
#[cfg(test)]
mod invariants;
mod link;
mod liveness;
mod outgoing;
mod receiving;
mod sending;
mod session;
mod sessions;
mod settings;
mod terms;
mod wire;

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use bytes::BytesMut;

pub use event::{CloseReason, DeliveryId, Event, IncomingDelivery, LinkId, SessionId};
pub use settings::Settings;
pub use terms::{CannotSend, IncomingTerms, NewDelivery, OutgoingTerms};

use allowance::Allowance;
use breach::Breach;
use handshake::Phase;
use link::Links;
use liveness::Liveness;
use sessions::Sessions;
use wire::Wire;

use crate::frame::{Frame, FrameKind, RawFrame};
use crate::performatives::{Performative, condition};

/// The server's side of an AMQP connection.
pub struct Connection {
    settings: Settings,
    phase: Phase,
    inbox: BytesMut,
    wire: Wire,
    liveness: Liveness,
    sessions: Sessions,
    links: Links,
    max_links: usize,
    /// Deliveries whose last frame is still to come.
    partial: Allowance,
    /// What the peer said to attach its links.
    attaches: Allowance,
    /// Deliveries of all sessions that the peer has not settled.
    unsettled: usize,
    /// Whether links wait for some of them to be settled.
    unsettled_full: bool,
    /// What one frame or call gave; asked for before the next frame is read.
    events: VecDeque<Event>,
}

/// What reading on led to.
enum Progress {
    /// Something was taken off the inbox.
    Read,
    /// The inbox holds nothing whole, or nothing is to be read at present.
    Waiting,
}

impl Connection {
    /// A connection that was just accepted.
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            phase: Phase::Header,
            inbox: BytesMut::new(),
            wire: Wire::new(now),
            liveness: Liveness::new(now, settings.idle_timeout),
            sessions: Sessions::new(settings.channel_max),
            links: Links::default(),
            max_links: settings.stranger_links,
            partial: Allowance::of(settings.stranger_partial_bytes),
            attaches: Allowance::of(settings.stranger_attach_bytes),
            unsettled: 0,
            unsettled_full: false,
            events: VecDeque::new(),
            settings,
        }
    }

    /// Where the host puts what it reads from its socket, behind what is there.
    pub fn inbox(&mut self) -> &mut BytesMut {
        &mut self.inbox
    }

    /// What the host is to write to its socket, and takes off the front.
    pub fn outbox(&mut self) -> &mut BytesMut {
        &mut self.wire.outbox
    }

    /// The next thing that happened, by what is in the inbox.
    ///
    /// `None` means: read more, or finish if the connection
    /// [is finished](Self::is_finished). Calls of the host can make events,
    /// too: ask again after them.
    pub fn next_event(&mut self, now: Instant) -> Option<Event> {
        self.wire.now = now;
        self.liveness.looked(now, self.inbox.len());
        loop {
            while let Some(event) = self.events.pop_front() {
                if let Some(event) = self.still_true(event) {
                    return Some(event);
                }
            }
            let progress = match &self.phase {
                Phase::Running => self.read_frame(),
                Phase::Closing { .. } => self.read_until_close(),
                Phase::Finished => Progress::Waiting,
                _ => self.shake_hands(),
            };
            if let Progress::Waiting = progress {
                self.liveness.read_all(self.inbox.len());
                return None;
            }
        }
    }

    /// Whether nothing more is read. The host writes the outbox, then shuts down.
    pub fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished) && self.events.is_empty()
    }

    /// Lifts the limits for strangers: the host knows whom it serves.
    pub fn admitted(&mut self) {
        self.max_links = self.settings.max_links;
        self.partial.limit = self.settings.max_partial_bytes;
        self.attaches.limit = self.settings.max_attach_bytes;
    }

    /// An event as things stand when it is told.
    fn still_true(&mut self, event: Event) -> Option<Event> {
        let Event::Flow { link, .. } = event else {
            return Some(event);
        };
        let outgoing = self.links.outgoing(link)?;
        outgoing.flow_due = false;
        let drain = outgoing.draining;
        Some(Event::Flow { link, drain })
    }

    fn read_frame(&mut self) -> Progress {
        let raw = match RawFrame::take(&mut self.inbox, self.settings.max_frame_size) {
            Ok(Some(raw)) => raw,
            Ok(None) => return Progress::Waiting,
            Err(error) => {
                self.cut_off(condition::FRAMING_ERROR, error);
                return Progress::Read;
            }
        };
        let channel = raw.channel;
        if let Err(breach) = self.take_frame(raw) {
            self.punish(channel, breach);
        }
        Progress::Read
    }

    fn take_frame(&mut self, raw: RawFrame) -> Result<(), Breach> {
        if raw.kind != FrameKind::Amqp {
            let why = "a sasl frame after the protocol header of amqp";
            return Err(Breach::connection(condition::FRAMING_ERROR, why));
        }
        let (frame, weight) = Frame::decode_weighed(with_own_memory(raw), self.settings.limits)
            .map_err(|error| Breach::connection(condition::DECODE_ERROR, error))?;
        let channel = frame.channel;
        match frame.performative {
            None => Ok(()),
            Some(Performative::Transfer(transfer)) => self.take_transfer(channel, transfer),
            Some(Performative::Disposition(told)) => self.take_disposition(channel, &told),
            Some(Performative::Flow(flow)) => self.take_flow(channel, &flow),
            Some(Performative::Attach(attach)) => self.take_attach(channel, *attach, weight),
            Some(Performative::Detach(detach)) => self.take_detach(channel, detach),
            Some(Performative::Begin(begin)) => self.take_begin(channel, &begin),
            Some(Performative::End(end)) => self.take_end(channel, &end),
            Some(Performative::Close(close)) => self.take_close(close),
            Some(Performative::Open(_)) => {
                let why = "the connection is open already";
                Err(Breach::connection(condition::ILLEGAL_STATE, why))
            }
        }
    }
}

/// The frame in memory of its own, unless it is of a kind that comes often and
/// is not kept: what is kept must not hold on to the receive buffer.
fn with_own_memory(raw: RawFrame) -> RawFrame {
    const FLOW_TO_DISPOSITION: std::ops::RangeInclusive<u8> = 0x13..=0x15;
    match raw.body[..] {
        [0x00, 0x53, code, ..] if FLOW_TO_DISPOSITION.contains(&code) => raw,
        _ => RawFrame {
            body: bytes::Bytes::copy_from_slice(&raw.body),
            ..raw
        },
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("phase", &self.phase)
            .field("inbox_length", &self.inbox.len())
            .field("outbox_length", &self.wire.outbox.len())
            .field("links", &self.links.len())
            .field("unsettled", &self.unsettled)
            .finish_non_exhaustive()
    }
}
