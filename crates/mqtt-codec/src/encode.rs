//! From packets to bytes.

mod connect;

use bytes::{BufMut, BytesMut};

use crate::packet::{
    ConnAck, Packet, PacketId, PacketType, Publish, SubAckCode, Subscribe, Unsubscribe,
};

/// The longest body that a length of four bytes can tell.
const MAX_REMAINING: usize = 268_435_455;

/// Why a packet cannot be written. Nothing was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The body is longer than the format can tell.
    #[error("the packet's body has {0} bytes, more than MQTT can carry")]
    PacketTooLarge(usize),
    /// A string or password is longer than 65535 bytes.
    #[error("a field has {0} bytes, more than MQTT can carry")]
    FieldTooLong(usize),
    /// A string contains U+0000.
    #[error("a string contains a null character")]
    NullCharacter,
    /// A SUBSCRIBE or UNSUBSCRIBE has no filter.
    #[error("there is no topic filter")]
    NoFilter,
    /// A password without a user name.
    #[error("there is a password but no user name")]
    PasswordWithoutUserName,
}

impl Packet {
    /// Appends the packet to `out`.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            Self::Connect(connect) => return connect.encode(out),
            Self::ConnAck(connack) => put_connack(*connack, out),
            Self::Publish(publish) => return publish.encode(out),
            Self::PubAck(id) => put_puback(*id, out),
            Self::PubRec(id) => put_acknowledgement(PacketType::PubRec, *id, out),
            Self::PubRel(id) => put_acknowledgement(PacketType::PubRel, *id, out),
            Self::PubComp(id) => put_acknowledgement(PacketType::PubComp, *id, out),
            Self::Subscribe(subscribe) => return subscribe.encode(out),
            Self::SubAck(suback) => return put_suback(suback.id, &suback.codes, out),
            Self::Unsubscribe(unsubscribe) => return unsubscribe.encode(out),
            Self::UnsubAck(id) => put_unsuback(*id, out),
            Self::PingReq => put_header(PacketType::PingReq, 0, 0, out),
            Self::PingResp => put_pingresp(out),
            Self::Disconnect => put_header(PacketType::Disconnect, 0, 0, out),
        }
        Ok(())
    }
}

/// Appends a CONNACK.
pub fn put_connack(connack: ConnAck, out: &mut BytesMut) {
    let (flags, code) = match connack {
        ConnAck::Accepted { session_present } => (u8::from(session_present), 0),
        ConnAck::Refused(code) => (0, code as u8),
    };
    put_header(PacketType::ConnAck, 0, 2, out);
    out.put_slice(&[flags, code]);
}

/// Appends a PUBACK.
pub fn put_puback(id: PacketId, out: &mut BytesMut) {
    put_acknowledgement(PacketType::PubAck, id, out);
}

/// Appends a SUBACK with one code per filter, in their order.
pub fn put_suback(
    id: PacketId,
    codes: &[SubAckCode],
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    put_checked_header(PacketType::SubAck, 0, 2 + codes.len(), out)?;
    out.put_u16(id.get());
    out.extend(codes.iter().map(|code| match code {
        SubAckCode::Granted(qos) => *qos as u8,
        SubAckCode::Failure => 0x80,
    }));
    Ok(())
}

/// Appends an UNSUBACK.
pub fn put_unsuback(id: PacketId, out: &mut BytesMut) {
    put_acknowledgement(PacketType::UnsubAck, id, out);
}

/// Appends a PINGRESP.
pub fn put_pingresp(out: &mut BytesMut) {
    put_header(PacketType::PingResp, 0, 0, out);
}

impl Publish {
    /// Appends the PUBLISH to `out`.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        let id = self.delivery.packet_id();
        let flags = (self.delivery.qos() as u8) << 1
            | u8::from(self.delivery.is_duplicate()) << 3
            | u8::from(self.retain);
        let id_length = if id.is_some() { 2 } else { 0 };
        let remaining = 2 + self.topic.len() + id_length + self.payload.len();

        put_checked_header(PacketType::Publish, flags, remaining, out)?;
        put_string(&self.topic, out);
        if let Some(id) = id {
            out.put_u16(id.get());
        }
        out.put_slice(&self.payload);
        Ok(())
    }
}

impl Subscribe {
    /// Appends the SUBSCRIBE to `out`.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        if self.subscriptions.is_empty() {
            return Err(EncodeError::NoFilter);
        }
        let filters = self.subscriptions.iter().map(|s| 3 + s.filter.len());
        let remaining = 2 + filters.sum::<usize>();

        put_checked_header(PacketType::Subscribe, 0b0010, remaining, out)?;
        out.put_u16(self.id.get());
        for subscription in &self.subscriptions {
            put_string(&subscription.filter, out);
            out.put_u8(subscription.max_qos as u8);
        }
        Ok(())
    }
}

impl Unsubscribe {
    /// Appends the UNSUBSCRIBE to `out`.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        if self.filters.is_empty() {
            return Err(EncodeError::NoFilter);
        }
        let filters = self.filters.iter().map(|filter| 2 + filter.len());
        let remaining = 2 + filters.sum::<usize>();

        put_checked_header(PacketType::Unsubscribe, 0b0010, remaining, out)?;
        out.put_u16(self.id.get());
        for filter in &self.filters {
            put_string(filter, out);
        }
        Ok(())
    }
}

/// Appends one of the packets that consist of a packet identifier.
fn put_acknowledgement(packet_type: PacketType, id: PacketId, out: &mut BytesMut) {
    let flags = match packet_type {
        PacketType::PubRel => 0b0010,
        _ => 0,
    };
    let [high, low] = id.get().to_be_bytes();
    out.put_slice(&[first_byte(packet_type, flags), 2, high, low]);
}

/// Appends a fixed header, if the length can be told, and makes room for the body.
fn put_checked_header(
    packet_type: PacketType,
    flags: u8,
    remaining: usize,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    if remaining > MAX_REMAINING {
        return Err(EncodeError::PacketTooLarge(remaining));
    }
    out.reserve(crate::MAX_FIXED_HEADER + remaining);
    put_header(packet_type, flags, remaining, out);
    Ok(())
}

/// Appends a fixed header. `remaining` is at most [`MAX_REMAINING`].
fn put_header(packet_type: PacketType, flags: u8, mut remaining: usize, out: &mut BytesMut) {
    debug_assert!(remaining <= MAX_REMAINING);
    out.put_u8(first_byte(packet_type, flags));
    while remaining >= 0x80 {
        out.put_u8((remaining & 0x7f) as u8 | 0x80);
        remaining >>= 7;
    }
    out.put_u8(remaining as u8);
}

fn first_byte(packet_type: PacketType, flags: u8) -> u8 {
    (packet_type as u8) << 4 | flags
}

/// Appends a string of at most 65535 bytes with its length before it.
fn put_string(text: &str, out: &mut BytesMut) {
    put_binary(text.as_bytes(), out);
}

/// Appends at most 65535 bytes with their length before them.
fn put_binary(bytes: &[u8], out: &mut BytesMut) {
    let length = u16::try_from(bytes.len()).expect("callers have checked the length");
    out.put_u16(length);
    out.put_slice(bytes);
}
