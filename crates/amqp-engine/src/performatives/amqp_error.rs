//! Errors as peers tell them to each other, with the standard's conditions.

use bytestring::ByteString;

use crate::composite::{Composite, FieldReader, FieldWriter};
use crate::decode::DecodeError;
use crate::descriptor;
use crate::value::{Map, Symbol};

/// Errors as the peers tell them to each other.
#[derive(Debug, Clone, PartialEq)]
pub struct AmqpError {
    /// What went wrong, for programs.
    pub condition: Symbol,
    /// What went wrong, for people.
    pub description: Option<ByteString>,
    /// Further facts.
    pub info: Map,
}

impl Composite for AmqpError {
    const CODE: u64 = descriptor::ERROR;
    const NAME: &'static str = "amqp:error:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields
            .field(&self.condition)
            .field(&self.description)
            .map(&self.info);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            condition: fields.required("condition")?,
            description: fields.optional()?,
            info: fields.map()?,
        })
    }
}

impl AmqpError {
    /// An error with its condition and a description.
    pub fn new(condition: Symbol, description: impl Into<ByteString>) -> Self {
        Self {
            condition,
            description: Some(description.into()),
            info: Map::new(),
        }
    }
}

/// The conditions of the standard.
pub mod condition {
    use crate::value::Symbol;

    macro_rules! conditions {
        ($($name:ident = $text:literal;)*) => {
            $(
                #[doc = concat!("`", $text, "`")]
                pub const $name: Symbol = Symbol::from_static($text);
            )*
        };
    }

    conditions! {
        INTERNAL_ERROR = "amqp:internal-error";
        NOT_FOUND = "amqp:not-found";
        UNAUTHORIZED_ACCESS = "amqp:unauthorized-access";
        DECODE_ERROR = "amqp:decode-error";
        RESOURCE_LIMIT_EXCEEDED = "amqp:resource-limit-exceeded";
        NOT_ALLOWED = "amqp:not-allowed";
        INVALID_FIELD = "amqp:invalid-field";
        NOT_IMPLEMENTED = "amqp:not-implemented";
        RESOURCE_LOCKED = "amqp:resource-locked";
        PRECONDITION_FAILED = "amqp:precondition-failed";
        RESOURCE_DELETED = "amqp:resource-deleted";
        ILLEGAL_STATE = "amqp:illegal-state";
        FRAME_SIZE_TOO_SMALL = "amqp:frame-size-too-small";
        CONNECTION_FORCED = "amqp:connection:forced";
        FRAMING_ERROR = "amqp:connection:framing-error";
        CONNECTION_REDIRECT = "amqp:connection:redirect";
        WINDOW_VIOLATION = "amqp:session:window-violation";
        ERRANT_LINK = "amqp:session:errant-link";
        HANDLE_IN_USE = "amqp:session:handle-in-use";
        UNATTACHED_HANDLE = "amqp:session:unattached-handle";
        DETACH_FORCED = "amqp:link:detach-forced";
        TRANSFER_LIMIT_EXCEEDED = "amqp:link:transfer-limit-exceeded";
        MESSAGE_SIZE_EXCEEDED = "amqp:link:message-size-exceeded";
        LINK_REDIRECT = "amqp:link:redirect";
        STOLEN = "amqp:link:stolen";
    }
}
