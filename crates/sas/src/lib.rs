//! Shared access signatures and connection strings.
//!
//! The formats only: this crate knows no hub, looks nothing up and reads no
//! clock. Whoever calls it finds the key, compares the expiry with the time
//! and decides what a [`ResourcePath`] is allowed to do.
//!
//! Nothing here prints a key, a signature or a token in an error or in a
//! `Debug` text.

mod connection_string;
mod key;
mod resource;
mod token;

pub use connection_string::{ConnectionString, ConnectionStringError, Credential};
pub use key::{KeyError, SigningKey, generate_key, is_valid_key};
pub use resource::{ResourceError, ResourcePath};
pub use token::{MAX_TOKEN_LENGTH, ParseTokenError, SasToken};
