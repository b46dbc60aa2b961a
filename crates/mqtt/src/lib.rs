//! The MQTT 3.1.1 gateway: devices and modules over one byte stream each.
//!
//! [`Gateway::serve`] speaks MQTT on a stream that somebody else accepted, so
//! that TLS sockets and WebSocket streams share it. It knows core and the
//! packet format; no socket, no certificate, no storage engine.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`topics`], [`username`] | the grammars of foreign text |
//! | [`subscriptions`] | what a client asked for, and its stored form |
//! | `handshake` | from the first byte to CONNACK |
//! | `session` | what an admitted client may do, until it ends |
//! | `twins` | twin requests and desired changes |
//! | `errors` | core's errors as answers |
//! | `wire`, `keep_alive`, `end` | buffers, silence, and why sessions end |
//!
//! Telemetry is refused by closing the connection without a PUBACK, and a will
//! that fires is not kept: there is no event log to keep either in. Direct
//! methods, messages to devices and module inputs can be subscribed, and
//! nothing is delivered on them.

mod end;
mod errors;
mod gateway;
mod handshake;
mod keep_alive;
mod session;
mod settings;
pub mod subscriptions;
pub mod topics;
mod twins;
pub mod username;
mod wire;

pub use gateway::{Gateway, Services};
pub use settings::Settings;
