//! PUBLISH: the one packet that is also read in place.

use bytes::{Buf, Bytes};
use bytestring::ByteString;

use super::{FixedHeader, packet_id};
use crate::error::DecodeError;
use crate::packet::{Delivery, PacketType, Publish, QoS};
use crate::topic::{TopicName, check_name};

/// What stands at the front of what was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front<'a> {
    /// Too little to tell, or a packet that is not complete.
    Incomplete,
    /// A complete PUBLISH.
    Publish(PublishRef<'a>),
    /// Another complete packet, or one that [`decode`](crate::decode) refuses.
    Other,
}

/// A PUBLISH that borrows from what was received.
///
/// Its topic is not checked yet: who has seen the same bytes before need not
/// look at them again, others call [`topic`](Self::topic).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishRef<'a> {
    /// Where to, as the bytes that were sent.
    pub raw_topic: &'a [u8],
    /// The level, with what belongs to it.
    pub delivery: Delivery,
    /// Whether the message is to be retained.
    pub retain: bool,
    /// The message.
    pub payload: &'a [u8],
    /// How many bytes the packet has.
    pub size: usize,
}

impl<'a> PublishRef<'a> {
    /// Where to, if that is a topic name.
    pub fn topic(&self) -> Result<&'a str, DecodeError> {
        let text = std::str::from_utf8(self.raw_topic).map_err(|_| DecodeError::NotUtf8)?;
        check_name(text)?;
        Ok(text)
    }

    /// Of a body that stands behind a header of `header` bytes.
    fn parse(flags: u8, header: usize, body: &'a [u8]) -> Result<Self, DecodeError> {
        let duplicate = flags & 0b1000 != 0;
        let qos = QoS::from_bits(flags >> 1 & 0b11).ok_or(DecodeError::PublishQos)?;
        if duplicate && qos == QoS::AtMostOnce {
            return Err(DecodeError::DuplicateAtQos0);
        }
        let (length, rest) = split_u16(body)?;
        let (raw_topic, rest) = rest
            .split_at_checked(usize::from(length))
            .ok_or(DecodeError::Truncated(PacketType::Publish))?;
        let (delivery, payload) = match qos {
            QoS::AtMostOnce => (Delivery::AtMostOnce, rest),
            QoS::AtLeastOnce => {
                let (id, payload) = split_u16(rest)?;
                let id = packet_id(id)?;
                (Delivery::AtLeastOnce { id, duplicate }, payload)
            }
            QoS::ExactlyOnce => {
                let (id, payload) = split_u16(rest)?;
                let id = packet_id(id)?;
                (Delivery::ExactlyOnce { id, duplicate }, payload)
            }
        };
        Ok(PublishRef {
            raw_topic,
            delivery,
            retain: flags & 1 != 0,
            payload,
            size: header + body.len(),
        })
    }
}

fn split_u16(bytes: &[u8]) -> Result<(u16, &[u8]), DecodeError> {
    let (number, rest) = bytes
        .split_first_chunk()
        .ok_or(DecodeError::Truncated(PacketType::Publish))?;
    Ok((u16::from_be_bytes(*number), rest))
}

/// Looks at the front of what was received and takes nothing: a PUBLISH is
/// read in place, without a copy or an allocation. Everything that
/// [`decode`](crate::decode) refuses of a PUBLISH is refused here, but for its
/// topic; see [`PublishRef`].
pub fn peek(bytes: &[u8], max_packet_size: usize) -> Result<Front<'_>, DecodeError> {
    let Some(&first) = bytes.first() else {
        return Ok(Front::Incomplete);
    };
    if first >> 4 != PacketType::Publish as u8 {
        return Ok(Front::Other);
    }
    let Some(header) = FixedHeader::parse(bytes)? else {
        return Ok(Front::Incomplete);
    };
    let size = header.checked_size(max_packet_size)?;
    match bytes.get(header.length..size) {
        None => Ok(Front::Incomplete),
        Some(body) => PublishRef::parse(header.flags, header.length, body).map(Front::Publish),
    }
}

/// The PUBLISH of this body, whose memory it shares.
pub(super) fn publish(flags: u8, mut body: Bytes) -> Result<Publish, DecodeError> {
    let parsed = PublishRef::parse(flags, 0, &body)?;
    let (delivery, retain) = (parsed.delivery, parsed.retain);
    let before_payload = body.len() - parsed.payload.len();
    let topic =
        ByteString::try_from(body.slice_ref(parsed.raw_topic)).map_err(|_| DecodeError::NotUtf8)?;
    body.advance(before_payload);
    Ok(Publish {
        topic: TopicName::new(topic)?,
        delivery,
        retain,
        payload: body,
    })
}
