//! What is written is read as the same, and what is read is written as the same.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod strategies;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use twinhub_amqp_engine::decode::{Decoder, Limits, from_bytes};
use twinhub_amqp_engine::encode::Encode;
use twinhub_amqp_engine::frame::{Frame, RawFrame};
use twinhub_amqp_engine::message::Message;
use twinhub_amqp_engine::performatives::Performative;
use twinhub_amqp_engine::protocol_header::ProtocolHeader;
use twinhub_amqp_engine::sasl::SaslFrame;
use twinhub_amqp_engine::value::Value;

use strategies::{frame, hostile, message, sasl_frame, value};

const GENEROUS: Limits = Limits {
    max_depth: 32,
    max_values: u32::MAX,
};

fn encoded(value: &impl Encode) -> Bytes {
    let mut out = BytesMut::new();
    value.encode(&mut out);
    out.freeze()
}

proptest! {
    #[test]
    fn a_value_that_is_written_is_read_as_the_same(value in value()) {
        prop_assert_eq!(from_bytes(encoded(&value), GENEROUS), Ok(value));
    }

    #[test]
    fn a_frame_that_is_written_is_read_as_the_same(frame in frame()) {
        let mut buffer = BytesMut::new();
        frame.encode(u32::MAX, &mut buffer).unwrap();

        let raw = RawFrame::take(&mut buffer, u32::MAX).unwrap().unwrap();

        prop_assert!(buffer.is_empty());
        prop_assert_eq!(Frame::decode(raw, GENEROUS), Ok(frame));
    }

    #[test]
    fn a_sasl_frame_that_is_written_is_read_as_the_same(frame in sasl_frame()) {
        let mut buffer = BytesMut::new();
        frame.encode(u32::MAX, &mut buffer).unwrap();

        let raw = RawFrame::take(&mut buffer, u32::MAX).unwrap().unwrap();

        prop_assert_eq!(SaslFrame::decode(raw, GENEROUS), Ok(frame));
    }

    #[test]
    fn a_message_that_is_written_is_read_as_the_same(message in message()) {
        let mut out = BytesMut::new();
        message.encode(&mut out).unwrap();

        prop_assert_eq!(Message::decode(out.freeze(), GENEROUS), Ok(message));
    }

    #[test]
    fn a_frame_is_taken_only_once_every_byte_is_there(frame in frame(), cut in any::<prop::sample::Index>()) {
        let mut whole = BytesMut::new();
        frame.encode(u32::MAX, &mut whole).unwrap();
        let mut buffer = BytesMut::from(&whole[..cut.index(whole.len())]);

        prop_assert_eq!(RawFrame::take(&mut buffer, u32::MAX), Ok(None));
    }

    #[test]
    fn foreign_bytes_that_are_read_are_written_as_the_same_value(bytes in hostile()) {
        let bytes = Bytes::from(bytes);
        if let Ok(value) = from_bytes::<Value>(bytes.clone(), Limits::default()) {
            let once = encoded(&value);
            let again = from_bytes::<Value>(once.clone(), GENEROUS).unwrap();
            // Not the values: a NaN differs from itself.
            prop_assert_eq!(encoded(&again), once);
        }
        let _ = Message::decode(bytes.clone(), Limits::default());
        let _ = Performative::decode(Decoder::new(bytes.clone(), Limits::default()));
        let mut buffer = BytesMut::from(&bytes[..]);
        let _ = ProtocolHeader::take(&mut buffer);
    }
}
