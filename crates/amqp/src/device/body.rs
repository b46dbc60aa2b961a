//! Bodies of requests and answers: JSON as bytes or text.

use bytes::{Bytes, BytesMut};
use twinhub_amqp_engine::message::Body;
use twinhub_amqp_engine::value::Value;

/// The body holds values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is neither bytes nor text")]
pub struct NoBytes;

/// The bytes of a body: data sections joined, or the text of a value. No body
/// is an empty one.
pub fn joined(body: Body) -> Result<Bytes, NoBytes> {
    match body {
        Body::Empty | Body::Value(Value::Null) => Ok(Bytes::new()),
        Body::Data(mut sections) if sections.len() == 1 => Ok(sections.remove(0)),
        Body::Data(sections) => {
            let mut bytes = BytesMut::new();
            for section in sections {
                bytes.extend_from_slice(&section);
            }
            Ok(bytes.freeze())
        }
        Body::Value(Value::Binary(bytes)) => Ok(bytes),
        Body::Value(Value::String(text)) => Ok(text.into_bytes()),
        Body::Value(_) | Body::Sequence(_) => Err(NoBytes),
    }
}
