//! CONNECT.

use super::reader::Reader;
use crate::{
    error::DecodeError,
    packet::{Connect, QoS, Will},
    topic::TopicName,
};

/// The level that stands for 3.1.1.
const LEVEL: u8 = 4;

pub(super) fn connect(reader: &mut Reader) -> Result<Connect, DecodeError> {
    check_protocol(reader)?;
    let flags = Flags::parse(reader.u8()?)?;
    let keep_alive = reader.u16()?;
    let client_id = reader.text()?;
    let will = match flags.will {
        Some((qos, retain)) => Some(Will {
            topic: TopicName::new(reader.string()?)?,
            payload: reader.binary()?,
            qos,
            retain,
        }),
        None => None,
    };
    let username = flags.username.then(|| reader.text()).transpose()?;
    let password = flags.password.then(|| reader.binary()).transpose()?;
    Ok(Connect {
        client_id,
        clean_session: flags.clean_session,
        keep_alive,
        will,
        username,
        password,
    })
}

fn check_protocol(reader: &mut Reader) -> Result<(), DecodeError> {
    let name = reader.binary()?;
    let level = reader.u8()?;
    match (&name[..], level) {
        (b"MQTT", LEVEL) => Ok(()),
        // MQIsdp is what level 3 calls itself.
        (b"MQTT" | b"MQIsdp", level) => Err(DecodeError::UnsupportedProtocolLevel(level)),
        _ => Err(DecodeError::ProtocolName),
    }
}

/// The connect flags, after the rules between them.
struct Flags {
    clean_session: bool,
    will: Option<(QoS, bool)>,
    username: bool,
    password: bool,
}

impl Flags {
    fn parse(byte: u8) -> Result<Self, DecodeError> {
        let is_set = |bit: u8| byte >> bit & 1 == 1;
        if is_set(0) {
            return Err(DecodeError::ReservedConnectFlag);
        }
        let qos = byte >> 3 & 0b11;
        let retain = is_set(5);
        let will = if is_set(2) {
            let qos = QoS::from_bits(qos).ok_or(DecodeError::WillQos)?;
            Some((qos, retain))
        } else if qos != 0 || retain {
            return Err(DecodeError::WillFlagsWithoutWill);
        } else {
            None
        };
        let (username, password) = (is_set(7), is_set(6));
        if password && !username {
            return Err(DecodeError::PasswordWithoutUserName);
        }
        Ok(Self {
            clean_session: is_set(1),
            will,
            username,
            password,
        })
    }
}
