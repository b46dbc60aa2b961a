//! What devices ask and answer over AMQP: twin requests, replies to methods.

use bytes::{Bytes, BytesMut};
use twinhub_amqp::device::methods::{read_reply, write_call};
use twinhub_amqp::device::twins::{TwinAnswer, TwinRequest};
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::message::{Message, MessageId};
use twinhub_core::methods::{MethodName, MethodRequest};

/// Reads bytes as a twin request and as a reply to a method call. An answer
/// has the correlation of its request, and a reply that of its call.
pub fn amqp_request(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok(request) = TwinRequest::parse(bytes.clone(), Limits::default()) {
        let mut written = BytesMut::new();
        TwinAnswer::done().write(request.correlation.clone(), &mut written);
        assert_eq!(correlation(written), request.correlation);
    }
    if let Ok((call, reply)) = read_reply(bytes.clone(), Limits::default()) {
        assert!(reply.payload.len() <= bytes.len(), "it is part of it");
        let request = MethodRequest {
            call,
            name: MethodName::parse("reboot").expect("a plain name"),
            payload: reply.payload,
        };
        let mut written = BytesMut::new();
        write_call(&request, &mut written);
        let MessageId::Uuid(uuid) = correlation(written) else {
            panic!("a call has a UUID");
        };
        let sent = Message::decode(bytes, Limits::default()).expect("it was read");
        let named = match sent.properties.and_then(|found| found.correlation_id) {
            Some(MessageId::Uuid(named)) => named.0 == uuid.0,
            Some(MessageId::Binary(named)) => named[..] == uuid.0,
            Some(MessageId::String(_)) => true,
            Some(MessageId::Ulong(_)) | None => false,
        };
        assert!(named, "the reply names its call");
    }
}

fn correlation(written: BytesMut) -> MessageId {
    let limits = Limits::default();
    let message = Message::decode(written.freeze(), limits).expect("what is written is read");
    let properties = message.properties.expect("it has properties");
    properties.correlation_id.expect("it has a correlation")
}
