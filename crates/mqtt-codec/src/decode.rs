//! From bytes to packets.

mod connect;
mod publish;
mod reader;
mod subscribe;

use bytes::{Buf, Bytes, BytesMut};

pub use self::publish::{Front, PublishRef, peek};
use self::reader::Reader;
use crate::{
    error::DecodeError,
    packet::{ConnAck, ConnectReturnCode, Packet, PacketId, PacketType},
};

/// The longest fixed header: one byte and a length of four.
pub const MAX_FIXED_HEADER: usize = 5;

/// Takes the next packet off the front of `buffer`.
///
/// `None` means that the packet is not complete: read more and call again;
/// nothing was taken. A packet that would be longer than `max_packet_size`, a
/// reserved type, wrong flags and the wrong length of a packet of fixed length
/// are refused as soon as the fixed header is there. The buffer never grows
/// here; after an error what is left in it means nothing.
///
/// Strings and payloads share the buffer's memory and keep it alive. Only the
/// lists of SUBSCRIBE, UNSUBSCRIBE and SUBACK are allocated, in proportion to
/// bytes that have arrived.
pub fn decode(
    buffer: &mut BytesMut,
    max_packet_size: usize,
) -> Result<Option<Packet>, DecodeError> {
    let Some(header) = FixedHeader::parse(buffer)? else {
        return Ok(None);
    };
    let size = header.checked_size(max_packet_size)?;
    header.check_fixed_length()?;
    if buffer.len() < size {
        return Ok(None);
    }
    let mut bytes = buffer.split_to(size).freeze();
    bytes.advance(header.length);
    decode_body(header.packet_type, header.flags, bytes).map(Some)
}

fn decode_body(packet_type: PacketType, flags: u8, body: Bytes) -> Result<Packet, DecodeError> {
    let mut reader = Reader::new(packet_type, body);
    let packet = match packet_type {
        PacketType::Publish => return publish::publish(flags, reader.rest()).map(Packet::Publish),
        PacketType::Connect => Packet::Connect(Box::new(connect::connect(&mut reader)?)),
        PacketType::ConnAck => Packet::ConnAck(connack(&mut reader)?),
        PacketType::PubAck => Packet::PubAck(reader.packet_id()?),
        PacketType::PubRec => Packet::PubRec(reader.packet_id()?),
        PacketType::PubRel => Packet::PubRel(reader.packet_id()?),
        PacketType::PubComp => Packet::PubComp(reader.packet_id()?),
        PacketType::Subscribe => Packet::Subscribe(subscribe::subscribe(&mut reader)?),
        PacketType::SubAck => Packet::SubAck(subscribe::suback(&mut reader)?),
        PacketType::Unsubscribe => Packet::Unsubscribe(subscribe::unsubscribe(&mut reader)?),
        PacketType::UnsubAck => Packet::UnsubAck(reader.packet_id()?),
        PacketType::PingReq => Packet::PingReq,
        PacketType::PingResp => Packet::PingResp,
        PacketType::Disconnect => Packet::Disconnect,
    };
    reader.finish()?;
    Ok(packet)
}

fn connack(reader: &mut Reader) -> Result<ConnAck, DecodeError> {
    let flags = reader.u8()?;
    let code = reader.u8()?;
    if flags > 1 {
        return Err(DecodeError::ConnAckFlags(flags));
    }
    let session_present = flags == 1;
    let refusal = match code {
        0 => return Ok(ConnAck::Accepted { session_present }),
        1 => ConnectReturnCode::UnacceptableProtocolVersion,
        2 => ConnectReturnCode::IdentifierRejected,
        3 => ConnectReturnCode::ServerUnavailable,
        4 => ConnectReturnCode::BadUserNameOrPassword,
        5 => ConnectReturnCode::NotAuthorized,
        code => return Err(DecodeError::ConnectReturnCode(code)),
    };
    if session_present {
        return Err(DecodeError::SessionPresentOnRefusal);
    }
    Ok(ConnAck::Refused(refusal))
}

/// What stands before every packet's body.
struct FixedHeader {
    packet_type: PacketType,
    flags: u8,
    /// Bytes of this header.
    length: usize,
    /// Bytes of the body.
    remaining: usize,
}

impl FixedHeader {
    fn parse(bytes: &[u8]) -> Result<Option<Self>, DecodeError> {
        let Some((&first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let packet_type = packet_type(first >> 4)?;
        let flags = first & 0x0f;
        check_flags(packet_type, flags)?;

        let mut remaining = 0;
        for (index, &byte) in rest.iter().take(MAX_FIXED_HEADER - 1).enumerate() {
            remaining |= usize::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(Some(Self {
                    packet_type,
                    flags,
                    length: index + 2,
                    remaining,
                }));
            }
        }
        if rest.len() >= MAX_FIXED_HEADER - 1 {
            return Err(DecodeError::RemainingLength);
        }
        Ok(None)
    }

    /// How long the packet is, if it is not longer than `limit`.
    fn checked_size(&self, limit: usize) -> Result<usize, DecodeError> {
        let size = self.length + self.remaining;
        match size > limit {
            true => Err(DecodeError::PacketTooLarge { size, limit }),
            false => Ok(size),
        }
    }

    /// Refuses a wrong length where the type alone determines the right one.
    fn check_fixed_length(&self) -> Result<(), DecodeError> {
        let expected = match self.packet_type {
            PacketType::ConnAck
            | PacketType::PubAck
            | PacketType::PubRec
            | PacketType::PubRel
            | PacketType::PubComp
            | PacketType::UnsubAck => 2,
            PacketType::PingReq | PacketType::PingResp | PacketType::Disconnect => 0,
            PacketType::Connect
            | PacketType::Publish
            | PacketType::Subscribe
            | PacketType::SubAck
            | PacketType::Unsubscribe => return Ok(()),
        };
        match self.remaining.cmp(&expected) {
            std::cmp::Ordering::Less => Err(DecodeError::Truncated(self.packet_type)),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(DecodeError::TrailingBytes(self.packet_type)),
        }
    }
}

fn packet_type(bits: u8) -> Result<PacketType, DecodeError> {
    Ok(match bits {
        1 => PacketType::Connect,
        2 => PacketType::ConnAck,
        3 => PacketType::Publish,
        4 => PacketType::PubAck,
        5 => PacketType::PubRec,
        6 => PacketType::PubRel,
        7 => PacketType::PubComp,
        8 => PacketType::Subscribe,
        9 => PacketType::SubAck,
        10 => PacketType::Unsubscribe,
        11 => PacketType::UnsubAck,
        12 => PacketType::PingReq,
        13 => PacketType::PingResp,
        14 => PacketType::Disconnect,
        _ => return Err(DecodeError::ReservedPacketType(bits)),
    })
}

fn check_flags(packet_type: PacketType, flags: u8) -> Result<(), DecodeError> {
    let expected = match packet_type {
        // These are looked at with the packet.
        PacketType::Publish => return Ok(()),
        PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => 0b0010,
        _ => 0,
    };
    if flags != expected {
        return Err(DecodeError::FixedHeaderFlags { packet_type, flags });
    }
    Ok(())
}

/// A packet identifier from its number.
fn packet_id(number: u16) -> Result<PacketId, DecodeError> {
    PacketId::new(number).ok_or(DecodeError::ZeroPacketId)
}
