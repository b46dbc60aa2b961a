//! Method calls and answers as messages.
//!
//! | | call | answer |
//! |---|---|---|
//! | correlation-id | a UUID, since the C SDK takes nothing else | the same |
//! | application property | `IoThub-methodname` | `IoThub-status`, an int |
//! | body | JSON in one data section | JSON in data, or nothing |

use bytes::{Bytes, BytesMut};
use twinhub_amqp_engine::decode::{DecodeError, Limits};
use twinhub_amqp_engine::message::{Body, Message, MessageId, Properties};
use twinhub_amqp_engine::value::{Map, Uuid, Value};
use twinhub_core::methods::{CallId, MethodReply, MethodRequest};

use super::body::{NoBytes, joined};

const NAME: &str = "IoThub-methodname";
const STATUS: &str = "IoThub-status";

/// Why a message answers no call.
#[derive(Debug, thiserror::Error)]
pub enum NoReply {
    /// It is no message.
    #[error("the message cannot be read")]
    Malformed(#[from] DecodeError),
    /// It names no call of ours.
    #[error("the correlation id names no method call")]
    Call,
    /// It has no status.
    #[error("the application property IoThub-status is not an integer")]
    Status,
    /// Its body is not bytes.
    #[error(transparent)]
    Body(#[from] NoBytes),
}

/// Appends a call.
pub fn write_call(request: &MethodRequest, out: &mut BytesMut) {
    let message = Message {
        properties: Some(Properties {
            correlation_id: Some(MessageId::Uuid(uuid_of(request.call))),
            ..Properties::default()
        }),
        application_properties: Some(Map::new().with(NAME, request.name.as_str().to_owned())),
        body: Body::Data(vec![request.payload.clone()]),
        ..Message::default()
    };
    message
        .encode(out)
        .expect("payloads of method calls are far below 4 GiB");
}

/// Reads an answer, and tells which call it answers.
pub fn read_reply(payload: Bytes, limits: Limits) -> Result<(CallId, MethodReply), NoReply> {
    let message = Message::decode(payload, limits)?;
    let correlation = message.properties.and_then(|found| found.correlation_id);
    let call = correlation.and_then(call_of).ok_or(NoReply::Call)?;
    let properties = message.application_properties.unwrap_or_default();
    let status = properties.get(STATUS).and_then(status_of);
    let reply = MethodReply {
        status: status.ok_or(NoReply::Status)?,
        // A copy: what was read with it is not kept as long as the caller
        // takes to read.
        payload: Bytes::copy_from_slice(&joined(message.body)?),
    };
    Ok((call, reply))
}

/// The number of the call stands around the bits that make a UUID a random
/// one: Node takes other UUIDs for text, and answers with text.
fn uuid_of(call: CallId) -> Uuid {
    let [a, b, c, d, e, f, g, h] = call.number().to_be_bytes();
    Uuid([a, b, c, d, 0, 0, 0x40, 0, 0x80, 0, 0, 0, e, f, g, h])
}

fn call_of(id: MessageId) -> Option<CallId> {
    let bytes = match id {
        MessageId::Uuid(uuid) => uuid.0,
        MessageId::Binary(bytes) => <[u8; 16]>::try_from(&bytes[..]).ok()?,
        MessageId::String(text) => uuid::Uuid::try_parse(&text).ok()?.into_bytes(),
        MessageId::Ulong(_) => return None,
    };
    let [a, b, c, d, .., e, f, g, h] = bytes;
    let call = CallId::from_number(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
    (uuid_of(call).0 == bytes).then_some(call)
}

fn status_of(value: &Value) -> Option<i64> {
    match value {
        Value::Int(status) => Some((*status).into()),
        Value::Byte(status) => Some((*status).into()),
        Value::Short(status) => Some((*status).into()),
        Value::Long(status) => Some(*status),
        Value::Ubyte(status) => Some((*status).into()),
        Value::Ushort(status) => Some((*status).into()),
        Value::Uint(status) => Some((*status).into()),
        Value::Ulong(status) => (*status).try_into().ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use twinhub_core::methods::MethodName;

    use super::*;

    fn written(call: u64) -> Message {
        let request = MethodRequest {
            call: CallId::from_number(call),
            name: MethodName::parse("reboot").unwrap(),
            payload: Bytes::from_static(b"{\"in\":5}"),
        };
        let mut out = BytesMut::new();
        write_call(&request, &mut out);
        Message::decode(out.freeze(), Limits::default()).unwrap()
    }

    fn correlation(message: &Message) -> MessageId {
        let properties = message.properties.as_ref().unwrap();
        properties.correlation_id.clone().unwrap()
    }

    fn read(message: &Message) -> Result<(CallId, MethodReply), NoReply> {
        let mut bytes = BytesMut::new();
        message.encode(&mut bytes).unwrap();
        read_reply(bytes.freeze(), Limits::default())
    }

    fn reply(correlation_id: Option<MessageId>, status: impl Into<Value>) -> Message {
        Message {
            properties: Some(Properties {
                correlation_id,
                ..Properties::default()
            }),
            application_properties: Some(Map::new().with(STATUS, status)),
            ..Message::default()
        }
    }

    #[test]
    fn a_call_is_a_random_uuid_a_name_and_one_data_section() {
        let message = written(0xfedc_ba98_7654_3210);

        let MessageId::Uuid(uuid) = correlation(&message) else {
            panic!("no uuid");
        };
        let text = uuid::Uuid::from_bytes(uuid.0).to_string();
        assert_eq!(text, "fedcba98-0000-4000-8000-000076543210");
        let properties = message.application_properties.unwrap();
        assert_eq!(properties.get(NAME), Some(&Value::from("reboot")));
        let body = Bytes::from_static(b"{\"in\":5}");
        assert_eq!(message.body, Body::Data(vec![body]));
    }

    #[test]
    fn an_answer_finds_its_call_in_whatever_form_the_uuid_comes_back() {
        for call in [0, 1, 0xfedc_ba98_7654_3210, u64::MAX] {
            let id = correlation(&written(call));
            let MessageId::Uuid(uuid) = id else {
                panic!("no uuid");
            };
            let text = uuid::Uuid::from_bytes(uuid.0).to_string().to_uppercase();
            for id in [
                MessageId::Uuid(uuid),
                MessageId::Binary(Bytes::copy_from_slice(&uuid.0)),
                MessageId::String(text.into()),
            ] {
                let (answered, reply) = read(&reply(Some(id), 200_i32)).unwrap();

                assert_eq!(answered, CallId::from_number(call));
                assert_eq!((reply.status, reply.payload.len()), (200, 0));
            }
        }
    }

    #[test]
    fn a_body_may_come_in_pieces_or_as_text() {
        let id = correlation(&written(7));
        let data = |part: &'static [u8]| Bytes::from_static(part);
        for body in [
            Body::Data(vec![data(b"{\"a\""), data(b":1}")]),
            Body::Value(Value::from("{\"a\":1}")),
        ] {
            let message = Message {
                body,
                ..reply(Some(id.clone()), -1_i32)
            };

            let (_, reply) = read(&message).unwrap();

            assert_eq!((reply.status, &reply.payload[..]), (-1, &b"{\"a\":1}"[..]));
        }
    }

    #[test]
    fn what_names_no_call_or_has_no_status_answers_nothing() {
        let foreign = MessageId::Uuid(Uuid([0xff; 16]));
        for id in [None, Some(foreign), Some(MessageId::Ulong(7))] {
            let read = read(&reply(id, 200_i32));
            assert!(matches!(read, Err(NoReply::Call)));
        }
        let id = || Some(correlation(&written(7)));
        for status in [Value::Null, Value::from("fine"), Value::Ulong(u64::MAX)] {
            let read = read(&reply(id(), status));
            assert!(matches!(read, Err(NoReply::Status)));
        }
        let junk = read_reply(Bytes::from_static(b"\0"), Limits::default());
        assert!(matches!(junk, Err(NoReply::Malformed(_))));
    }
}
