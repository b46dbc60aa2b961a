//! Bytes that MQTT 3.1.1 calls malformed, each with the statement it breaks.

use bytes::BytesMut;
use twinhub_mqtt_codec::{DecodeError, PacketType, TopicError, decode};

const LIMIT: usize = 1024;

fn refusal(bytes: &[u8]) -> DecodeError {
    let mut buffer = BytesMut::from(bytes);
    decode(&mut buffer, LIMIT).expect_err("the bytes are malformed")
}

#[test]
fn malformed_packets_are_refused_with_the_statement_they_break() {
    use DecodeError::*;
    let flags = |packet_type, flags| FixedHeaderFlags { packet_type, flags };
    let table: Vec<(&[u8], DecodeError, &str)> = vec![
        // Fixed header.
        (b"\x00\x00", ReservedPacketType(0), "2.2.1"),
        (b"\xf0\x00", ReservedPacketType(15), "2.2.1"),
        (b"\x11\x00", flags(PacketType::Connect, 1), "MQTT-2.2.2-2"),
        (
            b"\x48\x02\x00\x01",
            flags(PacketType::PubAck, 8),
            "MQTT-2.2.2-2",
        ),
        (
            b"\x60\x02\x00\x01",
            flags(PacketType::PubRel, 0),
            "MQTT-3.6.1-1",
        ),
        (
            b"\x80\x06\x00\x01\x00\x01a\x00",
            flags(PacketType::Subscribe, 0),
            "MQTT-3.8.1-1",
        ),
        (
            b"\xa0\x05\x00\x01\x00\x01a",
            flags(PacketType::Unsubscribe, 0),
            "MQTT-3.10.1-1",
        ),
        (
            b"\xe1\x00",
            flags(PacketType::Disconnect, 1),
            "MQTT-3.14.1-1",
        ),
        (b"\x30\xff\xff\xff\xff", RemainingLength, "2.2.3"),
        (b"\x30\x80\x80\x80\x80\x00", RemainingLength, "2.2.3"),
        // Lengths.
        (
            b"\x40\x01\x00",
            Truncated(PacketType::PubAck),
            "MQTT-4.8.0-1",
        ),
        (
            b"\x40\x03\x00\x01\x00",
            TrailingBytes(PacketType::PubAck),
            "MQTT-4.8.0-1",
        ),
        (
            b"\xc0\x01\x00",
            TrailingBytes(PacketType::PingReq),
            "MQTT-4.8.0-1",
        ),
        (b"\x10\x00", Truncated(PacketType::Connect), "MQTT-4.8.0-1"),
        (b"\x30\x00", Truncated(PacketType::Publish), "MQTT-4.8.0-1"),
        (
            b"\x30\x03\x00\x05a",
            Truncated(PacketType::Publish),
            "MQTT-4.8.0-1",
        ),
        (
            b"\x32\x04\x00\x01a\x00",
            Truncated(PacketType::Publish),
            "MQTT-4.8.0-1",
        ),
        (
            b"\x82\x05\x00\x01\x00\x01a",
            Truncated(PacketType::Subscribe),
            "MQTT-4.8.0-1",
        ),
        // CONNECT.
        (
            b"\x10\x0d\x00\x04MQTX\x04\x02\x00\x00\x00\x01a",
            ProtocolName,
            "MQTT-3.1.2-1",
        ),
        (
            b"\x10\x0d\x00\x04mqtt\x04\x02\x00\x00\x00\x01a",
            ProtocolName,
            "MQTT-3.1.2-1",
        ),
        (
            b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x01a",
            UnsupportedProtocolLevel(5),
            "MQTT-3.1.2-2",
        ),
        (
            b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x00\x00\x01a",
            UnsupportedProtocolLevel(3),
            "MQTT-3.1.2-2",
        ),
        (
            b"\x10\x0d\x00\x04MQTT\x04\x03\x00\x00\x00\x01a",
            ReservedConnectFlag,
            "MQTT-3.1.2-3",
        ),
        (
            b"\x10\x0d\x00\x04MQTT\x04\x0a\x00\x00\x00\x01a",
            WillFlagsWithoutWill,
            "MQTT-3.1.2-11",
        ),
        (
            b"\x10\x0d\x00\x04MQTT\x04\x22\x00\x00\x00\x01a",
            WillFlagsWithoutWill,
            "MQTT-3.1.2-11",
        ),
        (
            b"\x10\x12\x00\x04MQTT\x04\x1e\x00\x00\x00\x01a\x00\x01w\x00\x00",
            WillQos,
            "MQTT-3.1.2-14",
        ),
        (
            b"\x10\x10\x00\x04MQTT\x04\x42\x00\x00\x00\x01a\x00\x01p",
            PasswordWithoutUserName,
            "MQTT-3.1.2-22",
        ),
        (
            b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x01a!",
            TrailingBytes(PacketType::Connect),
            "MQTT-4.8.0-1",
        ),
        (
            b"\x10\x0d\x00\x04MQTT\x04\x82\x00\x00\x00\x01a",
            Truncated(PacketType::Connect),
            "MQTT-4.8.0-1",
        ),
        (
            b"\x10\x12\x00\x04MQTT\x04\x06\x00\x00\x00\x01a\x00\x01#\x00\x00",
            Topic(TopicError::WildcardInName),
            "MQTT-3.3.2-2",
        ),
        // Strings.
        (
            b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01\xff",
            NotUtf8,
            "MQTT-1.5.3-1",
        ),
        (
            b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01\x00",
            NullCharacter,
            "MQTT-1.5.3-2",
        ),
        (b"\x30\x05\x00\x03\xed\xa0\x80", NotUtf8, "MQTT-1.5.3-1"),
        (b"\x30\x04\x00\x02\xc0\x80", NotUtf8, "MQTT-1.5.3-1"),
        (b"\x30\x05\x00\x03a\x00b", NullCharacter, "MQTT-1.5.3-2"),
        // PUBLISH.
        (b"\x36\x05\x00\x01a\x00\x01", PublishQos, "MQTT-3.3.1-4"),
        (b"\x38\x03\x00\x01a", DuplicateAtQos0, "MQTT-3.3.1-2"),
        (b"\x32\x05\x00\x01a\x00\x00", ZeroPacketId, "MQTT-2.3.1-1"),
        (
            b"\x30\x02\x00\x00",
            Topic(TopicError::Empty),
            "MQTT-4.7.3-1",
        ),
        (
            b"\x30\x05\x00\x03a/+",
            Topic(TopicError::WildcardInName),
            "MQTT-3.3.2-2",
        ),
        // Acknowledgements.
        (b"\x40\x02\x00\x00", ZeroPacketId, "MQTT-2.3.1-1"),
        (b"\x62\x02\x00\x00", ZeroPacketId, "MQTT-2.3.1-1"),
        (b"\x20\x02\x02\x00", ConnAckFlags(2), "3.2.2.1"),
        (b"\x20\x02\x00\x06", ConnectReturnCode(6), "3.2.2.3"),
        (b"\x20\x02\x01\x05", SessionPresentOnRefusal, "MQTT-3.2.2-4"),
        (b"\x90\x03\x00\x01\x03", SubAckCode(3), "MQTT-3.9.3-2"),
        // SUBSCRIBE and UNSUBSCRIBE.
        (
            b"\x82\x02\x00\x01",
            NoFilter(PacketType::Subscribe),
            "MQTT-3.8.3-3",
        ),
        (
            b"\x82\x06\x00\x00\x00\x01a\x00",
            ZeroPacketId,
            "MQTT-2.3.1-1",
        ),
        (
            b"\x82\x06\x00\x01\x00\x01a\x03",
            SubscribeQos(3),
            "MQTT-3.8.3-4",
        ),
        (
            b"\x82\x06\x00\x01\x00\x01a\x04",
            SubscribeQos(4),
            "MQTT-3.8.3-4",
        ),
        (
            b"\x82\x05\x00\x01\x00\x00\x00",
            Topic(TopicError::Empty),
            "MQTT-4.7.3-1",
        ),
        (
            b"\x82\x07\x00\x01\x00\x02a#\x00",
            Topic(TopicError::MisplacedWildcard),
            "MQTT-4.7.1-2, MQTT-4.7.1-3",
        ),
        (
            b"\xa2\x02\x00\x01",
            NoFilter(PacketType::Unsubscribe),
            "MQTT-3.10.3-2",
        ),
        (b"\xa2\x05\x00\x00\x00\x01a", ZeroPacketId, "MQTT-2.3.1-1"),
    ];

    for (bytes, expected, section) in table {
        let error = refusal(bytes);

        assert_eq!(error, expected, "{bytes:02x?}");
        assert_eq!(error.section(), Some(section), "{bytes:02x?}");
    }
}

