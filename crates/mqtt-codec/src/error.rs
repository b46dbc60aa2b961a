//! What can be wrong with bytes that should be a packet.

use crate::{packet::PacketType, topic::TopicError};

/// Why bytes are not a packet. The connection they came from must be closed:
/// what follows them can no longer be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The packet would exceed the limit given to the decoder.
    #[error("the packet has {size} bytes, the limit is {limit}")]
    PacketTooLarge {
        /// Bytes from the first of the fixed header to the last of the payload.
        size: usize,
        /// The limit given to the decoder.
        limit: usize,
    },
    /// A CONNECT of another version. A server answers CONNACK 1, then closes.
    #[error("protocol level {0} is not supported")]
    UnsupportedProtocolLevel(u8),
    /// A CONNECT of something else than MQTT.
    #[error("the protocol name is not MQTT")]
    ProtocolName,
    /// Type 0 or 15.
    #[error("packet type {0} is reserved")]
    ReservedPacketType(u8),
    /// The lower half of the first byte is not what this type demands.
    #[error("the flags {flags:#06b} are not allowed for {packet_type:?}")]
    FixedHeaderFlags {
        /// Of which packet.
        packet_type: PacketType,
        /// What was found.
        flags: u8,
    },
    /// The length goes on after four bytes.
    #[error("the remaining length has more than four bytes")]
    RemainingLength,
    /// The packet ends before its fields do.
    #[error("{0:?} ends before its fields do")]
    Truncated(PacketType),
    /// Bytes are left after the last field.
    #[error("{0:?} goes on after its last field")]
    TrailingBytes(PacketType),
    /// A string is not UTF-8, or encodes a surrogate.
    #[error("a string is not UTF-8")]
    NotUtf8,
    /// A string contains U+0000.
    #[error("a string contains a null character")]
    NullCharacter,
    /// A packet identifier is zero.
    #[error("the packet identifier is zero")]
    ZeroPacketId,
    /// A topic name or filter breaks a rule.
    #[error(transparent)]
    Topic(TopicError),
    /// A PUBLISH of QoS 3.
    #[error("a publish asks for QoS 3")]
    PublishQos,
    /// A PUBLISH of QoS 0 claims to be a repetition.
    #[error("a publish of QoS 0 claims to be a repetition")]
    DuplicateAtQos0,
    /// The reserved bit of the connect flags is set.
    #[error("the reserved connect flag is set")]
    ReservedConnectFlag,
    /// A will of QoS 3.
    #[error("the will asks for QoS 3")]
    WillQos,
    /// QoS or retain of a will that is not there.
    #[error("a will that is absent has a QoS or is to be retained")]
    WillFlagsWithoutWill,
    /// A password without a user name.
    #[error("there is a password but no user name")]
    PasswordWithoutUserName,
    /// SUBSCRIBE or UNSUBSCRIBE without a filter.
    #[error("{0:?} has no topic filter")]
    NoFilter(PacketType),
    /// The byte of a requested QoS has reserved bits set or is 3.
    #[error("{0:#04x} is no QoS to subscribe with")]
    SubscribeQos(u8),
    /// A SUBACK code that is none.
    #[error("{0:#04x} is no answer to a subscription")]
    SubAckCode(u8),
    /// Acknowledge flags of a CONNACK other than session present.
    #[error("{0:#04x} are no acknowledge flags")]
    ConnAckFlags(u8),
    /// A CONNACK that refuses and resumes at once.
    #[error("a refused connection cannot have a session")]
    SessionPresentOnRefusal,
    /// A return code that is none.
    #[error("{0:#04x} is no connect return code")]
    ConnectReturnCode(u8),
}

impl DecodeError {
    /// The statement (or the section, where none is numbered) of MQTT 3.1.1
    /// that the bytes break; `None` for a limit of ours.
    pub fn section(&self) -> Option<&'static str> {
        Some(match self {
            Self::PacketTooLarge { .. } => return None,
            Self::UnsupportedProtocolLevel(_) => "MQTT-3.1.2-2",
            Self::ProtocolName => "MQTT-3.1.2-1",
            Self::ReservedPacketType(_) => "2.2.1",
            Self::FixedHeaderFlags { packet_type, .. } => match packet_type {
                PacketType::PubRel => "MQTT-3.6.1-1",
                PacketType::Subscribe => "MQTT-3.8.1-1",
                PacketType::Unsubscribe => "MQTT-3.10.1-1",
                PacketType::Disconnect => "MQTT-3.14.1-1",
                _ => "MQTT-2.2.2-2",
            },
            Self::RemainingLength => "2.2.3",
            Self::Truncated(_) | Self::TrailingBytes(_) => "MQTT-4.8.0-1",
            Self::NotUtf8 => "MQTT-1.5.3-1",
            Self::NullCharacter => "MQTT-1.5.3-2",
            Self::ZeroPacketId => "MQTT-2.3.1-1",
            Self::Topic(error) => match error {
                TopicError::Empty => "MQTT-4.7.3-1",
                TopicError::TooLong => "MQTT-4.7.3-3",
                TopicError::Null => "MQTT-4.7.3-2",
                TopicError::WildcardInName => "MQTT-3.3.2-2",
                TopicError::MisplacedWildcard => "MQTT-4.7.1-2, MQTT-4.7.1-3",
            },
            Self::PublishQos => "MQTT-3.3.1-4",
            Self::DuplicateAtQos0 => "MQTT-3.3.1-2",
            Self::ReservedConnectFlag => "MQTT-3.1.2-3",
            Self::WillQos => "MQTT-3.1.2-14",
            Self::WillFlagsWithoutWill => "MQTT-3.1.2-11",
            Self::PasswordWithoutUserName => "MQTT-3.1.2-22",
            Self::NoFilter(PacketType::Unsubscribe) => "MQTT-3.10.3-2",
            Self::NoFilter(_) => "MQTT-3.8.3-3",
            Self::SubscribeQos(_) => "MQTT-3.8.3-4",
            Self::SubAckCode(_) => "MQTT-3.9.3-2",
            Self::ConnAckFlags(_) => "3.2.2.1",
            Self::SessionPresentOnRefusal => "MQTT-3.2.2-4",
            Self::ConnectReturnCode(_) => "3.2.2.3",
        })
    }
}

impl From<TopicError> for DecodeError {
    fn from(error: TopicError) -> Self {
        match error {
            // The same rule for every string of the protocol.
            TopicError::Null => Self::NullCharacter,
            error => Self::Topic(error),
        }
    }
}
