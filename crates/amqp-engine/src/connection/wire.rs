//! What goes to the peer: frames behind each other in the outbox.

use std::time::Instant;

use bytes::BytesMut;

use super::breach::Breach;
use crate::encode::Encode;
use crate::frame::{FrameKind, MIN_MAX_FRAME_SIZE, encode_frame};
use crate::performatives::{
    AmqpError, Attach, Begin, Close, DeliveryState, Detach, Disposition, End, Flow, Open, condition,
};
use crate::sasl::SaslFrame;
use crate::value::Map;

/// The outbox, and what the peer can read.
pub(super) struct Wire {
    pub(super) outbox: BytesMut,
    /// The largest frame that is written.
    pub(super) frame_limit: u32,
    /// The time as the host told it last.
    pub(super) now: Instant,
    /// When something was written last, or a little earlier.
    pub(super) last_sent: Instant,
}

/// A performative, which may tell of an error at more length than some peers read.
pub(super) trait Speech: Encode {
    /// Leaves out what is for people; false when there is nothing of the kind.
    fn shorten(&mut self) -> bool {
        false
    }
}

impl Wire {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            outbox: BytesMut::new(),
            frame_limit: MIN_MAX_FRAME_SIZE,
            now,
            last_sent: now,
        }
    }

    /// Writes a frame, without an error's description if the peer can't read that much.
    pub(super) fn frame(&mut self, channel: u16, mut speech: impl Speech) -> Result<(), Breach> {
        self.last_sent = self.now;
        let written = self.whole(channel, &speech);
        if written.is_err() && speech.shorten() {
            return self.whole(channel, &speech);
        }
        written
    }

    fn whole(&mut self, channel: u16, speech: &impl Speech) -> Result<(), Breach> {
        let (kind, limit) = (FrameKind::Amqp, self.frame_limit);
        encode_frame(kind, channel, limit, &mut self.outbox, |out| {
            speech.encode(out);
        })
        .map_err(|too_large| Breach::connection(condition::FRAME_SIZE_TOO_SMALL, too_large))
    }

    pub(super) fn heartbeat(&mut self) {
        self.last_sent = self.now;
        self.outbox.extend_from_slice(&[0, 0, 0, 8, 2, 0, 0, 0]);
    }

    /// Writes a frame of the SASL layer, which has no limit but our own.
    pub(super) fn sasl(&mut self, frame: &SaslFrame) {
        self.last_sent = self.now;
        let written = frame.encode(u32::MAX, &mut self.outbox);
        debug_assert!(written.is_ok(), "no sasl frame of ours has 4 GiB");
    }
}

fn shorten(error: Option<&mut AmqpError>) -> bool {
    let Some(error) = error else { return false };
    error.description = None;
    error.info = Map::new();
    true
}

impl Speech for Open {}
impl Speech for Begin {}
impl Speech for Attach {}
impl Speech for Flow {}

impl Speech for Disposition {
    fn shorten(&mut self) -> bool {
        match &mut self.state {
            Some(DeliveryState::Rejected(rejected)) => shorten(rejected.error.as_mut()),
            _ => false,
        }
    }
}

impl Speech for Detach {
    fn shorten(&mut self) -> bool {
        shorten(self.error.as_mut())
    }
}

impl Speech for End {
    fn shorten(&mut self) -> bool {
        shorten(self.error.as_mut())
    }
}

impl Speech for Close {
    fn shorten(&mut self) -> bool {
        shorten(self.error.as_mut())
    }
}
