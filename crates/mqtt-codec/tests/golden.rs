//! Each packet against bytes that were written down by hand from MQTT 3.1.1.

use bytes::{Bytes, BytesMut};
use twinhub_mqtt_codec::{
    ConnAck, Connect, ConnectReturnCode, Delivery, Packet, PacketId, Publish, QoS, SubAck,
    SubAckCode, Subscribe, Subscription, TopicFilter, TopicName, Unsubscribe, Will, decode,
};

fn id(number: u16) -> PacketId {
    PacketId::new(number).expect("tests use no zero")
}

fn name(text: &str) -> TopicName {
    TopicName::new(text).expect("tests use valid names")
}

fn filter(text: &str) -> TopicFilter {
    TopicFilter::new(text).expect("tests use valid filters")
}

fn publish(delivery: Delivery) -> Publish {
    Publish {
        topic: name("a/b"),
        delivery,
        retain: false,
        payload: Bytes::from_static(b"hi"),
    }
}

fn connect() -> Connect {
    Connect {
        client_id: "d/m".into(),
        clean_session: false,
        keep_alive: 300,
        will: None,
        username: None,
        password: None,
    }
}

#[test]
fn packets_are_written_and_read_as_the_standard_draws_them() {
    let golden: Vec<(Packet, &[u8])> = vec![
        (
            Packet::Connect(Box::new(connect())),
            b"\x10\x0f\x00\x04MQTT\x04\x00\x01\x2c\x00\x03d/m",
        ),
        (
            Packet::Connect(Box::new(Connect {
                clean_session: true,
                will: Some(Will {
                    topic: name("w"),
                    payload: Bytes::from_static(b"\x00\xff"),
                    qos: QoS::AtLeastOnce,
                    retain: true,
                }),
                username: Some("u".into()),
                password: Some(Bytes::from_static(b"p\xff")),
                ..connect()
            })),
            b"\x10\x1d\x00\x04MQTT\x04\xee\x01\x2c\x00\x03d/m\x00\x01w\x00\x02\x00\xff\x00\x01u\x00\x02p\xff",
        ),
        (
            Packet::ConnAck(ConnAck::Accepted {
                session_present: true,
            }),
            b"\x20\x02\x01\x00",
        ),
        (
            Packet::ConnAck(ConnAck::Refused(ConnectReturnCode::NotAuthorized)),
            b"\x20\x02\x00\x05",
        ),
        (
            Packet::Publish(publish(Delivery::AtMostOnce)),
            b"\x30\x07\x00\x03a/bhi",
        ),
        (
            Packet::Publish(publish(Delivery::AtLeastOnce {
                id: id(0x1234),
                duplicate: true,
            })),
            b"\x3a\x09\x00\x03a/b\x12\x34hi",
        ),
        (
            Packet::Publish(Publish {
                retain: true,
                payload: Bytes::new(),
                ..publish(Delivery::ExactlyOnce {
                    id: id(1),
                    duplicate: false,
                })
            }),
            b"\x35\x07\x00\x03a/b\x00\x01",
        ),
        (Packet::PubAck(id(2)), b"\x40\x02\x00\x02"),
        (Packet::PubRec(id(3)), b"\x50\x02\x00\x03"),
        (Packet::PubRel(id(4)), b"\x62\x02\x00\x04"),
        (Packet::PubComp(id(0xffff)), b"\x70\x02\xff\xff"),
        (
            Packet::Subscribe(Subscribe {
                id: id(10),
                subscriptions: vec![
                    Subscription {
                        filter: filter("a/#"),
                        max_qos: QoS::AtLeastOnce,
                    },
                    Subscription {
                        filter: filter("+"),
                        max_qos: QoS::ExactlyOnce,
                    },
                ],
            }),
            b"\x82\x0c\x00\x0a\x00\x03a/#\x01\x00\x01+\x02",
        ),
        (
            Packet::SubAck(SubAck {
                id: id(10),
                codes: vec![
                    SubAckCode::Granted(QoS::AtMostOnce),
                    SubAckCode::Granted(QoS::AtLeastOnce),
                    SubAckCode::Failure,
                ],
            }),
            b"\x90\x05\x00\x0a\x00\x01\x80",
        ),
        (
            Packet::Unsubscribe(Unsubscribe {
                id: id(11),
                filters: vec![filter("a"), filter("b/+")],
            }),
            b"\xa2\x0a\x00\x0b\x00\x01a\x00\x03b/+",
        ),
        (Packet::UnsubAck(id(11)), b"\xb0\x02\x00\x0b"),
        (Packet::PingReq, b"\xc0\x00"),
        (Packet::PingResp, b"\xd0\x00"),
        (Packet::Disconnect, b"\xe0\x00"),
    ];

    for (packet, bytes) in golden {
        let mut written = BytesMut::new();
        packet.encode(&mut written).unwrap();
        assert_eq!(&written[..], bytes, "{packet:?}");

        let mut read = BytesMut::from(bytes);
        assert_eq!(decode(&mut read, bytes.len()), Ok(Some(packet)));
        assert!(read.is_empty());
    }
}

#[test]
fn lengths_take_as_many_bytes_as_they_need() {
    for (body, header) in [
        (127, &b"\x30\x7f"[..]),
        (128, b"\x30\x80\x01"),
        (16_383, b"\x30\xff\x7f"),
        (16_384, b"\x30\x80\x80\x01"),
        (2_097_151, b"\x30\xff\xff\x7f"),
        (2_097_152, b"\x30\x80\x80\x80\x01"),
    ] {
        let packet = Packet::Publish(Publish {
            topic: name("a"),
            payload: vec![7; body - 3].into(),
            ..publish(Delivery::AtMostOnce)
        });

        let mut bytes = BytesMut::new();
        packet.encode(&mut bytes).unwrap();

        assert_eq!(&bytes[..header.len()], header);
        assert_eq!(bytes.len(), header.len() + body);
        assert_eq!(decode(&mut bytes, usize::MAX), Ok(Some(packet)));
    }
}

#[test]
fn the_payload_shares_the_memory_it_arrived_in() {
    let mut buffer = BytesMut::from(&b"\x30\x07\x00\x03a/bhi"[..]);
    let arrived_at = buffer.as_ptr().wrapping_add(7);

    let Ok(Some(Packet::Publish(publish))) = decode(&mut buffer, 64) else {
        panic!("this is a PUBLISH")
    };

    assert_eq!(publish.payload.as_ptr(), arrived_at);
}

#[test]
fn a_password_is_not_in_the_debug_text() {
    let connect = Connect {
        username: Some("u".into()),
        password: Some(Bytes::from_static(b"secret")),
        ..connect()
    };

    assert!(!format!("{connect:?}").contains("secret"));
}
