//! AMQP 1.0 without I/O: a codec, and the server's side of a connection.
//!
//! The codec turns bytes into values and back: [types](value),
//! [frames](frame), [SASL](sasl), [performatives] and [messages](message).
//! What it promises:
//! - any input, however hostile, ends in a value or a typed error, within
//!   [limits](decode::Limits) that the caller sets; no length or count is
//!   believed before the bytes or the budget for it are there;
//! - bytes, text and symbols are not copied when decoding;
//! - what is written, Azure's clients can read: performatives carry every
//!   field with nulls written out, descriptors are small ulongs, and errors
//!   have their three fields.
//!
//! A [`Connection`] is a state machine on top: sessions, links, deliveries,
//! credit and windows, heartbeats, and what is owed to a peer that breaks a
//! rule. Its [module](connection) says what it promises.
//!
//! Neither knows a socket, a task or a clock. A host reads its socket into the
//! [`inbox`](Connection::inbox), takes events until there are none, and writes
//! the [`outbox`](Connection::outbox). This one has a single node that prints
//! what it is sent:
//!
//! ```no_run
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use std::time::Instant;
//!
//! use twinhub_amqp_engine::performatives::{AmqpError, DeliveryState, Role, condition};
//! use twinhub_amqp_engine::{Connection, Event, IncomingTerms, Settings};
//!
//! fn serve(mut socket: TcpStream) -> std::io::Result<()> {
//!     let mut connection = Connection::new(Settings::default(), Instant::now());
//!     let mut buffer = [0; 64 * 1024];
//!     while !connection.is_finished() {
//!         // A host with many connections waits for `connection.deadline()`, too.
//!         let length = socket.read(&mut buffer)?;
//!         if length == 0 {
//!             break;
//!         }
//!         connection.inbox().extend_from_slice(&buffer[..length]);
//!         while let Some(event) = connection.next_event(Instant::now()) {
//!             take(&mut connection, event);
//!         }
//!         connection.tick(Instant::now());
//!         socket.write_all(&connection.outbox().split())?;
//!     }
//!     Ok(())
//! }
//!
//! fn take(connection: &mut Connection, event: Event) {
//!     match event {
//!         Event::SaslInit { mechanism, .. } => {
//!             connection.sasl_outcome(mechanism == "ANONYMOUS");
//!         }
//!         Event::Attach { link, attach, .. } if attach.role == Role::Sender => {
//!             let terms = IncomingTerms {
//!                 credit: 100,
//!                 max_message_size: 256 * 1024,
//!             };
//!             connection.accept_incoming(link, terms);
//!         }
//!         Event::Attach { link, .. } => {
//!             let why = "there is nothing to receive here";
//!             connection.refuse(link, AmqpError::new(condition::NOT_FOUND, why));
//!         }
//!         Event::Delivery { link, delivery } => {
//!             println!("{} bytes", delivery.payload.len());
//!             if !delivery.settled {
//!                 let id = delivery.id;
//!                 connection.settle_incoming(link, id, id, &DeliveryState::Accepted);
//!             }
//!             connection.grant(link, 100);
//!         }
//!         _ => {}
//!     }
//! }
//! ```
//!
//! The codec alone:
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
