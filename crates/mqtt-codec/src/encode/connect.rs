//! CONNECT, as clients write it.

use bytes::{BufMut, BytesMut};

use super::{EncodeError, put_binary, put_checked_header, put_string};
use crate::packet::{Connect, PacketType};

/// Protocol name with its length, and level.
const PROTOCOL: &[u8] = b"\x00\x04MQTT\x04";

impl Connect {
    /// Appends the CONNECT to `out`.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        if self.password.is_some() && self.username.is_none() {
            return Err(EncodeError::PasswordWithoutUserName);
        }
        let remaining = PROTOCOL.len() + 3 + self.payload_length()?;

        put_checked_header(PacketType::Connect, 0, remaining, out)?;
        out.put_slice(PROTOCOL);
        out.put_u8(self.flags());
        out.put_u16(self.keep_alive);
        put_string(&self.client_id, out);
        if let Some(will) = &self.will {
            put_string(&will.topic, out);
            put_binary(&will.payload, out);
        }
        if let Some(username) = &self.username {
            put_string(username, out);
        }
        if let Some(password) = &self.password {
            put_binary(password, out);
        }
        Ok(())
    }

    fn flags(&self) -> u8 {
        let will = self.will.as_ref().map_or(0, |will| {
            1 << 2 | (will.qos as u8) << 3 | u8::from(will.retain) << 5
        });
        u8::from(self.clean_session) << 1
            | will
            | u8::from(self.password.is_some()) << 6
            | u8::from(self.username.is_some()) << 7
    }

    /// How long the payload is, after each of its fields was checked.
    fn payload_length(&self) -> Result<usize, EncodeError> {
        let mut length = text_length(&self.client_id)?;
        if let Some(will) = &self.will {
            length += text_length(&will.topic)? + field_length(&will.payload)?;
        }
        if let Some(username) = &self.username {
            length += text_length(username)?;
        }
        if let Some(password) = &self.password {
            length += field_length(password)?;
        }
        Ok(length)
    }
}

fn text_length(text: &str) -> Result<usize, EncodeError> {
    if text.as_bytes().contains(&0) {
        return Err(EncodeError::NullCharacter);
    }
    field_length(text.as_bytes())
}

fn field_length(bytes: &[u8]) -> Result<usize, EncodeError> {
    if bytes.len() > usize::from(u16::MAX) {
        return Err(EncodeError::FieldTooLong(bytes.len()));
    }
    Ok(2 + bytes.len())
}
