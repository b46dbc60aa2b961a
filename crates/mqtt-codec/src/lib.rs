//! MQTT 3.1.1 packets, bytes in and bytes out.
//!
//! The wire format and nothing else: no socket, no session, no timer, no hub.
//! [`decode`] takes whole packets off a buffer as they arrive, both those of a
//! client and those of a server; [`Packet::encode`] and its faster siblings
//! append them to one.
//!
//! What the standard calls malformed is a [`DecodeError`] that knows the
//! statement it breaks; what it leaves to the session (a second CONNECT, QoS 2,
//! an empty client identifier) is decoded and handed over. Topics, payloads
//! and strings share the memory of the buffer they were read from. A size
//! limit holds from the moment the length is known, before the body is. PUBLISH,
//! of which there are many, can also be read in place: [`peek`].

mod decode;
mod encode;
mod error;
mod packet;
mod topic;

pub use decode::{Front, MAX_FIXED_HEADER, PublishRef, decode, peek};
pub use encode::{EncodeError, put_connack, put_pingresp, put_puback, put_suback, put_unsuback};
pub use error::DecodeError;
pub use packet::{
    ConnAck, Connect, ConnectReturnCode, Delivery, Packet, PacketId, PacketType, Publish, QoS,
    SubAck, SubAckCode, Subscribe, Subscription, Unsubscribe, Will,
};
pub use topic::{TopicError, TopicFilter, TopicName};
