//! Protocol headers: the eight bytes before the frames of a layer.

use bytes::{Buf, BufMut, BytesMut};

const PREFIX: &[u8; 4] = b"AMQP";

/// What a peer wants to speak from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProtocolHeader {
    /// The layer: 0 AMQP, 2 TLS, 3 SASL.
    pub id: u8,
    /// Major, minor, revision.
    pub version: [u8; 3],
}

/// The bytes begin no protocol header.
///
/// Answer with the header of a supported layer, then close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the peer does not speak amqp")]
pub struct NotAmqp;

impl ProtocolHeader {
    /// Frames of AMQP 1.0.
    pub const AMQP: Self = Self::v1(0);
    /// Frames of the SASL layer of AMQP 1.0.
    pub const SASL: Self = Self::v1(3);
    /// Bytes on the wire.
    pub const LENGTH: usize = 8;

    const fn v1(id: u8) -> Self {
        Self {
            id,
            version: [1, 0, 0],
        }
    }

    /// Takes a header off the buffer, or nothing while it is incomplete.
    ///
    /// # Errors
    /// At the first byte that fits no header, however few have arrived.
    pub fn take(buffer: &mut BytesMut) -> Result<Option<Self>, NotAmqp> {
        let seen = buffer.len().min(PREFIX.len());
        if buffer[..seen] != PREFIX[..seen] {
            return Err(NotAmqp);
        }
        if buffer.len() < Self::LENGTH {
            return Ok(None);
        }
        buffer.advance(PREFIX.len());
        let id = buffer.get_u8();
        let version = [buffer.get_u8(), buffer.get_u8(), buffer.get_u8()];
        Ok(Some(Self { id, version }))
    }

    /// Appends the header.
    pub fn encode(self, out: &mut BytesMut) {
        out.put_slice(PREFIX);
        out.put_u8(self.id);
        out.put_slice(&self.version);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_taken_once_it_is_complete() {
        let mut buffer = BytesMut::from(&b"AMQP\x03\x01\x00"[..]);

        assert_eq!(ProtocolHeader::take(&mut buffer), Ok(None));

        buffer.extend_from_slice(b"\x00rest");
        assert_eq!(
            ProtocolHeader::take(&mut buffer),
            Ok(Some(ProtocolHeader::SASL))
        );
        assert_eq!(&buffer[..], b"rest");
    }

    #[test]
    fn another_protocol_is_refused_at_its_first_byte() {
        let mut buffer = BytesMut::from(&b"\x16"[..]);

        assert_eq!(ProtocolHeader::take(&mut buffer), Err(NotAmqp));
    }

    #[test]
    fn a_header_is_written_as_the_standard_draws_it() {
        let mut out = BytesMut::new();

        ProtocolHeader::AMQP.encode(&mut out);

        assert_eq!(&out[..], b"AMQP\x00\x01\x00\x00");
    }
}
