//! What can be wrong with a message.

use std::error::Error as _;

use bytestring::ByteString;
use twinhub_amqp_engine::decode::DecodeError;
use twinhub_amqp_engine::performatives::condition;
use twinhub_amqp_engine::value::Symbol;
use twinhub_amqp_server::HubError;
use twinhub_amqp_server::errors::codes;

/// Why bytes are no message of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// They are no AMQP message.
    #[error("the message cannot be read")]
    Malformed(#[from] DecodeError),
    /// An application property's name is no text.
    #[error("the name of an application property must be a string")]
    PropertyName,
    /// A property's value is a list, a map, an array or a described value.
    #[error("property {0} must be a simple value")]
    PropertyValue(ByteString),
    /// The body is neither bytes nor text.
    #[error("the body must be data, or a string or bytes as amqp-value")]
    Body,
    /// Something in a batch is no message.
    #[error("a batch holds messages in data sections and nothing else")]
    Batch,
}

impl MessageError {
    /// What its sender is told, as a program reads it.
    pub fn condition(&self) -> Symbol {
        match self {
            MessageError::Malformed(_) => condition::DECODE_ERROR,
            MessageError::PropertyName
            | MessageError::PropertyValue(_)
            | MessageError::Body
            | MessageError::Batch => ARGUMENT_ERROR,
        }
    }
}

/// With what is behind it: senders can see only this.
impl From<&MessageError> for HubError {
    fn from(error: &MessageError) -> Self {
        let message = match error.source() {
            None => error.to_string(),
            Some(cause) => format!("{error}: {cause}"),
        };
        HubError::new(error.condition(), codes::ARGUMENT_INVALID, message)
    }
}

const ARGUMENT_ERROR: Symbol = Symbol::from_static("com.microsoft:argument-error");
