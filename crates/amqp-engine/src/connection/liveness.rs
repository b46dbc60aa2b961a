//! Signs of life: heartbeats to the peer, and how long its silence may last.

use std::time::{Duration, Instant};

use super::handshake::Phase;
use super::{CloseReason, Connection};
use crate::performatives::{AmqpError, Close, condition};

/// However little silence a peer bears, heartbeats are not sent more often.
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(100);

/// When each side was heard last.
#[derive(Debug)]
pub(super) struct Liveness {
    /// The silence that the peer is told it may keep.
    idle_timeout: Duration,
    /// How often the peer hears from us.
    heartbeat: Option<Duration>,
    last_heard: Instant,
    /// What the inbox held when it was looked at last.
    seen: usize,
    /// Whether all that could be read of the inbox was read.
    read_all: bool,
}

impl Liveness {
    pub(super) fn new(now: Instant, idle_timeout: Duration) -> Self {
        Self {
            idle_timeout,
            heartbeat: None,
            last_heard: now,
            seen: 0,
            read_all: true,
        }
    }

    /// Takes note of the silence that the peer bears: half of it is safe.
    pub(super) fn peer_wants(&mut self, idle_timeout: Option<Duration>) {
        self.heartbeat = idle_timeout.map(|timeout| (timeout / 2).max(SHORTEST_HEARTBEAT));
    }

    /// The inbox is being read.
    pub(super) fn looked(&mut self, now: Instant, inbox: usize) {
        if inbox > self.seen {
            self.last_heard = now;
        }
        self.seen = inbox;
        self.read_all = false;
    }

    /// The inbox was read as far as possible.
    pub(super) fn read_all(&mut self, inbox: usize) {
        self.seen = inbox;
        self.read_all = true;
    }

    fn silent_since(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last_heard) >= self.idle_timeout
    }
}

impl Connection {
    /// When [`tick`](Self::tick) has something to do, if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        let silent = self.liveness.last_heard + self.liveness.idle_timeout;
        match self.phase {
            Phase::Finished => None,
            Phase::Closing { until } => Some(until),
            Phase::Running => {
                let heartbeat = self.liveness.heartbeat;
                let due = heartbeat.map(|every| self.wire.last_sent + every);
                Some(due.map_or(silent, |due| due.min(silent)))
            }
            _ => Some(silent),
        }
    }

    /// Does what time demands: a heartbeat to the peer, the end of a
    /// connection whose peer is silent or does not answer `close`.
    pub fn tick(&mut self, now: Instant) {
        self.wire.now = now;
        let arrived = self.inbox.len() > self.liveness.seen;
        if arrived || !self.liveness.read_all {
            // There is more of the peer's to be read: it is not silent.
            self.liveness.last_heard = now;
        }
        match self.phase {
            Phase::Finished => {}
            Phase::Closing { until } if now >= until => self.phase = Phase::Finished,
            Phase::Closing { .. } => {}
            _ if self.liveness.silent_since(now) => self.end_silence(),
            _ => {
                let due = self.liveness.heartbeat;
                if due.is_some_and(|every| now >= self.wire.last_sent + every) {
                    self.wire.heartbeat();
                }
            }
        }
    }

    /// The host has stopped reading: the silence is its own, not the peer's.
    pub fn heard(&mut self, now: Instant) {
        self.liveness.last_heard = now;
    }

    fn end_silence(&mut self) {
        if self.phase == Phase::Running {
            let why = "the peer was silent for longer than the idle time-out";
            let error = AmqpError::new(condition::RESOURCE_LIMIT_EXCEEDED, why);
            let close = Close { error: Some(error) };
            // A peer that can't read so much is not told.
            let _ = self.wire.frame(0, close);
        }
        self.events.clear();
        self.over(CloseReason::Silent);
    }
}
