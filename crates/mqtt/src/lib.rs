//! The MQTT 3.1.1 gateway: devices and modules over one byte stream each.
//!
//! [`Gateway::serve`] speaks MQTT on a stream that somebody else accepted, so
//! that TLS sockets and WebSocket streams share it. It knows core and the
//! packet format; no socket, no certificate, no storage engine.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`topics`], [`bag`], [`username`] | the grammars of foreign text |
//! | [`subscriptions`] | what a client asked for, and its stored form |
//! | `handshake` | from the first byte to CONNACK |
//! | `session` | what an admitted client may do, until it ends |
//! | `telemetry`, `will` | messages to the cloud |
//! | `c2d` | messages from the cloud |
//! | `methods` | method calls, and answers to them |
//! | `twins` | twin requests and desired changes |
//! | `errors` | core's errors as answers |
//! | `wire`, `keep_alive`, `end` | buffers, silence, and why sessions end |
//!
//! Module inputs can be subscribed, and nothing is delivered on them: that
//! takes an edge gateway.

pub mod bag;
mod c2d;
mod end;
mod errors;
mod gateway;
mod handshake;
mod keep_alive;
mod methods;
mod session;
mod settings;
pub mod subscriptions;
mod telemetry;
pub mod topics;
mod twins;
pub mod username;
mod will;
mod wire;

pub use gateway::{Gateway, Services};
pub use settings::Settings;
