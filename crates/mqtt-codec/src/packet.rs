//! The packets, in a form that leaves no room for invalid ones.

use std::num::NonZeroU16;

use bytes::Bytes;
use bytestring::ByteString;

use crate::topic::{TopicFilter, TopicName};

/// Pairs a packet with its acknowledgement; never zero.
pub type PacketId = NonZeroU16;

/// One MQTT 3.1.1 control packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// A client introduces itself.
    Connect(Box<Connect>),
    /// A server answers a CONNECT.
    ConnAck(ConnAck),
    /// A message.
    Publish(Publish),
    /// A QoS 1 message was taken.
    PubAck(PacketId),
    /// A QoS 2 message was received.
    PubRec(PacketId),
    /// A QoS 2 message is released.
    PubRel(PacketId),
    /// A QoS 2 message is done with.
    PubComp(PacketId),
    /// A client asks for messages.
    Subscribe(Subscribe),
    /// A server answers a SUBSCRIBE.
    SubAck(SubAck),
    /// A client no longer asks for messages.
    Unsubscribe(Unsubscribe),
    /// A server answers an UNSUBSCRIBE.
    UnsubAck(PacketId),
    /// A client shows that it lives.
    PingReq,
    /// A server shows that it lives.
    PingResp,
    /// A client takes its leave.
    Disconnect,
}

impl Packet {
    /// Which packet it is, without its contents.
    pub fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::ConnAck(_) => PacketType::ConnAck,
            Self::Publish(_) => PacketType::Publish,
            Self::PubAck(_) => PacketType::PubAck,
            Self::PubRec(_) => PacketType::PubRec,
            Self::PubRel(_) => PacketType::PubRel,
            Self::PubComp(_) => PacketType::PubComp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::SubAck(_) => PacketType::SubAck,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::UnsubAck(_) => PacketType::UnsubAck,
            Self::PingReq => PacketType::PingReq,
            Self::PingResp => PacketType::PingResp,
            Self::Disconnect => PacketType::Disconnect,
        }
    }
}

/// The upper half of a packet's first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names of the packets say what they are")]
pub enum PacketType {
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,
}

/// How often a message may arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum QoS {
    /// Once or not at all.
    AtMostOnce = 0,
    /// Once or more.
    AtLeastOnce = 1,
    /// Once.
    ExactlyOnce = 2,
}

impl QoS {
    /// The level of these two bits; `None` for 3.
    pub fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

/// CONNECT, of protocol `MQTT` at level 4.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect {
    /// Who connects; may be empty, which the session has to judge.
    pub client_id: ByteString,
    /// Whether stored state is to be dropped rather than resumed.
    pub clean_session: bool,
    /// Seconds of silence that the client promises not to exceed; 0 is no promise.
    pub keep_alive: u16,
    /// What to publish if the client goes without taking leave.
    pub will: Option<Will>,
    /// The user name.
    pub username: Option<ByteString>,
    /// The password; a client without a user name has none.
    pub password: Option<Bytes>,
}

/// Shows everything but the password.
impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect")
            .field("client_id", &self.client_id)
            .field("clean_session", &self.clean_session)
            .field("keep_alive", &self.keep_alive)
            .field("will", &self.will)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| ".."))
            .finish()
    }
}

/// The message of a client that went without taking leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// Where to publish.
    pub topic: TopicName,
    /// What to publish.
    pub payload: Bytes,
    /// At which level.
    pub qos: QoS,
    /// Whether it is to be retained.
    pub retain: bool,
}

/// CONNACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnAck {
    /// The connection is accepted.
    Accepted {
        /// Whether stored state is resumed.
        session_present: bool,
    },
    /// The connection is refused and about to be closed.
    Refused(ConnectReturnCode),
}

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ConnectReturnCode {
    /// The protocol level is not supported.
    UnacceptableProtocolVersion = 1,
    /// The client identifier is not allowed.
    IdentifierRejected = 2,
    /// The server cannot serve now.
    ServerUnavailable = 3,
    /// User name or password are malformed.
    BadUserNameOrPassword = 4,
    /// The client may not connect.
    NotAuthorized = 5,
}

/// PUBLISH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Where to.
    pub topic: TopicName,
    /// The level, with what belongs to it.
    pub delivery: Delivery,
    /// Whether the message is (to be) retained.
    pub retain: bool,
    /// The message.
    pub payload: Bytes,
}

/// A level and what only that level has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// QoS 0: no acknowledgement, never a repetition.
    AtMostOnce,
    /// QoS 1: answered by PUBACK.
    AtLeastOnce {
        /// What the PUBACK repeats.
        id: PacketId,
        /// Whether this may be a repetition.
        duplicate: bool,
    },
    /// QoS 2: answered by PUBREC.
    ExactlyOnce {
        /// What the PUBREC repeats.
        id: PacketId,
        /// Whether this may be a repetition.
        duplicate: bool,
    },
}

impl Delivery {
    /// The level alone.
    pub fn qos(self) -> QoS {
        match self {
            Self::AtMostOnce => QoS::AtMostOnce,
            Self::AtLeastOnce { .. } => QoS::AtLeastOnce,
            Self::ExactlyOnce { .. } => QoS::ExactlyOnce,
        }
    }

    /// The packet identifier, where there is one.
    pub fn packet_id(self) -> Option<PacketId> {
        match self {
            Self::AtMostOnce => None,
            Self::AtLeastOnce { id, .. } | Self::ExactlyOnce { id, .. } => Some(id),
        }
    }

    /// Whether this may be a repetition.
    pub fn is_duplicate(self) -> bool {
        match self {
            Self::AtMostOnce => false,
            Self::AtLeastOnce { duplicate, .. } | Self::ExactlyOnce { duplicate, .. } => duplicate,
        }
    }
}

/// SUBSCRIBE, with one filter at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// What the SUBACK repeats.
    pub id: PacketId,
    /// The filters in the order of their answers.
    pub subscriptions: Vec<Subscription>,
}

/// One filter of a SUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Which topics.
    pub filter: TopicFilter,
    /// The highest level that the client wants.
    pub max_qos: QoS,
}

/// SUBACK, with one code per filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubAck {
    /// The identifier of the SUBSCRIBE.
    pub id: PacketId,
    /// The answers in the order of the filters.
    pub codes: Vec<SubAckCode>,
}

/// The answer to one filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubAckCode {
    /// Granted, at most at this level.
    Granted(QoS),
    /// Not granted.
    Failure,
}

/// UNSUBSCRIBE, with one filter at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// What the UNSUBACK repeats.
    pub id: PacketId,
    /// The filters to drop.
    pub filters: Vec<TopicFilter>,
}
