//! Values as text: what the hub, its rules and its readers see of a property.
//!
//! | AMQP type | Text |
//! |---|---|
//! | string, symbol, char | itself |
//! | boolean | `true` or `false` |
//! | integers | decimal |
//! | float, double | the shortest decimal that reads back; `NaN`, `inf`, `-inf` |
//! | decimal32, -64, -128 | coefficient and exponent: `125E-2` |
//! | timestamp | `2026-11-21T08:00:00.0000000Z`, the form of all the hub's dates |
//! | uuid | lower-case digits with hyphens |
//! | binary | itself if it is UTF-8, base64 else |
//! | list, map, array, described | none: the message is refused |

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use bytestring::ByteString;
use twinhub_amqp_engine::message::MessageId;
use twinhub_amqp_engine::value::{self, Value};
use twinhub_core::time::Timestamp;

use super::decimal;

/// A value is no text, and cannot be shown as one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoText;

/// A value as text; nothing for null.
pub(super) fn text_of(value: Value) -> Result<Option<ByteString>, NoText> {
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::String(text) => text,
        Value::Symbol(symbol) => symbol.into(),
        Value::Boolean(true) => ByteString::from_static("true"),
        Value::Boolean(false) => ByteString::from_static("false"),
        Value::Ubyte(number) => shown(number),
        Value::Ushort(number) => shown(number),
        Value::Uint(number) => shown(number),
        Value::Ulong(number) => shown(number),
        Value::Byte(number) => shown(number),
        Value::Short(number) => shown(number),
        Value::Int(number) => shown(number),
        Value::Long(number) => shown(number),
        Value::Float(number) => shown(number),
        Value::Double(number) => shown(number),
        Value::Decimal32(bytes) => shown(decimal::decimal32(bytes)),
        Value::Decimal64(bytes) => shown(decimal::decimal64(bytes)),
        Value::Decimal128(bytes) => shown(decimal::decimal128(bytes)),
        Value::Char(character) => shown(character),
        Value::Timestamp(moment) => text_of_time(moment),
        Value::Uuid(uuid) => text_of_uuid(uuid),
        Value::Binary(bytes) => text_of_bytes(bytes),
        Value::List(_) | Value::Map(_) | Value::Array(_) | Value::Described(_) => {
            return Err(NoText);
        }
    }))
}

/// A message's or correlation's ID as text.
pub fn text_of_id(id: MessageId) -> ByteString {
    match id {
        MessageId::Ulong(number) => shown(number),
        MessageId::Uuid(uuid) => text_of_uuid(uuid),
        MessageId::Binary(bytes) => text_of_bytes(bytes),
        MessageId::String(text) => text,
    }
}

pub(super) fn text_of_time(moment: value::Timestamp) -> ByteString {
    shown(Timestamp::from_unix_millis(moment.0))
}

pub(super) fn text_of_bytes(bytes: Bytes) -> ByteString {
    ByteString::try_from(bytes.clone()).unwrap_or_else(|_| STANDARD.encode(&bytes).into())
}

fn text_of_uuid(uuid: value::Uuid) -> ByteString {
    shown(uuid::Uuid::from_bytes(uuid.0).hyphenated())
}

fn shown(value: impl ToString) -> ByteString {
    value.to_string().into()
}