#[test]
fn a_packet_over_the_limit_is_refused_before_its_body_arrives() {
    let mut buffer = BytesMut::from(&b"\x30\xff\xff\xff\x7f"[..]);
    let capacity = buffer.capacity();

    let error = decode(&mut buffer, LIMIT).unwrap_err();

    assert_eq!(
        error,
        DecodeError::PacketTooLarge {
            size: 268_435_460,
            limit: LIMIT
        }
    );
    assert_eq!(error.section(), None);
    assert_eq!(buffer.capacity(), capacity);
}

#[test]
fn the_limit_counts_the_whole_packet() {
    let bytes = b"\x30\x07\x00\x03a/bhi";

    assert!(decode(&mut BytesMut::from(&bytes[..]), 9).is_ok());
    assert!(decode(&mut BytesMut::from(&bytes[..]), 8).is_err());
}

#[test]
fn a_hopeless_fixed_header_is_refused_at_once() {
    assert_eq!(refusal(b"\xf0"), DecodeError::ReservedPacketType(15));
    assert_eq!(
        refusal(b"\xc0\x64"),
        DecodeError::TrailingBytes(PacketType::PingReq)
    );
}

#[test]
fn waiting_for_the_rest_takes_nothing_and_reserves_nothing() {
    let whole = b"\x30\x87\x01\x00\x03a/b";
    for end in 0..whole.len() {
        let mut buffer = BytesMut::from(&whole[..end]);
        let capacity = buffer.capacity();

        assert_eq!(decode(&mut buffer, LIMIT), Ok(None));

        assert_eq!(&buffer[..], &whole[..end]);
        assert_eq!(buffer.capacity(), capacity);
    }
}
