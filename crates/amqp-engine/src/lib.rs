//! AMQP 1.0 types and frames, without I/O: bytes in, values out, bytes out.
//!
//! What it promises:
//! - any input, however hostile, ends in a value or a typed error, within
//!   [limits](decode::Limits) that the caller sets; no length or count is
//!   believed before the bytes or the budget for it are there;
//! - bytes, text and symbols are not copied when decoding;
//! - what is written, Azure's clients can read: performatives carry every
//!   field with nulls written out, descriptors are small ulongs, and errors
//!   have their three fields.
//!
//! Connections, sessions and links, their state and their flow are left to
//! the user.
//!
//! ```
//! use bytes::BytesMut;
//! use twinhub_amqp_engine::decode::Limits;
//! use twinhub_amqp_engine::frame::{Frame, RawFrame};
//! use twinhub_amqp_engine::performatives::{Close, Performative};
//!
//! let mut wire = BytesMut::new();
//! Frame::new(0, Close::default()).encode(512, &mut wire)?;
//!
//! let raw = RawFrame::take(&mut wire, 65_536)?.expect("the frame is whole");
//! let frame = Frame::decode(raw, Limits::default())?;
//! assert_eq!(frame.performative, Some(Performative::Close(Close::default())));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod composite;
pub mod connection;
pub mod decode;
pub mod descriptor;
pub mod encode;
pub mod format_code;
pub mod frame;
pub mod message;
pub mod performatives;
pub mod protocol_header;
pub mod sasl;
pub mod value;

pub use connection::{
    CannotSend, CloseReason, Connection, DeliveryId, Event, IncomingDelivery, IncomingTerms,
    LinkId, NewDelivery, OutgoingTerms, SessionId, Settings,
};
