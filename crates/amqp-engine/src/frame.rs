//! Frames: an eight-byte head, and a body that is whole or not there yet.
//!
//! [`RawFrame::take`] cuts frames off a receive buffer: it checks the size the
//! peer claims before anybody waits for that many bytes, and reserves no
//! memory for it. What kind of frame it is decides who reads the body:
//! [`Frame::decode`] or [`SaslFrame::decode`](crate::sasl::SaslFrame::decode).

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::decode::{DecodeError, Decoder, Limits};
use crate::encode::Encode;
use crate::performatives::Performative;

/// Bytes of a frame's head.
const HEAD: usize = 8;
/// The data offset of a frame without extended head, in words of four bytes.
const PLAIN_OFFSET: u8 = 2;
/// What a value of run-time type takes in memory, room to grow included.
const VALUE_WEIGHT: usize = 96;
/// The frame size that every peer must be able to read.
pub const MIN_MAX_FRAME_SIZE: u32 = 512;

/// What a frame belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// The AMQP connection.
    Amqp,
    /// The SASL negotiation before it.
    Sasl,
}

impl FrameKind {
    fn code(self) -> u8 {
        match self {
            Self::Amqp => 0,
            Self::Sasl => 1,
        }
    }
}

/// Bytes that can't be cut into frames; nothing after them can be, either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// The claimed size is above the limit.
    #[error("a frame of {size} bytes is above the limit of {limit}")]
    TooLarge {
        /// The claimed size.
        size: u32,
        /// The limit that was announced to the peer.
        limit: u32,
    },
    /// The claimed size is below that of the head.
    #[error("a frame of {0} bytes has no room for its head")]
    TooSmall(u32),
    /// The body is said to begin inside the head or after the frame.
    #[error("data offset {0} lies outside the frame's body")]
    BadDataOffset(u8),
    /// A kind that the standard doesn't define.
    #[error("unknown frame type {0}")]
    UnknownType(u8),
}

/// A frame with its body still in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFrame {
    /// What the frame belongs to.
    pub kind: FrameKind,
    /// The session's channel; without meaning for SASL.
    pub channel: u16,
    /// What follows the head and its extension.
    pub body: Bytes,
}

impl RawFrame {
    /// Takes a frame off the buffer, or nothing while it is incomplete.
    ///
    /// # Errors
    /// When the head is no head, or claims more than `limit` bytes.
    pub fn take(buffer: &mut BytesMut, limit: u32) -> Result<Option<Self>, FramingError> {
        let Some(size) = buffer.first_chunk() else {
            return Ok(None);
        };
        let size = u32::from_be_bytes(*size);
        if size > limit {
            return Err(FramingError::TooLarge { size, limit });
        }
        if (size as usize) < HEAD {
            return Err(FramingError::TooSmall(size));
        }
        if buffer.len() < size as usize {
            return Ok(None);
        }

        let mut frame = buffer.split_to(size as usize).freeze();
        frame.advance(4);
        let offset = frame.get_u8();
        let kind = match frame.get_u8() {
            0 => FrameKind::Amqp,
            1 => FrameKind::Sasl,
            other => return Err(FramingError::UnknownType(other)),
        };
        let channel = frame.get_u16();
        let extension = (usize::from(offset) * 4)
            .checked_sub(HEAD)
            .filter(|length| *length <= frame.len())
            .ok_or(FramingError::BadDataOffset(offset))?;
        frame.advance(extension);
        Ok(Some(Self {
            kind,
            channel,
            body: frame,
        }))
    }
}

/// A frame that is larger than its reader's limit; nothing of it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {size} bytes is above the peer's limit of {limit}")]
pub struct FrameTooLarge {
    /// What the frame would take.
    pub size: usize,
    /// What the peer reads.
    pub limit: u32,
}

/// A frame of an AMQP connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The session's channel; 0 for the connection's own frames.
    pub channel: u16,
    /// What is asked; nothing in a heartbeat.
    pub performative: Option<Performative>,
}

impl Frame {
    /// The frame that only shows that its sender is alive.
    pub const HEARTBEAT: Self = Self {
        channel: 0,
        performative: None,
    };

    /// A frame with a performative.
    pub fn new(channel: u16, performative: impl Into<Performative>) -> Self {
        Self {
            channel,
            performative: Some(performative.into()),
        }
    }

    /// Reads the body of a frame of kind [`FrameKind::Amqp`].
    ///
    /// # Errors
    /// When the body is neither empty nor a performative.
    pub fn decode(raw: RawFrame, limits: Limits) -> Result<Self, DecodeError> {
        let performative = if raw.body.is_empty() {
            None
        } else {
            Some(Performative::decode(Decoder::new(raw.body, limits))?)
        };
        Ok(Self {
            channel: raw.channel,
            performative,
        })
    }

    /// Reads the body like [`decode`](Self::decode); says how much memory the
    /// frame takes, or a little more.
    pub(crate) fn decode_weighed(
        raw: RawFrame,
        limits: Limits,
    ) -> Result<(Self, usize), DecodeError> {
        let length = raw.body.len();
        if raw.body.is_empty() {
            return Self::decode(raw, limits).map(|frame| (frame, 0));
        }
        let mut decoder = Decoder::new(raw.body, limits);
        let performative = Performative::read(&mut decoder)?;
        let frame = Self::new(raw.channel, performative);
        Ok((frame, length + decoder.values_made() * VALUE_WEIGHT))
    }

    /// Appends the frame.
    ///
    /// # Errors
    /// When it is larger than `limit`; `out` is then as before.
    pub fn encode(&self, limit: u32, out: &mut BytesMut) -> Result<(), FrameTooLarge> {
        encode_frame(FrameKind::Amqp, self.channel, limit, out, |out| {
            if let Some(performative) = &self.performative {
                performative.encode(out);
            }
        })
    }
}

pub(crate) fn encode_frame(
    kind: FrameKind,
    channel: u16,
    limit: u32,
    out: &mut BytesMut,
    body: impl FnOnce(&mut BytesMut),
) -> Result<(), FrameTooLarge> {
    let start = begin_frame(kind, channel, out);
    body(out);

    let size = out.len() - start;
    match u32::try_from(size) {
        Ok(fits) if fits <= limit => {
            out[start..start + 4].copy_from_slice(&fits.to_be_bytes());
            Ok(())
        }
        _ => {
            out.truncate(start);
            Err(FrameTooLarge { size, limit })
        }
    }
}

/// Appends a head whose size is still to be written; gives its place.
pub(crate) fn begin_frame(kind: FrameKind, channel: u16, out: &mut BytesMut) -> usize {
    let start = out.len();
    let [high, low] = channel.to_be_bytes();
    out.put_slice(&[0, 0, 0, 0, PLAIN_OFFSET, kind.code(), high, low]);
    start
}
