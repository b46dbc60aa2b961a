//! Messages as AMQP has them: sections to the hub's messages, and back.
//!
//! ```text
//! properties              message-id, correlation-id, user-id, to,
//!                         content-type, content-encoding,
//!                         absolute-expiry-time, creation-time
//! message-annotations     dt-subject, iothub-interface-id, Diagnostic-Id,
//!                         Correlation-Context
//! application-properties  iothub-outputname, iothub-message-schema,
//!                         iothub-creation-time-utc, iothub-operation,
//!                         iothub-ack; all others are the sender's own
//! body                    data sections, joined; or a string or bytes as
//!                         amqp-value; or none
//! ```
//!
//! The header, the footer and other annotations are passed over. What a
//! property says is text in the hub; `text` tells how other types become that.
//! Nothing that is text or bytes on the wire is copied.

mod batch;
mod decimal;
mod delivery;
mod errors;
mod names;
mod read;
mod text;

pub use self::batch::{BATCH_FORMAT, read_batch};
pub use self::delivery::{lock_of, tag_of, write_delivery};
pub use self::errors::MessageError;
pub use self::read::{ReceivedMessage, read_message};
pub use self::text::text_of_id;

#[cfg(test)]
mod tests;
